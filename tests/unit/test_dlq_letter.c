/*
 * test_dlq_letter - what dead letters tell, and which of them are meant
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dlq_case.h"
#include "dlq_filter.h"
#include "dlq_letter.h"
#include "when.h"

#define NOW_MS ((int64_t)1767323045000) /* 2026-01-02T03:04:05Z */

static void expect(struct slice slice, const char *text)
{
	if (!slice_equal_str(slice, text)) {
		fail_msg(
			"\"%.*s\", not \"%s\"", (int)slice.len, slice.data ? slice.data : "", text);
	}
}

static void our_own_letter_tells_everything(void **state)
{
	const struct kafka_reader_record record = RECORD(onced_headers, "k", "{}");
	char scratch[DLQ_EVENT_ID_MAX];
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	assert_string_equal(dlq_format_name(letter.format), "onced");
	expect(letter.reason, "rejected");
	expect(letter.code, "23502");
	expect(letter.error, "null value in column");
	expect(letter.topic, "orders");
	assert_int_equal(letter.partition, 4);
	assert_int_equal(letter.offset, 123456789012);
	assert_int_equal(letter.timestamp_ms, 1600000000001);
	assert_int_equal(letter.attempts, 3);
	assert_int_equal(letter.first_failure_ms, NOW_MS + 678);
	assert_int_equal(dlq_letter_when(&letter), NOW_MS + 1000);
	expect(letter.consumer, "billing");
	expect(dlq_letter_event_id(&letter, scratch), "e-1");
	assert_int_equal(letter.replays, 0);
	assert_null(letter.fault);
}

static void springs_positions_are_big_endian_and_the_last_ones_count(void **state)
{
	const struct kafka_reader_record record =
		RECORD(spring_headers, "k", "{\"event_id\": \"e-\\u0032\"}");
	char scratch[DLQ_EVENT_ID_MAX];
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	assert_string_equal(dlq_format_name(letter.format), "spring");
	expect(letter.topic, "orders");
	assert_int_equal(letter.partition, 0x102);
	assert_int_equal(letter.offset, 0x100000002);
	assert_int_equal(letter.timestamp_ms, 1700000000000);
	expect(letter.code, "java.lang.NullPointerException");
	expect(letter.error, "Listener failed");
	expect(dlq_letter_event_id(&letter, scratch), "e-2");
	assert_int_equal(dlq_letter_when(&letter), record.timestamp_ms);
}

static void connects_positions_are_text(void **state)
{
	const struct kafka_reader_record record = RECORD(connect_headers, "k", "not JSON");
	char scratch[DLQ_EVENT_ID_MAX];
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	assert_string_equal(dlq_format_name(letter.format), "connect");
	expect(letter.topic, "orders");
	assert_int_equal(letter.partition, 3);
	assert_int_equal(letter.offset, 99);
	expect(letter.code, "VALUE_CONVERTER");
	expect(letter.reason, "org.apache.kafka.connect.errors.DataException");
	assert_true(slice_is_null(dlq_letter_event_id(&letter, scratch)));
}

static void malformed_headers_are_left_out_and_named(void **state)
{
	const struct source_header cases[] = {
		HEADER("kafka_dlt-original-partition", ""),
		HEADER("kafka_dlt-original-partition", "\0\0\1"),
		HEADER("kafka_dlt-original-partition", "\0\0\0\0\1"),
		HEADER("kafka_dlt-original-partition", "\xff\xff\xff\xff"),
		HEADER("kafka_dlt-original-offset", "12345"),
		HEADER("kafka_dlt-original-offset", "\x80\0\0\0\0\0\0\0"),
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct source_header headers[] = {
			HEADER("kafka_dlt-original-topic", "orders"), cases[i]
		};
		const struct kafka_reader_record record = RECORD(headers, NULL, NULL);
		struct dlq_letter letter;

		dlq_letter_read(&record, &letter);
		expect(letter.topic, "orders");
		assert_int_equal(letter.partition, -1);
		assert_int_equal(letter.offset, -1);
		expect(cases[i].name, letter.fault);
	}
}

static void malformed_text_is_left_out_and_named(void **state)
{
	const struct source_header cases[] = {
		HEADER("onced-partition", "-1"),
		HEADER("onced-partition", "4x"),
		HEADER("onced-offset", "99999999999999999999"),
		HEADER("onced-offset", "9223372036854775808"),
		HEADER("onced-last-failure", "yesterday"),
		HEADER("onced-last-failure", "2026-01-02T03:04:05.678Z\0"),
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct source_header headers[] = { HEADER("onced-reason", "rejected"),
			cases[i] };
		const struct kafka_reader_record record = RECORD(headers, NULL, NULL);
		struct dlq_letter letter;

		dlq_letter_read(&record, &letter);
		assert_int_equal(letter.partition, -1);
		assert_int_equal(letter.offset, -1);
		expect(cases[i].name, letter.fault);
	}
}

static void only_what_dead_lettering_added_is_its_own(void **state)
{
	const struct kafka_reader_record ours = RECORD(onced_headers, "k", "{}");
	const struct kafka_reader_record spring = RECORD(spring_headers, "k", "{}");
	const struct kafka_reader_record connect = RECORD(connect_headers, "k", "{}");
	struct dlq_letter letter;

	dlq_letter_read(&ours, &letter);
	for (size_t i = 0; i < ours.header_count; i++) {
		assert_int_equal(dlq_letter_adds(&letter, i), i >= 2);
	}
	dlq_letter_read(&spring, &letter);
	for (size_t i = 0; i < spring.header_count; i++) {
		assert_int_equal(dlq_letter_adds(&letter, i), i >= 1);
	}
	dlq_letter_read(&connect, &letter);
	for (size_t i = 0; i < connect.header_count; i++) {
		assert_int_equal(dlq_letter_adds(&letter, i), i < connect.header_count - 1);
	}
}

static void replays_are_counted(void **state)
{
	static const struct {
		const char *value, *id;
		int64_t count;
	} cases[] = { { "a-b n=3", "a-b", 3 }, { "a-b n=", NULL, 0 }, { "a-b", NULL, 0 },
		{ "", NULL, 0 }, { "a n=-1", NULL, 0 }, { " n=1", "", 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t count = 77;
		struct slice id = dlq_replay_read(slice_from_str(cases[i].value), &count);

		assert_true(slice_equal_str(id, cases[i].id));
		assert_int_equal(count, cases[i].count);
	}
}

/* ---- filters ---- */

static bool matches(const struct dlq_filter_words *words, const struct kafka_reader_record *record)
{
	struct dlq_filter filter;
	struct dlq_letter letter;
	struct err err = ERR_INIT;
	bool result;

	dlq_letter_read(record, &letter);
	if (dlq_filter_init(&filter, words, NOW_MS, &err) < 0) {
		fail_msg("%s", err.text);
	}
	result = dlq_filter_matches(&filter, &letter);
	dlq_filter_fini(&filter);
	return result;
}

static const char body[] =
	"{\"payload\": {\"customer\": 4, \"name\": \"M\\u00fcller\", \"paid\": true}}";

static void letters_that_match_are_meant(void **state)
{
	static const struct dlq_filter_words cases[] = {
		{ .reason = NULL },
		{ .reason = "rejected" },
		{ .reason = "exhausted,rejected" },
		{ .code = "23502" },
		{ .since = "2026-01-02T03:04:06Z", .until = "2026-01-02T03:04:06.000Z" },
		{ .since = "1h" },
		{ .event_id = "e-1" },
		{ .key = "k" },
		{ .where = "payload.customer=4" },
		{ .where = "payload.name=M\xc3\xbcller" },
		{ .where = "payload.paid=true" },
		{ .position = "orders:4:123456789012" },
		{ .position = "orders:4:0-123456789012" },
		{ .consumer = "billing" },
		{ .reason = "rejected", .code = "23502", .key = "k", .event_id = "e-1" },
	};
	const struct kafka_reader_record record = RECORD(onced_headers, "k", body);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(matches(&cases[i], &record));
	}
}

static void letters_that_differ_in_one_point_are_not_meant(void **state)
{
	static const struct dlq_filter_words cases[] = {
		{ .reason = "reject" },
		{ .reason = "" },
		{ .reason = "exhausted,undecodable" },
		{ .code = "2350" },
		{ .code = "3502" },
		{ .since = "2026-01-02T03:04:06.001Z" },
		{ .until = "2026-01-02T03:04:05.999Z" },
		{ .event_id = "e-11" },
		{ .key = "" },
		{ .where = "payload.customer=40" },
		{ .where = "payload.customer.more=4" },
		{ .where = "customer=4" },
		{ .position = "orders:4:0-123456789011" },
		{ .position = "orders:3:123456789012" },
		{ .position = "order:4:123456789012" },
		{ .consumer = "shipping" },
		{ .reason = "rejected", .code = "23502", .key = "other" },
	};
	const struct kafka_reader_record record = RECORD(onced_headers, "k", body);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(matches(&cases[i], &record));
	}
}

static void class_is_named_by_its_last_part_and_any_consumer_may_take_foreign_letters(void **state)
{
	const struct kafka_reader_record record = RECORD(spring_headers, NULL, NULL);
	const struct dlq_filter_words meant = { .code = "NullPointerException",
		.consumer = "anybody" };
	const struct dlq_filter_words not_meant = { .code = "PointerException" };

	assert_true(matches(&meant, &record));
	assert_false(matches(&not_meant, &record));
}

static void words_that_cannot_be_read_are_refused(void **state)
{
	static const struct dlq_filter_words cases[] = { { .since = "tomorrow" },
		{ .until = "2026-13-01" }, { .where = "payload.id" }, { .where = "a..b=1" },
		{ .position = "orders" }, { .position = "orders:1" }, { .position = ":1:1" },
		{ .position = "orders:x:1" }, { .position = "orders:1:5-" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dlq_filter filter;
		struct err err = ERR_INIT;

		assert_int_equal(dlq_filter_init(&filter, &cases[i], NOW_MS, &err), -EINVAL);
		assert_true(err.text[0] != '\0');
		dlq_filter_fini(&filter);
	}
}

static void times_are_read_in_many_forms(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "2026-01-02T03:04:05Z", NOW_MS },
		{ "2026-01-02T03:04:05", NOW_MS },
		{ "2026-01-02 03:04:05.5", NOW_MS + 500 },
		{ "2026-01-02T03:04:05.678901Z", NOW_MS + 678 },
		{ "2026-01-02T05:04:05+02:00", NOW_MS },
		{ "2026-01-01T21:34:05-05:30", NOW_MS },
		{ "2026-01-02T03:04", NOW_MS - 5000 },
		{ "2026-01-02", NOW_MS - 11045000 },
		{ "2h", NOW_MS - 7200000 },
		{ "0", NOW_MS },
	};
	static const char *const refused[] = { "", "now", "2026", "2026-01-02T",
		"2026-01-02T03:04:05X", "2026-01-02T03:04:05+25:00", "2026-01-02T03:04:05+2",
		"-2h" };
	int64_t ms;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(when_parse(cases[i].text, NOW_MS, &ms), 0);
		assert_int_equal(ms, cases[i].ms);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(when_parse(refused[i], NOW_MS, &ms), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_letter_tells_everything),
		cmocka_unit_test(springs_positions_are_big_endian_and_the_last_ones_count),
		cmocka_unit_test(connects_positions_are_text),
		cmocka_unit_test(malformed_headers_are_left_out_and_named),
		cmocka_unit_test(malformed_text_is_left_out_and_named),
		cmocka_unit_test(only_what_dead_lettering_added_is_its_own),
		cmocka_unit_test(replays_are_counted),
		cmocka_unit_test(letters_that_match_are_meant),
		cmocka_unit_test(letters_that_differ_in_one_point_are_not_meant),
		cmocka_unit_test(
			class_is_named_by_its_last_part_and_any_consumer_may_take_foreign_letters),
		cmocka_unit_test(words_that_cannot_be_read_are_refused),
		cmocka_unit_test(times_are_read_in_many_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
