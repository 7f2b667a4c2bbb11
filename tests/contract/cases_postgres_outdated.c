/*
 * cases_postgres_outdated - a column got another type under statements that were prepared before
 */
#include <string.h>

#include "cases.h"
#include "set_bench.h"
#include "store/postgres/postgres.h"

static const struct store_statement statements[] = {
	{ "INSERT INTO t (v) VALUES ($1)", 1, 0, -1 },
	{ "UPDATE t SET v = $1 WHERE v = $1", 1, 0, -1 },
};

/* BEGIN, the statement under savepoint 1, flush; the transaction stays open. */
static struct store_flight try_value(struct store_session *session, size_t index, const char *text)
{
	struct store_value value = text_of(text);
	struct store_flight flight;

	session->ops->begin(session);
	session->ops->savepoint(session, 1);
	session->ops->statement(session, index, &value, 1, 5);
	session->ops->flush(session, &flight);
	return flight;
}

/* Take it back, and send that of record `tag`. */
static struct store_flight try_again(
	struct store_session *session, size_t index, const char *text, uint32_t tag)
{
	struct store_value value = text_of(text);
	struct store_flight flight;

	session->ops->rollback_to(session, 1);
	session->ops->statement(session, index, &value, 1, tag);
	session->ops->flush(session, &flight);
	return flight;
}

static void apply(struct store_session *session, const char *text)
{
	assert_int_equal(try_value(session, 0, text).failure, STORE_OK);
	commit(session);
}

static void expect_refused(
	struct store_flight flight, uint32_t tag, const char *code, bool is_outdated)
{
	assert_int_equal(flight.failure, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_STATEMENT);
	assert_int_equal(flight.tag, tag);
	assert_string_equal(flight.err.code, code);
	assert_true(flight.in_transaction);
	assert_int_equal(flight.is_outdated, is_outdated);
}

static struct set_bench *open_table(struct bench *bench, const char *type)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "CREATE TABLE t (v %s)", type);
	side_run(bench->side, sql);
	return set_bench_open(bench, statements, 2);
}

static void a_value_that_fits_now_is_taken_at_the_second_try(void **state)
{
	struct bench *bench = *state;
	struct set_bench *set = open_table(bench, "int");
	struct store_session *session = set->session;

	apply(session, "1");
	side_run(bench->side, "ALTER TABLE t ALTER v TYPE bigint");
	expect_refused(try_value(session, 0, "3000000000"), 5, "22003", true);
	assert_int_equal(try_again(session, 0, "3000000000", 5).failure, STORE_OK);
	commit(session);
	apply(session, "3000000001");
	assert_int_equal(side_number(bench->side, "SELECT count(*) FROM t WHERE v > 3"), 2);
	set_bench_close(set);
}

static void a_value_that_does_not_fit_is_refused_twice_and_no_more(void **state)
{
	struct bench *bench = *state;
	struct set_bench *set = open_table(bench, "int");
	struct store_session *session = set->session;
	const struct pg_session *pg = pg_session(session);

	apply(session, "1");
	for (int i = 0; i < 2; i++) {
		expect_refused(try_value(session, 0, "one"), 5, "22P02", true);
		expect_refused(try_again(session, 0, "one", 5), 5, "22P02", false);
		assert_int_equal(pg->user[0].trusted, pg->transactions); /* by its name again */
		/* so does the next of the transaction, at once */
		expect_refused(try_again(session, 0, "two", 6), 6, "22P02", false);
		assert_int_equal(try_again(session, 0, "2", 7).failure, STORE_OK);
		commit(session);
	}
	assert_int_equal(side_number(bench->side, "SELECT count(*) FROM t"), 3);
	set_bench_close(set);
}

static void one_that_never_fits_does_not_hide_that_others_do_now(void **state)
{
	struct bench *bench = *state;
	struct set_bench *set = open_table(bench, "int");
	struct store_session *session = set->session;
	const struct pg_session *pg = pg_session(session);

	apply(session, "1");
	side_run(bench->side, "ALTER TABLE t ALTER v TYPE bigint");
	expect_refused(try_value(session, 0, "one"), 5, "22P02", true);
	expect_refused(try_again(session, 0, "one", 5), 5, "22P02", false);
	assert_int_not_equal(pg->user[0].trusted, pg->transactions);
	assert_int_equal(try_again(session, 0, "3000000000", 6).failure, STORE_OK);
	commit(session);
	set_bench_close(set);
}

static void an_operator_that_is_there_now_is_found(void **state)
{
	struct bench *bench = *state;
	struct set_bench *set = open_table(bench, "int");
	struct store_session *session = set->session;

	assert_int_equal(try_value(session, 1, "1").failure, STORE_OK);
	commit(session);
	side_run(bench->side, "ALTER TABLE t ALTER v TYPE text");
	expect_refused(try_value(session, 1, "1"), 5, "42883", true);
	assert_int_equal(try_again(session, 1, "1", 5).failure, STORE_OK);
	commit(session);
	assert_int_equal(try_value(session, 1, "one").failure, STORE_OK);
	commit(session);
	set_bench_close(set);
}

/* As a day is written into a column that has room for its hours now. */
static void a_look_finds_what_no_value_shows(void **state)
{
	struct bench *bench = *state;
	struct set_bench *set = open_table(bench, "date");

	apply(set->session, "2024-05-01T12:30:00Z");
	side_run(bench->side, "ALTER TABLE t ALTER v TYPE timestamp");
	pg_session(set->session)->sets_looked_us = 0; /* the minute is over */
	set_bench_ready(set);
	apply(set->session, "2024-05-01T12:30:00Z");
	assert_int_equal(
		side_number(bench->side, "SELECT count(*) FROM t WHERE v = '2024-05-01 12:30'"), 1);
	set_bench_close(set);
}

static const struct CMUnitTest cases[] = {
	CASE(a_value_that_fits_now_is_taken_at_the_second_try),
	CASE(a_value_that_does_not_fit_is_refused_twice_and_no_more),
	CASE(one_that_never_fits_does_not_hide_that_others_do_now),
	CASE(an_operator_that_is_there_now_is_found),
	CASE(a_look_finds_what_no_value_shows),
};
CASE_LIST(postgres_outdated_cases, cases);
