/*
 * test_unit_query - the unit of work under handlers that ask before they write
 */
#include <string.h>

#include "unit_bench.h"

static struct unit_bench *bench;

static int set_up(void **state)
{
	bench = bench_open(NULL);
	return 0;
}

static int tear_down(void **state)
{
	bench_close(bench);
	return 0;
}

static void expect_journal(const char *expected)
{
	assert_string_equal(fake_store_journal(bench->store), expected);
}

static void expect_answers(const char *expected)
{
	assert_string_equal(buffer_str(&bench->answers), expected);
}

static void fail_query(unsigned skip, unsigned times, enum store_failure failure, const char *code)
{
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_QUERY, NULL, skip, times, failure, code, false });
}

static unsigned count_word(const char *word)
{
	unsigned count = 0;

	for (const char *at = fake_store_journal(bench->store); (at = strstr(at, word)); at++) {
		count++;
	}
	return count;
}

static void expect_nobody_charged(void)
{
	for (unsigned i = 0; i < bench->count; i++) {
		assert_int_equal(bench->records[i]->attempts, 0);
	}
}

/* ---- what it sees ---- */

static void a_query_sees_the_events_before_it_and_not_those_behind(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "b", "ask");
	bench_add(bench, 2, "c");
	bench_add_doing(bench, 0, "d", "ask");
	bench_run_expect(bench, "DDDD");
	expect_answers(" b:1 d:3");
	expect_journal("begin claim:4 | "
		       "savepoint:1 statement:0 release:1 savepoint:2 query:1 | "
		       "statement:1 release:2 savepoint:3 statement:2 release:3 savepoint:4 "
		       "query:3 | "
		       "statement:3 release:4 commit | ");
	assert_int_equal(bench_calls(bench, "b"), 1);
}

static void a_query_sees_the_events_own_statements(void **state)
{
	bench_add_doing(bench, 0, "a", "ask-again");
	bench_run_expect(bench, "D");
	expect_answers(" a:0 a:1");
	expect_journal("begin claim:1 | savepoint:1 query:0 | statement:0 query:0 | "
		       "release:1 commit | ");
	assert_int_equal(bench_effects(bench, "a"), 1);
}

static void a_query_sees_what_other_transactions_committed(void **state)
{
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "D");
	bench_clear(bench);
	bench_add_doing(bench, 0, "b", "ask");
	bench_run_expect(bench, "D");
	expect_answers(" b:1");
}

static void sets_stand_on_their_side_of_a_query(void **state)
{
	bench_close(bench);
	bench = bench_open(&(struct bench_options){ .has_sets = true });
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_add_doing(bench, 2, "q", "ask");
	bench_add(bench, 3, "c");
	bench_add(bench, 4, "d");
	bench_run_expect(bench, "DDDDD");
	expect_answers(" q:2");
	expect_journal("begin claim:5 | savepoint:1 set:2 release:1 savepoint:2 query:2 | "
		       "statement:2 release:2 savepoint:3 set:2 release:3 commit | ");
}

static void a_set_that_fails_before_a_query_is_told_apart_first(void **state)
{
	bench_close(bench);
	bench = bench_open(&(struct bench_options){ .has_sets = true });
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "bad");
	bench_add(bench, 2, "b");
	bench_add_doing(bench, 3, "q", "ask");
	bench_fail_statement(bench, "bad", STORE_STATEMENT, "22P02");
	bench_run_expect(bench, "DADD");
	expect_answers(" q:2");
	assert_int_equal(bench_calls(bench, "q"), 1);
	assert_int_equal(count_word("begin"), 1);
}

/* ---- what a handler says after it asked ---- */

static void a_rejection_takes_back_what_was_sent_before_the_query(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "bad", "ask-reject");
	bench_add_doing(bench, 2, "c", "ask");
	bench_run_expect(bench, "DAD");
	expect_answers(" bad:1 bad:2 c:1");
	assert_int_equal(bench_effects(bench, "bad"), 0);
	assert_int_equal(bench_row(bench, "bad")->outcome, STORE_OUTCOME_DLQ);
	assert_int_equal(bench_effects(bench, "a"), 1);
	assert_int_equal(count_word("begin"), 1);
}

/* ---- whose failure ---- */

static void a_failing_query_is_its_events_own_fault(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "bad", "ask");
	bench_add_doing(bench, 1, "c", "ask");
	fail_query(0, 1, STORE_STATEMENT, "22012");
	bench_run_expect(bench, "DAD");
	expect_answers(" bad:- c:1");
	assert_string_equal(bench->unit.works[1].code, "22012");
	assert_int_equal(bench_effects(bench, "bad"), 0);
	assert_int_equal(count_word("begin"), 1);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void too_large_an_answer_rejects_its_event(void **state)
{
	bench_add_doing(bench, 0, "big", "ask");
	fail_query(0, 1, STORE_ROWS, STORE_CODE_TOO_LARGE);
	bench_run_expect(bench, "A");
	assert_string_equal(bench->unit.works[0].code, STORE_CODE_TOO_LARGE);
}

static void a_second_query_that_fails_takes_all_of_its_event_back(void **state)
{
	bench_add_doing(bench, 0, "bad", "ask-again");
	bench_add(bench, 1, "b");
	fail_query(1, 1, STORE_TIMEOUT, "57014");
	bench_run_expect(bench, "RD");
	expect_answers(" bad:0 bad:-");
	assert_int_equal(bench_effects(bench, "bad"), 0);
	assert_int_equal(bench->records[0]->attempts, 1);
	bench_next(bench);
	bench_run_expect(bench, "D");
	assert_int_equal(bench_effects(bench, "bad"), 1);
}

static void an_earlier_events_statement_is_not_blamed_on_who_asks(void **state)
{
	bench_add(bench, 0, "bad");
	bench_add_doing(bench, 1, "q", "ask");
	bench_fail_statement(bench, "bad", STORE_STATEMENT, "22P02");
	bench_run_expect(bench, "AD");
	expect_answers(" q:0");
	assert_int_equal(bench_calls(bench, "q"), 1);
	expect_journal("begin claim:2 | savepoint:1 statement:0! | "
		       "rollback_to:1 release:1 savepoint:3 query:1 | "
		       "statement:1 release:3 decide commit | ");
}

static void a_statement_behind_the_query_takes_the_whole_event_back(void **state)
{
	bench_add_doing(bench, 0, "bad", "ask");
	bench_add_doing(bench, 1, "c", "ask");
	bench_fail_statement(bench, "bad", STORE_STATEMENT, "23514");
	bench_run_expect(bench, "AD");
	expect_answers(" bad:0 c:0");
	assert_int_equal(bench_effects(bench, "bad"), 0);
}

/* What its query did would be gone: it is no statement that could be queued again. */
static void an_outdated_statement_of_who_asked_does_not_go_again(void **state)
{
	bench_add_doing(bench, 0, "bad", "ask");
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, "bad", .times = 1,
			.failure = STORE_STATEMENT, .code = "22003", .is_outdated = true });
	bench_run_expect(bench, "A");
	expect_answers(" bad:0");
	assert_int_equal(bench_effects(bench, "bad"), 0);
}

static void who_asks_behind_a_retry_of_its_strand_leaves_the_batch(void **state)
{
	bench_add(bench, 0, "late");
	bench_add_doing(bench, 0, "q", "ask");
	bench_add_doing(bench, 1, "other", "ask");
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, "late", .times = 1,
			.failure = STORE_TIMEOUT, .code = "57014" });
	bench_run_expect(bench, "RGD");
	expect_answers(" q:- other:0");
	assert_int_equal(bench->records[1]->attempts, 0);
	assert_null(bench_row(bench, "q"));
	bench_next(bench);
	bench_run_expect(bench, "DD");
	expect_answers(" q:- other:0 q:2");
}

static void who_asks_in_an_outage_that_is_found_meanwhile_is_held(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "q", "ask");
	bench_fail_statement(bench, "a", STORE_STATEMENT, "42P01");
	bench_run_expect(bench, "HH");
	expect_answers(" q:-");
	expect_nobody_charged();
}

/* ---- conflicts ---- */

static void a_conflict_asks_again_and_replays_the_others(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "q", "ask");
	bench_add(bench, 2, "b");
	fail_query(0, 1, STORE_CONFLICT, "40001");
	bench_run_expect(bench, "DDD");
	expect_answers(" q:- q:1");
	expect_nobody_charged();
	assert_int_equal(bench_calls(bench, "a"), 1);
	assert_int_equal(bench_calls(bench, "q"), 2);
	assert_int_equal(bench_calls(bench, "b"), 1);
	assert_int_equal(bench_effects(bench, "q"), 1);
}

static void a_conflict_at_commit_asks_again_too(void **state)
{
	bench_add_doing(bench, 0, "q", "ask");
	bench_add(bench, 1, "b");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_CONFLICT, .code = "40001" });
	bench_run_expect(bench, "DD");
	assert_int_equal(bench_calls(bench, "q"), 2);
	assert_int_equal(bench_calls(bench, "b"), 1);
	assert_int_equal(bench_effects(bench, "q"), 1);
	expect_nobody_charged();
}

static void who_conflicts_alone_is_charged_alone(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "q", "ask");
	bench_add(bench, 2, "b");
	fail_query(0, 0, STORE_CONFLICT, "55P03");
	bench_run_expect(bench, "DRD");
	assert_int_equal(bench->records[1]->attempts, 1);
	assert_string_equal(bench->unit.works[1].code, "55P03");
	assert_int_equal(bench->records[0]->attempts + bench->records[2]->attempts, 0);
	assert_null(bench_row(bench, "q"));
}

static void a_store_that_goes_away_under_a_query_sends_all_back(void **state)
{
	static const enum store_failure failures[] = { STORE_LOST, STORE_UNAVAILABLE };

	for (size_t i = 0; i < 2; i++) {
		fake_store_heal(bench->store);
		bench_clear(bench);
		bench_add(bench, 0, i ? "a1" : "a0");
		bench_add_doing(bench, 1, i ? "q1" : "q0", "ask");
		bench_add(bench, 2, i ? "b1" : "b0");
		fail_query(0, 1, failures[i], "");
		bench_run_expect(bench, "GGG");
		assert_true(bench->unit.store_failed);
		expect_nobody_charged();
		bench_next(bench);
		bench_run_expect(bench, "DDD");
		assert_int_equal(bench_effects(bench, i ? "q1" : "q0"), 1);
	}
}

/* ---- room ---- */

static void add_many(unsigned count, const char *what)
{
	char id[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "m%u-%s", i, what ? what : "x");
		bench_add_doing(bench, i, id, what);
	}
}

static void a_large_batch_is_cut_for_queries_and_the_next_one_at_once(void **state)
{
	add_many(120, "ask");
	bench_run_expect(bench, "D(120)");
	expect_nobody_charged();
	assert_int_equal(bench_effects(bench, "m0-ask"), 1);
	assert_int_equal(bench_effects(bench, "m119-ask"), 1);
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 120);
	bench_clear(bench);

	fake_store_clear_journal(bench->store);
	add_many(120, "ask-again");
	bench_run_expect(bench, "D(120)");
	assert_int_equal(count_word("begin"), 3);
	assert_int_equal(count_word("rollback"), 0);
	assert_int_equal(bench_calls(bench, "m7-ask-again"), 1);
	bench_clear(bench);

	/* nobody asks: the one after it is whole again */
	add_many(100, "twice");
	bench_run_expect(bench, "D(100)");
	bench_clear(bench);
	fake_store_clear_journal(bench->store);
	add_many(120, NULL);
	bench_run_expect(bench, "D(120)");
	assert_int_equal(count_word("begin"), 1);
}

static void a_transaction_with_queries_has_at_most_fifty_groups(void **state)
{
	add_many(50, "ask");
	bench_run_expect(bench, "D(50)");
	assert_int_equal(count_word("begin"), 1);
	assert_int_equal(count_word("savepoint:"), 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_query_sees_the_events_before_it_and_not_those_behind),
		TEST(a_query_sees_the_events_own_statements),
		TEST(a_query_sees_what_other_transactions_committed),
		TEST(sets_stand_on_their_side_of_a_query),
		TEST(a_set_that_fails_before_a_query_is_told_apart_first),
		TEST(a_rejection_takes_back_what_was_sent_before_the_query),
		TEST(a_failing_query_is_its_events_own_fault),
		TEST(too_large_an_answer_rejects_its_event),
		TEST(a_second_query_that_fails_takes_all_of_its_event_back),
		TEST(an_earlier_events_statement_is_not_blamed_on_who_asks),
		TEST(a_statement_behind_the_query_takes_the_whole_event_back),
		TEST(an_outdated_statement_of_who_asked_does_not_go_again),
		TEST(who_asks_behind_a_retry_of_its_strand_leaves_the_batch),
		TEST(who_asks_in_an_outage_that_is_found_meanwhile_is_held),
		TEST(a_conflict_asks_again_and_replays_the_others),
		TEST(a_conflict_at_commit_asks_again_too),
		TEST(who_conflicts_alone_is_charged_alone),
		TEST(a_store_that_goes_away_under_a_query_sends_all_back),
		TEST(a_large_batch_is_cut_for_queries_and_the_next_one_at_once),
		TEST(a_transaction_with_queries_has_at_most_fifty_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
