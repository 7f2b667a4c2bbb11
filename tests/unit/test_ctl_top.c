/*
 * test_ctl_top - two looks at the daemon as one screen
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "top.h"
#include "watch.h"

#define PARTITION(number, worker, lag, done, dead)                                                 \
	"{\"topic\":\"in\",\"partition\":" #number ",\"worker\":" #worker                          \
	",\"state\":\"running\","                                                                  \
	"\"reason\":\"\",\"lag\":" #lag ",\"in_flight\":3,\"parked\":1,\"held\":0,\"retries\":4,"  \
	"\"settled\":{\"done\":" #done ",\"dead_lettered\":" #dead "}}"
#define WORKER(slot, lanes)                                                                        \
	"{\"slot\":" #slot ",\"state\":\"ready\",\"pid\":77,\"assigned\":1,\"restarts\":2,"        \
	"\"lanes\":[" lanes "]}"
#define CONSUMER(name, workers, partitions)                                                        \
	"{\"name\":\"" name                                                                        \
	"\",\"state\":\"running\",\"reason\":\"\",\"lag\":12,\"workers\":[" workers                \
	"],\"partitions\":[" partitions "]}"

#define BUSY                                                                                       \
	"{\"stage\":\"idle\"},{\"stage\":\"handler\",\"topic\":\"in\","                            \
	"\"partition\":0,\"offset\":42,\"seconds\":1.5},"                                          \
	"{\"stage\":\"claim\",\"topic\":\"in\",\"partition\":1,"                                   \
	"\"offset\":7,\"seconds\":0.25}"

static json_t *read_json(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

/* Fails unless the words stand in one line, in this order. */
static void expect_line(const struct buffer *out, const char *const *words)
{
	const char *line = out->data;

	while (line && *line) {
		const char *end = strchr(line, '\n'), *at = line;
		size_t i = 0;

		for (; words[i] && at; i++) {
			at = strstr(at, words[i]);
			at = at && at < end ? at + strlen(words[i]) : NULL;
		}
		if (!words[i] && at) {
			return;
		}
		line = end ? end + 1 : NULL;
	}
	fail_msg("no line has %s ...:\n%s", words[0], buffer_str((struct buffer *)out));
}

#define EXPECT_LINE(out, ...) expect_line(out, (const char *const[]){ __VA_ARGS__, NULL })

static void rates_are_differences_by_time(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	json_t *before = read_json("[" CONSUMER("orders", WORKER(0, BUSY) "," WORKER(1, ""),
		PARTITION(0, 0, 5, 100, 0) "," PARTITION(1, 1, 7, 50, 1)) "]");
	json_t *now = read_json("[" CONSUMER("orders", WORKER(0, BUSY) "," WORKER(1, ""),
		PARTITION(0, 0, 5, 300, 0) "," PARTITION(1, 1, 7, 70, 5)) "]");

	top_render(before, now, 2.0, UINT32_MAX, &out);
	EXPECT_LINE(&out, "orders ", "running", "112", "2", "0", "12", "6", "2", "0");
	EXPECT_LINE(&out, "orders/0", "ready", "77", "100", "handler in[0] offset 42 for 1.5 s");
	EXPECT_LINE(&out, "orders/1", "ready", "77", "12");
	EXPECT_LINE(&out, "orders in[1]", "running", "12", "7");
	assert_true(strstr(buffer_str(&out), "in[1] ") < strstr(buffer_str(&out), "orders in[0]"));
	json_decref(before);
	json_decref(now);
}

static void what_is_new_or_began_anew_has_no_rate(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	json_t *before =
		read_json("[" CONSUMER("orders", WORKER(0, ""), PARTITION(0, 0, 5, 1000, 0)) "]");
	json_t *now = read_json(
		"[" CONSUMER("orders", WORKER(0, ""), PARTITION(0, 0, 5, 3, 0)) "," CONSUMER(
			"bills", WORKER(0, ""), PARTITION(0, 0, 5, 3, 0)) "]");

	top_render(before, now, 1.0, UINT32_MAX, &out);
	EXPECT_LINE(&out, "orders ", "running", "-");
	EXPECT_LINE(&out, "bills ", "running", "-", "-", "-");
	EXPECT_LINE(&out, "bills in[0]", "running", "-");
	json_decref(before);
	json_decref(now);
}

static void no_more_lines_than_the_screen_has(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	json_t *now =
		read_json("[" CONSUMER("orders", WORKER(0, ""), PARTITION(0, 0, 5, 3, 0)) "]");
	unsigned lines = 0;

	top_render(NULL, now, 1.0, 4, &out);
	for (const char *s = buffer_str(&out); (s = strchr(s, '\n')); s++) {
		lines++;
	}
	assert_int_equal(lines, 4);
	json_decref(now);
}

static void expect_cut(const char *text, unsigned lines, unsigned columns, const char *expected)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	watch_cut(text, lines, columns, &out);
	assert_string_equal(buffer_str(&out), expected);
}

static void lines_are_no_wider_than_the_screen(void **state)
{
	expect_cut("abcdef\n\nab\nx\n", 3, 4, "abcd\n\nab\n");
	expect_cut("abcd\nx", 9, 4, "abcd\nx");
	expect_cut("\xc3\xa9\xc3\xa9\xc3\xa9", 1, 2, "\xc3\xa9\xc3\xa9");
	expect_cut("abc", 0, 2, "");
}

static void colours_take_no_place_and_end_where_a_line_is_cut(void **state)
{
	expect_cut("\033[1mab\033[0m \033[32mcd\033[0m\n", 1, 5,
		"\033[1mab\033[0m \033[32mcd\033[0m\n");
	expect_cut("\033[1mab\033[0m \033[32mcd\033[0m\nx\n", 2, 4,
		"\033[1mab\033[0m \033[32mc\033[0m\nx\n");
	expect_cut("\033[1", 1, 2, "\033[");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_differences_by_time),
		cmocka_unit_test(what_is_new_or_began_anew_has_no_rate),
		cmocka_unit_test(no_more_lines_than_the_screen_has),
		cmocka_unit_test(lines_are_no_wider_than_the_screen),
		cmocka_unit_test(colours_take_no_place_and_end_where_a_line_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
