/*
 * test_unit_lease - a batch whose effects no transaction covers: leased, made, marked
 *
 * The store's clock stands still but where a case moves it, the unit's is the real one.
 */
#include <string.h>

#include "unit_bench.h"

#define LONG_US ((int64_t)3600 * 1000 * 1000)

static struct unit_bench *bench;

static void open_with(int64_t lease_us, int64_t call_us)
{
	bench = bench_open(&(struct bench_options){ .lease_us = lease_us, .call_us = call_us });
}

static int setup(void **state)
{
	open_with(LONG_US, 1000000);
	return 0;
}

static int setup_short(void **state)
{
	open_with(1000, LONG_US);
	return 0;
}

static int teardown(void **state)
{
	bench_close(bench);
	return 0;
}

static void expect_journal(const char *expected)
{
	assert_string_equal(fake_store_journal(bench->store), expected);
	fake_store_clear_journal(bench->store);
}

static enum store_outcome outcome_of(const char *id)
{
	const struct fake_row *row = bench_row(bench, id);

	assert_non_null(row);
	return row->outcome;
}

static void ready(void)
{
	assert_int_equal(fake_store_ops.session_ready(bench->session, NULL), 0);
}

/* Somebody takes the lease of an event of strand 0. */
static void lease_as(const char *owner, const char *id, int64_t offset, int64_t lease_us)
{
	struct store_lease lease = { .lease_us = lease_us };
	struct store_claim claim = bench_claim(0, offset, id);
	struct store_session *session;
	struct store_flight flight;
	struct err err = ERR_INIT;

	memcpy(lease.owner, owner, strlen(owner));
	assert_int_equal(fake_store_ops.session_open(bench->store, &session, &err), 0);
	assert_int_equal(fake_store_ops.session_ready(session, &err), 0);
	fake_store_ops.begin(session);
	fake_store_ops.lease(session, &lease, &claim, 1);
	fake_store_ops.commit(session);
	assert_int_equal(fake_store_ops.flush(session, &flight), STORE_OK);
	fake_store_ops.session_close(session);
	fake_store_clear_journal(bench->store);
}

static void lose_the_marks(bool is_after)
{
	/* the first COMMIT is the lease's */
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_COMMIT, .skip = 1, .times = 1, .failure = STORE_LOST,
			.is_after = is_after });
}

/* ---- how it goes ---- */

static void a_batch_is_leased_in_one_flight_and_marked_in_another(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	bench_add(bench, 1, "c");
	bench_run_expect(bench, "DDD");
	expect_journal("begin lease:3 commit | begin lease_done:3 commit | ");
	assert_int_equal(outcome_of("b"), STORE_OUTCOME_DONE);
	assert_int_equal(bench->call_count, 3);
}

static void each_end_has_its_mark_and_decisions_come_before_what_is_done(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "b", "reject");
	bench_add_doing(bench, 2, "c", "retry");
	bench_add(bench, 2, "d");
	bench_add_doing(bench, 3, "e", "skip");
	bench_run_expect(bench, "DARGS");
	expect_journal("begin lease:5 commit | "
		       "begin attempts lease_released:2 lease_dlq:1 lease_done:2 commit | ");
	assert_int_equal(outcome_of("b"), STORE_OUTCOME_DLQ);
	assert_null(bench_row(bench, "c"));
	assert_null(bench_row(bench, "d"));
	assert_int_equal(bench_calls(bench, "d"), 0);
}

static void the_same_id_twice_is_leased_once(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "a");
	bench_run_expect(bench, "DU");
	assert_int_equal(bench->call_count, 1);
	bench_redeliver(bench);
	bench_run_expect(bench, "UU");
	assert_int_equal(bench->call_count, 1);
}

/* ---- others ---- */

static void a_living_owners_event_waits_and_is_not_called(void **state)
{
	lease_as("other", "a", 0, LONG_US);
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "behind");
	bench_add(bench, 1, "c");
	bench_run_expect(bench, "HGD");
	assert_int_equal(bench_calls(bench, "a") + bench_calls(bench, "behind"), 0);
	assert_int_equal(outcome_of("a"), STORE_OUTCOME_RUNNING);
	assert_null(bench_row(bench, "behind"));
}

static void a_dead_owners_event_is_taken_over_and_counted(void **state)
{
	lease_as("other", "a", 0, 10);
	fake_store_advance(bench->store, 11);
	lease_as("unit", "b", 1, LONG_US); /* our own token: a predecessor's */
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	bench_add(bench, 0, "c");
	bench_run_expect(bench, "DDD");
	assert_int_equal(bench->unit.taken_over, 2);
	assert_int_equal(bench->unit.lost, 0);
}

/* ---- a store that fails ---- */

static void nothing_is_called_without_a_lease(void **state)
{
	bench_fail(
		bench, &(struct fake_fault){ STORE_OP_COMMIT, .times = 1, .failure = STORE_LOST });
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "G");
	assert_true(bench->unit.store_failed);
	assert_null(bench->unit.marks);
	assert_int_equal(bench->call_count, 0);
	assert_int_equal(bench->records[0]->attempts, 0);
	bench_next(bench);
	bench_run_expect(bench, "D");
}

static void marks_that_the_store_did_not_hear_are_sent_again_and_nobody_is_called(void **state)
{
	lose_the_marks(false);
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "b", "reject");
	bench_run(bench);
	assert_non_null(bench->unit.marks);
	assert_int_equal(outcome_of("a"), STORE_OUTCOME_RUNNING);
	assert_false(unit_mark(&bench->unit)); /* not connected */
	ready();
	assert_true(unit_mark(&bench->unit));
	bench_expect(bench, "DA");
	assert_null(bench->unit.marks);
	assert_int_equal(bench->unit.lost, 0);
	assert_int_equal(bench->call_count, 2);
	assert_int_equal(outcome_of("a"), STORE_OUTCOME_DONE);
	assert_int_equal(outcome_of("b"), STORE_OUTCOME_DLQ);
}

/* They are ours no more because they are made: that is no loss, and the decision is found again. */
static void marks_whose_answer_was_lost_count_as_made(void **state)
{
	lose_the_marks(true);
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "b", "reject");
	bench_run(bench);
	assert_non_null(bench->unit.marks);
	assert_int_equal(outcome_of("a"), STORE_OUTCOME_DONE);
	ready();
	assert_true(unit_mark(&bench->unit));
	bench_expect(bench, "DG");
	assert_int_equal(bench->unit.lost, 0);
	bench_next(bench);
	bench_run_expect(bench, "A");
	assert_int_equal(bench_calls(bench, "b"), 1);
}

static void a_lease_that_another_took_meanwhile_is_counted_as_lost(void **state)
{
	/* never sent: surely not made */
	bench_fail(
		bench, &(struct fake_fault){ STORE_OP_LEASE, .times = 1, .failure = STORE_LOST });
	bench_add(bench, 0, "a");
	bench_run(bench);
	fake_store_advance(bench->store, LONG_US + 1);
	lease_as("other", "a", 0, LONG_US);
	ready();
	assert_true(unit_mark(&bench->unit));
	bench_expect(bench, "D");
	assert_int_equal(bench->unit.lost, 1);
	assert_int_equal(outcome_of("a"), STORE_OUTCOME_RUNNING);
}

static void what_a_stopping_worker_gives_up_comes_again(void **state)
{
	lose_the_marks(false);
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	bench_run(bench);
	unit_give_up_marks(&bench->unit);
	bench_expect(bench, "GG");
	assert_null(bench->unit.marks);
	bench_redeliver(bench);
	bench_run_expect(bench, "DD");
	assert_int_equal(bench->unit.taken_over, 2);
	assert_int_equal(bench_calls(bench, "a"), 2);
}

/* ---- renewals ---- */

static void a_lease_that_is_too_short_for_a_call_is_renewed_before_it(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_run_expect(bench, "DD");
	expect_journal("begin lease:2 commit | begin lease_renewed:2 commit | "
		       "begin lease_renewed:2 commit | begin lease_done:2 commit | ");
}

static void what_cannot_be_renewed_is_not_called(void **state)
{
	bench_fail(
		bench, &(struct fake_fault){ STORE_OP_LEASE, .times = 1, .failure = STORE_LOST });
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_run(bench);
	assert_int_equal(bench->call_count, 0);
	assert_non_null(bench->unit.marks);
	ready();
	assert_true(unit_mark(&bench->unit));
	bench_expect(bench, "GG");
	assert_null(bench_row(bench, "a"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define SHORT(function) cmocka_unit_test_setup_teardown(function, setup_short, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_is_leased_in_one_flight_and_marked_in_another),
		TEST(each_end_has_its_mark_and_decisions_come_before_what_is_done),
		TEST(the_same_id_twice_is_leased_once),
		TEST(a_living_owners_event_waits_and_is_not_called),
		TEST(a_dead_owners_event_is_taken_over_and_counted),
		TEST(nothing_is_called_without_a_lease),
		TEST(marks_that_the_store_did_not_hear_are_sent_again_and_nobody_is_called),
		TEST(marks_whose_answer_was_lost_count_as_made),
		TEST(a_lease_that_another_took_meanwhile_is_counted_as_lost),
		TEST(what_a_stopping_worker_gives_up_comes_again),
		SHORT(a_lease_that_is_too_short_for_a_call_is_renewed_before_it),
		SHORT(what_cannot_be_renewed_is_not_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
