/*
 * test_crash - a dying worker's last words, and whose death they are
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/shortage.h"
#include "os/page.h"
#include "worker/crash.h"

static struct page *page;
static int page_fd;

static int setup(void **state)
{
	return page_create(NULL, &page_fd, &page, NULL);
}

static int teardown(void **state)
{
	page_unmap(page);
	close(page_fd);
	return 0;
}

/* A process that watches for crashes and does this in lane 4. Returns its pid. */
static pid_t run(void (*deed)(void))
{
	struct crash_stack stack;
	pid_t pid = fork();

	if (pid == 0) {
		if (crash_watch(page, NULL) < 0 || crash_enter_lane(4, &stack) < 0) {
			_exit(99);
		}
		deed();
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static int wait_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void crash_says_signal_and_lane(void **state)
{
	int status = wait_status(run(abort));

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_int_equal(atomic_load(&page->crash_signal), SIGABRT);
	assert_int_equal(atomic_load(&page->crash_lane), 5);
	assert_int_equal(atomic_load(&page->crash_origin), PAGE_CRASH_OWN);
}

static void stop_here(void)
{
	raise(SIGSTOP);
}

static void signal_from_outside_is_said_to_be_that(void **state)
{
	pid_t pid = run(stop_here);
	int status;

	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	kill(pid, SIGSEGV);
	kill(pid, SIGCONT);
	status = wait_status(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	assert_int_equal(atomic_load(&page->crash_origin), PAGE_CRASH_FOREIGN);
}

static void end_for_a_shortage_is_said_to_be_that(void **state)
{
	int status = wait_status(run(shortage_abort));

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_int_equal(atomic_load(&page->crash_signal), SIGABRT);
	assert_int_equal(atomic_load(&page->crash_origin), PAGE_CRASH_SHORTAGE);
}

static void fork_and_abort(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		abort();
	}
	waitpid(pid, NULL, 0);
}

static void death_of_a_process_that_a_handler_forked_is_not_ours(void **state)
{
	assert_int_equal(wait_status(run(fork_and_abort)), 0);
	assert_int_equal(atomic_load(&page->crash_signal), 0);
	assert_int_equal(atomic_load(&page->crash_lane), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(crash_says_signal_and_lane),
		CASE(signal_from_outside_is_said_to_be_that),
		CASE(end_for_a_shortage_is_said_to_be_that),
		CASE(death_of_a_process_that_a_handler_forked_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
