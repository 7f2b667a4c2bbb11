/*
 * test_unit_set - one statement for many records: when, and what follows when it fails
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "unit_bench.h"

static struct unit_bench *bench;

static int set_up(void **state)
{
	bench = bench_open(&(struct bench_options){ .has_sets = true });
	return 0;
}

static int tear_down(void **state)
{
	bench_close(bench);
	return 0;
}

/* Event "PREFIX0" and so on, `each` of them in a strand, from strand `first` on. */
static void add_many(const char *prefix, unsigned count, unsigned first, unsigned each)
{
	char id[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "%s%u", prefix, i);
		bench_add(bench, first + i / each, id);
	}
}

static void add_typed(const char *prefix, unsigned count, unsigned strand, const char *type)
{
	char id[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "%s%u", prefix, i);
		bench_put(
			bench, &(struct bench_record){ .strand = strand, .id = id, .type = type });
	}
}

/* How often the word is in the journal. */
static unsigned count_word(const char *word)
{
	unsigned count = 0;

	for (const char *at = fake_store_journal(bench->store); (at = strstr(at, word)); at++) {
		count++;
	}
	return count;
}

static void run_expect(const char *ends)
{
	fake_store_clear_journal(bench->store);
	bench_run_expect(bench, ends);
}

static void expect_journal(const char *expected)
{
	assert_string_equal(fake_store_journal(bench->store), expected);
}

static size_t effect_count(void)
{
	return fake_store_rows(bench->store)->effect_count;
}

/* Effect `at` is that of this event. */
static void expect_effect(size_t at, const char *id)
{
	const struct fake_effect *effect = &fake_store_rows(bench->store)->effects[at];

	assert_true(at < effect_count());
	assert_true(slice_equal_str(effect->values[0], id));
}

static void expect_uncharged_but(unsigned guilty)
{
	for (unsigned i = 0; i < bench->count; i++) {
		assert_int_equal(bench->records[i]->attempts, i == guilty);
	}
}

static void fail_set(unsigned skip, unsigned times, enum store_failure failure, const char *code)
{
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_SET, NULL, .skip = skip, .times = times,
			.failure = failure, .code = code });
}

/* ---- forming ---- */

static void records_with_the_same_statement_are_one_set(void **state)
{
	add_many("a", 3, 0, 1);
	run_expect("DDD");
	expect_journal("begin claim:3 | savepoint:1 set:3 release:1 commit | ");
	expect_effect(0, "a0");
	expect_effect(2, "a2");
}

static void a_set_ends_where_another_statement_begins(void **state)
{
	add_typed("a", 2, 0, "");
	add_typed("b", 3, 0, "sql");
	add_typed("c", 2, 0, "");
	run_expect("D(7)");
	expect_journal("begin claim:7 | savepoint:1 set:2 release:1 savepoint:2 set:3 release:2 "
		       "savepoint:3 set:2 release:3 commit | ");
	expect_effect(1, "a1");
	expect_effect(2, "b0");
	expect_effect(5, "c0");
}

static void a_record_with_two_statements_is_in_no_set(void **state)
{
	add_many("a", 2, 0, 2);
	bench_add_doing(bench, 0, "two", "twice");
	add_many("b", 2, 1, 2);
	run_expect("D(5)");
	expect_journal("begin claim:5 | savepoint:1 set:2 release:1 savepoint:2 statement:2 "
		       "statement:2 release:2 savepoint:3 set:2 release:3 commit | ");
	assert_int_equal(bench_effects(bench, "two"), 2);
}

static void a_record_with_another_number_of_values_is_in_no_set(void **state)
{
	add_many("a", 2, 0, 2);
	bench_add_doing(bench, 0, "odd", "more");
	add_many("b", 2, 1, 2);
	run_expect("D(5)");
	assert_int_equal(count_word("set:2"), 2);
	assert_int_equal(count_word("statement:2"), 1);
}

static void records_without_an_effect_do_not_break_a_set(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "skip", "skip");
	bench_add_doing(bench, 2, "dead", "reject");
	bench_add(bench, 3, "a");
	bench_add_doing(bench, 4, "later", "retry");
	bench_add(bench, 5, "b");
	run_expect("DSAURD");
	assert_int_equal(count_word("set:2"), 1);
	assert_int_equal(effect_count(), 2);
}

static void a_set_carries_so_many_bytes_and_no_more(void **state)
{
	enum { NOTE_SIZE = 300 * 1024 };
	char *note = xcalloc(1, NOTE_SIZE + 1);

	memset(note, 'x', NOTE_SIZE);
	for (unsigned i = 0; i < 6; i++) {
		char *value = xasprintf("{\"event_id\":\"a%u\",\"event_type\":\"sql\","
					"\"payload\":{\"n\":\"%s\"}}",
			i, note);
		bench_put(bench, &(struct bench_record){ .strand = i, .value = value });
		free(value);
	}
	run_expect("D(6)");
	assert_int_equal(count_word("set:3"), 2);
	free(note);
}

/* More than 64 subtransactions overflow a backend's cache. */
static void statements_that_alternate_do_not_make_more_groups(void **state)
{
	for (unsigned i = 0; i < 500; i++) {
		char prefix[16];
		snprintf(prefix, sizeof(prefix), "%u-", i);
		add_typed(prefix, 1, i, i % 4 > 1 ? "sql" : "");
	}
	run_expect("D(500)");
	assert_in_range(count_word("savepoint:"), 1, 51);
	for (unsigned i = 0; i < 500; i++) {
		char id[32];
		snprintf(id, sizeof(id), "%u-0", i);
		expect_effect(i, id);
	}
}

static void sets_and_single_statements_together_keep_the_limit_of_groups(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		char prefix[16];
		snprintf(prefix, sizeof(prefix), "s%u-", i);
		add_typed(prefix, 22, i, "");
		snprintf(prefix, sizeof(prefix), "q%u-", i);
		add_typed(prefix, 3, i, "sql");
	}
	run_expect("D(500)");
	assert_int_equal(count_word("set:22"), 20);
	assert_in_range(count_word("savepoint:"), 1, 51);
}

/* ---- failing ---- */

static void a_poison_among_many_is_found_and_dead_alone(void **state)
{
	add_many("a", 500, 0, 2);
	bench_fail_statement(bench, "a130", STORE_STATEMENT, "23505");
	run_expect("D(130)AD(369)");
	assert_int_equal(count_word("set:500!"), 1);
	assert_int_equal(count_word("set:64!"), 1);
	assert_int_equal(count_word("statement:130!"), 1);
	assert_string_equal(bench->unit.works[130].code, "23505");
	assert_int_equal(bench_row(bench, "a130")->outcome, STORE_OUTCOME_DLQ);
	assert_int_equal(bench_effects(bench, "a130"), 0);
	assert_int_equal(effect_count(), 499);
	expect_uncharged_but(130);
	expect_effect(129, "a129");
	expect_effect(130, "a131"); /* its strand goes on, in its order */
	expect_effect(498, "a499");
}

static void only_what_is_near_the_failure_goes_alone(void **state)
{
	add_many("a", 500, 0, 1);
	bench_fail_statement(bench, "a130", STORE_STATEMENT, "23505");
	run_expect("D(130)AD(369)");
	/* 0-63 and 64-127 stand; 128-191 go one by one; the rest in sets again */
	assert_int_equal(count_word("statement:127 "), 0);
	assert_int_equal(count_word("statement:192 "), 0);
	assert_int_equal(count_word("statement:191 "), 1);
	assert_int_equal(count_word("set:64 "), 2 + 4);
	assert_int_equal(count_word("set:52 "), 1);
}

static void first_and_last_of_a_set_are_found(void **state)
{
	add_many("a", 100, 0, 1);
	bench_fail_statement(bench, "a0", STORE_STATEMENT, "22P02");
	bench_fail_statement(bench, "a99", STORE_ROWS, "");
	run_expect("AD(98)A");
	assert_int_equal(effect_count(), 98);
	expect_effect(0, "a1");
	expect_effect(97, "a98");
}

static void a_retry_cuts_what_stands_behind_it_in_the_set(void **state)
{
	add_many("a", 10, 0, 5);
	bench_fail_statement(bench, "a2", STORE_STATEMENT, "23503");
	run_expect("DDRGGD(5)");
	assert_int_equal(effect_count(), 7);
	assert_null(bench_row(bench, "a2"));
	assert_null(bench_row(bench, "a3"));
	expect_uncharged_but(2);
	fake_store_heal(bench->store);
	bench_next(bench);
	run_expect("DDD");
	expect_effect(7, "a2");
	expect_effect(9, "a4");
	assert_int_equal(count_word("set:3"), 1);
}

static void a_retry_in_one_set_cuts_its_strand_in_the_next(void **state)
{
	/* sets of 64: the strand of a100 to a199 spans three of them */
	add_many("a", 300, 0, 100);
	bench_fail_statement(bench, "a110", STORE_STATEMENT, "23503");
	run_expect("D(110)RG(89)D(100)");
	assert_int_equal(effect_count(), 210);
	assert_null(bench_row(bench, "a150"));
	expect_effect(110, "a200");
}

static void an_operators_error_holds_all_and_charges_nobody(void **state)
{
	add_many("a", 200, 0, 1);
	bench_fail_statement(bench, "a0", STORE_STATEMENT, "42P01");
	run_expect("H(200)");
	assert_int_equal(effect_count(), 0);
	assert_int_equal(bench_rows(bench), 0);
	expect_uncharged_but(bench->count);
}

static void an_operators_error_leaves_other_handlers_alone(void **state)
{
	add_typed("a", 10, 0, "");
	add_typed("b", 10, 1, "sql");
	bench_fail_statement(bench, "a3", STORE_STATEMENT, "42P01");
	run_expect("D(3)HG(6)D(10)");
	assert_int_equal(effect_count(), 13);
	assert_int_equal(count_word("set:10 "), 1);
	expect_effect(3, "b0");
}

static void a_set_over_its_time_is_made_smaller_and_charges_nobody(void **state)
{
	add_many("a", 500, 0, 1);
	fail_set(0, 1, STORE_TIMEOUT, "57014");
	run_expect("D(500)");
	assert_int_equal(count_word("set:500!"), 1);
	assert_int_equal(count_word("set:64 "), 7);
	assert_int_equal(count_word("statement:"), 0);
	expect_uncharged_but(bench->count);
	assert_int_equal(effect_count(), 500);
}

static void a_failed_set_is_never_the_whole_of_it(void **state)
{
	/* whatever the set says, single statements are what counts */
	static const enum store_failure failures[] = { STORE_STATEMENT, STORE_TIMEOUT, STORE_ROWS };

	for (size_t i = 0; i < 3; i++) {
		bench_close(bench);
		bench = bench_open(&(struct bench_options){ .has_sets = true });
		add_many("a", 200, 0, 4);
		fail_set(0, 0, failures[i], "22P02");
		run_expect("D(200)");
		assert_int_equal(effect_count(), 200);
		expect_uncharged_but(bench->count);
		expect_effect(0, "a0");
		expect_effect(199, "a199");
	}
}

static void a_conflict_in_a_set_is_redone_in_halves(void **state)
{
	add_many("a", 100, 0, 1);
	fail_set(0, 1, STORE_CONFLICT, "40P01");
	run_expect("D(100)");
	assert_int_equal(count_word("set:100!"), 1);
	assert_int_equal(count_word("set:50 "), 2);
	assert_int_equal(count_word("commit"), 2);
	expect_uncharged_but(bench->count);
	assert_int_equal(effect_count(), 100);
}

static void a_record_that_conflicts_alone_is_found_without_sets(void **state)
{
	add_many("a", 8, 0, 1);
	bench_fail_statement(bench, "a5", STORE_CONFLICT, "55P03");
	run_expect("D(5)RDD");
	expect_uncharged_but(5);
	assert_int_equal(effect_count(), 7);
}

static void a_connection_lost_in_a_set_sends_the_batch_back(void **state)
{
	add_many("a", 100, 0, 1);
	fail_set(0, 1, STORE_LOST, "");
	run_expect("G(100)");
	assert_int_equal(effect_count(), 0);
	assert_int_equal(count_word("set:"), 1);
	expect_uncharged_but(bench->count);
	bench_next(bench);
	run_expect("D(100)");
}

static void a_deferred_failure_is_halved_down_to_its_record(void **state)
{
	add_many("a", 16, 0, 1);
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, "a9", .failure = STORE_STATEMENT, .code = "23514" });
	run_expect("D(9)AD(6)");
	assert_int_equal(effect_count(), 15);
	assert_int_equal(bench_effects(bench, "a9"), 0);
}

static void decisions_go_with_the_sets_in_one_transaction(void **state)
{
	add_many("a", 10, 0, 1);
	bench_add_doing(bench, 20, "dead", "reject");
	bench_add_doing(bench, 21, "later", "retry");
	run_expect("D(10)AR");
	assert_int_equal(count_word("set:10 release:1"), 1);
	assert_int_equal(count_word("decide "), 1);
	assert_int_equal(count_word("commit | "), 1);
	assert_int_equal(bench_stored_attempts(bench, 21, 0), 1);
}

/* ---- how well sets go ---- */

static bool next_batch_has_sets(void)
{
	static unsigned round;
	char prefix[16];

	bench_clear(bench);
	snprintf(prefix, sizeof(prefix), "n%u-", round++);
	add_many(prefix, 4, 0, 1);
	run_expect("D(4)");
	return count_word("set:4") > 0;
}

/* A batch in which four sets fail: one large, then three small ones. */
static void run_bad_batch(const char *prefix)
{
	bench_clear(bench);
	fake_store_heal(bench->store);
	fail_set(0, 1, STORE_STATEMENT, "22P02");
	fail_set(0, 3, STORE_STATEMENT, "22P02");
	add_many(prefix, 300, 0, 1);
	run_expect("D(300)");
	assert_int_equal(count_word("set:300!"), 1);
	assert_int_equal(count_word("set:64!"), 3);
}

static void where_sets_fail_often_batches_go_without_for_a_while(void **state)
{
	for (unsigned without = 4, round = 0; round < 7; round++) {
		char prefix[16];
		snprintf(prefix, sizeof(prefix), "bad%u-", round);
		run_bad_batch(prefix);
		for (unsigned i = 0; i < without; i++) {
			assert_false(next_batch_has_sets());
		}
		/* the one that comes then fails too: twice as long, at most 64 batches */
		without = without < 64 ? 2 * without : 64;
	}
}

static void a_good_batch_ends_the_mistrust(void **state)
{
	run_bad_batch("a");
	for (unsigned i = 0; i < 4; i++) {
		assert_false(next_batch_has_sets());
	}
	assert_true(next_batch_has_sets());
	run_bad_batch("b");
	for (unsigned i = 0; i < 4; i++) {
		assert_false(next_batch_has_sets());
	}
	assert_true(next_batch_has_sets());
}

static void a_poison_now_and_then_does_not_end_sets(void **state)
{
	add_many("a", 300, 0, 1);
	bench_fail_statement(bench, "a17", STORE_STATEMENT, "22P02");
	run_expect("D(17)AD(282)");
	assert_true(next_batch_has_sets());
}

static void halves_of_a_bad_batch_count_as_one_batch(void **state)
{
	add_many("a", 300, 0, 1);
	fail_set(0, 4, STORE_STATEMENT, "22P02");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_CONFLICT, .code = "40001" });
	run_expect("D(300)");
	for (unsigned i = 0; i < 4; i++) {
		assert_false(next_batch_has_sets());
	}
	assert_true(next_batch_has_sets());
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_with_the_same_statement_are_one_set),
		TEST(a_set_ends_where_another_statement_begins),
		TEST(a_record_with_two_statements_is_in_no_set),
		TEST(a_record_with_another_number_of_values_is_in_no_set),
		TEST(records_without_an_effect_do_not_break_a_set),
		TEST(a_set_carries_so_many_bytes_and_no_more),
		TEST(statements_that_alternate_do_not_make_more_groups),
		TEST(sets_and_single_statements_together_keep_the_limit_of_groups),
		TEST(a_poison_among_many_is_found_and_dead_alone),
		TEST(only_what_is_near_the_failure_goes_alone),
		TEST(first_and_last_of_a_set_are_found),
		TEST(a_retry_cuts_what_stands_behind_it_in_the_set),
		TEST(a_retry_in_one_set_cuts_its_strand_in_the_next),
		TEST(an_operators_error_holds_all_and_charges_nobody),
		TEST(an_operators_error_leaves_other_handlers_alone),
		TEST(a_set_over_its_time_is_made_smaller_and_charges_nobody),
		TEST(a_failed_set_is_never_the_whole_of_it),
		TEST(a_conflict_in_a_set_is_redone_in_halves),
		TEST(a_record_that_conflicts_alone_is_found_without_sets),
		TEST(a_connection_lost_in_a_set_sends_the_batch_back),
		TEST(a_deferred_failure_is_halved_down_to_its_record),
		TEST(decisions_go_with_the_sets_in_one_transaction),
		TEST(where_sets_fail_often_batches_go_without_for_a_while),
		TEST(a_good_batch_ends_the_mistrust),
		TEST(a_poison_now_and_then_does_not_end_sets),
		TEST(halves_of_a_bad_batch_count_as_one_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
