/*
 * test_letter - what a dead letter says, and what is written down to say it again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "core/store.h"
#include "worker/decision.h"
#include "worker/letter_headers.h"

/* ---- decisions ---- */

static void expect_same(const struct decision *a, const struct decision *b)
{
	assert_int_equal(a->reason, b->reason);
	assert_int_equal(a->attempts, b->attempts);
	assert_int_equal(a->first_failure_ms, b->first_failure_ms);
	assert_int_equal(a->last_failure_ms, b->last_failure_ms);
	assert_string_equal(a->code, b->code);
	assert_string_equal(a->text, b->text);
}

static void a_decision_is_a_line_for_people(void **state)
{
	const struct decision decision = { PAGE_REJECTED, 3, 1767323045678, 1767323045999, "22P02",
		"invalid input syntax" };
	struct arena arena = ARENA_INIT;

	assert_true(slice_equal_str(decision_write(&decision, &arena),
		"rejected 3 1767323045678 1767323045999 5 22P02 invalid input syntax"));
	arena_fini(&arena);
}

static void a_decision_is_read_as_it_was_written(void **state)
{
	static const char *const codes[] = { "", "22P02", "a code", " ", "1 2 3",
		"0123456789012345678901234567890" };
	static const char *const texts[] = { "", " ", "text", "two\nlines", "  leading", "5 x",
		"\xc3\xa4" };
	struct arena arena = ARENA_INIT;

	for (int reason = 0; reason < PAGE_REASONS; reason++) {
		for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
			for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
				const struct decision written = { (enum page_reason)reason,
					UINT32_MAX, -1, INT64_MAX, codes[c], texts[t] };
				struct decision read;
				assert_true(decision_read(
					decision_write(&written, &arena), &arena, &read));
				expect_same(&read, &written);
			}
		}
	}
	arena_fini(&arena);
}

static void the_longest_decision_fits_the_store(void **state)
{
	char text[DECISION_TEXT_MAX + 1], code[DECISION_CODE_MAX];
	const struct decision written = { PAGE_UNDECODABLE, UINT32_MAX, INT64_MIN, INT64_MIN, code,
		text };
	struct arena arena = ARENA_INIT;
	struct decision read;
	struct slice line;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memset(code, 'c', sizeof(code) - 1);
	code[sizeof(code) - 1] = '\0';
	line = decision_write(&written, &arena);
	assert_true(line.len <= STORE_DECISION_MAX);
	assert_true(decision_read(line, &arena, &read));
	expect_same(&read, &written);
	arena_fini(&arena);
}

static void what_is_no_decision_is_refused(void **state)
{
	static const char *const lines[] = { "", "rejected", "rejected 1 2 3", "rejected 1 2 3 0",
		"rejected 1 2 3 5 22P0", "rejected 1 2 3 5 22P02", "rejected 1 2 3 5 22P02x text",
		"nonsense 1 2 3 0  text", "rejected x 2 3 0  text",
		"rejected 1 2 3 32 "
		"01234567890123456789012345"
		"678901 text",
		"rejected 1 2 3 99999999999999999999 x y", "rejected 1 2 3 0x y",
		"averyveryverylongreason 1 2 3 0  x" };
	const struct decision before = { PAGE_CRASH, 1, 2, 3, "code", "text" };
	struct arena arena = ARENA_INIT;
	struct decision read = before;

	assert_false(decision_read(SLICE_NULL, &arena, &read));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_false(decision_read(slice_from_str(lines[i]), &arena, &read));
	}
	expect_same(&read, &before);
	arena_fini(&arena);
}

static void long_texts_are_cut_between_characters(void **state)
{
	char text[DECISION_TEXT_MAX + 10];

	assert_int_equal(decision_text_length(""), 0);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(decision_text_length(text), DECISION_TEXT_MAX);
	memcpy(text + DECISION_TEXT_MAX - 1, "\xe2\x82\xac", 3);
	assert_int_equal(decision_text_length(text), DECISION_TEXT_MAX - 1);
	memcpy(text + DECISION_TEXT_MAX - 3, "\xe2\x82\xacy", 4);
	assert_int_equal(decision_text_length(text), DECISION_TEXT_MAX);
	memset(text, '\x80', sizeof(text) - 1);
	assert_int_equal(decision_text_length(text), DECISION_TEXT_MAX);
	text[DECISION_TEXT_MAX] = '\0';
	assert_int_equal(decision_text_length(text), DECISION_TEXT_MAX);
}

/* ---- headers ---- */

static struct record record = { .item = { .offset = 42 },
	.timestamp_ms = 1767323040000,
	.attempts = 3,
	.first_failure_ms = 1767323045678,
	.last_failure_ms = 1767323046789 };

static const struct letter_facts facts = { .record = &record,
	.reason = PAGE_REJECTED,
	.code = "22P02",
	.text = "invalid input syntax",
	.topic = "orders",
	.partition = 7,
	.offset = 42,
	.consumer = "shop",
	.handler = "insert",
	.host = "h1",
	.event_id = { "e-1", 3 } };

static void expect_header(
	const struct letter_headers *headers, size_t i, const char *name, const char *value)
{
	assert_true(i < headers->count);
	assert_true(slice_equal_str(headers->items[i].name, name));
	if (!slice_equal_str(headers->items[i].value, value)) {
		fail_msg("%s is %.*s", name, (int)headers->items[i].value.len,
			headers->items[i].value.data);
	}
}

static void our_headers_say_what_happened(void **state)
{
	static const char *const expected[][2] = { { "onced-reason", "rejected" },
		{ "onced-error", "invalid input syntax" }, { "onced-code", "22P02" },
		{ "onced-attempts", "3" }, { "onced-first-failure", "2026-01-02T03:04:05.678Z" },
		{ "onced-last-failure", "2026-01-02T03:04:06.789Z" }, { "onced-topic", "orders" },
		{ "onced-partition", "7" }, { "onced-offset", "42" },
		{ "onced-timestamp", "1767323040000" }, { "onced-consumer", "shop" },
		{ "onced-handler", "insert" }, { "onced-event-id", "e-1" }, { "onced-host", "h1" },
		{ "onced-version", ONCED_VERSION } };
	struct letter_headers headers;

	letter_headers_init(&headers, &facts, NULL, 0);
	assert_int_equal(headers.count, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < headers.count; i++) {
		expect_header(&headers, i, expected[i][0], expected[i][1]);
	}
	letter_headers_fini(&headers);
}

static void what_is_not_there_has_no_header(void **state)
{
	struct letter_facts bare = facts;
	struct letter_headers headers;

	bare.code = "";
	bare.event_id = SLICE_NULL;
	letter_headers_init(&headers, &bare, NULL, -1);
	for (size_t i = 0; i < headers.count; i++) {
		assert_false(slice_equal_str(headers.items[i].name, "onced-code"));
		assert_false(slice_equal_str(headers.items[i].name, "onced-event-id"));
	}
	assert_int_equal(headers.count, 13);
	letter_headers_fini(&headers);
}

static void the_records_headers_come_first_and_unchanged(void **state)
{
	const struct source_header originals[] = { { SLICE_LITERAL("a"), SLICE_LITERAL("1") },
		{ SLICE_LITERAL("null"), SLICE_NULL },
		{ SLICE_LITERAL("a"), SLICE_LITERAL("\0\xff") },
		{ SLICE_LITERAL(""), SLICE_LITERAL("") } };
	struct letter_headers headers;

	letter_headers_init(&headers, &facts, originals, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_true(slice_equal(headers.items[i].name, originals[i].name));
		assert_true(slice_equal(headers.items[i].value, originals[i].value));
	}
	expect_header(&headers, 4, "onced-reason", "rejected");
	letter_headers_fini(&headers);
}

static void headers_of_an_earlier_life_are_replaced(void **state)
{
	const struct source_header originals[] = { { SLICE_LITERAL("onced-reason"),
							   SLICE_LITERAL("exhausted") },
		{ SLICE_LITERAL("onced-whatever"), SLICE_LITERAL("x") },
		{ SLICE_LITERAL("onced"), SLICE_LITERAL("stays") },
		{ SLICE_LITERAL("Onced-reason"), SLICE_LITERAL("stays too") } };
	struct letter_headers headers;

	letter_headers_init(&headers, &facts, originals, 4);
	expect_header(&headers, 0, "onced", "stays");
	expect_header(&headers, 1, "Onced-reason", "stays too");
	expect_header(&headers, 2, "onced-reason", "rejected");
	assert_int_equal(headers.count, 17);
	letter_headers_fini(&headers);
}

static void which_replay_it_is_of_is_kept_once(void **state)
{
	const struct source_header originals[] = { { SLICE_LITERAL("onced-replay"),
							   SLICE_LITERAL("forged n=9") },
		{ SLICE_LITERAL("a"), SLICE_LITERAL("1") },
		{ SLICE_LITERAL("onced-replay"), SLICE_LITERAL("r-1 n=2") },
		{ SLICE_LITERAL("onced-event-id"), SLICE_LITERAL("old") } };
	struct letter_headers headers;

	letter_headers_init(&headers, &facts, originals, 4);
	expect_header(&headers, 0, "a", "1");
	expect_header(&headers, 1, "onced-reason", "rejected");
	expect_header(&headers, 13, "onced-event-id", "e-1");
	expect_header(&headers, 16, "onced-replay", "r-1 n=2");
	assert_int_equal(headers.count, 17);
	letter_headers_fini(&headers);
}

static void letter_without_its_value_says_so(void **state)
{
	struct letter_facts oversized = facts;
	struct letter_headers headers;

	oversized.is_oversized = true;
	letter_headers_init(&headers, &oversized, NULL, 0);
	expect_header(&headers, 13, "onced-oversized", "value left out");
	assert_int_equal(headers.count, 16);
	letter_headers_fini(&headers);
}

static void the_plain_set_is_added_for_hand_written_consumers(void **state)
{
	struct letter_facts plain = facts;
	struct letter_headers headers;

	plain.extra = DLQ_HEADERS_PLAIN;
	letter_headers_init(&headers, &plain, NULL, 0);
	expect_header(&headers, 15, "x-original-topic", "orders");
	expect_header(&headers, 16, "x-original-partition", "7");
	expect_header(&headers, 17, "x-original-offset", "42");
	expect_header(&headers, 18, "x-error", "invalid input syntax");
	assert_int_equal(headers.count, 19);
	letter_headers_fini(&headers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_decision_is_a_line_for_people),
		cmocka_unit_test(a_decision_is_read_as_it_was_written),
		cmocka_unit_test(the_longest_decision_fits_the_store),
		cmocka_unit_test(what_is_no_decision_is_refused),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(our_headers_say_what_happened),
		cmocka_unit_test(what_is_not_there_has_no_header),
		cmocka_unit_test(the_records_headers_come_first_and_unchanged),
		cmocka_unit_test(headers_of_an_earlier_life_are_replaced),
		cmocka_unit_test(which_replay_it_is_of_is_kept_once),
		cmocka_unit_test(letter_without_its_value_says_so),
		cmocka_unit_test(the_plain_set_is_added_for_hand_written_consumers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
