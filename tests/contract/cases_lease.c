/*
 * cases_lease - who owns an event whose effect no transaction covers, and until when
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cases.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)
#define SHORT_US ((int64_t)30 * 1000)
#define WAIT_US ((int64_t)10 * 1000 * 1000)

static struct store_lease lease_of(char owner, int64_t lease_us)
{
	struct store_lease lease = { .lease_us = lease_us };

	memset(lease.owner, owner, sizeof(lease.owner));
	return lease;
}

/* One lease in a transaction of its own, committed. */
static enum claim_verdict lease_alone(
	struct store_session *session, struct store_lease lease, struct store_claim *claim)
{
	session->ops->begin(session);
	session->ops->lease(session, &lease, claim, 1);
	session->ops->commit(session);
	flush_expect(session, STORE_OK);
	return claim->verdict;
}

static enum claim_verdict lease_id(
	struct store_session *session, struct store_lease lease, const char *id, int64_t offset)
{
	struct store_claim claim = claim_of(id, offset);

	return lease_alone(session, lease, &claim);
}

static bool end_alone(struct store_session *session, struct store_lease lease,
	enum store_lease_end end, struct store_claim claim)
{
	session->ops->begin(session);
	session->ops->end_leases(session, &lease, end, &claim, 1);
	session->ops->commit(session);
	flush_expect(session, STORE_OK);
	return claim.is_mine;
}

/* Ask until the lease that is in the way ends by itself. */
static void wait_taken_over(struct store_session *session, struct store_lease lease, const char *id)
{
	int64_t deadline_us = clock_mono_us() + WAIT_US;
	enum claim_verdict verdict;

	while ((verdict = lease_id(session, lease, id, 1)) == CLAIM_BUSY) {
		assert_true(clock_mono_us() < deadline_us);
	}
	assert_int_equal(verdict, CLAIM_TAKEN_OVER);
}

static void expect_rows(struct bench *bench, enum bench_row kind, long expected)
{
	long found = bench_count_rows(bench, kind);

	assert_true(found == expected || found == BENCH_UNSEEN);
}

/* ---- taking ---- */

static void a_lease_is_committed_before_the_effect(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(lease_id(bench->session, lease_of('A', LONG_US), "a", 1), CLAIM_NEW);
	expect_rows(bench, ROW_RUNNING, 1);
}

static void an_id_leased_to_another_is_busy_for_as_long_as_the_lease_runs(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);

	lease_id(bench->session, lease_of('A', LONG_US), "a", 1);
	assert_int_equal(lease_alone(bench->session, lease_of('B', LONG_US), &claim), CLAIM_BUSY);
	assert_true(claim.busy_us > LONG_US / 2 && claim.busy_us <= LONG_US);
	claim = claim_of("a", 7);
	assert_int_equal(lease_alone(bench->session, lease_of('B', LONG_US), &claim), CLAIM_BUSY);
	assert_true(end_alone(
		bench->session, lease_of('A', LONG_US), STORE_LEASE_DONE, claim_of("a", 1)));
}

static void an_event_that_ended_is_a_duplicate(void **state)
{
	struct bench *bench = *state;
	struct store_lease lease = lease_of('A', LONG_US);

	lease_id(bench->session, lease, "a", 1);
	assert_true(end_alone(bench->session, lease, STORE_LEASE_DONE, claim_of("a", 1)));
	expect_rows(bench, ROW_DONE, 1);
	assert_int_equal(lease_id(bench->session, lease, "a", 1), CLAIM_DUPLICATE);
	assert_int_equal(lease_id(bench->session, lease_of('B', LONG_US), "a", 5), CLAIM_DUPLICATE);
}

static void an_event_that_ended_in_a_transaction_is_a_duplicate(void **state)
{
	struct bench *bench = *state;

	claim_alone(bench->session, claim_of("a", 1));
	assert_int_equal(lease_id(bench->session, lease_of('A', LONG_US), "a", 1), CLAIM_DUPLICATE);
	lease_id(bench->session, lease_of('A', LONG_US), "b", 2);
	end_alone(bench->session, lease_of('A', LONG_US), STORE_LEASE_DONE, claim_of("b", 2));
	assert_int_equal(claim_alone(bench->session, claim_of("b", 2)), CLAIM_DUPLICATE);
}

static void a_dead_letter_is_told_with_its_decision_at_its_position_only(void **state)
{
	struct bench *bench = *state;
	struct store_lease lease = lease_of('A', LONG_US);
	struct store_claim claim = claim_of("a", 1);

	lease_alone(bench->session, lease, &claim);
	claim.decision = slice_from_str("rejected 1 2 3 0  no such customer");
	assert_true(end_alone(bench->session, lease, STORE_LEASE_DLQ, claim));
	expect_rows(bench, ROW_DEAD, 1);

	claim = claim_of("a", 1);
	assert_int_equal(lease_alone(bench->session, lease, &claim), CLAIM_SETTLED_DLQ);
	assert_true(slice_equal_str(claim.decision, "rejected 1 2 3 0  no such customer"));
	claim = claim_of("a", 2);
	assert_int_equal(lease_alone(bench->session, lease, &claim), CLAIM_DUPLICATE);
	assert_true(claim.is_dead_elsewhere);
}

static void a_released_lease_leaves_nothing(void **state)
{
	struct bench *bench = *state;
	struct store_lease lease = lease_of('A', LONG_US);

	lease_id(bench->session, lease, "a", 1);
	assert_true(end_alone(bench->session, lease, STORE_LEASE_RELEASED, claim_of("a", 1)));
	expect_rows(bench, ROW_ANY, 0);
	assert_int_equal(lease_id(bench->session, lease_of('B', LONG_US), "a", 1), CLAIM_NEW);
}

/* ---- taking over ---- */

static void an_expired_lease_is_taken_over_and_its_owner_learns_it(void **state)
{
	static const enum store_lease_end ends[] = { STORE_LEASE_DONE, STORE_LEASE_DLQ,
		STORE_LEASE_RELEASED, STORE_LEASE_RENEWED };
	struct bench *bench = *state;

	lease_id(bench->session, lease_of('A', SHORT_US), "a", 1);
	wait_taken_over(bench->session, lease_of('B', LONG_US), "a");
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_false(end_alone(
			bench->session, lease_of('A', LONG_US), ends[i], claim_of("a", 1)));
		expect_rows(bench, ROW_RUNNING, 1);
	}
	assert_true(end_alone(
		bench->session, lease_of('B', LONG_US), STORE_LEASE_DONE, claim_of("a", 1)));
	assert_false(end_alone(
		bench->session, lease_of('A', LONG_US), STORE_LEASE_RELEASED, claim_of("a", 1)));
	expect_rows(bench, ROW_DONE, 1);
}

static void a_successor_with_the_owners_token_takes_over_at_once(void **state)
{
	struct bench *bench = *state;
	struct store *store = bench_open_store(bench, &bench->options);
	struct store_session *successor = bench_open_session(store);
	struct store_lease lease = lease_of('A', LONG_US);

	lease_id(bench->session, lease, "a", 1);
	assert_int_equal(lease_id(successor, lease, "a", 1), CLAIM_TAKEN_OVER);
	assert_true(end_alone(successor, lease, STORE_LEASE_DONE, claim_of("a", 1)));
	successor->ops->session_close(successor);
	store->ops->close(store);
}

static void a_renewed_lease_goes_on(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);

	lease_id(bench->session, lease_of('A', SHORT_US), "a", 1);
	assert_true(end_alone(
		bench->session, lease_of('A', LONG_US), STORE_LEASE_RENEWED, claim_of("a", 1)));
	assert_int_equal(lease_alone(bench->session, lease_of('B', LONG_US), &claim), CLAIM_BUSY);
	assert_true(claim.busy_us > LONG_US / 2);
}

static void a_transaction_waits_for_a_lease_and_takes_over_an_expired_one(void **state)
{
	struct bench *bench = *state;
	int64_t deadline_us = clock_mono_us() + WAIT_US;
	struct store_claim claim = claim_of("a", 1);

	lease_id(bench->session, lease_of('A', LONG_US), "a", 1);
	begin_claim(bench->session, &claim, 1);
	assert_int_equal(claim.verdict, CLAIM_BUSY);
	assert_true(claim.busy_us > LONG_US / 2 && claim.busy_us <= LONG_US);
	rollback(bench->session);

	lease_id(bench->session, lease_of('A', SHORT_US), "a", 1);
	while (claim_alone(bench->session, claim_of("a", 1)) == CLAIM_BUSY) {
		assert_true(clock_mono_us() < deadline_us);
	}
	expect_rows(bench, ROW_DONE, 1);
	assert_false(end_alone(
		bench->session, lease_of('A', LONG_US), STORE_LEASE_DONE, claim_of("a", 1)));
}

/* ---- many in one flight ---- */

static void leases_and_ends_of_many_events_share_a_flight(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_lease lease = lease_of('A', LONG_US), other = lease_of('B', LONG_US);
	struct store_claim done[] = { claim_of("a", 1), claim_of("b", 2), claim_of("x", 8) };
	struct store_claim released = claim_of("c", 3);
	struct store_claim renewed = claim_of("d", 4);
	struct store_claim leased[] = { claim_of("e", 5), claim_of("f", 6), claim_of("g", 7) };

	lease_id(session, lease, "a", 1);
	lease_id(session, lease, "b", 2);
	lease_id(session, lease, "c", 3);
	lease_id(session, lease, "d", 4);
	lease_id(session, other, "f", 6);
	lease_id(session, other, "g", 7);
	end_alone(session, other, STORE_LEASE_DONE, claim_of("g", 7));

	session->ops->begin(session);
	session->ops->end_leases(session, &lease, STORE_LEASE_DONE, done, 3);
	session->ops->end_leases(session, &lease, STORE_LEASE_RELEASED, &released, 1);
	session->ops->end_leases(session, &lease, STORE_LEASE_RENEWED, &renewed, 1);
	session->ops->lease(session, &lease, leased, 3);
	session->ops->commit(session);
	flush_expect(session, STORE_OK);

	assert_true(done[0].is_mine && done[1].is_mine);
	assert_true(!done[0].was_forgotten && !done[1].was_forgotten);
	/* nobody ever leased it: where rows can vanish that looks the same, and it is marked */
	assert_int_equal(done[2].is_mine, bench->forgets);
	assert_int_equal(done[2].was_forgotten, bench->forgets);
	assert_true(released.is_mine && renewed.is_mine);
	assert_int_equal(leased[0].verdict, CLAIM_NEW);
	assert_int_equal(leased[1].verdict, CLAIM_BUSY);
	assert_int_equal(leased[2].verdict, CLAIM_DUPLICATE);
	expect_rows(bench, ROW_DONE, bench->forgets ? 4 : 3);
	expect_rows(bench, ROW_RUNNING, 3);
}

static void a_flight_rolled_back_changes_no_lease(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_lease lease = lease_of('A', LONG_US);
	struct store_claim ended = claim_of("a", 1), leased = claim_of("b", 2);

	lease_id(session, lease, "a", 1);
	session->ops->begin(session);
	session->ops->end_leases(session, &lease, STORE_LEASE_DONE, &ended, 1);
	session->ops->lease(session, &lease, &leased, 1);
	session->ops->rollback(session);
	flush_expect(session, STORE_OK);
	expect_rows(bench, ROW_RUNNING, 1);
	assert_int_equal(lease_id(session, lease_of('B', LONG_US), "b", 2), CLAIM_NEW);
}

/* The store goes away behind the lease: its owner finds it again by his token. */
static void a_lease_survives_its_session(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench_open_session(bench->store);
	struct store_lease lease = lease_of('A', LONG_US);

	lease_id(session, lease, "a", 1);
	session->ops->session_close(session);
	assert_true(end_alone(bench->session, lease, STORE_LEASE_DONE, claim_of("a", 1)));
}

static const struct CMUnitTest cases[] = {
	CASE(a_lease_is_committed_before_the_effect),
	CASE(an_id_leased_to_another_is_busy_for_as_long_as_the_lease_runs),
	CASE(an_event_that_ended_is_a_duplicate),
	CASE(a_dead_letter_is_told_with_its_decision_at_its_position_only),
	CASE(a_released_lease_leaves_nothing),
	CASE(an_expired_lease_is_taken_over_and_its_owner_learns_it),
	CASE(a_successor_with_the_owners_token_takes_over_at_once),
	CASE(a_renewed_lease_goes_on),
	CASE(leases_and_ends_of_many_events_share_a_flight),
	CASE(a_flight_rolled_back_changes_no_lease),
	CASE(a_lease_survives_its_session),
};

CASE_LIST(lease_cases, cases);

static const struct CMUnitTest transaction_cases[] = {
	CASE(an_event_that_ended_in_a_transaction_is_a_duplicate),
	CASE(a_transaction_waits_for_a_lease_and_takes_over_an_expired_one),
};

CASE_LIST(lease_transaction_cases, transaction_cases);
