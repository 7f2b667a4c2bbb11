/*
 * test_exec_handler - `exec` with real children that behave, or do not start
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
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec_bench.h"
#include "handlers/builtins.h"

/* ---- good ones ---- */

static void one_child_answers_event_after_event(void **state)
{
	exec_bench_open_script(
		"while ask; do n=$((n+1)); answer done \",\\\"reason\\\":\\\"$n\\\"\"; done",
		20000);
	exec_bench_expect(ONCED_DONE, "", "1");
	exec_bench_expect(ONCED_DONE, "", "2");
	exec_bench_expect(ONCED_DONE, "", "3");
}

static void its_word_is_the_outcome(void **state)
{
	struct onced_outcome outcome;

	exec_bench_open_script(
		"ask; answer skip; ask; answer reject \",\\\"code\\\":\\\"E7\\\"\"; "
		"ask; answer retry \",\\\"retry_after_ms\\\":1500\"; ask; answer unavailable",
		20000);
	assert_int_equal(exec_bench_handle().result, ONCED_SKIP);
	exec_bench_expect(ONCED_REJECT, "E7", "");
	outcome = exec_bench_handle();
	assert_int_equal(outcome.result, ONCED_RETRY);
	assert_int_equal(outcome.retry_after_ms, 1500);
	assert_int_equal(exec_bench_handle().result, ONCED_UNAVAILABLE);
}

static void an_event_larger_than_a_pipe_arrives_whole(void **state)
{
	enum { SIZE = 1000000 };
	char *value = malloc(SIZE);
	struct fake_event large = exec_bench_event;
	struct onced_outcome outcome;

	memset(value, 'x', SIZE);
	value[0] = value[SIZE - 1] = '"';
	large.value = slice_from(value, SIZE);
	exec_bench_open_command("sh -c 'head -n 1 | wc -c >&2; echo \"{\\\"seq\\\":1,"
				"\\\"result\\\":\\\"done\\\"}\"'",
		20000);
	outcome = fake_host_handle(&exec_bench.host, &large);
	assert_string_equal(outcome.reason, "");
	exec_bench_wait_for_log(": 100"); /* and the other members' few hundred bytes */
	free(value);
}

static void a_child_that_leaves_between_events_is_replaced(void **state)
{
	exec_bench_open_script("ask; answer done", 20000);
	for (int i = 0; i < 5; i++) {
		exec_bench_expect(ONCED_DONE, "", "");
	}
}

static void an_answer_given_before_death_counts(void **state)
{
	exec_bench_open_script("ask; answer done; kill -9 $$", 20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_expect(ONCED_DONE, "", "");
}

/* A message longer than a reply may be, and one that no reply may hold; `cat` reads no event. */
static void python_functions_may_fail_in_any_words(void **state)
{
	struct onced_outcome outcome;

	exec_bench.params[0] = (struct onced_param){ "env.PYTHONPATH", EXEC_EXAMPLES };
	exec_bench_open_command("python3 -c 'import onced, subprocess\n"
				"calls = []\n"
				"@onced.handler\n"
				"def handle(event):\n"
				"    calls.append(subprocess.run([\"cat\"], timeout=10))\n"
				"    if len(calls) == 1:\n"
				"        raise OSError(\"x\" * 100000)\n"
				"    if len(calls) == 2:\n"
				"        raise onced.Reject(OSError(chr(0xd800) + chr(0)))\n"
				"'",
		20000);
	outcome = exec_bench_handle();
	assert_int_equal(outcome.result, ONCED_RETRY);
	assert_string_equal(outcome.code, "OSError");
	assert_int_equal(strspn(outcome.reason, "x"), 1000);
	exec_bench_expect(ONCED_REJECT, "", "??");
	exec_bench_expect(ONCED_DONE, "", "");
}

/* ---- surroundings ---- */

static void the_environment_is_built(void **state)
{
	setenv("SECRET_OF_THE_DAEMON", "planted", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TZ", "UTC", 1);
	exec_bench.params[0] = (struct onced_param){ "env.GREETING", "hello world" };
	exec_bench.params[1] = (struct onced_param){ "env.TZ", "Asia/Tokyo" };
	exec_bench.params[2] = (struct onced_param){ "directory", "/proc" };
	exec_bench_open_script("env | sort >&2; pwd >&2; ask; answer done", 20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_wait_for_log(": /proc\n");
	assert_true(exec_bench_log_has(": GREETING=hello world\n"));
	assert_true(exec_bench_log_has(": TZ=Asia/Tokyo\n"));
	assert_true(exec_bench_log_has(": LANG=C.UTF-8\n"));
	assert_true(exec_bench_log_has(": PATH="));
	assert_false(exec_bench_log_has("TZ=UTC"));
	assert_false(exec_bench_log_has("planted"));
	assert_false(exec_bench_log_has("HOME="));
}

/* Descriptors 0, 1, 2 and the one that ls reads the directory by; no signal blocked or ignored. */
static void a_child_has_three_descriptors_and_signals_at_their_defaults(void **state)
{
	int leak = dup(STDERR_FILENO); /* without FD_CLOEXEC */
	sigset_t all;

	signal(SIGUSR2, SIG_IGN);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	exec_bench_open_command(
		"python3 -c 'import os, signal, sys\n"
		"sys.stdin.readline()\n"
		"print(\"fds\", sorted(map(int, os.listdir(\"/proc/self/fd\")))[:4],"
		" signal.pthread_sigmask(signal.SIG_BLOCK, []),"
		" signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL,"
		" os.getpgid(0) == os.getpid(), file=sys.stderr)\n"
		"print(\"{\\\"seq\\\":1,\\\"result\\\":\\\"done\\\"}\")'",
		20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_wait_for_log("fds [0, 1, 2, 3] set() True True\n");
	signal(SIGUSR2, SIG_DFL);
	close(leak);
}

static void a_mistake_in_the_configuration_is_named(void **state)
{
	static const struct {
		struct onced_param params[3];
		const char *reason;
	} cases[] = {
		{ { { "command", "a 'b" } }, "command: a quote is not closed" },
		{ { { "command", "a" }, { "directory", "b" } },
			"directory: `b` is no absolute path" },
		{ { { "command", "a" }, { "env.A-B", "c" } },
			"env.A-B: a variable's name is letters, digits and underscores" },
		{ { { "command", "a" }, { "env.1", "c" } },
			"env.1: a variable's name is letters, digits and underscores" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_host host;

		fake_host_init(&host, builtin_handler_find("exec"), cases[i].params);
		assert_int_equal(fake_host_check(&host), -1);
		assert_string_equal(host.setup.reason, cases[i].reason);
		assert_int_equal(fake_host_open(&host), -1);
		fake_host_fini(&host);
	}
}

/* ---- no start ---- */

static void a_command_that_is_not_there_makes_the_handler_unavailable(void **state)
{
	struct onced_outcome outcome;

	exec_bench_open_command("no-such-command-anywhere --x", 20000);
	exec_bench_expect(ONCED_UNAVAILABLE, "start",
		"the command no-such-command-anywhere does not start: cannot find it: No such "
		"file or directory");
	/* not tried again at once, but after a pause that grows */
	outcome = exec_bench_handle();
	assert_int_equal(outcome.result, ONCED_UNAVAILABLE);
	assert_in_range(outcome.retry_after_ms, 1, 101);
	for (int i = 0; i < 4; i++) {
		while ((outcome = exec_bench_handle()).retry_after_ms <= 50 * (1 << i)) {
			exec_bench_nap();
		}
	}
	assert_true(exec_bench_log_has("it is not started again for 800 ms\n"));
}

static void what_cannot_run_is_named(void **state)
{
	exec_bench.params[0] = (struct onced_param){ "directory", "/nowhere" };
	exec_bench_open_command("/etc/passwd", 20000);
	exec_bench_expect(ONCED_UNAVAILABLE, "start",
		"the command /etc/passwd does not start: cannot change to its directory: No such "
		"file or directory");
	exec_bench_close();
	exec_bench_set_up(NULL);
	exec_bench_open_command("/etc/passwd", 20000);
	exec_bench_expect(ONCED_UNAVAILABLE, "start",
		"the command /etc/passwd does not start: cannot run it: Permission denied");
}

static void a_child_that_ends_before_it_reads_makes_the_handler_unavailable(void **state)
{
	exec_bench_open_script("exit 4", 20000);
	exec_bench_expect(ONCED_UNAVAILABLE, "start",
		"the command sh ended with status 4 before it read an event");
}

static void a_start_that_succeeds_again_forgets_the_failures(void **state)
{
	char path[] = "/tmp/onced-test-exec-XXXXXX", script[256];
	int fd = mkstemp(path);

	snprintf(script, sizeof(script), "[ -e %s ] && exit 1; while ask; do answer done; done",
		path);
	exec_bench_open_script(script, 20000);
	assert_int_equal(exec_bench_handle().result, ONCED_UNAVAILABLE);
	unlink(path);
	while (exec_bench_handle().result == ONCED_UNAVAILABLE) {
		exec_bench_nap();
	}
	exec_bench_expect(ONCED_DONE, "", "");
	close(fd);
}

/* Its keeper needs a descriptor: that there is none says nothing about the configuration. */
static void a_shortage_at_its_opening_is_told_as_one(void **state)
{
	struct rlimit before, none;
	struct fake_host host;
	int r;

	exec_bench.params[0] = (struct onced_param){ "command", "cat" };
	fake_host_init(&host, builtin_handler_find("exec"), exec_bench.params);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = fake_host_open(&host);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(r, -EMFILE);
	assert_string_equal(host.setup.reason, "cannot start its thread: Too many open files");
	fake_host_fini(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXEC_TEST(one_child_answers_event_after_event),
		EXEC_TEST(its_word_is_the_outcome),
		EXEC_TEST(an_event_larger_than_a_pipe_arrives_whole),
		EXEC_TEST(a_child_that_leaves_between_events_is_replaced),
		EXEC_TEST(an_answer_given_before_death_counts),
		EXEC_TEST(python_functions_may_fail_in_any_words),
		EXEC_TEST(the_environment_is_built),
		EXEC_TEST(a_child_has_three_descriptors_and_signals_at_their_defaults),
		EXEC_TEST(a_mistake_in_the_configuration_is_named),
		EXEC_TEST(a_command_that_is_not_there_makes_the_handler_unavailable),
		EXEC_TEST(what_cannot_run_is_named),
		EXEC_TEST(a_child_that_ends_before_it_reads_makes_the_handler_unavailable),
		EXEC_TEST(a_start_that_succeeds_again_forgets_the_failures),
		EXEC_TEST(a_shortage_at_its_opening_is_told_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
