/*
 * test_exec_text - what `exec` makes of text: a command line, an event's line, standard error
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "handlers/exec_command.h"
#include "handlers/exec_lines.h"
#include "handlers/exec_request.h"

/* ---- command lines ---- */

/* The words with | behind each, or the fault. */
static void assert_split(const char *command, const char *expected)
{
	char text[256] = "";
	const char *fault = NULL;
	char **words = exec_command_split(command, &fault);

	for (char **word = words; word && *word; word++) {
		strcat(text, *word);
		strcat(text, "|");
	}
	assert_string_equal(words ? text : fault, expected);
	free(words);
}

static void words_are_split_at_blanks(void **state)
{
	assert_split("python3 handler.py", "python3|handler.py|");
	assert_split(" \t a\n  b \r\n", "a|b|");
}

static void quotes_keep_a_word_together(void **state)
{
	assert_split("a 'b c' \"d e\"", "a|b c|d e|");
	assert_split("a'b'\"c\"d", "abcd|");
	assert_split("a '' b", "a||b|");
	assert_split("'a\\b' \"a\\b\\\"\\\\\" a\\ b \\'", "a\\b|a\\b\"\\|a b|'|");
	assert_split("sh -c 'a | b > $c; d*'", "sh|-c|a | b > $c; d*|");
}

static void what_is_no_command_is_named(void **state)
{
	assert_split("", "it names no program");
	assert_split("  ", "it names no program");
	assert_split("'' a", "it names no program");
	assert_split("a 'b", "a quote is not closed");
	assert_split("a \"b\\\"", "a quote is not closed");
	assert_split("a \\", "it ends with a backslash");
}

static void what_a_shell_would_act_upon_is_refused(void **state)
{
	static const char *const commands[] = { "a | b", "a; b", "a > b", "a < b", "a && b", "a $B",
		"a `b`", "a (b)", "a *", "a ?" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_split(commands[i],
			"no shell runs it: quote what a shell would act upon, or "
			"say sh -c '...'");
	}
}

/* ---- the event's line ---- */

static struct compose line;

/* The host calls a handler with an event; this one keeps its line. */
static void keep_line(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	exec_request_write(&line, 7, event);
}

static const struct onced_param_spec no_specs[] = { { .name = NULL } };
static const struct onced_param no_params[] = { { .name = NULL } };
static const struct onced_handler line_keeper = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "line-keeper",
	.params = no_specs,
	.handle = keep_line,
};

static void assert_line(const struct fake_event *event, const char *expected)
{
	struct fake_host host;

	fake_host_init(&host, &line_keeper, no_params);
	fake_host_open(&host);
	fake_host_handle(&host, event);
	compose_append(&line, "", 1);
	assert_string_equal(line.data, expected);
	compose_fini(&line);
	fake_host_fini(&host);
}

static void an_event_is_one_line_of_json(void **state)
{
	const struct event_header headers[] = {
		{ SLICE_LITERAL("trace"), SLICE_LITERAL("a\"b\\c\n") },
		{ SLICE_LITERAL("none"), SLICE_NULL },
		{ SLICE_LITERAL("binary"), SLICE_LITERAL("\xff\x00\x01") },
	};
	const struct fake_event event = {
		.topic = "orders",
		.partition = 3,
		.offset = 42,
		.timestamp_ms = 1700000000123,
		.key = SLICE_LITERAL("k\xc3\xa9"),
		.value = SLICE_LITERAL("{\r\n \"n\": 1.10,\n \"s\": \"a\\nb\"}"),
		.id = SLICE_LITERAL("e-1"),
		.type = SLICE_LITERAL("order"),
		.source = SLICE_LITERAL("orders"),
		.attempt = 2,
		.headers = headers,
		.header_count = 3,
	};

	assert_line(&event,
		"{\"seq\":7,\"event_id\":\"e-1\",\"event_type\":\"order\",\"source\":\"orders\","
		"\"topic\":\"orders\",\"partition\":3,\"offset\":42,\"timestamp_ms\":1700000000123,"
		"\"attempt\":2,\"key\":\"k\xc3\xa9\",\"is_tombstone\":false,"
		"\"headers\":[[\"trace\",\"a\\\"b\\\\c\\u000a\"],[\"none\",null],"
		"[\"binary\",{\"base64\":\"/wAB\"}]],"
		"\"value\":{   \"n\": 1.10,  \"s\": \"a\\nb\"}}\n");
}

/* U+2028 and U+2029, raw. */
static void what_ends_a_line_in_some_language_is_escaped(void **state)
{
	const struct fake_event event = {
		.topic = "t",
		.timestamp_ms = -1,
		.key = SLICE_LITERAL("\xe2\x80\xa8k\xe2\x80\xa7\xe2\x80"
				     "\xa9"),
		.value = SLICE_LITERAL("[\"a\xe2\x80\xa8\xe2\x80\xa9\xe2\x82\xac\"]"),
		.attempt = 1,
	};

	assert_line(&event,
		"{\"seq\":7,\"event_id\":null,\"event_type\":null,\"source\":null,"
		"\"topic\":\"t\",\"partition\":0,\"offset\":0,\"attempt\":1,"
		"\"key\":\"\\u2028k\xe2\x80\xa7\\u2029\",\"is_tombstone\":false,"
		"\"headers\":[],\"value\":[\"a\\u2028\\u2029\xe2\x82\xac\"]}\n");
}

static void a_value_that_is_no_json_comes_as_base64(void **state)
{
	const struct fake_event event = {
		.topic = "t",
		.timestamp_ms = -1,
		.key = SLICE_LITERAL("\x80"),
		.value = SLICE_LITERAL("{\"a\":1}x"),
		.attempt = 1,
	};

	assert_line(&event,
		"{\"seq\":7,\"event_id\":null,\"event_type\":null,\"source\":null,\"topic\":\"t\","
		"\"partition\":0,\"offset\":0,\"attempt\":1,\"key\":{\"base64\":\"gA==\"},"
		"\"is_tombstone\":false,\"headers\":[],\"value_base64\":\"eyJhIjoxfXg=\"}\n");
}

static void a_tombstone_says_so(void **state)
{
	const struct fake_event event = { .topic = "t", .timestamp_ms = -1, .attempt = 1 };

	assert_line(&event,
		"{\"seq\":7,\"event_id\":null,\"event_type\":null,\"source\":null,\"topic\":\"t\","
		"\"partition\":0,\"offset\":0,\"attempt\":1,\"key\":null,\"is_tombstone\":true,"
		"\"headers\":[],\"value\":null}\n");
}

/* ---- standard error ---- */

struct heard {
	struct buffer text;
	uint64_t dropped, count;
};

static void hear(void *context, const char *text, size_t len, uint64_t dropped)
{
	struct heard *heard = context;

	heard->count++;
	heard->dropped += dropped;
	buffer_append(&heard->text, text, len);
	buffer_append_char(&heard->text, '|');
}

static void lines_are_found_wherever_they_are_cut(void **state)
{
	static const char text[] = "one\ntwo\r\n\n\nthree";
	enum { SECOND_US = 1000000 };

	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct exec_lines lines = { .pending_len = 0 };
		struct heard heard = { .text = BUFFER_INIT };

		exec_lines_feed(&lines, text, cut, SECOND_US, hear, &heard);
		exec_lines_feed(
			&lines, text + cut, sizeof(text) - 1 - cut, SECOND_US, hear, &heard);
		assert_string_equal(buffer_str(&heard.text), "one|two|");
		exec_lines_flush(&lines, SECOND_US, hear, &heard);
		assert_string_equal(buffer_str(&heard.text), "one|two|three|");
		exec_lines_flush(&lines, SECOND_US, hear, &heard);
		assert_int_equal(heard.count, 3);
		buffer_fini(&heard.text);
	}
}

static void a_long_line_comes_in_pieces(void **state)
{
	char text[2 * EXEC_LINE_MAX + 2];
	struct exec_lines lines = { .pending_len = 0 };
	struct heard heard = { .text = BUFFER_INIT };

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	exec_lines_feed(&lines, text, sizeof(text), 1, hear, &heard);
	assert_int_equal(heard.count, 3);
	assert_int_equal(heard.text.len, sizeof(text) - 1 + 3);
	assert_int_equal(heard.text.data[EXEC_LINE_MAX], '|');
	buffer_fini(&heard.text);
}

static void babble_is_dropped_counted_and_told(void **state)
{
	enum { LINES = 1000, SECOND_US = 1000000 };
	struct exec_lines lines = { .pending_len = 0 };
	struct heard heard = { .text = BUFFER_INIT };

	for (int i = 0; i < LINES; i++) {
		exec_lines_feed(&lines, "x\n", 2, SECOND_US, hear, &heard);
	}
	assert_int_equal(heard.count, EXEC_LINES_BURST);
	assert_int_equal(heard.dropped, 0);
	exec_lines_feed(&lines, "y\n", 2, 2 * SECOND_US, hear, &heard);
	assert_int_equal(heard.dropped, LINES - EXEC_LINES_BURST);
	for (int i = 0; i < LINES; i++) {
		exec_lines_feed(&lines, "z\n", 2, 2 * SECOND_US, hear, &heard);
	}
	assert_int_equal(heard.count, EXEC_LINES_BURST + EXEC_LINES_PER_SECOND);
	exec_lines_flush(&lines, 2 * SECOND_US, hear, &heard);
	assert_int_equal(heard.count + heard.dropped, 2 * LINES + 1 + 1);
	buffer_fini(&heard.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_at_blanks),
		cmocka_unit_test(quotes_keep_a_word_together),
		cmocka_unit_test(what_is_no_command_is_named),
		cmocka_unit_test(what_a_shell_would_act_upon_is_refused),
		cmocka_unit_test(an_event_is_one_line_of_json),
		cmocka_unit_test(what_ends_a_line_in_some_language_is_escaped),
		cmocka_unit_test(a_value_that_is_no_json_comes_as_base64),
		cmocka_unit_test(a_tombstone_says_so),
		cmocka_unit_test(lines_are_found_wherever_they_are_cut),
		cmocka_unit_test(a_long_line_comes_in_pieces),
		cmocka_unit_test(babble_is_dropped_counted_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
