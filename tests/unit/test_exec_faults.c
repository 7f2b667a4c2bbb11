/*
 * test_exec_faults - `exec` with children that misbehave, and what is left of any of them
 */
#include <dirent.h>
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

#include "base/clock.h"
#include "exec_bench.h"

/* ---- bad ones ---- */

static void a_late_child_is_killed_and_its_event_tried_again(void **state)
{
	int64_t started_us = clock_mono_us();

	exec_bench_open_script("ask; sleep 60; answer done", 1000);
	exec_bench_expect(ONCED_RETRY, "timeout", "no answer within 1000 ms");
	assert_true(clock_mono_us() - started_us < (int64_t)EXEC_BENCH_WAIT_S * 1000000);
	exec_bench_wait_gone(exec_bench_pid_in_log("under-test: process "));
}

static void a_late_answer_is_nobodys(void **state)
{
	/* every child's first answer comes late, and would be the next event's */
	exec_bench_open_script(
		"ask; sleep 1.5; answer reject; while ask; do answer done; done", 1000);
	exec_bench_expect(ONCED_RETRY, "timeout", "no answer within 1000 ms");
	exec_bench_expect(ONCED_RETRY, "timeout", "no answer within 1000 ms");
}

static void a_child_that_does_not_read_blocks_nobody(void **state)
{
	enum { SIZE = 300000 }; /* more than a pipe holds */
	char *value = malloc(SIZE);
	struct fake_event large = exec_bench_event;
	struct onced_outcome outcome;

	memset(value, 'x', SIZE);
	large.value = slice_from(value, SIZE);
	exec_bench_open_command("sleep 60", 1000);
	outcome = fake_host_handle(&exec_bench.host, &large);
	assert_string_equal(
		outcome.reason, "no answer within 1000 ms, and the event was not even read");
	assert_int_equal(outcome.result, ONCED_RETRY);
	free(value);
}

static void a_death_in_hand_is_named(void **state)
{
	exec_bench_open_script("ask; if [ $seq = 1 ]; then kill -SEGV $$; fi; exit 3", 20000);
	exec_bench_expect(
		ONCED_RETRY, "SIGSEGV", "the command was killed by SIGSEGV while it had the event");
	exec_bench_expect(
		ONCED_RETRY, "exit-3", "the command ended with status 3 while it had the event");
}

/* Code beside us in the worker may wait for any child. */
static void a_status_that_somebody_else_took_is_an_end_too(void **state)
{
	signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
	exec_bench_open_script("ask; exit 3", 20000);
	exec_bench_expect(ONCED_RETRY, "ended",
		"the command ended, and its status was taken by somebody else while it had the "
		"event");
	exec_bench_close();
	signal(SIGCHLD, SIG_DFL);
}

static void an_answer_before_the_event_was_read_counts(void **state)
{
	enum { SIZE = 300000 }; /* more than a pipe holds: the rest cannot be written */
	char *value = malloc(SIZE);
	struct fake_event large = exec_bench_event;

	memset(value, 'x', SIZE);
	large.value = slice_from(value, SIZE);
	exec_bench_open_script("ask() { seq=1; }; ask; answer skip; exec <&-; sleep 60", 20000);
	assert_int_equal(fake_host_handle(&exec_bench.host, &large).result, ONCED_SKIP);
	free(value);
}

static void closed_output_is_an_end(void **state)
{
	exec_bench_open_script("ask; exec >&-; sleep 60", 20000);
	exec_bench_expect(ONCED_RETRY, "closed",
		"the command closed its standard input or output while it had the event");
}

static void a_reply_that_is_none_rejects_the_event(void **state)
{
	exec_bench_open_script("ask; echo Hello; ask; answer done; sleep 60", 20000);
	exec_bench_expect(ONCED_REJECT, "bad-reply", "the reply is not a JSON object on one line");
	exec_bench_expect(ONCED_REJECT, "bad-reply", "the reply is not a JSON object on one line");
}

static void a_reply_without_end_rejects_the_event(void **state)
{
	exec_bench_open_script(
		"ask; while :; do printf %s xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", 20000);
	exec_bench_expect(ONCED_REJECT, "bad-reply", "the reply is longer than 65536 bytes");
}

static void a_reply_to_another_event_is_not_taken(void **state)
{
	exec_bench_open_script("ask; seq=$((seq-1)); answer done; sleep 60", 20000);
	exec_bench_expect(
		ONCED_RETRY, "wrong-event", "the reply is for event 0 of this command, not for 1");
}

static void noise_behind_an_answer_ends_the_child_not_the_event(void **state)
{
	/* one write: it comes with the answer */
	exec_bench_open_script(
		"ask; both=$(answer done; answer reject); printf \"%s\\n\" \"$both\"; sleep 60",
		20000);
	exec_bench_expect(ONCED_DONE, "", "");
	assert_true(exec_bench_log_has("wrote more than its answer and is ended\n"));
	exec_bench_expect(ONCED_DONE, "", "");
}

static void noise_between_events_ends_the_child_not_the_event(void **state)
{
	exec_bench_open_script(
		"ask; answer done; sleep 0.1; answer reject; echo noisy >&2; sleep 60", 20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_wait_for_log(": noisy\n");
	exec_bench_expect(ONCED_DONE, "", "");
	assert_true(exec_bench_log_has("wrote to standard output between events and is ended\n"));
}

/* ---- standard error ---- */

static void standard_error_goes_to_the_log_line_by_line(void **state)
{
	exec_bench_open_script(
		"echo one >&2; printf half >&2; while ask; do answer done; done", 20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_wait_for_log(": one\n");
	exec_bench_wait_for_log(": half\n"); /* not ended, but old */
}

static void babble_neither_stalls_the_child_nor_floods_the_log(void **state)
{
	/* 20 MB before each answer */
	exec_bench_open_script(
		"while ask; do yes 0123456789012345678 | head -n 1000000 >&2; answer done; done",
		20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_close();
	assert_true(exec_bench_log_has("lines were too many and are not shown\n"));
	assert_true(fake_host_lines.text.len < 100000);
}

/* ---- the end ---- */

static void a_stop_ends_the_child_and_what_it_started(void **state)
{
	pid_t child, grandchild;

	/* both outlive a closed input and SIGTERM */
	exec_bench_open_script(
		"trap : TERM; sh -c \"trap : TERM; while :; do sleep 60; done\" & "
		"echo grandchild $! >&2; while ask; do answer done; done; while :; do sleep "
		"60; done",
		20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_wait_for_log("grandchild ");
	child = exec_bench_pid_in_log("under-test: process ");
	grandchild = exec_bench_pid_in_log("grandchild ");
	assert_false(exec_bench_is_gone(grandchild));
	exec_bench_close();
	exec_bench_wait_gone(child);
	exec_bench_wait_gone(grandchild);
}

static void what_a_dead_child_started_goes_with_it(void **state)
{
	exec_bench_open_script(
		"sleep 600 & echo grandchild $! >&2; ask; answer done; ask; exit 1", 20000);
	exec_bench_expect(ONCED_DONE, "", "");
	exec_bench_expect(
		ONCED_RETRY, "exit-1", "the command ended with status 1 while it had the event");
	exec_bench_wait_for_log("grandchild ");
	exec_bench_wait_gone(exec_bench_pid_in_log("grandchild "));
}

/* The process that has the handler is killed: nobody can tidy up. */
static void children_die_with_a_killed_process(void **state)
{
	int fds[2];
	pid_t owner, child = 0;

	assert_int_equal(pipe(fds), 0);
	owner = fork();
	if (owner == 0) {
		exec_bench_open_script(
			"trap : TERM; ask; answer done; while :; do sleep 60; done", 20000);
		exec_bench_handle();
		child = exec_bench_pid_in_log("under-test: process ");
		if (write(fds[1], &child, sizeof(child)) != sizeof(child)) {
			_exit(1);
		}
		pause();
		_exit(1);
	}
	assert_int_equal(read(fds[0], &child, sizeof(child)), sizeof(child));
	assert_false(exec_bench_is_gone(child));
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	exec_bench_wait_gone(child);
	close(fds[0]);
	close(fds[1]);
}

static int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory)) {
		count++;
	}
	closedir(directory);
	return count;
}

static void no_descriptor_and_no_zombie_is_left(void **state)
{
	int before = count_descriptors();

	for (int i = 0; i < 3; i++) {
		exec_bench_set_up(NULL);
		exec_bench_open_script("ask; answer done; ask; echo Hello; sleep 60", 20000);
		exec_bench_expect(ONCED_DONE, "", "");
		assert_int_equal(exec_bench_handle().result, ONCED_REJECT);
		exec_bench_expect(ONCED_DONE, "", "");
		exec_bench_close();
	}
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXEC_TEST(a_late_child_is_killed_and_its_event_tried_again),
		EXEC_TEST(a_late_answer_is_nobodys),
		EXEC_TEST(a_child_that_does_not_read_blocks_nobody),
		EXEC_TEST(a_death_in_hand_is_named),
		EXEC_TEST(a_status_that_somebody_else_took_is_an_end_too),
		EXEC_TEST(an_answer_before_the_event_was_read_counts),
		EXEC_TEST(closed_output_is_an_end),
		EXEC_TEST(a_reply_that_is_none_rejects_the_event),
		EXEC_TEST(a_reply_without_end_rejects_the_event),
		EXEC_TEST(a_reply_to_another_event_is_not_taken),
		EXEC_TEST(noise_behind_an_answer_ends_the_child_not_the_event),
		EXEC_TEST(noise_between_events_ends_the_child_not_the_event),
		EXEC_TEST(standard_error_goes_to_the_log_line_by_line),
		EXEC_TEST(babble_neither_stalls_the_child_nor_floods_the_log),
		EXEC_TEST(a_stop_ends_the_child_and_what_it_started),
		EXEC_TEST(what_a_dead_child_started_goes_with_it),
		EXEC_TEST(children_die_with_a_killed_process),
		EXEC_TEST(no_descriptor_and_no_zombie_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
