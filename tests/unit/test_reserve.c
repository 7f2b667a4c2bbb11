/*
 * test_reserve - an allocation that fails takes what was set aside, once
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/reserve.h"

/* ---- calls of the archives that fail ---- */

static unsigned failing; /* so many of the next calls */

static bool fails(void)
{
	if (failing == 0) {
		return false;
	}
	failing--;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_vasprintf(char **ret, const char *format, va_list args);
int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list args);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
	return fails() ? NULL : __real_realloc(pointer, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_vasprintf(char **ret, const char *format, va_list args)
{
	char text[64];
	int len = vsnprintf(text, sizeof(text), format, args);

	*ret = fails() ? NULL : strdup(text);
	return *ret ? len : -1;
}

int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list args)
{
	return __wrap_vasprintf(ret, format, args);
}

/* ---- what is allocated ---- */

static void *by_malloc(void)
{
	return xmalloc(100);
}

static void *by_calloc(void)
{
	return xcalloc(10, 10);
}

static void *by_realloc(void)
{
	return xrealloc(NULL, 100);
}

static void *by_alignment(void)
{
	return xaligned_alloc(64, 128);
}

static void *by_print(void)
{
	return xasprintf("%d %s", 7, "x");
}

static void *(*const ways[])(void) = { by_malloc, by_calloc, by_realloc, by_alignment, by_print };
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* ---- tests ---- */

static int take_reserve_back(void **state)
{
	failing = 0;
	(void)reserve_release();
	return 0;
}

static void a_call_that_fails_is_made_again_with_the_reserve(void **state)
{
	for (size_t i = 0; i < WAYS; i++) {
		_cleanup_free_ void *made = NULL;

		assert_int_equal(reserve_fill(), 0);
		assert_false(reserve_is_spent());
		failing = 1;
		made = ways[i]();
		assert_non_null(made);
		assert_true(reserve_is_spent());
		assert_false(reserve_release()); /* it is gone */
	}
}

static void it_is_kept_again_when_there_is_memory(void **state)
{
	assert_int_equal(reserve_fill(), 0);
	assert_int_equal(reserve_fill(), 0);
	assert_true(reserve_release());
	assert_false(reserve_release());
	assert_int_equal(reserve_fill(), 0);
	assert_false(reserve_is_spent());
}

/* The child's last words. */
static void expect_abort(void *(*way)(void), unsigned failures, bool has_reserve)
{
	char said[200] = "";
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		if (has_reserve && reserve_fill() != 0) {
			_exit(2);
		}
		failing = failures;
		free(way());
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(read(fds[0], said, sizeof(said) - 1) > 0);
	close(fds[0]);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, "onced: out of memory for "));
}

static void without_one_the_process_aborts_with_a_line(void **state)
{
	for (size_t i = 0; i < WAYS; i++) {
		expect_abort(ways[i], 1, false);
	}
}

static void one_reserve_is_not_given_twice(void **state)
{
	expect_abort(by_malloc, 2, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			a_call_that_fails_is_made_again_with_the_reserve, take_reserve_back),
		cmocka_unit_test_teardown(it_is_kept_again_when_there_is_memory, take_reserve_back),
		cmocka_unit_test_teardown(
			without_one_the_process_aborts_with_a_line, take_reserve_back),
		cmocka_unit_test_teardown(one_reserve_is_not_given_twice, take_reserve_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
