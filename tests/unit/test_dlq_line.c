/*
 * test_dlq_line - dead letters as lines, as JSON and on a page
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base64.h"
#include "dlq_case.h"
#include "dlq_line.h"
#include "dlq_page.h"
#include "dlq_tally.h"
#include "json_pretty.h"

static void expect_same(struct slice a, struct slice b)
{
	assert_true(slice_equal(a, b));
}

static void exported_line_comes_back_byte_for_byte(void **state)
{
	const struct source_header headers[] = { HEADER("a", "1"), HEADER("a", "2"), HEADER("", ""),
		{ SLICE_LITERAL("null"), SLICE_NULL }, HEADER("raw", "\x00\xff\x01"),
		HEADER("\xff", "bad name"), HEADER("nul", "a\0b") };
	const struct slice payloads[] = { SLICE_NULL, SLICE_LITERAL(""), SLICE_LITERAL("\0"),
		SLICE_LITERAL("\xff\xfe"), SLICE_LITERAL("{\"a\": 1.10}\n"),
		SLICE_LITERAL("\xc3\xa4\xe2\x82\xac"), SLICE_LITERAL("{\"base64\": \"AA==\"}") };

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		const struct kafka_reader_record record = { .partition = 3,
			.offset = INT64_MAX,
			.timestamp_ms = 1600000000001,
			.key = payloads[(i + 1) % 7],
			.value = payloads[i],
			.headers = headers,
			.header_count = sizeof(headers) / sizeof(headers[0]) };
		_cleanup_(buffer_fini) struct buffer line = BUFFER_INIT;
		_cleanup_(arena_fini) struct arena arena = ARENA_INIT;
		struct kafka_reader_record read;
		struct err err = ERR_INIT;

		dlq_line_write("orders.dlq", &record, &line);
		assert_null(memchr(line.data, '\n', line.len - 1));
		assert_int_equal(
			dlq_line_read(slice_from(line.data, line.len), &arena, &read, &err), 0);
		assert_int_equal(read.partition, record.partition);
		assert_true(read.offset == record.offset);
		assert_int_equal(read.timestamp_ms, record.timestamp_ms);
		expect_same(read.key, record.key);
		expect_same(read.value, record.value);
		assert_int_equal(read.header_count, record.header_count);
		for (size_t h = 0; h < read.header_count; h++) {
			expect_same(read.headers[h].name, headers[h].name);
			expect_same(read.headers[h].value, headers[h].value);
		}
	}
}

static void lines_that_are_no_letters_are_refused(void **state)
{
	static const char *const lines[] = { "", "x", "[]", "{}", "{\"value\": 1}",
		"{\"value\": {}}", "{\"value\": {\"base64\": \"A\"}}",
		"{\"value\": {\"base64\": 1}}", "{\"value\": null, \"headers\": {}}",
		"{\"value\": null, \"headers\": [1]}", "{\"value\": null, \"headers\": [[\"a\"]]}",
		"{\"value\": null, \"headers\": [[null, \"a\"]]}",
		"{\"value\": null, \"partition\": -2}",
		"{\"value\": null, \"partition\": 4294967296}",
		"{\"value\": null, \"offset\": \"1\"}", "{\"value\": null, \"value\": null}" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		_cleanup_(arena_fini) struct arena arena = ARENA_INIT;
		struct kafka_reader_record read;
		struct err err = ERR_INIT;

		assert_int_equal(
			dlq_line_read(slice_from_str(lines[i]), &arena, &read, &err), -EINVAL);
		assert_true(err.text[0] != '\0');
	}
}

static void bytes_survive_base64(void **state)
{
	static const char *const texts[] = { "", "Zg==", "Zm8=", "Zm9v",
		"Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
	static const char *const refused[] = { "Z", "Zg", "Zg=", "Zg=v",
		"Zh==", "Z===", "Zm9=", "Zg==Zg==", "Zm 9" };
	char bytes[16];
	size_t length;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

		base64_write(slice_from("foobar", i), &out);
		assert_string_equal(buffer_str(&out), texts[i]);
		assert_int_equal(base64_read(slice_from_str(texts[i]), bytes, &length), 0);
		assert_int_equal(length, i);
		assert_memory_equal(bytes, "foobar", i);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(base64_read(slice_from_str(refused[i]), bytes, &length), -EINVAL);
	}
}

/* ---- for people ---- */

static void json_is_laid_out_and_nothing_in_it_changes(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	assert_true(json_pretty(slice_from_str(" {\"a\":1.10,\"b\":[],\"a\":{ },\"c\":[1e400,"
					       "\"x\\\"}\x7f\xc2\x9b\"]} "),
		"> ", &out));
	assert_string_equal(buffer_str(&out),
		"> {\n"
		">   \"a\": 1.10,\n"
		">   \"b\": [],\n"
		">   \"a\": {},\n"
		">   \"c\": [\n"
		">     1e400,\n"
		">     \"x\\\"}\\u007f\\u009b\"\n"
		">   ]\n"
		"> }\n");
	assert_false(json_pretty(slice_from_str("{\"a\":}"), "", &out));
	assert_false(json_pretty(slice_from_str(""), "", &out));
}

static void bytes_are_shown_as_what_they_are(void **state)
{
	static const struct {
		struct slice bytes;
		const char *shown;
	} cases[] = {
		{ SLICE_NULL, " (null)\n" },
		{ SLICE_LITERAL(""), " (empty)\n" },
		{ SLICE_LITERAL("two\nlines"), " two\n lines\n" },
		{ SLICE_LITERAL("{\"a\":1}"), " {\n   \"a\": 1\n }\n" },
		{ SLICE_LITERAL("\x1b[2J"),
			" 00000000  1b 5b 32 4a                                      .[2J\n" },
		{ SLICE_LITERAL("0123456789abcdef\xff"),
			" 00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  "
			"0123456789abcdef\n"
			" 00000010  ff                                               .\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

		dlq_page_bytes(cases[i].bytes, " ", &out);
		assert_string_equal(buffer_str(&out), cases[i].shown);
	}
}

static void page_tells_the_story_without_commanding_the_terminal(void **state)
{
	const struct source_header headers[] = { HEADER("evil", "\x1b[2J\xc2\x9b"),
		HEADER("onced-reason", "rejected"), HEADER("onced-topic", "orders"),
		HEADER("onced-partition", "4"), HEADER("onced-offset", "17"),
		HEADER("onced-replay", "r-1 n=2") };
	const struct kafka_reader_record record = RECORD(headers, "key", "{\"a\":1}");
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	dlq_page_write("orders.dlq", &letter, DLQ_OPEN, &out);
	assert_string_equal(buffer_str(&out),
		"dead letter     orders.dlq:1:7\n"
		"state           open\n"
		"written by      onced\n"
		"reason          rejected\n"
		"from topic      orders\n"
		"partition       4\n"
		"offset          17\n"
		"replayed        2\n"
		"last replay     r-1\n"
		"\nkey\n  key\n"
		"\nheaders\n  evil = ?[2J?\n"
		"\nvalue (7 bytes)\n  {\n    \"a\": 1\n  }\n");
}

static void kinds_are_counted_the_most_frequent_first(void **state)
{
	static const char *const heads[] = { "REASON", "CODE" };
	const struct slice rejected[] = { SLICE_LITERAL("rejected"), SLICE_LITERAL("22P02") };
	const struct slice nothing[] = { SLICE_LITERAL("exhausted"), SLICE_NULL };
	const struct slice cut[] = { SLICE_LITERAL("rejected\0x"), SLICE_LITERAL("22P02") };
	_cleanup_(dlq_tally_fini) struct dlq_tally tally;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	dlq_tally_init(&tally, heads, 2);
	dlq_tally_add(&tally, nothing);
	dlq_tally_add(&tally, rejected);
	dlq_tally_add(&tally, cut);
	dlq_tally_write(&tally, &out);
	assert_string_equal(buffer_str(&out),
		"COUNT  REASON     CODE\n"
		"    2  rejected   22P02\n"
		"    1  exhausted  -\n");
	assert_int_equal(tally.total, 3);
}

static void too_many_kinds_are_counted_together(void **state)
{
	static const char *const heads[] = { "REASON" };
	_cleanup_(dlq_tally_fini) struct dlq_tally tally;
	char name[16];

	dlq_tally_init(&tally, heads, 1);
	for (int i = 0; i < 2 * DLQ_TALLY_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		dlq_tally_add(&tally, &(struct slice){ name, strlen(name) });
	}
	assert_int_equal(tally.count, DLQ_TALLY_MAX + 1);
	assert_int_equal(tally.rows[DLQ_TALLY_MAX].count, DLQ_TALLY_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exported_line_comes_back_byte_for_byte),
		cmocka_unit_test(lines_that_are_no_letters_are_refused),
		cmocka_unit_test(bytes_survive_base64),
		cmocka_unit_test(json_is_laid_out_and_nothing_in_it_changes),
		cmocka_unit_test(bytes_are_shown_as_what_they_are),
		cmocka_unit_test(page_tells_the_story_without_commanding_the_terminal),
		cmocka_unit_test(kinds_are_counted_the_most_frequent_first),
		cmocka_unit_test(too_many_kinds_are_counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
