/*
 * test_store_lock - which files of SQLite are locked, and which are not any more
 *
 * Locks are of a process: what is locked is looked at from another one, and so is what is taken.
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

#include "base/cleanup.h"
#include "base/memory.h"
#include "config_case.h"
#include "os/lockfile.h"
#include "supervisor/state.h"

struct fixture {
	struct config_case test;
	struct supervisor supervisor;
	pid_t other; /* 0 none */
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	*state = f;
	config_case_begin(&f->test);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->other > 0) {
		kill(f->other, SIGKILL);
		waitpid(f->other, NULL, 0);
	}
	store_lock_fini(&f->supervisor.store_locks);
	config_case_end(&f->test);
	free(f);
	return 0;
}

static char *lock_of(const struct fixture *f, const char *name)
{
	return xasprintf("%s/%s.onced-lock", f->test.directory, name);
}

/* Another daemon has it from now on. */
static void take_elsewhere(struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = lock_of(f, name);
	int ready[2], fd;
	char byte;
	pid_t holder;

	assert_int_equal(pipe(ready), 0);
	f->other = fork();
	if (f->other == 0) {
		if (lockfile_take(path, &fd, &holder, NULL) == 0 && write(ready[1], "", 1) == 1) {
			pause();
		}
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static bool is_locked(const struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = lock_of(f, name);
	pid_t holder, pid = fork();
	int status;

	if (pid == 0) {
		_exit(lockfile_holder(path, &holder));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	return WEXITSTATUS(status) == 1;
}

/* Lock for a configuration whose consumers have these files. */
static int lock(struct fixture *f, const char *first, const char *second)
{
	const char *directory = f->test.directory;
	_cleanup_free_ char *keys = xasprintf("store = sqlite:%s/%s", directory, first);
	_cleanup_free_ char *rest = xasprintf("[consumer more]\ntopics = t\nhandler = h\ndlq.topic "
					      "= none\nstore = sqlite:%s/%s\n",
		directory, second);
	struct err err = ERR_INIT;

	assert_int_equal(config_case_load_with(&f->test, "", "", keys, rest), 0);
	return store_lock_all(&f->supervisor, f->test.config, 0, &err);
}

static void all_or_none_are_taken(void **state)
{
	struct fixture *f = *state;

	take_elsewhere(f, "b.db");
	assert_int_equal(lock(f, "a.db", "b.db"), 1);
	assert_false(is_locked(f, "a.db"));
	assert_int_equal(lock(f, "a.db", "c.db"), 0);
	assert_true(is_locked(f, "a.db") && is_locked(f, "c.db"));
}

static void what_is_in_use_stays_when_more_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(lock(f, "a.db", "a.db"), 0);
	take_elsewhere(f, "b.db");
	assert_int_equal(lock(f, "a.db", "b.db"), 1);
	assert_true(is_locked(f, "a.db"));
}

/* A lock goes when its file is closed, under whatever name it was opened. */
static void another_name_of_a_file_does_not_unlock_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(lock(f, "a.db", "a.db"), 0);
	take_elsewhere(f, "b.db");
	assert_int_equal(lock(f, "./a.db", "b.db"), 1);
	assert_true(is_locked(f, "a.db"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_or_none_are_taken),
		TEST(what_is_in_use_stays_when_more_is_refused),
		TEST(another_name_of_a_file_does_not_unlock_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
