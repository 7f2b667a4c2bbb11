/*
 * cases_query - statements whose rows are wanted: what they see, what they answer, how they fail
 */
#include <stdio.h>
#include <string.h>

#include "cases.h"

static void answer_expect(
	const struct store_rows *rows, size_t row, size_t column, const char *text)
{
	struct slice value = rows->values[row * rows->column_count + column];

	if (!text) {
		assert_true(slice_is_null(value));
		return;
	}
	assert_true(slice_equal_str(value, text));
	assert_int_equal(value.data[value.len], '\0');
}

static struct store_rows query_expect(struct store_session *session, size_t index,
	const char *argument, enum store_failure expected)
{
	struct store_value value = text_of(argument);
	struct store_rows rows = { .row_count = 99 };
	struct store_flight flight;

	session->ops->query(session, index, &value, argument != NULL, 7, &rows);
	flight = flush_expect(session, expected);
	assert_true(flight.in_transaction);
	if (expected) {
		assert_int_equal(flight.op, STORE_OP_QUERY);
		assert_int_equal(flight.tag, 7);
		assert_int_equal(rows.row_count, 0);
	}
	return rows;
}

static void a_query_sees_what_was_queued_before_it_and_nothing_behind(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;
	struct store_rows rows, later;

	session->ops->begin(session);
	queue_effect(session, "a", "first", 1);
	queue_effect(session, "b", NULL, 1);
	session->ops->query(session, ALL_EFFECTS, NULL, 0, 2, &rows);
	queue_effect(session, "c", "behind", 3);
	flush_expect(session, STORE_OK);
	assert_int_equal(rows.row_count, 2);
	assert_int_equal(rows.column_count, 2);
	answer_expect(&rows, 0, 0, "a");
	answer_expect(&rows, 0, 1, "first");
	answer_expect(&rows, 1, 0, "b");
	answer_expect(&rows, 1, 1, NULL);
	later = query_expect(session, ALL_EFFECTS, NULL, STORE_OK);
	assert_int_equal(later.row_count, 3);
	commit(session);
	expect_effects(*state, 3);
}

static void an_answer_may_have_no_rows(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;

	session->ops->begin(session);
	assert_int_equal(query_expect(session, ALL_EFFECTS, NULL, STORE_OK).row_count, 0);
	commit(session);
}

static void values_of_every_sort_are_told_apart(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;
	struct store_rows rows;

	session->ops->begin(session);
	rows = query_expect(session, ODD_VALUES, "it's \"\xc3\xa4\"", STORE_OK);
	assert_int_equal(rows.row_count, 1);
	assert_int_equal(rows.column_count, 6);
	answer_expect(&rows, 0, 0, "it's \"\xc3\xa4\"");
	answer_expect(&rows, 0, 1, NULL);
	answer_expect(&rows, 0, 2, "");
	assert_true(slice_equal(rows.values[3], slice_from("\x00\xff", 2)));
	answer_expect(&rows, 0, 4, "");
	answer_expect(&rows, 0, 5, "12.50");
	commit(session);
}

static void a_query_may_change_rows_and_answer_them(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;
	struct store_value values[] = { text_of("a"), text_of("echoed") };
	struct store_rows rows;

	session->ops->begin(session);
	session->ops->query(session, ECHO_EFFECT, values, 2, 1, &rows);
	flush_expect(session, STORE_OK);
	answer_expect(&rows, 0, 1, "echoed");
	commit(session);
	expect_effects(*state, 1);
}

static void a_wrong_number_of_rows_fails_the_query(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;
	struct store_rows rows;

	session->ops->begin(session);
	queue_effect(session, "a", "here", 1);
	session->ops->savepoint(session, 1);
	query_expect(session, NOTE_OF_EFFECT, "nobody", STORE_ROWS);
	session->ops->rollback_to(session, 1);
	session->ops->release(session, 1);
	flush_expect(session, STORE_OK);
	rows = query_expect(session, NOTE_OF_EFFECT, "a", STORE_OK);
	answer_expect(&rows, 0, 0, "here");
	commit(session);
	expect_effects(*state, 1);
}

/* What it queued before, in its savepoint, goes with it; what stands before stays. */
static void a_failing_query_takes_back_its_group_only(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;
	struct store_rows rows;

	session->ops->begin(session);
	session->ops->savepoint(session, 0);
	queue_effect(session, "a", "good", 0);
	session->ops->release(session, 0);
	session->ops->savepoint(session, 1);
	queue_effect(session, "b", "goes", 7);
	query_expect(session, FAILS_LATE, NULL, STORE_STATEMENT);
	session->ops->rollback_to(session, 1);
	session->ops->query(session, ALL_EFFECTS, NULL, 0, 8, &rows);
	session->ops->release(session, 1);
	flush_expect(session, STORE_OK);
	assert_int_equal(rows.row_count, 1);
	answer_expect(&rows, 0, 0, "a");
	commit(session);
	expect_effects(*state, 1);
}

static void an_answer_at_the_bound_is_whole_and_beyond_it_fails(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;
	static const struct {
		enum bench_statement statement;
		const char *most, *more, *much_more;
	} bounds[] = {
		{ MANY_ROWS, "10000", "10001", "50000" },
		{ LONG_TEXT, "4194288", "4194290", "20000000" },
	};
	struct store_flight flight;

	for (size_t i = 0; i < 2; i++) {
		const char *const beyond[] = { bounds[i].more, bounds[i].much_more };
		struct store_rows rows;

		session->ops->begin(session);
		rows = query_expect(session, bounds[i].statement, bounds[i].most, STORE_OK);
		assert_int_equal(rows.row_count, i == 0 ? STORE_QUERY_ROWS_MAX : 1);
		for (size_t k = 0; k < 2; k++) {
			struct store_value value = text_of(beyond[k]);

			session->ops->savepoint(session, 1);
			session->ops->query(session, bounds[i].statement, &value, 1, 3, &rows);
			session->ops->commit(session);
			flight = flush_expect(session, STORE_ROWS);
			assert_string_equal(flight.err.code, STORE_CODE_TOO_LARGE);
			assert_int_equal(flight.tag, 3);
			assert_true(flight.in_transaction);
			session->ops->rollback_to(session, 1);
			session->ops->release(session, 1);
			flush_expect(session, STORE_OK);
		}
		rows = query_expect(session, ALL_EFFECTS, NULL, STORE_OK);
		assert_int_equal(rows.row_count, 0);
		rollback(session);
	}
}

static void what_cannot_be_sent_or_prepared_names_the_query(void **state)
{
	struct store_session *session = ((struct bench *)*state)->session;
	struct store_value values[] = { { STORE_VALUE_TEXT, { "a\0b", 3 } } };
	struct store_rows rows;
	struct store_flight flight;

	session->ops->begin(session);
	session->ops->savepoint(session, 1);
	session->ops->query(session, NOTE_OF_EFFECT, values, 1, 7, &rows);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_QUERY);
	assert_string_equal(flight.err.code, "22021");
	session->ops->rollback_to(session, 1);
	flush_expect(session, STORE_OK);
	query_expect(session, CONTROLS_TRANSACTION, NULL, STORE_STATEMENT);
	session->ops->rollback_to(session, 1);
	flush_expect(session, STORE_OK);
	query_expect(session, MISSING_TABLE, "x", STORE_STATEMENT);
	rollback(session);
}

static void a_query_over_its_time_is_ended(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store *store;
	struct store_session *session;

	options.statement_timeout_us = 200000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	session->ops->begin(session);
	query_expect(session, RUNS_FOR_EVER, NULL, STORE_TIMEOUT);
	rollback(session);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
}

static const struct CMUnitTest cases[] = {
	CASE(a_query_sees_what_was_queued_before_it_and_nothing_behind),
	CASE(an_answer_may_have_no_rows),
	CASE(values_of_every_sort_are_told_apart),
	CASE(a_query_may_change_rows_and_answer_them),
	CASE(a_wrong_number_of_rows_fails_the_query),
	CASE(a_failing_query_takes_back_its_group_only),
	CASE(an_answer_at_the_bound_is_whole_and_beyond_it_fails),
	CASE(what_cannot_be_sent_or_prepared_names_the_query),
	CASE(a_query_over_its_time_is_ended),
};
CASE_LIST(query_cases, cases);
