/*
 * test_retry_topic - a record of a retry topic becomes the one it was
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/letter_headers.h"
#include "worker/retry_topic.h"

#define NOW_MS INT64_C(1767323050000)
#define NOW_US INT64_C(5000000000)
#define DELAY_US INT64_C(10000000)

/* What the source has of the one record: headers as they were sent. */
static struct source_header sent[64];
static int sent_count;

static int headers_of(void *handle, struct source_header *headers, size_t max)
{
	for (int i = 0; i < sent_count && (size_t)i < max; i++) {
		headers[i] = sent[i];
	}
	return sent_count;
}

static void release(struct source *source, void *handle)
{
}

static const struct source_ops ops = { .headers = headers_of, .release = release };

/* The record that failed, and what is written of it. */
static struct record failed = { .timestamp_ms = 1767323040000,
	.attempts = 2,
	.first_failure_ms = NOW_MS - 9000,
	.last_failure_ms = NOW_MS - 5000 };

static struct letter_facts facts(void)
{
	return (struct letter_facts){ .record = &failed,
		.reason = PAGE_EXHAUSTED,
		.code = "23503",
		.text = "no such parent",
		.topic = "orders",
		.partition = 7,
		.offset = 42,
		.due_ms = NOW_MS + 4000,
		.consumer = "shop",
		.handler = "insert",
		.host = "h1",
		.event_id = { "e-1", 3 },
		.extra = DLQ_HEADERS_PLAIN };
}

static void send_letter(struct letter_headers *headers)
{
	static const struct source_header originals[] = { { SLICE_LITERAL("own"),
								  SLICE_LITERAL("1") },
		{ SLICE_LITERAL("onced-topic"), SLICE_LITERAL("forged") },
		{ SLICE_LITERAL("onced-replay"), SLICE_LITERAL("r-1 n=1") } };
	const struct letter_facts told = facts();

	letter_headers_init(headers, &told, originals, 3);
	sent_count = (int)headers->count;
	memcpy(sent, headers->items, headers->count * sizeof(*sent));
}

static struct record *read_back(void)
{
	const struct source_record polled = {
		.handle = sent, .offset = 3, .timestamp_ms = NOW_MS - 6000
	};
	struct record *record = record_new(&ops, NULL, &polled, 0);

	retry_topic_read(record, DELAY_US, NOW_MS, NOW_US);
	return record;
}

static struct source_header *find(const char *name)
{
	for (int i = 0; i < sent_count; i++) {
		if (slice_equal_str(sent[i].name, name)) {
			return &sent[i];
		}
	}
	return NULL;
}

static void it_is_the_record_that_failed(void **state)
{
	struct letter_headers headers;
	struct record *record;

	send_letter(&headers);
	record = read_back();
	assert_null(record->fault);
	assert_non_null(record->origin);
	assert_string_equal(record->origin->topic, "orders");
	assert_int_equal(record->origin->partition, 7);
	assert_int_equal(record_offset(record), 42);
	assert_int_equal(record->item.offset, 3);
	assert_int_equal(record->timestamp_ms, failed.timestamp_ms);
	assert_int_equal(record->attempts, 2);
	assert_int_equal(record->first_failure_ms, failed.first_failure_ms);
	assert_int_equal(record->last_failure_ms, failed.last_failure_ms);
	assert_int_equal(record->first_failure_us, NOW_US - 9000 * 1000);
	assert_int_equal(record->ripe_us, NOW_US + 4000 * 1000);
	record_free(record);
	letter_headers_fini(&headers);
}

static void its_headers_are_not_those_of_a_dead_letter(void **state)
{
	struct letter_headers headers;

	send_letter(&headers);
	assert_null(find("onced-reason"));
	assert_null(find("x-error"));
	assert_non_null(find("own"));
	assert_true(slice_equal_str(find("onced-replay")->value, "r-1 n=1"));
	assert_true(slice_equal_str(find("onced-topic")->value, "orders"));
	assert_true(slice_equal_str(find("onced-event-id")->value, "e-1"));
	assert_true(slice_equal_str(find(LETTER_DUE_HEADER)->value, "2026-01-02T03:04:14.000Z"));
	letter_headers_fini(&headers);
}

static void expect_fault(const char *name, const char *value)
{
	struct letter_headers headers;
	struct record *record;

	send_letter(&headers);
	if (value) {
		find(name)->value = slice_from_str(value);
	} else {
		find(name)->name = SLICE_LITERAL("onced-other");
	}
	record = read_back();
	if (!record->fault) {
		fail_msg("%s = %s is taken", name, value ? value : "(none)");
	}
	assert_null(record->origin);
	assert_int_equal(record_offset(record), 3);
	assert_int_equal(record->attempts, 0);
	assert_int_equal(record->timestamp_ms, NOW_MS - 6000);
	assert_int_equal(record->ripe_us, NOW_US);
	record_free(record);
	letter_headers_fini(&headers);
}

static void what_does_not_say_what_it_should_is_faulty_and_not_kept_waiting(void **state)
{
	static const char *const needed[] = { LETTER_DUE_HEADER, "onced-topic", "onced-partition",
		"onced-offset", "onced-timestamp", "onced-attempts", "onced-first-failure",
		"onced-last-failure" };
	static const char *const wrong[] = { "", " 1", "1x", "0x1", "99999999999999999999999",
		"9223372036854775808", "-2", "a/b", "2026-01-02T03:04:14Z",
		"2026-02-30T03:04:14.000Z" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		expect_fault(needed[i], NULL);
		for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
			bool is_topic = strcmp(needed[i], "onced-topic") == 0;

			if (!is_topic || w < 2 || w == 7) {
				expect_fault(needed[i], wrong[w]);
			}
		}
	}
	expect_fault("onced-attempts", "0");
	expect_fault("onced-partition", "2147483648");
	expect_fault("onced-offset", "-1");
}

static void a_record_with_no_headers_or_broken_ones_is_faulty(void **state)
{
	struct record *record;

	for (sent_count = -1; sent_count <= 0; sent_count++) {
		record = read_back();
		assert_non_null(record->fault);
		record_free(record);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_record_that_failed),
		cmocka_unit_test(its_headers_are_not_those_of_a_dead_letter),
		cmocka_unit_test(what_does_not_say_what_it_should_is_faulty_and_not_kept_waiting),
		cmocka_unit_test(a_record_with_no_headers_or_broken_ones_is_faulty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
