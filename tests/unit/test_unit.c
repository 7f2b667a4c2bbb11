/*
 * test_unit - the unit of work: handlers, savepoint groups, whose fault and what follows
 */
#include <string.h>

#include "base/clock.h"
#include "unit_bench.h"

static struct unit_bench *bench;

static void open_with(struct bench_options options)
{
	bench_close(bench);
	bench = bench_open(&options);
}

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

static const struct unit_work *work(unsigned i)
{
	return &bench->unit.works[i];
}

static struct record *record(unsigned i)
{
	return bench->records[i];
}

/* `count` records of one strand, named s0, s1 ... */
static void add_strand(unsigned strand, unsigned count)
{
	char id[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "s%u-%u", strand, i);
		bench_add(bench, strand, id);
	}
}

static unsigned count_word(const char *word)
{
	unsigned count = 0;

	for (const char *at = fake_store_journal(bench->store); (at = strstr(at, word)); at++) {
		count++;
	}
	return count;
}

/* ---- one transaction ---- */

static void an_empty_batch_asks_nothing_of_the_store(void **state)
{
	bench_run_expect(bench, "");
	assert_string_equal(fake_store_journal(bench->store), "");
}

static void a_batch_is_one_transaction_of_two_flights(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "DD");
	assert_string_equal(fake_store_journal(bench->store),
		"begin claim:2 | savepoint:1 statement:0 release:1 savepoint:2 statement:1 "
		"release:2 commit | ");
	assert_int_equal(bench_effects(bench, "a"), 1);
	assert_int_equal(bench_effects(bench, "b"), 1);
	assert_int_equal(bench_rows(bench), 2);
}

static void records_without_statements_need_no_savepoint(void **state)
{
	bench_add_doing(bench, 0, "a", "skip");
	bench_run_expect(bench, "S");
	assert_string_equal(work(0)->text, "told to skip");
	assert_string_equal(fake_store_journal(bench->store), "begin claim:1 | commit | ");
	assert_int_equal(bench_row(bench, "a")->outcome, STORE_OUTCOME_DONE);
}

static void effects_travel_in_at_most_fifty_groups(void **state)
{
	add_strand(0, 501);
	bench_run_expect(bench, "D(501)");
	assert_int_equal(count_word("savepoint:"), 46); /* of eleven */
	assert_int_equal(count_word("statement:"), 501);
	assert_int_equal(count_word("commit"), 1);
}

static void a_thousand_effects_make_exactly_fifty_groups(void **state)
{
	add_strand(0, 1000);
	bench_run_expect(bench, "D(1000)");
	assert_int_equal(count_word("savepoint:"), 50);
}

static void the_built_in_sql_handler_works_through_the_same_path(void **state)
{
	bench_put(bench, &(struct bench_record){ .id = "a", .type = "sql" });
	bench_put(bench, &(struct bench_record){ .id = "b", .type = "sql" });
	bench_run_expect(bench, "DD");
	assert_int_equal(bench_effects(bench, "a"), 1);
	assert_int_equal(bench_effects(bench, "b"), 1);
}

/* ---- a statement fails ---- */

static void a_failing_statement_undoes_its_group_only(void **state)
{
	/* 100 records: two in a group; the fifth shares group 3 with the sixth */
	for (unsigned i = 0; i < 100; i++) {
		char id[32];
		snprintf(id, sizeof(id), "r%u", i);
		bench_add(bench, i, id);
	}
	bench_fail_statement(bench, "r5", STORE_STATEMENT, "22P02");
	bench_run_expect(bench, "D(5)AD(94)");
	assert_string_equal(work(5)->code, "22P02");
	assert_int_equal(work(5)->reason, PAGE_REJECTED);
	assert_int_equal(count_word("rollback_to:3"), 1);
	assert_int_equal(count_word("statement:0 "), 1);
	assert_int_equal(count_word("statement:4 "), 2);
	assert_int_equal(count_word("begin"), 1);
	assert_int_equal(bench_effects(bench, "r4"), 1);
	assert_int_equal(bench_effects(bench, "r5"), 0);
	assert_int_equal(bench_row(bench, "r5")->outcome, STORE_OUTCOME_DLQ);
}

/* Else the server would end the transaction, and all of it would come again, as large. */
static void what_handlers_have_no_time_for_in_one_transaction_comes_again(void **state)
{
	bench_close(bench);
	bench = bench_open(&(struct bench_options){ .idle_us = BENCH_SLOW_US / 2 });
	bench_add_doing(bench, 0, "a", "slow");
	bench_add(bench, 0, "b");
	bench_add_doing(bench, 1, "c", "slow");
	bench_run_expect(bench, "DGG");
	assert_int_equal(bench_effects(bench, "a"), 1);
	assert_null(bench_row(bench, "b"));
	assert_null(bench_row(bench, "c"));
	bench_next(bench);
	bench_run_expect(bench, "DD");
	assert_int_equal(bench_effects(bench, "b"), 1);
	assert_int_equal(bench_effects(bench, "c"), 1);
	assert_int_equal(bench_calls(bench, "c"), 1);
}

static void a_statement_that_was_outdated_goes_once_more_and_nobody_is_charged(void **state)
{
	add_strand(0, 4);
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, "s0-1", .times = 1,
			.failure = STORE_STATEMENT, .code = "22003", .is_outdated = true });
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, "s0-2", .times = 1,
			.failure = STORE_CONFLICT, .code = "0A000", .is_outdated = true });
	bench_run_expect(bench, "DDDD");
	assert_int_equal(count_word("begin"), 1);
	assert_int_equal(count_word("rollback_to:"), 2);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(work(i)->record->attempts, 0);
	}
	assert_int_equal(bench_effects(bench, "s0-0"), 1);
	assert_int_equal(bench_effects(bench, "s0-1"), 1);
	assert_int_equal(bench_effects(bench, "s0-3"), 1);
}

static void many_failing_statements_are_all_found_in_one_transaction(void **state)
{
	add_strand(0, 4);
	bench_fail_statement(bench, "s0-0", STORE_STATEMENT, "22P02");
	bench_fail_statement(bench, "s0-2", STORE_STATEMENT, "23514");
	bench_fail_statement(bench, "s0-3", STORE_ROWS, "");
	bench_run_expect(bench, "ADAA");
	assert_int_equal(count_word("begin"), 1);
	assert_int_equal(bench_effects(bench, "s0-1"), 1);
}

static void the_handlers_own_lists_come_before_the_tables(void **state)
{
	static char code[] = "23503";

	open_with((struct bench_options){ .reject_on = code });
	bench_add(bench, 0, "a");
	bench_fail_statement(bench, "a", STORE_STATEMENT, "23503");
	bench_run_expect(bench, "A");
}

/* ---- REJECT ---- */

static void a_rejected_record_is_decided_in_the_transaction_of_its_neighbours(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 0, "bad", "reject");
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "DAD");
	assert_int_equal(work(1)->reason, PAGE_REJECTED);
	assert_int_equal(record(1)->attempts, 1);
	assert_int_equal(bench_row(bench, "bad")->outcome, STORE_OUTCOME_DLQ);
	assert_int_equal(count_word("commit"), 1);
	assert_int_equal(bench_effects(bench, "b"), 1);
}

static void a_rejection_after_retries_counts_them_all(void **state)
{
	bench_add(bench, 0, "a");
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, "a", .times = 2, .failure = STORE_TIMEOUT,
			.code = "57014" });
	bench_fail_statement(bench, "a", STORE_STATEMENT, "22P02");
	for (unsigned i = 0; i < 2; i++) {
		bench_run_expect(bench, "R");
		bench_next(bench);
	}
	bench_run_expect(bench, "A");
	assert_int_equal(record(0)->attempts, 3);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 0);
}

static void a_rejection_in_a_transaction_that_was_undone_is_asked_again(void **state)
{
	/* b violates what a wrote; when a is undone for good, b is fine */
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, "b", .times = 1,
			.failure = STORE_STATEMENT, .code = "23505" });
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, "a", .failure = STORE_STATEMENT, .code = "23514" });
	bench_run_expect(bench, "AD");
	assert_int_equal(bench_effects(bench, "b"), 1);
}

/* ---- UNAVAILABLE ---- */

static void an_unavailable_handler_is_not_called_for_the_rest_of_the_batch(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "down", "unavailable");
	bench_add(bench, 1, "behind");
	bench_add(bench, 2, "c");
	bench_put(bench, &(struct bench_record){ .strand = 3, .id = "d", .type = "other" });
	bench_run_expect(bench, "DHGHD");
	assert_int_equal(bench_calls(bench, "c"), 0);
	assert_int_equal(record(1)->attempts, 0);
	assert_int_equal(record(3)->attempts, 0);
	assert_string_equal(work(3)->text, "told to unavailable");
	/* held by association: tried first next time, so that one record cannot keep all away */
	assert_true(work(3)->due_us < work(1)->due_us);
	assert_null(bench_row(bench, "down"));
	assert_null(bench_row(bench, "c"));
}

static void an_operators_error_holds_all_of_that_handler_and_charges_nobody(void **state)
{
	add_strand(0, 2);
	bench_add(bench, 1, "broken");
	bench_add(bench, 1, "behind");
	add_strand(2, 2);
	bench_put(bench, &(struct bench_record){ .strand = 3, .id = "other", .type = "other" });
	bench_fail_statement(bench, "broken", STORE_STATEMENT, "42P01");
	bench_run_expect(bench, "DDHGHGD");
	for (unsigned i = 0; i < bench->count; i++) {
		assert_int_equal(record(i)->attempts, 0);
	}
	assert_string_equal(work(2)->code, "42P01");
	assert_true(record(2)->is_after_hold);
	assert_int_equal(bench_rows(bench), 3);
}

/* ---- nowhere to go ---- */

static void without_a_dead_letter_topic_poison_holds_its_strand(void **state)
{
	open_with((struct bench_options){ .has_no_dlq = true });
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 0, "bad", "reject");
	bench_add(bench, 0, "behind");
	bench_add(bench, 1, "b");
	bench_put(bench, &(struct bench_record){ .strand = 2, .value = "{not json" });
	bench_run_expect(bench, "DHGDH");
	assert_null(bench_row(bench, "bad"));
	assert_string_equal(work(1)->text, "told to reject");
	bench_next(bench);
	bench_run_expect(bench, "HGH");
}

static void without_a_dead_letter_topic_nothing_is_ever_exhausted(void **state)
{
	open_with((struct bench_options){ .has_no_dlq = true, .attempts = 1, .deadline_us = 1000 });
	bench_add_doing(bench, 0, "a", "retry");
	for (unsigned round = 1; round <= 6; round++) {
		bench_run_expect(bench, "R");
		record(0)->elapsed_us = 5000;
		bench_next(bench);
		bench_add(bench, 1, "witness"); /* or a duplicate of it */
		bench_run(bench);
		assert_int_equal(work(0)->end, UNIT_RETRY);
		bench_next(bench);
	}
}

static void a_letter_decided_while_there_was_a_topic_waits_for_one(void **state)
{
	bench_add_doing(bench, 0, "bad", "reject");
	bench_add(bench, 0, "behind");
	bench_run_expect(bench, "AD");
	bench->unit.options.has_dlq = false;
	bench_redeliver(bench);
	bench_run_expect(bench, "HG");
	bench->unit.options.has_dlq = true;
	bench_next(bench);
	bench_run_expect(bench, "AU");
}

static void without_a_store_of_claims_everything_else_works(void **state)
{
	open_with((struct bench_options){ .has_no_dedup = true });
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "r", "retry");
	bench_add_doing(bench, 2, "bad", "reject");
	bench_add(bench, 3, "a");
	bench_run_expect(bench, "DRAD");
	assert_int_equal(bench_rows(bench), 0);
	assert_int_equal(bench_stored_attempts(bench, 1, 0), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_empty_batch_asks_nothing_of_the_store),
		TEST(a_batch_is_one_transaction_of_two_flights),
		TEST(records_without_statements_need_no_savepoint),
		TEST(effects_travel_in_at_most_fifty_groups),
		TEST(a_thousand_effects_make_exactly_fifty_groups),
		TEST(the_built_in_sql_handler_works_through_the_same_path),
		TEST(a_failing_statement_undoes_its_group_only),
		TEST(what_handlers_have_no_time_for_in_one_transaction_comes_again),
		TEST(a_statement_that_was_outdated_goes_once_more_and_nobody_is_charged),
		TEST(many_failing_statements_are_all_found_in_one_transaction),
		TEST(the_handlers_own_lists_come_before_the_tables),
		TEST(a_rejected_record_is_decided_in_the_transaction_of_its_neighbours),
		TEST(a_rejection_after_retries_counts_them_all),
		TEST(a_rejection_in_a_transaction_that_was_undone_is_asked_again),
		TEST(an_unavailable_handler_is_not_called_for_the_rest_of_the_batch),
		TEST(an_operators_error_holds_all_of_that_handler_and_charges_nobody),
		TEST(without_a_dead_letter_topic_poison_holds_its_strand),
		TEST(without_a_dead_letter_topic_nothing_is_ever_exhausted),
		TEST(a_letter_decided_while_there_was_a_topic_waits_for_one),
		TEST(without_a_store_of_claims_everything_else_works),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
