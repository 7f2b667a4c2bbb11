/*
 * test_book_lost - effects made elsewhere when leases or the store are lost
 */
#include "book_case.h"

/* ---- leases ---- */

static void a_lease_taken_by_another_is_noticed_at_the_mark_and_counted(void **state)
{
	struct errand *errand = claim("a");

	fly();
	run_claimed();
	take_over(errand);
	go_through();
	expect_end(errand, UNIT_DONE);
	assert_int_equal(book.lost, 1);
	assert_true(errand->is_lost);
	expect_row("a", STORE_OUTCOME_RUNNING);
}

static void a_rejection_after_the_lease_was_lost_decides_nothing(void **state)
{
	struct errand *errand = claim_doing("a", "reject");

	fly();
	run_claimed();
	take_over(errand);
	go_through();
	expect_end(errand, UNIT_AGAIN);
	expect_row("a", STORE_OUTCOME_RUNNING);
	assert_int_equal(book.lost, 0);
}

static void wait_for_renewal(void)
{
	const struct timespec nap = { 0, 1000000 };

	while (!book_has_work(&book, clock_mono_us())) {
		nanosleep(&nap, NULL);
	}
}

static void leases_in_hand_are_renewed_in_one_operation(void **state)
{
	struct errand *a = claim("a");
	int64_t until_us;

	book.lease.lease_us = 3000;
	claim("b");
	fly();
	until_us = a->lease_until_us;
	fake_store_clear_journal(bench->store);
	fake_store_advance(bench->store, 2000);
	wait_for_renewal();
	fly();
	assert_string_equal(fake_store_journal(bench->store), "begin lease_renewed:2 commit | ");
	assert_true(a->lease_until_us > until_us);
	assert_int_equal(bench_row(bench, "a")->until_us, 5000);
}

static void a_renewal_that_comes_too_late_says_that_work_may_not_begin(void **state)
{
	struct errand *errand = claim("a");

	book.lease.lease_us = 3000;
	fly();
	take_over(errand);
	wait_for_renewal();
	fly();
	assert_int_equal(errand->lease_until_us, 0);
}

/* ---- a store that fails ---- */

static void claims_go_back_while_the_store_is_away(void **state)
{
	struct errand *errand = claim("a");

	bench_fail(
		bench, &(struct fake_fault){ STORE_OP_CLAIM, .times = 1, .failure = STORE_LOST });
	assert_int_equal(fly(), STORE_LOST);
	expect_end(errand, UNIT_AGAIN);
	assert_true(errand->unit.store_failed);
	assert_int_equal(errand->record->attempts, 0);
}

static void a_mark_waits_for_the_store(void **state)
{
	struct errand *errand = claim("a");

	fly();
	run_claimed();
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_BEGIN, .times = 3, .failure = STORE_UNAVAILABLE });
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fly(), STORE_UNAVAILABLE);
		assert_null(book.ended.head);
	}
	go_through();
	expect_end(errand, UNIT_DONE);
	expect_row("a", STORE_OUTCOME_DONE);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void a_claim_whose_answer_is_lost_is_released(void **state)
{
	struct errand *errand = claim("a");

	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_LOST, .is_after = true });
	assert_int_equal(fly(), STORE_LOST);
	expect_row("a", STORE_OUTCOME_RUNNING);
	go_through();
	expect_end(errand, UNIT_AGAIN);
	assert_null(bench_row(bench, "a"));
	assert_int_equal(bench_calls(bench, "a"), 0);
}

static void a_mark_whose_answer_is_lost_is_no_lost_lease(void **state)
{
	struct errand *errand = claim("a");

	fly();
	run_claimed();
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_LOST, .is_after = true });
	assert_int_equal(fly(), STORE_LOST);
	go_through();
	expect_end(errand, UNIT_DONE);
	assert_int_equal(book.lost, 0);
	expect_row("a", STORE_OUTCOME_DONE);
}

static void one_event_that_cannot_be_claimed_holds_up_no_other(void **state)
{
	struct store_session *other;
	struct store_flight flight;
	struct err err = ERR_INIT;
	struct store_claim held;
	unsigned done = 0;

	for (const char *id = "a\0b\0c\0d\0e\0"; *id; id += 2) {
		claim(id);
	}
	held = errands[2]->unit.works[0].claim;
	assert_int_equal(fake_store_ops.session_open(bench->store, &other, &err), 0);
	fake_store_ops.session_ready(other, &err);
	fake_store_ops.begin(other);
	fake_store_ops.claim(other, &held, 1);
	fake_store_ops.flush(other, &flight);
	go_through();
	expect_end(errands[2], UNIT_HELD);
	for (unsigned i = 0; i < errand_count; i++) {
		done += errands[i]->unit.works[0].end == UNIT_DONE;
	}
	assert_int_equal(done, 4);
	fake_store_ops.session_close(other);
}

/* The lane's part of what came back: it is taken again. */
static void take_again(void)
{
	struct errand *errand;

	while ((errand = errand_pop(&book.ended))) {
		enum unit_end end = errand_work(errand)->end;
		if (end == UNIT_AGAIN || end == UNIT_HELD) {
			errand_begin(errand, errand->record);
			book_claim(&book, errand);
		}
	}
}

static void every_event_ends_whatever_call_the_answer_is_lost_of(void **state)
{
	static const enum store_op ops[] = { STORE_OP_BEGIN, STORE_OP_CLAIM, STORE_OP_LEASE,
		STORE_OP_COMMIT };

	for (unsigned n = 0; n < 4 * 2 * 3; n++) {
		const struct fake_fault fault = { ops[n % 4], .skip = n / 8, .times = 1,
			.failure = STORE_LOST, .is_after = n / 4 % 2 };
		open_with(NULL);
		bench_fail(bench, &fault);
		claim("a");
		claim("b");
		for (int round = 0; round < 8; round++) {
			go_through();
			take_again();
		}
		expect_row("a", STORE_OUTCOME_DONE);
		expect_row("b", STORE_OUTCOME_DONE);
		assert_int_equal(bench_rows(bench), 2);
		assert_int_equal(bench_calls(bench, "a") + bench_calls(bench, "b"), 2);
		tear_down(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lease_taken_by_another_is_noticed_at_the_mark_and_counted),
		TEST(a_rejection_after_the_lease_was_lost_decides_nothing),
		TEST(leases_in_hand_are_renewed_in_one_operation),
		TEST(a_renewal_that_comes_too_late_says_that_work_may_not_begin),
		TEST(claims_go_back_while_the_store_is_away),
		TEST(a_mark_waits_for_the_store),
		TEST(a_claim_whose_answer_is_lost_is_released),
		TEST(a_mark_whose_answer_is_lost_is_no_lost_lease),
		TEST(one_event_that_cannot_be_claimed_holds_up_no_other),
		cmocka_unit_test(every_event_ends_whatever_call_the_answer_is_lost_of),
	};

	return cmocka_run_group_tests_name("book_lost", tests, NULL, NULL);
}
