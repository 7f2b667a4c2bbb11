/*
 * cases_statement - effects: which one failed, what is taken back, what COMMIT promises
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "core/verdict.h"

static void effects_of_a_committed_transaction_stay(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("a", 1);

	begin_claim(session, &claim, 1);
	queue_effect(session, "a", "first", 1);
	queue_effect(session, "a", NULL, 1);
	expect_effects(bench, 0);
	commit(session);
	expect_effects(bench, 2);
}

static void a_failing_statement_names_its_tag_and_later_ones_did_not_happen(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	session->ops->begin(session);
	session->ops->savepoint(session, 0);
	queue_effect(session, "a", "good", 41);
	session->ops->release(session, 0);
	session->ops->savepoint(session, 1);
	queue_effect(session, "b", "poison", 42);
	queue_effect(session, "c", "poison", 43);
	session->ops->release(session, 1);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_STATEMENT);
	assert_int_equal(flight.tag, 42);
	assert_true(flight.in_transaction);
	assert_string_equal(
		flight.err.code, bench->is_postgres ? "23514" : "SQLITE_CONSTRAINT_CHECK");
	expect_effects(bench, 0);
	rollback(session);
	expect_effects(bench, 0);
}

static void rolling_back_a_group_keeps_the_others(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claims[] = { claim_of("a", 1), claim_of("b", 2), claim_of("c", 3) };
	struct store_flight flight;

	begin_claim(session, claims, 3);
	session->ops->savepoint(session, 0);
	queue_effect(session, "a", "good", 0);
	session->ops->release(session, 0);
	session->ops->savepoint(session, 1);
	queue_effect(session, "b", "good", 1);
	queue_effect(session, "c", "poison", 2);
	session->ops->release(session, 1);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_int_equal(flight.tag, 2);

	session->ops->rollback_to(session, 1);
	queue_effect(session, "b", "again", 1);
	session->ops->release(session, 1);
	session->ops->decide_dlq(session, &claims[2], SLICE_NULL);
	commit(session);
	assert_int_equal(
		side_number(bench->side, "SELECT count(*) FROM effects WHERE id IN ('a', 'b')"), 2);
	expect_effects(bench, 2);
	assert_int_equal(claim_alone(session, claim_of("b", 2)), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(session, claim_of("c", 3)), CLAIM_SETTLED_DLQ);
}

/* ---- number of rows ---- */

static void a_wrong_number_of_rows_fails_its_statement(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	session->ops->begin(session);
	queue_effect(session, "a", "old", 1);
	queue_update(session, "a", "new", 2);
	queue_update(session, "nobody", "new", 3);
	queue_effect(session, "b", "after", 4);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_ROWS);
	assert_int_equal(flight.op, STORE_OP_STATEMENT);
	assert_int_equal(flight.tag, 3);
	assert_true(flight.in_transaction);
	expect_effects(bench, 0);
	rollback(session);
	expect_effects(bench, 0);
}

static void a_group_with_a_wrong_number_of_rows_can_be_taken_back(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	session->ops->begin(session);
	session->ops->savepoint(session, 0);
	queue_effect(session, "a", "old", 0);
	queue_update(session, "a", "new", 0);
	session->ops->release(session, 0);
	session->ops->savepoint(session, 1);
	queue_update(session, "nobody", "new", 1);
	session->ops->release(session, 1);
	session->ops->savepoint(session, 2);
	queue_effect(session, "c", "later group", 2);
	session->ops->release(session, 2);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_ROWS);
	assert_int_equal(flight.tag, 1);

	session->ops->rollback_to(session, 1);
	session->ops->release(session, 1);
	session->ops->savepoint(session, 2);
	queue_effect(session, "c", "redone", 2);
	session->ops->release(session, 2);
	commit(session);
	expect_effects(bench, 2);
	assert_int_equal(side_number(bench->side,
				 "SELECT count(*) FROM effects WHERE note IN ('new', 'redone')"),
		2);
}

static void the_first_of_two_failures_counts(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	session->ops->begin(session);
	queue_update(session, "nobody", "new", 1);
	queue_effect(session, "b", "poison", 2);
	flight = flush_expect(session, STORE_ROWS);
	assert_int_equal(flight.tag, 1);
	rollback(session);
}

/* ---- COMMIT ---- */

static void a_deferred_constraint_fails_the_commit_and_ends_the_transaction(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_value orphan = text_of("no such parent");
	struct store_flight flight;

	session->ops->begin(session);
	queue_effect(session, "a", "good", 1);
	session->ops->statement(session, INSERT_CHILD, &orphan, 1, 2);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_COMMIT);
	assert_false(flight.in_transaction);
	assert_string_equal(
		flight.err.code, bench->is_postgres ? "23503" : "SQLITE_CONSTRAINT_FOREIGNKEY");
	expect_effects(bench, 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
}

static void commit_after_a_swallowed_error_says_rolled_back(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	session->ops->begin(session);
	queue_effect(session, "a", "good", 1);
	queue_effect(session, "b", "poison", 2);
	flush_expect(session, STORE_STATEMENT);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_ROLLED_BACK);
	assert_int_equal(flight.op, STORE_OP_COMMIT);
	assert_false(flight.in_transaction);
	expect_effects(bench, 0);
}

static void commit_after_a_wrong_number_of_rows_says_rolled_back(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	session->ops->begin(session);
	queue_effect(session, "a", "good", 1);
	queue_update(session, "nobody", "new", 2);
	flush_expect(session, STORE_ROWS);
	session->ops->commit(session);
	flush_expect(session, STORE_ROLLED_BACK);
	expect_effects(bench, 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
}

static void nothing_runs_in_a_failed_transaction_before_a_rollback(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	session->ops->begin(session);
	queue_update(session, "nobody", "new", 1);
	flush_expect(session, STORE_ROWS);
	queue_effect(session, "a", "sneaked in", 2);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_string_equal(flight.err.code, "25P02");
	rollback(session);
	expect_effects(bench, 0);
}

/* ---- statements ---- */

static void statements_are_checked_before_they_are_needed(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct err err = ERR_INIT;

	assert_int_equal(session->ops->session_check(session, INSERT_EFFECT, &err), 0);
	assert_int_equal(session->ops->session_check(session, INSERT_EFFECT, &err), 0);
	assert_true(session->ops->session_check(session, MISSING_TABLE, &err) < 0);
	assert_string_equal(err.code, bench->is_postgres ? "42P01" : "SQLITE_ERROR");
	assert_true(session->ops->session_check(session, CONTROLS_TRANSACTION, &err) < 0);
	assert_true(session->ops->session_check(session, WRONG_PARAMETERS, &err) < 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
}

static void a_statement_that_cannot_be_prepared_names_its_tag(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_value id = text_of("a");
	struct store_flight flight;

	session->ops->begin(session);
	queue_effect(session, "a", "good", 1);
	session->ops->statement(session, MISSING_TABLE, &id, 1, 2);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_int_equal(flight.tag, 2);
	rollback(session);
	side_run(bench->side, "CREATE TABLE nowhere (id text)");
	session->ops->begin(session);
	session->ops->statement(session, MISSING_TABLE, &id, 1, 2);
	commit(session);
}

static void a_statement_never_controls_the_transaction(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	session->ops->begin(session);
	queue_effect(session, "a", "good", 1);
	session->ops->statement(session, CONTROLS_TRANSACTION, NULL, 0, 2);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_int_equal(flight.tag, 2);
	assert_int_equal(
		verdict_of_statement(flight.failure, flight.err.code, NULL), VERDICT_UNAVAILABLE);
	assert_true(flight.in_transaction);
	rollback(session);
	expect_effects(bench, 0);
}

static void values_arrive_exactly(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_value values[][3] = {
		{ number_of("9223372036854775807"), text_of("it's \"quoted\" $1 :x \\ \xc3\xa4"),
			{ STORE_VALUE_BOOL, SLICE_LITERAL("true") } },
		{ number_of("-0.10"), { STORE_VALUE_JSON, SLICE_LITERAL("{\"a\":1}") },
			{ STORE_VALUE_BOOL, SLICE_LITERAL("false") } },
		{ text_of(NULL), text_of(""), text_of(NULL) },
	};

	session->ops->begin(session);
	for (size_t i = 0; i < 3; i++) {
		session->ops->statement(session, INSERT_VALUE, values[i], 3, (uint32_t)i);
	}
	commit(session);
	assert_int_equal(
		side_number(bench->side,
			bench->is_postgres
				? "SELECT count(*) FROM kinds WHERE n = 9223372036854775807 AND b"
				: "SELECT count(*) FROM kinds WHERE n = 9223372036854775807 AND b "
				  "= 1"
				  " AND typeof(n) = 'integer'"),
		1);
	assert_int_equal(side_number(bench->side,
				 "SELECT count(*) FROM kinds WHERE n = -0.10"
				 " AND t = '{\"a\":1}'"),
		1);
	assert_int_equal(side_number(bench->side,
				 "SELECT count(*) FROM kinds WHERE n IS NULL"
				 " AND t = '' AND b IS NULL"),
		1);
	assert_int_equal(side_number(bench->side,
				 "SELECT count(*) FROM kinds WHERE t ="
				 " 'it''s \"quoted\" $1 :x \\ \xc3\xa4'"),
		1);
}

static void a_nul_byte_in_a_text_is_the_statements_failure(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_value values[] = { { STORE_VALUE_TEXT, { "a\0b", 3 } }, text_of("x") };
	struct store_flight flight;

	session->ops->begin(session);
	session->ops->savepoint(session, 0);
	queue_effect(session, "a", "good", 1);
	session->ops->release(session, 0);
	session->ops->savepoint(session, 1);
	session->ops->statement(session, INSERT_EFFECT, values, 2, 7);
	session->ops->release(session, 1);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_int_equal(flight.tag, 7);
	assert_string_equal(flight.err.code, "22021");
	assert_true(flight.in_transaction);
	session->ops->rollback_to(session, 1);
	session->ops->release(session, 1);
	commit(session);
	expect_effects(bench, 1);
}

/* ---- time ---- */

static void a_statement_over_its_time_is_ended(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store *store;
	struct store_session *session;
	struct store_flight flight;

	options.statement_timeout_us = 200000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	session->ops->begin(session);
	queue_effect(session, "a", "good", 1);
	session->ops->statement(session, RUNS_FOR_EVER, NULL, 0, 5);
	flight = flush_expect(session, STORE_TIMEOUT);
	assert_int_equal(flight.tag, 5);
	rollback(session);
	expect_effects(bench, 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
}

struct victim {
	struct store_session *session;
	enum store_failure failure;
};

static void *run_for_ever(void *arg)
{
	struct victim *victim = arg;
	struct store_flight flight;

	victim->session->ops->begin(victim->session);
	victim->session->ops->statement(victim->session, RUNS_FOR_EVER, NULL, 0, 1);
	victim->failure = victim->session->ops->flush(victim->session, &flight);
	return NULL;
}

static void an_interrupted_flush_loses_its_connection_and_no_more(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct victim victim = { session, STORE_OK };
	struct err err = ERR_INIT;
	pthread_t thread;

	pthread_create(&thread, NULL, run_for_ever, &victim);
	session->ops->session_interrupt(session);
	pthread_join(thread, NULL);
	assert_int_equal(victim.failure, STORE_LOST);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
}

static void an_interrupt_of_an_idle_session_ends_its_next_step_only(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct err err = ERR_INIT;

	session->ops->session_interrupt(session);
	assert_int_equal(session->ops->session_ready(session, &err), 1);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
}

static const struct CMUnitTest cases[] = {
	CASE(effects_of_a_committed_transaction_stay),
	CASE(a_failing_statement_names_its_tag_and_later_ones_did_not_happen),
	CASE(rolling_back_a_group_keeps_the_others),
	CASE(a_wrong_number_of_rows_fails_its_statement),
	CASE(a_group_with_a_wrong_number_of_rows_can_be_taken_back),
	CASE(the_first_of_two_failures_counts),
	CASE(a_deferred_constraint_fails_the_commit_and_ends_the_transaction),
	CASE(commit_after_a_swallowed_error_says_rolled_back),
	CASE(commit_after_a_wrong_number_of_rows_says_rolled_back),
	CASE(nothing_runs_in_a_failed_transaction_before_a_rollback),
	CASE(statements_are_checked_before_they_are_needed),
	CASE(a_statement_that_cannot_be_prepared_names_its_tag),
	CASE(a_statement_never_controls_the_transaction),
	CASE(values_arrive_exactly),
	CASE(a_nul_byte_in_a_text_is_the_statements_failure),
	CASE(a_statement_over_its_time_is_ended),
	CASE(an_interrupted_flush_loses_its_connection_and_no_more),
	CASE(an_interrupt_of_an_idle_session_ends_its_next_step_only),
};
CASE_LIST(statement_cases, cases);
