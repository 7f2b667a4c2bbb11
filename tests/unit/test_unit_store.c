/*
 * test_unit_store - the unit of work when the store fails it
 */
#include <string.h>

#include "base/clock.h"
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

static const struct unit_work *work(unsigned i)
{
	return &bench->unit.works[i];
}

static void add_strands(unsigned count)
{
	char id[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		bench_add(bench, i, id);
	}
}

static void expect_nobody_charged(void)
{
	for (unsigned i = 0; i < bench->count; i++) {
		assert_int_equal(bench->records[i]->attempts, 0);
	}
	assert_int_equal(fake_store_rows(bench->store)->attempt_count, 0);
}

static void expect_each_called_at_most_once(void)
{
	for (size_t i = 0; i < bench->call_count; i++) {
		assert_int_equal(bench_calls(bench, bench->calls[i].id), 1);
	}
}

/* ---- conflicts ---- */

static void a_deadlock_is_redone_in_halves_and_charges_nobody(void **state)
{
	add_strands(16);
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, .skip = 7, .times = 1,
			.failure = STORE_CONFLICT, .code = "40P01" });
	bench_run_expect(bench, "D(16)");
	expect_nobody_charged();
	expect_each_called_at_most_once();
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 16);
}

static void a_record_that_conflicts_alone_is_charged_alone(void **state)
{
	static const enum store_failure failures[] = { STORE_CONFLICT, STORE_STATEMENT };
	static const char *const codes[] = { "55P03", "40001" };

	for (size_t i = 0; i < 2; i++) {
		fake_store_heal(bench->store);
		bench_add(bench, 20, i ? "x0" : "y0");
		bench_add(bench, 21, "guilty");
		bench_add(bench, 21, i ? "x1" : "y1");
		bench_add(bench, 22, i ? "x2" : "y2");
		bench_fail_statement(bench, "guilty", failures[i], codes[i]);
		bench_run_expect(bench, "DRGD");
		assert_int_equal(bench->records[1]->attempts, 1);
		assert_int_equal(bench->records[0]->attempts, 0);
		assert_int_equal(bench->records[2]->attempts, 0);
		assert_string_equal(work(1)->code, codes[i]);
		assert_null(bench_row(bench, "guilty"));
		bench_clear(bench);
	}
}

static void an_id_that_somebody_holds_waits_alone(void **state)
{
	struct store_session *rival;
	struct store_claim claim = bench_claim(5, 9, "busy");

	assert_int_equal(fake_store_ops.session_open(bench->store, &rival, NULL), 0);
	assert_int_equal(fake_store_ops.session_ready(rival, NULL), 0);
	fake_store_ops.begin(rival);
	fake_store_ops.claim(rival, &claim, 1);
	fake_store_ops.flush(rival, &(struct store_flight){ 0 });

	add_strands(5);
	bench_add(bench, 5, "busy");
	bench_add(bench, 5, "behind");
	bench_add(bench, 6, "z");
	bench_run_expect(bench, "D(5)HGD");
	assert_string_equal(work(5)->code, "55P03");
	assert_true(work(5)->due_us <= clock_mono_us() + 500000);
	expect_nobody_charged();

	fake_store_ops.commit(rival);
	fake_store_ops.flush(rival, &(struct store_flight){ 0 });
	bench_next(bench);
	bench_run_expect(bench, "UD");
	fake_store_ops.session_close(rival);
}

/* ---- what is never a record's fault ---- */

static void errors_of_our_own_statements_hold_and_charge_nobody(void **state)
{
	static const enum store_op ops[] = { STORE_OP_BEGIN, STORE_OP_CLAIM, STORE_OP_SAVEPOINT,
		STORE_OP_RELEASE, STORE_OP_DECIDE };
	static const enum store_failure failures[] = { STORE_CONFLICT, STORE_TIMEOUT,
		STORE_STATEMENT };

	for (size_t op = 0; op < 5; op++) {
		for (size_t f = 0; f < 3; f++) {
			bench_close(bench);
			bench = bench_open(NULL);
			add_strands(3);
			bench_add_doing(bench, 9, "bad", "reject");
			bench_fail(bench,
				&(struct fake_fault){
					ops[op], .failure = failures[f], .code = "22P02" });
			bench_run_expect(bench,
				ops[op] == STORE_OP_DECIDE ? "DDDH"
					: ops[op] == STORE_OP_BEGIN || ops[op] == STORE_OP_CLAIM
					? "HHHH"
					: "HHHA");
			for (unsigned i = 0; i < 3; i++) {
				assert_int_equal(bench->records[i]->attempts, 0);
			}
			fake_store_heal(bench->store);
			bench_run(bench);
		}
	}
}

static void a_claim_that_fails_once_is_redone_smaller(void **state)
{
	add_strands(4);
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_CLAIM, .times = 1, .failure = STORE_TIMEOUT, .code = "57014" });
	bench_run_expect(bench, "DDDD");
	expect_nobody_charged();
}

static void a_commit_that_fails_without_an_effect_charges_nobody(void **state)
{
	bench_add_doing(bench, 0, "a", "skip");
	bench_add_doing(bench, 1, "bad", "reject");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .failure = STORE_STATEMENT, .code = "23505" });
	bench_run_expect(bench, "HH");
	expect_nobody_charged();
}

/* ---- COMMIT ---- */

static void a_deferred_constraint_ends_the_guilty_record_only(void **state)
{
	add_strands(20);
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, "r13", .failure = STORE_STATEMENT, .code = "23514" });
	bench_run_expect(bench, "D(13)AD(6)");
	assert_int_equal(work(13)->reason, PAGE_REJECTED);
	assert_string_equal(work(13)->code, "23514");
	assert_int_equal(bench_row(bench, "r13")->outcome, STORE_OUTCOME_DLQ);
	assert_int_equal(bench_effects(bench, "r13"), 0);
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 19);
	assert_int_equal(bench->records[13]->attempts, 1);
	expect_each_called_at_most_once();
	bench_redeliver(bench);
	bench_run_expect(bench, "U(13)AU(6)");
	assert_string_equal(work(13)->code, "23514");
}

static void a_deferred_foreign_key_is_retried(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "child");
	bench_add(bench, 1, "behind");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, "child", .failure = STORE_STATEMENT, .code = "23503" });
	bench_run_expect(bench, "DRG");
	assert_int_equal(bench->records[1]->attempts, 1);
	assert_int_equal(bench_stored_attempts(bench, 1, bench->records[1]->item.offset), 1);
	assert_null(bench_row(bench, "child"));
}

static void a_decision_that_cannot_be_written_waits(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "behind");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, "a", .failure = STORE_STATEMENT, .code = "23514" });
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_DECIDE, .failure = STORE_CONFLICT, .code = "55P03" });
	bench_run_expect(bench, "HG");
	assert_null(bench_row(bench, "a"));
	expect_nobody_charged();
}

static void a_decision_lost_with_the_connection_comes_back(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, "a", .failure = STORE_STATEMENT, .code = "23514" });
	bench_fail(bench, &(struct fake_fault){ STORE_OP_DECIDE, .failure = STORE_LOST });
	bench_run_expect(bench, "GG");
	assert_true(bench->unit.store_failed);
	expect_nobody_charged();
}

static void a_commit_answered_by_rollback_is_no_commit(void **state)
{
	add_strands(4);
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_COMMIT, .times = 1, .failure = STORE_ROLLED_BACK });
	bench_run_expect(bench, "DDDD");
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 4);
	bench_clear(bench);
	bench_add(bench, 9, "swallows");
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_COMMIT, "swallows", .failure = STORE_ROLLED_BACK });
	bench_run_expect(bench, "R");
	assert_null(bench_row(bench, "swallows"));
	assert_int_equal(bench->records[0]->attempts, 1);
}

/* ---- the store is away ---- */

static void a_store_lost_before_commit_gives_everything_back(void **state)
{
	static const enum store_op ops[] = { STORE_OP_BEGIN, STORE_OP_CLAIM, STORE_OP_SAVEPOINT,
		STORE_OP_STATEMENT, STORE_OP_RELEASE, STORE_OP_COMMIT };
	static const enum store_failure failures[] = { STORE_LOST, STORE_UNAVAILABLE };

	for (size_t i = 0; i < 12; i++) {
		bench_close(bench);
		bench = bench_open(NULL);
		add_strands(3);
		bench_fail(bench,
			&(struct fake_fault){ ops[i % 6], .times = 1, .failure = failures[i / 6],
				.code = "57P01" });
		bench_run_expect(bench, "GGG");
		assert_true(bench->unit.store_failed);
		assert_string_equal(bench->unit.store_err.code, "57P01");
		assert_int_equal(bench_rows(bench), 0);
		expect_nobody_charged();
		bench_next(bench);
		bench_run_expect(bench, "DDD");
		assert_false(bench->unit.store_failed);
	}
}

static void a_store_lost_after_commit_gives_everything_back_and_it_is_found_done(void **state)
{
	add_strands(3);
	bench_add_doing(bench, 3, "bad", "reject");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_LOST, .is_after = true });
	bench_run_expect(bench, "GGGG");
	bench_next(bench);
	bench_run_expect(bench, "UUUA");
	assert_string_equal(work(3)->text, "told to reject");
	assert_int_equal(bench->records[3]->attempts, 1);
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 3);
}

static void halves_committed_before_the_store_was_lost_stay_done(void **state)
{
	add_strands(4);
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_CONFLICT, .code = "40001" });
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_BEGIN, .skip = 2, .times = 1, .failure = STORE_LOST });
	bench_run_expect(bench, "DDGG");
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 2);
	bench_next(bench);
	bench_run_expect(bench, "DD");
}

static void a_rollback_that_finds_no_store_is_noticed_by_the_next_begin(void **state)
{
	add_strands(4);
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_CLAIM, .times = 1, .failure = STORE_TIMEOUT, .code = "57014" });
	bench_fail(bench, &(struct fake_fault){ STORE_OP_ROLLBACK, .failure = STORE_LOST });
	bench_run_expect(bench, "GGGG");
	assert_true(bench->unit.store_failed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_deadlock_is_redone_in_halves_and_charges_nobody),
		TEST(a_record_that_conflicts_alone_is_charged_alone),
		TEST(an_id_that_somebody_holds_waits_alone),
		TEST(errors_of_our_own_statements_hold_and_charge_nobody),
		TEST(a_claim_that_fails_once_is_redone_smaller),
		TEST(a_commit_that_fails_without_an_effect_charges_nobody),
		TEST(a_deferred_constraint_ends_the_guilty_record_only),
		TEST(a_deferred_foreign_key_is_retried),
		TEST(a_decision_that_cannot_be_written_waits),
		TEST(a_decision_lost_with_the_connection_comes_back),
		TEST(a_commit_answered_by_rollback_is_no_commit),
		TEST(a_store_lost_before_commit_gives_everything_back),
		TEST(a_store_lost_after_commit_gives_everything_back_and_it_is_found_done),
		TEST(halves_committed_before_the_store_was_lost_stay_done),
		TEST(a_rollback_that_finds_no_store_is_noticed_by_the_next_begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
