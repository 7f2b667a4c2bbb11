/*
 * test_dlq_replay - what is sent again, and how much of it at a time
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dlq_case.h"
#include "dlq_resend.h"
#include "dlq_window.h"

static void expect_header(
	const struct dlq_resend *resend, size_t i, const char *name, const char *value)
{
	assert_true(i < resend->message.header_count);
	assert_true(slice_equal_str(resend->headers[i].name, name));
	assert_true(slice_equal_str(resend->headers[i].value, value));
}

static void record_is_sent_as_it_was(void **state)
{
	const struct kafka_reader_record record = RECORD(onced_headers, "k", "{\"a\": 1}");
	struct dlq_resend resend;
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	dlq_resend_init(&resend, &letter, "orders", 8, "r-1");
	assert_string_equal(resend.message.topic, "orders");
	assert_int_equal(resend.message.partition, 4);
	assert_true(slice_equal(resend.message.key, record.key));
	assert_true(slice_equal(resend.message.value, record.value));
	assert_int_equal(resend.message.timestamp_ms, record.timestamp_ms);
	assert_int_equal(resend.message.header_count, 4);
	expect_header(&resend, 0, "trace", "abc");
	expect_header(&resend, 1, "x-error", "the record's own");
	expect_header(&resend, 2, "onced-replay", "r-1 n=1");
	expect_header(&resend, 3, "onced-event-id", "e-1");
	dlq_resend_fini(&resend);
}

static void partition_that_is_not_there_leaves_the_choice_to_the_key(void **state)
{
	const struct kafka_reader_record record = RECORD(onced_headers, "k", "{}");
	struct dlq_resend resend;
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	dlq_resend_init(&resend, &letter, "orders", 4, "r-1");
	assert_int_equal(resend.message.partition, -1);
	dlq_resend_fini(&resend);
}

static void replays_count_on_and_their_headers_do_not_pile_up(void **state)
{
	const struct source_header headers[] = { HEADER("onced-reason", "rejected"),
		HEADER("onced-replay", "r-0 n=7"), HEADER("own", "1") };
	const struct kafka_reader_record record = RECORD(headers, NULL, NULL);
	struct dlq_resend resend;
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	dlq_resend_init(&resend, &letter, "orders", 4, "r-1");
	assert_int_equal(resend.message.header_count, 2);
	expect_header(&resend, 0, "own", "1");
	expect_header(&resend, 1, "onced-replay", "r-1 n=8");
	assert_true(slice_is_null(resend.message.key) && slice_is_null(resend.message.value));
	dlq_resend_fini(&resend);
}

static void record_without_an_id_gets_the_same_one_in_all_its_replays(void **state)
{
	const struct source_header headers[] = { HEADER("onced-reason", "rejected"),
		HEADER("onced-topic", "orders"), HEADER("onced-partition", "4"),
		HEADER("onced-offset", "17"), HEADER("onced-timestamp", "1600000000001") };
	struct source_header undecodable[] = { HEADER("onced-reason", "undecodable"), headers[1],
		headers[2], headers[3], headers[4] };
	const struct kafka_reader_record known = RECORD(headers, NULL, NULL);
	const struct kafka_reader_record unknown = RECORD(undecodable, NULL, NULL);
	struct dlq_resend resend;
	struct dlq_letter letter;

	dlq_letter_read(&known, &letter);
	dlq_resend_init(&resend, &letter, "orders", 8, "r-1");
	assert_int_equal(resend.message.header_count, 2);
	expect_header(&resend, 1, "onced-event-id", "position orders:4:17:1600000000001");
	dlq_resend_fini(&resend);
	/* it may turn out to have one of its own */
	dlq_letter_read(&unknown, &letter);
	dlq_resend_init(&resend, &letter, "orders", 8, "r-1");
	assert_int_equal(resend.message.header_count, 1);
	dlq_resend_fini(&resend);
}

static void springs_headers_are_taken_off(void **state)
{
	const struct kafka_reader_record record = RECORD(spring_headers, "k", "{}");
	struct dlq_resend resend;
	struct dlq_letter letter;

	dlq_letter_read(&record, &letter);
	dlq_resend_init(&resend, &letter, "orders", 1000, "r-1");
	assert_int_equal(resend.message.partition, 0x102);
	assert_int_equal(resend.message.header_count, 2);
	expect_header(&resend, 0, "trace", "abc");
	expect_header(&resend, 1, "onced-replay", "r-1 n=1");
	dlq_resend_fini(&resend);
}

/* ---- how much at a time ---- */

static size_t send_one_window(struct dlq_window *window)
{
	size_t count = 1;

	while (!dlq_window_sent(window)) {
		count++;
	}
	return count;
}

static void window_doubles_while_all_goes_well(void **state)
{
	static const size_t expected[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct dlq_window window;

	dlq_window_init(&window, 10);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(send_one_window(&window), expected[i]);
		dlq_window_settled(&window, 0);
	}
}

static void failure_makes_it_small_again_and_too_many_are_too_many(void **state)
{
	struct dlq_window window;

	dlq_window_init(&window, 3);
	send_one_window(&window);
	dlq_window_settled(&window, 0);
	assert_int_equal(send_one_window(&window), 200);
	assert_false(dlq_window_failed(&window, 2));
	dlq_window_settled(&window, 2);
	assert_int_equal(send_one_window(&window), 100);
	dlq_window_settled(&window, 2); /* none new */
	assert_int_equal(send_one_window(&window), 200);
	assert_true(dlq_window_failed(&window, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_is_sent_as_it_was),
		cmocka_unit_test(partition_that_is_not_there_leaves_the_choice_to_the_key),
		cmocka_unit_test(replays_count_on_and_their_headers_do_not_pile_up),
		cmocka_unit_test(record_without_an_id_gets_the_same_one_in_all_its_replays),
		cmocka_unit_test(springs_headers_are_taken_off),
		cmocka_unit_test(window_doubles_while_all_goes_well),
		cmocka_unit_test(failure_makes_it_small_again_and_too_many_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
