/*
 * test_event_id - where an event's id is found, what is refused, and the keys made of it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "event/event_id.h"
#include "event/utf8.h"

static struct event_scratch scratch;

struct answer {
	enum event_id_result result;
	struct slice id;
	const char *fault;
};

/* Look in header `event_id` first, then in JSON `event_id` of `value`; the source is the topic. */
static struct answer find(const struct event_header *headers, size_t count, struct slice value)
{
	struct path_set *set = path_set_new();
	struct event_place ids[] = {
		{ .kind = EVENT_AT_HEADER, .header = SLICE_LITERAL("event_id") },
		{ .kind = EVENT_AT_JSON, .path = path_set_add(set, "event_id") },
	};
	struct event_place source = { .kind = EVENT_AT_TOPIC };
	struct event_identity found;
	struct answer answer;
	struct json_ref ref;

	assert_int_equal(scan_json(set, value, &ref, NULL), SCAN_OK);
	answer.result = event_identify(&(struct event_places){ ids, 2 },
		&(struct event_places){ &source, 1 },
		&(struct event_view){ headers, count, &ref, SLICE_LITERAL("orders") }, &scratch,
		&found);
	answer.id = found.id;
	answer.fault = found.fault;
	path_set_free(set);
	return answer;
}

static struct answer find_json(const char *value)
{
	return find(NULL, 0, slice_from_str(value));
}

static struct answer find_header(struct slice value)
{
	const struct event_header header = { SLICE_LITERAL("event_id"), value };

	return find(&header, 1, SLICE_LITERAL("{}"));
}

static void assert_found(struct answer answer, const char *id)
{
	assert_int_equal(answer.result, EVENT_ID_FOUND);
	assert_int_equal(answer.id.len, strlen(id));
	assert_memory_equal(answer.id.data, id, answer.id.len);
}

static void assert_refused(struct answer answer, enum event_id_result result)
{
	assert_int_equal(answer.result, result);
	assert_true(slice_is_null(answer.id));
}

/* `len` times 'x' between the two strings. */
static const char *padded(const char *before, size_t len, const char *after)
{
	static char text[4096];
	size_t at = strlen(before);

	memcpy(text, before, at);
	memset(text + at, 'x', len);
	memcpy(text + at + len, after, strlen(after) + 1);
	return text;
}

static void the_first_source_that_has_it_decides(void **state)
{
	const struct event_header header = { SLICE_LITERAL("event_id"),
		SLICE_LITERAL("from-header") };

	assert_found(
		find(&header, 1, SLICE_LITERAL("{\"event_id\":\"from-json\"}")), "from-header");
	assert_found(find(NULL, 0, SLICE_LITERAL("{\"event_id\":\"from-json\"}")), "from-json");
	assert_refused(find(NULL, 0, SLICE_LITERAL("{}")), EVENT_ID_MISSING);
}

static void what_says_nothing_is_missing(void **state)
{
	assert_refused(find_header(SLICE_NULL), EVENT_ID_MISSING);
	assert_refused(find_header(SLICE_LITERAL("")), EVENT_ID_MISSING);
	assert_refused(find_json("{\"event_id\":null}"), EVENT_ID_MISSING);
	assert_refused(find_json("{\"event_id\":\"\"}"), EVENT_ID_MISSING);
	assert_refused(find_json("[]"), EVENT_ID_MISSING);
}

static void a_source_that_says_nothing_gives_way_to_the_next(void **state)
{
	const struct event_header header = { SLICE_LITERAL("event_id"), SLICE_LITERAL("") };

	assert_found(find(&header, 1, SLICE_LITERAL("{\"event_id\":\"e\"}")), "e");
}

static void a_fault_in_the_first_source_is_not_covered_by_the_next(void **state)
{
	const struct event_header header = { SLICE_LITERAL("event_id"), SLICE_LITERAL("\xff") };

	assert_refused(find(&header, 1, SLICE_LITERAL("{\"event_id\":\"e\"}")), EVENT_ID_BAD_BYTES);
}

static void header_names_are_compared_exactly(void **state)
{
	const struct event_header headers[] = {
		{ SLICE_LITERAL("Event_Id"), SLICE_LITERAL("a") },
		{ SLICE_LITERAL("event_id2"), SLICE_LITERAL("b") },
		{ SLICE_LITERAL(""), SLICE_LITERAL("c") },
		{ SLICE_LITERAL("event_id"), SLICE_LITERAL("d") },
	};

	assert_found(find(headers, 4, SLICE_LITERAL("{}")), "d");
	assert_refused(find(headers, 3, SLICE_LITERAL("{}")), EVENT_ID_MISSING);
}

static void a_header_twice_must_say_the_same(void **state)
{
	struct event_header headers[] = {
		{ SLICE_LITERAL("event_id"), SLICE_LITERAL("a") },
		{ SLICE_LITERAL("event_id"), SLICE_LITERAL("a") },
	};

	assert_found(find(headers, 2, SLICE_LITERAL("{}")), "a");
	headers[1].value = SLICE_LITERAL("b");
	assert_refused(find(headers, 2, SLICE_LITERAL("{}")), EVENT_ID_AMBIGUOUS);
	headers[1].value = SLICE_NULL;
	assert_refused(find(headers, 2, SLICE_LITERAL("{}")), EVENT_ID_AMBIGUOUS);
}

static void numbers_are_taken_as_they_are_written(void **state)
{
	assert_found(
		find_json("{\"event_id\":12345678901234567890123}"), "12345678901234567890123");
	assert_found(find_json("{\"event_id\":1.0}"), "1.0");
}

static void other_kinds_are_no_ids(void **state)
{
	assert_refused(find_json("{\"event_id\":{}}"), EVENT_ID_NOT_A_SCALAR);
	assert_refused(find_json("{\"event_id\":[1]}"), EVENT_ID_NOT_A_SCALAR);
	assert_refused(find_json("{\"event_id\":true}"), EVENT_ID_NOT_A_SCALAR);
	assert_refused(find_json("{\"event_id\":false}"), EVENT_ID_NOT_A_SCALAR);
}

static void escapes_are_replaced_in_scratch(void **state)
{
	struct answer answer = find_json("{\"event_id\":\"a\\u002d\\u00e9\"}");

	assert_found(answer, "a-\xc3\xa9");
	assert_ptr_equal(answer.id.data, scratch.id);
}

static void length_is_counted_in_bytes_of_the_plain_id(void **state)
{
	const char *longest = padded("", EVENT_ID_MAX, "");

	assert_found(find_header(slice_from_str(longest)), longest);
	assert_refused(find_header(slice_from(padded("", EVENT_ID_MAX + 1, ""), EVENT_ID_MAX + 1)),
		EVENT_ID_TOO_LONG);
	assert_int_equal(
		find_json(padded("{\"event_id\":\"", EVENT_ID_MAX, "\"}")).result, EVENT_ID_FOUND);
	assert_refused(
		find_json(padded("{\"event_id\":\"", EVENT_ID_MAX + 1, "\"}")), EVENT_ID_TOO_LONG);
	assert_int_equal(
		find_json(padded("{\"event_id\":\"", EVENT_ID_MAX - 1, "\\u0041\"}")).result,
		EVENT_ID_FOUND);
	assert_refused(find_json(padded("{\"event_id\":\"", EVENT_ID_MAX, "\\u0041\"}")),
		EVENT_ID_TOO_LONG);
	assert_refused(find_json(padded("{\"event_id\":\"", EVENT_ID_MAX - 1, "\\u00e9\"}")),
		EVENT_ID_TOO_LONG);
}

static void bytes_that_no_text_column_holds_are_refused(void **state)
{
	assert_refused(find_header(SLICE_LITERAL("a\0b")), EVENT_ID_BAD_BYTES);
	assert_refused(find_header(SLICE_LITERAL("a\xc3")), EVENT_ID_BAD_BYTES);
	assert_refused(find_json("{\"event_id\":\"a\\u0000b\"}"), EVENT_ID_BAD_BYTES);
}

static void a_fault_has_a_sentence_and_nothing_else_has(void **state)
{
	assert_string_equal(
		find_header(slice_from(padded("", EVENT_ID_MAX + 1, ""), EVENT_ID_MAX + 1)).fault,
		"event id is longer than 512 bytes");
	assert_string_equal(
		find_json("{\"event_id\":[]}").fault, "event id is neither a string nor a number");
	assert_null(find_json("{}").fault);
	assert_null(find_json("{\"event_id\":1}").fault);
}

/* ---- keys ---- */

static void assert_key(struct dedup_key key, const char *hex)
{
	char text[2 * DEDUP_KEY_SIZE + 1];

	for (size_t i = 0; i < DEDUP_KEY_SIZE; i++) {
		snprintf(text + 2 * i, 3, "%02x", key.bytes[i]);
	}
	assert_string_equal(text, hex);
}

static void the_key_is_sha256_over_length_and_bytes_of_each_part(void **state)
{
	assert_key(event_dedup_key(
			   SLICE_LITERAL("orders"), SLICE_LITERAL("shop"), SLICE_LITERAL("e-1")),
		"98c2f319d5e73a27c8e446302aff580d");
	assert_key(event_dedup_key(SLICE_LITERAL(""), SLICE_LITERAL(""), SLICE_LITERAL("")),
		"15ec7bf0b50732b49f8228e07d243653");
}

static void parts_cannot_run_into_each_other(void **state)
{
	struct dedup_key a =
		event_dedup_key(SLICE_LITERAL("ab"), SLICE_LITERAL("c"), SLICE_LITERAL("d"));
	struct dedup_key b =
		event_dedup_key(SLICE_LITERAL("a"), SLICE_LITERAL("bc"), SLICE_LITERAL("d"));

	assert_memory_not_equal(a.bytes, b.bytes, DEDUP_KEY_SIZE);
}

static void the_position_key_hashes_marker_topic_and_position(void **state)
{
	assert_key(event_position_key(
			   SLICE_LITERAL("orders"), SLICE_LITERAL("shop"), 3, 42, 1700000000000),
		"92e21f1d249d224c74d4798dbdd1f492");
	assert_key(event_position_key(SLICE_LITERAL("orders"), SLICE_LITERAL("shop"), INT32_MIN,
			   INT64_MIN, INT64_MIN),
		"dc9978ea8555935d8dbd93c58b5314eb");
}

static void utf8_is_checked_at_every_alignment(void **state)
{
	char text[40];

	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'x', sizeof(text));
		assert_true(utf8_is_valid(slice_from(text, sizeof(text))));
		text[at] = '\xff';
		assert_false(utf8_is_valid(slice_from(text, sizeof(text))));
		text[at] = '\xc3';
		assert_false(utf8_is_valid(slice_from(text, sizeof(text))));
		if (at + 1 < sizeof(text)) {
			text[at + 1] = '\xa9';
			assert_true(utf8_is_valid(slice_from(text, sizeof(text))));
		}
	}
	assert_true(utf8_is_valid(SLICE_NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_source_that_has_it_decides),
		cmocka_unit_test(what_says_nothing_is_missing),
		cmocka_unit_test(a_source_that_says_nothing_gives_way_to_the_next),
		cmocka_unit_test(a_fault_in_the_first_source_is_not_covered_by_the_next),
		cmocka_unit_test(header_names_are_compared_exactly),
		cmocka_unit_test(a_header_twice_must_say_the_same),
		cmocka_unit_test(numbers_are_taken_as_they_are_written),
		cmocka_unit_test(other_kinds_are_no_ids),
		cmocka_unit_test(escapes_are_replaced_in_scratch),
		cmocka_unit_test(length_is_counted_in_bytes_of_the_plain_id),
		cmocka_unit_test(bytes_that_no_text_column_holds_are_refused),
		cmocka_unit_test(a_fault_has_a_sentence_and_nothing_else_has),
		cmocka_unit_test(the_key_is_sha256_over_length_and_bytes_of_each_part),
		cmocka_unit_test(parts_cannot_run_into_each_other),
		cmocka_unit_test(the_position_key_hashes_marker_topic_and_position),
		cmocka_unit_test(utf8_is_checked_at_every_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
