/*
 * test_orphans - the first process of a container buries whom nobody else waits for, and no other
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/loop.h"
#include "os/orphans.h"
#include "os/process.h"

enum { ORPHANS = 50 };

static void become_their_parent(void)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

/* Dead, and not waited for. */
static void wait_until_dead(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static pid_t start_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		_exit(7);
	}
	assert_true(pid > 0);
	return pid;
}

/* A child's child whose parent is gone; it ends when `gate` is closed. */
static pid_t start_orphan(int gate[2])
{
	int told[2];
	pid_t parent, orphan;
	char byte;

	assert_int_equal(pipe(told), 0);
	parent = fork();
	if (parent == 0) {
		orphan = fork();
		if (orphan == 0) {
			close(gate[1]);
			_exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
		}
		_exit(write(told[1], &orphan, sizeof(orphan)) == sizeof(orphan) ? 0 : 1);
	}
	assert_int_equal(read(told[0], &orphan, sizeof(orphan)), sizeof(orphan));
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	close(told[0]);
	close(told[1]);
	return orphan;
}

static void orphans_come_to_a_subreaper_alone(void **state)
{
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	assert_int_equal(orphans_come(), getpid() == 1);
	become_their_parent();
	assert_true(orphans_come());
}

static void dead_orphans_are_buried_and_living_ones_stay(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	int gate[2], others_gate[2];
	pid_t orphans[ORPHANS], living;

	become_their_parent();
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(pipe(others_gate), 0);
	living = start_orphan(others_gate);
	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < ORPHANS; i++) {
		orphans[i] = start_orphan(gate);
	}
	assert_int_equal(orphans_bury(loop), 0);
	close(gate[1]);
	for (int i = 0; i < ORPHANS; i++) {
		wait_until_dead(orphans[i]);
	}
	assert_int_equal(orphans_bury(loop), ORPHANS);
	assert_int_equal(waitpid(orphans[0], NULL, WNOHANG), -1);
	assert_int_equal(waitpid(living, NULL, WNOHANG), 0);
	close(others_gate[1]);
	wait_until_dead(living);
	assert_int_equal(orphans_bury(loop), 1);
	close(gate[0]);
	close(others_gate[0]);
}

static void on_end(void *context, const struct loop_exit *end)
{
	struct loop *loop = context;

	loop_stop(loop, end->status);
}

static void a_child_of_the_loop_is_left_to_its_callback(void **state)
{
	_cleanup_(loop_freep) struct loop *loop = NULL;
	struct loop_source *source = NULL;
	struct process process;
	pid_t child = start_child();

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(process_open(child, &process), 0);
	assert_int_equal(loop_add_child(loop, &process, on_end, loop, &source), 0);
	wait_until_dead(child);
	assert_true(loop_watches(loop, child));
	assert_int_equal(orphans_bury(loop), 0);
	assert_int_equal(loop_run(loop), 7);
	loop_source_free(source);
	assert_false(loop_watches(loop, child));
	process_fini(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orphans_come_to_a_subreaper_alone),
		cmocka_unit_test(dead_orphans_are_buried_and_living_ones_stay),
		cmocka_unit_test(a_child_of_the_loop_is_left_to_its_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
