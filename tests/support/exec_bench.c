/*
 * exec_bench - an `exec` handler under test, with its children
 */
#include "exec_bench.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "handlers/builtins.h"

static const char shell_functions[] =
	"ask() { read -r line || exit 0; seq=${line#*:}; seq=${seq%%,*}; }; "
	"answer() { printf \"{\\\"seq\\\":%s,\\\"result\\\":\\\"%s\\\"%s}\\n\" $seq $1 \"$2\"; }; ";

struct exec_bench exec_bench;

const struct fake_event exec_bench_event = {
	.topic = "orders",
	.partition = 3,
	.offset = 42,
	.value = SLICE_LITERAL("{\"n\":1}"),
	.id = SLICE_LITERAL("e-1"),
	.attempt = 1,
};

int exec_bench_set_up(void **state)
{
	memset(&exec_bench, 0, sizeof(exec_bench));
	return 0;
}

void exec_bench_close(void)
{
	if (exec_bench.is_open) {
		fake_host_fini(&exec_bench.host);
	}
	exec_bench.is_open = false;
}

int exec_bench_tear_down(void **state)
{
	exec_bench_close();
	buffer_fini(&fake_host_lines.text);
	return 0;
}

void exec_bench_open_command(const char *command, int64_t timeout_ms)
{
	struct onced_param *param = exec_bench.params;

	while (param->name) {
		param++;
	}
	*param = (struct onced_param){ "command", command };
	fake_host_init(&exec_bench.host, builtin_handler_find("exec"), exec_bench.params);
	exec_bench.is_open = true;
	exec_bench.host.timeout_ms = timeout_ms;
	assert_int_equal(fake_host_check(&exec_bench.host), 0);
	assert_int_equal(fake_host_open(&exec_bench.host), 0);
}

void exec_bench_open_script(const char *script, int64_t timeout_ms)
{
	snprintf(exec_bench.command, sizeof(exec_bench.command), "sh -c '%s%s'", shell_functions,
		script);
	exec_bench_open_command(exec_bench.command, timeout_ms);
}

struct onced_outcome exec_bench_handle(void)
{
	return fake_host_handle(&exec_bench.host, &exec_bench_event);
}

void exec_bench_expect(enum onced_result result, const char *code, const char *reason)
{
	struct onced_outcome outcome = exec_bench_handle();

	assert_string_equal(outcome.reason, reason);
	assert_string_equal(outcome.code, code);
	assert_int_equal(outcome.result, result);
}

bool exec_bench_log_has(const char *text)
{
	bool has;

	pthread_mutex_lock(&fake_host_lines.lock);
	has = strstr(buffer_str(&fake_host_lines.text), text) != NULL;
	pthread_mutex_unlock(&fake_host_lines.lock);
	return has;
}

void exec_bench_nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

void exec_bench_wait_for_log(const char *text)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)EXEC_BENCH_WAIT_S * 1000000;

	while (!exec_bench_log_has(text)) {
		if (clock_mono_us() > deadline_us) {
			fail_msg("the log never says `%s`: %s", text,
				buffer_str(&fake_host_lines.text));
		}
		exec_bench_nap();
	}
}

/* Dead; whoever inherited it may take a while to reap it. */
bool exec_bench_is_gone(pid_t pid)
{
	char path[64], text[512] = "";
	const char *behind_name;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file) {
		return true;
	}
	behind_name = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	fclose(file);
	return !behind_name || behind_name[2] == 'Z' || behind_name[2] == 'X';
}

void exec_bench_wait_gone(pid_t pid)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)EXEC_BENCH_WAIT_S * 1000000;

	while (!exec_bench_is_gone(pid)) {
		assert_true(clock_mono_us() < deadline_us);
		exec_bench_nap();
	}
}

pid_t exec_bench_pid_in_log(const char *before)
{
	const char *at = strstr(buffer_str(&fake_host_lines.text), before);

	assert_non_null(at);
	return (pid_t)atoi(at + strlen(before));
}
