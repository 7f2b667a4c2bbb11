/*
 * exec_bench - an `exec` handler under test, with its children
 *
 * The children are shell scripts. A line's "seq" is its first member, which is all they read of it.
 * One handler at a time; what it logs is in fake_host_lines.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fake_host.h"

enum { EXEC_BENCH_PARAMS_MAX = 8, EXEC_BENCH_WAIT_S = 10 };

struct exec_bench {
	struct fake_host host;
	struct onced_param params[EXEC_BENCH_PARAMS_MAX]; /* to be filled before opening */
	char command[4096];
	bool is_open;
};

extern struct exec_bench exec_bench;
extern const struct fake_event exec_bench_event;

int exec_bench_set_up(void **state);
int exec_bench_tear_down(void **state);
#define EXEC_TEST(function)                                                                        \
	cmocka_unit_test_setup_teardown(function, exec_bench_set_up, exec_bench_tear_down)

/* A handler of that command. */
void exec_bench_open_command(const char *command, int64_t timeout_ms);
/*
 * A shell script without single quotes. `ask` reads an event's line, or ends the script; `answer
 * WORD [MEMBERS]` answers it.
 */
void exec_bench_open_script(const char *script, int64_t timeout_ms);
/* The handler's end. */
void exec_bench_close(void);

struct onced_outcome exec_bench_handle(void);
/* Hand over an event and expect that of it. */
void exec_bench_expect(enum onced_result result, const char *code, const char *reason);

bool exec_bench_log_has(const char *text);
void exec_bench_wait_for_log(const char *text);
/* The number that stands behind the first `before` in the log. */
pid_t exec_bench_pid_in_log(const char *before);
void exec_bench_nap(void);
/* Dead, reaped or not. */
bool exec_bench_is_gone(pid_t pid);
void exec_bench_wait_gone(pid_t pid);
