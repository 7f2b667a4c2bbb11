/*
 * test_dlq_book - what became of dead letters, and the marks that say so
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "dlq_book.h"
#include "dlq_mark.h"

static void fill(struct dlq_book *book, int64_t from, int64_t committed, int64_t to)
{
	dlq_book_init(book, &from, &committed, 1);
	for (int64_t offset = from; offset < to; offset++) {
		dlq_book_add(book, 0, offset);
	}
}

static void letters_below_the_committed_offset_are_settled(void **state)
{
	_cleanup_(dlq_book_fini) struct dlq_book book;

	fill(&book, 10, 13, 20);
	assert_int_equal(dlq_book_get(&book, 0, 9), DLQ_NOTHING);
	assert_int_equal(dlq_book_get(&book, 0, 12), DLQ_SETTLED);
	assert_int_equal(dlq_book_get(&book, 0, 13), DLQ_OPEN);
	assert_int_equal(dlq_book_get(&book, 0, 20), DLQ_NOTHING);
	assert_int_equal(dlq_book_first_open(&book, 0), 13);
	assert_int_equal(dlq_book_count(&book, DLQ_OPEN), 7);
}

static void first_open_letter_is_what_may_be_committed(void **state)
{
	_cleanup_(dlq_book_fini) struct dlq_book book;

	fill(&book, 0, -1, 5000);
	dlq_book_set(&book, 0, 0, 2, DLQ_REPLAYED);
	dlq_book_set(&book, 0, 4, 4998, DLQ_DISCARDED);
	assert_int_equal(dlq_book_first_open(&book, 0), 3);
	dlq_book_set(&book, 0, 3, 3, DLQ_REPLAYED);
	assert_int_equal(dlq_book_first_open(&book, 0), 4999);
	dlq_book_set(&book, 0, 0, INT64_MAX, DLQ_REPLAYED);
	assert_int_equal(dlq_book_first_open(&book, 0), 5000);
}

static void gaps_and_marks_are_passed(void **state)
{
	_cleanup_(dlq_book_fini) struct dlq_book book;

	fill(&book, 0, -1, 2);
	dlq_book_pass(&book, 0, 100000); /* compaction, a transaction's end, marks */
	dlq_book_set(&book, 0, 0, 1, DLQ_REPLAYED);
	assert_int_equal(dlq_book_first_open(&book, 0), 100000);
	assert_int_equal(dlq_book_get(&book, 0, 50), DLQ_NOTHING);
	dlq_book_set(&book, 0, 50, 50, DLQ_REPLAYED);
	assert_int_equal(dlq_book_get(&book, 0, 50), DLQ_NOTHING);
}

static void letter_read_again_stays_what_it_was(void **state)
{
	_cleanup_(dlq_book_fini) struct dlq_book book;

	fill(&book, 0, -1, 10);
	dlq_book_set(&book, 0, 3, 3, DLQ_DISCARDED);
	dlq_book_add(&book, 0, 3);
	assert_int_equal(dlq_book_get(&book, 0, 3), DLQ_DISCARDED);
}

/* ---- marks ---- */

static const struct source_header mark_headers[] = { { SLICE_LITERAL("onced-mark"),
	SLICE_LITERAL("replayed") } };

static struct kafka_reader_record mark_record(struct slice value)
{
	return (struct kafka_reader_record){
		.offset = 100, .value = value, .headers = mark_headers, .header_count = 1
	};
}

static void mark_settles_what_it_was_written_for(void **state)
{
	static const int64_t offsets[] = { 0, 1, 2, 5, 7, 8 };
	const struct dlq_mark mark = { DLQ_REPLAYED, "id", 1700000000000, "root@host",
		"a \"why\"\n", "orders" };
	_cleanup_(dlq_book_fini) struct dlq_book book;
	_cleanup_(buffer_fini) struct buffer value = BUFFER_INIT;

	fill(&book, 0, -1, 10);
	dlq_mark_write(&mark, offsets, sizeof(offsets) / sizeof(offsets[0]), &value);
	assert_string_equal(buffer_str(&value),
		"{\"mark\":\"replayed\",\"id\":\"id\",\"at\":\"2023-11-14T22:13:20.000Z\","
		"\"by\":\"root@host\",\"why\":\"a \\\"why\\\"\\n\",\"to\":\"orders\","
		"\"offsets\":[[0,2],[5,5],[7,8]]}");

	struct kafka_reader_record record = mark_record(slice_from(value.data, value.len));

	assert_true(dlq_mark_is(&record));
	assert_true(dlq_mark_apply(&record, &book));
	for (int64_t offset = 0; offset < 10; offset++) {
		bool is_settled = offset <= 2 || offset == 5 || offset == 7 || offset == 8;

		assert_int_equal(
			dlq_book_get(&book, 0, offset), is_settled ? DLQ_REPLAYED : DLQ_OPEN);
	}
}

static void letter_whose_record_had_that_header_is_no_mark(void **state)
{
	static const struct source_header headers[] = { { SLICE_LITERAL("onced-mark"),
								SLICE_LITERAL("discarded") },
		{ SLICE_LITERAL("kafka_dlt-original-topic"), SLICE_LITERAL("orders") } };
	const struct kafka_reader_record record = { .headers = headers, .header_count = 2 };

	assert_false(dlq_mark_is(&record));
}

static void what_is_no_mark_settles_nothing(void **state)
{
	static const char *const values[] = { "", "[]", "{}", "{\"mark\":\"replayed\"}",
		"{\"mark\":\"open\",\"offsets\":[[0,9]]}", "{\"mark\":7,\"offsets\":[[0,9]]}",
		"{\"mark\":\"replayed\",\"offsets\":7}",
		"{\"mark\":\"replayed\",\"offsets\":[7,[1],[1,2,3],[\"0\",9],[9,0],null]}" };
	_cleanup_(dlq_book_fini) struct dlq_book book;

	fill(&book, 0, -1, 10);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct kafka_reader_record record = mark_record(slice_from_str(values[i]));

		dlq_mark_apply(&record, &book);
		assert_int_equal(dlq_book_count(&book, DLQ_OPEN), 10);
	}
}

static void mark_of_the_whole_world_settles_what_lies_before_it(void **state)
{
	struct kafka_reader_record record = mark_record(
		slice_from_str("{\"mark\":\"discarded\",\"offsets\":[[-9,9223372036854775807]]}"));
	_cleanup_(dlq_book_fini) struct dlq_book book;

	fill(&book, 0, -1, 10);
	record.offset = 5;
	assert_true(dlq_mark_apply(&record, &book));
	assert_int_equal(dlq_book_first_open(&book, 0), 5);
}

static void record_with_that_header_elsewhere_is_no_mark(void **state)
{
	const struct source_header headers[] = {
		{ SLICE_LITERAL("onced-reason"), SLICE_LITERAL("rejected") }, mark_headers[0]
	};
	const struct kafka_reader_record record = { .headers = headers, .header_count = 2 };
	const struct kafka_reader_record bare = { 0 };

	assert_false(dlq_mark_is(&record));
	assert_false(dlq_mark_is(&bare));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_below_the_committed_offset_are_settled),
		cmocka_unit_test(first_open_letter_is_what_may_be_committed),
		cmocka_unit_test(gaps_and_marks_are_passed),
		cmocka_unit_test(letter_read_again_stays_what_it_was),
		cmocka_unit_test(mark_settles_what_it_was_written_for),
		cmocka_unit_test(letter_whose_record_had_that_header_is_no_mark),
		cmocka_unit_test(what_is_no_mark_settles_nothing),
		cmocka_unit_test(mark_of_the_whole_world_settles_what_lies_before_it),
		cmocka_unit_test(record_with_that_header_elsewhere_is_no_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
