/*
 * cases_redis - what only Redis can show: faults of a server that goes on living
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cases.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)

static const struct store_lease lease = { .owner = "A", .lease_us = LONG_US };
static const struct store_lease other = { .owner = "B", .lease_us = LONG_US };

static struct store_flight take(struct store_session *session, const struct store_lease *owner,
	struct store_claim *claim, enum store_failure expected)
{
	session->ops->begin(session);
	session->ops->lease(session, owner, claim, 1);
	session->ops->commit(session);
	return flush_expect(session, expected);
}

static struct store_flight mark(
	struct store_session *session, struct store_claim *claim, enum store_failure expected)
{
	session->ops->begin(session);
	session->ops->end_leases(session, &lease, STORE_LEASE_DONE, claim, 1);
	session->ops->commit(session);
	return flush_expect(session, expected);
}

static void ready(struct store_session *session)
{
	struct err err = ERR_INIT;

	if (session->ops->session_ready(session, &err) != 0) {
		fail_msg("session_ready: %s", err.text);
	}
}

/* The notices that wait are taken, and one of them has these words. */
static void expect_notice(struct store_session *session, const char *words, bool is_loss)
{
	struct store_notice notice;
	bool is_there = false;

	while (session->ops->take_notice(session, &notice)) {
		is_there |= strstr(notice.text, words) && notice.is_loss == is_loss;
	}
	assert_true(is_there);
}

static void expect_no_notice(struct store_session *session)
{
	struct store_notice notice;

	if (session->ops->take_notice(session, &notice)) {
		fail_msg("not expected: %s", notice.text);
	}
}

/* ---- what Redis says ---- */

static void scripts_that_redis_forgot_are_loaded_again_unseen(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	struct store_session *session = bench->session;

	redis_side(bench, "SCRIPT", "FLUSH", NULL);
	take(session, &lease, &claim, STORE_OK);
	assert_int_equal(claim.verdict, CLAIM_NEW);
	redis_side(bench, "SCRIPT", "FLUSH", NULL);
	mark(session, &claim, STORE_OK);
	assert_true(claim.is_mine);
}

static void a_full_redis_is_unavailable_until_there_is_room(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1), second = claim_of("b", 2);
	struct store_flight flight;

	take(bench->session, &lease, &claim, STORE_OK);
	redis_side(bench, "CONFIG", "SET", "maxmemory", "1", NULL);
	flight = take(bench->session, &lease, &second, STORE_UNAVAILABLE);
	assert_string_equal(flight.err.code, "OOM");
	assert_int_equal(flight.op, STORE_OP_COMMIT);
	flight = mark(bench->session, &claim, STORE_UNAVAILABLE);
	redis_side(bench, "CONFIG", "SET", "maxmemory", "0", NULL);
	mark(bench->session, &claim, STORE_OK);
	assert_true(claim.is_mine);
}

static void a_master_made_replica_is_unavailable_and_named(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("a", 1);
	struct store_flight flight;
	struct err err = ERR_INIT;

	redis_side(bench, "REPLICAOF", "127.0.0.1", "1", NULL);
	flight = take(session, &lease, &claim, STORE_UNAVAILABLE);
	assert_string_equal(flight.err.code, "READONLY");
	assert_int_equal(session->ops->session_ready(session, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is a replica of 127.0.0.1:1"));
	redis_side(bench, "REPLICAOF", "NO", "ONE", NULL);
	ready(session);
	take(session, &lease, &claim, STORE_OK);
	expect_notice(session, "another Redis answers", true);
}

static void a_key_of_somebody_else_holds_its_event_only(void **state)
{
	struct bench *bench = *state;
	struct store_claim claims[] = { claim_of("a", 1), claim_of("b", 2), claim_of("c", 3) };

	redis_side(bench, "RPUSH", "onced:id:61000000000000000000000000000000", "x", NULL);
	redis_side(bench, "SET", "onced:id:62000000000000000000000000000000", "x", NULL);
	bench->session->ops->lease(bench->session, &lease, claims, 3);
	flush_expect(bench->session, STORE_OK);
	assert_int_equal(claims[0].verdict, CLAIM_BUSY);
	assert_int_equal(claims[1].verdict, CLAIM_BUSY);
	assert_int_equal(claims[2].verdict, CLAIM_NEW);
	expect_notice(bench->session, "what onced did not write", false);
}

/* ---- connections ---- */

static void a_connection_cut_is_lost_and_comes_back(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("a", 1);
	struct store_flight flight;

	take(session, &lease, &claim, STORE_OK);
	redis_side(bench, "CLIENT", "KILL", "TYPE", "normal", NULL);
	flight = mark(session, &claim, STORE_LOST);
	assert_int_equal(flight.op, STORE_OP_COMMIT);
	mark(session, &claim, STORE_LOST); /* not connected: nothing is sent */
	ready(session);
	mark(session, &claim, STORE_OK);
	assert_true(claim.is_mine);
	expect_no_notice(session);
}

/* Its reply comes when the next question is asked: it must not be taken for the answer to that. */
static void a_late_reply_is_nobodys(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_claim late = claim_of("a", 1), next = claim_of("b", 2);
	int64_t begun_us = clock_mono_us();
	struct store_session *session;
	struct store *store;

	options.lock_timeout_us = 200000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	take(session, &other, &next, STORE_OK);
	redis_side(bench, "CLIENT", "PAUSE", "1000", "ALL", NULL);
	take(session, &lease, &late, STORE_LOST);
	assert_true(clock_mono_us() - begun_us < 900000 + 10 * options.lock_timeout_us);
	ready(session); /* answered when the pause is over */
	take(session, &lease, &next, STORE_OK);
	assert_int_equal(next.verdict, CLAIM_BUSY);
	/* what was on the way may have been done or not: it is ours */
	take(session, &lease, &late, STORE_OK);
	assert_true(late.verdict == CLAIM_TAKEN_OVER || late.verdict == CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
}

static void end(struct store_session *session, enum store_lease_end how, struct store_claim *claim)
{
	session->ops->end_leases(session, &lease, how, claim, 1);
	flush_expect(session, STORE_OK);
}

/* What a connection that was given up had sent already may arrive at any time. */
static void a_release_that_comes_late_ends_no_later_lease(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim first = claim_of("a", 1), second = first;

	take(session, &lease, &first, STORE_OK);
	take(session, &lease, &second, STORE_OK);
	assert_int_equal(second.verdict, CLAIM_TAKEN_OVER);
	end(session, STORE_LEASE_RELEASED, &first);
	assert_false(first.is_mine);
	end(session, STORE_LEASE_RENEWED, &second);
	assert_true(second.is_mine && !second.was_forgotten);
	end(session, STORE_LEASE_RELEASED, &first);
	assert_false(first.is_mine);
	end(session, STORE_LEASE_RELEASED, &second);
	assert_true(second.is_mine);
	take(session, &other, &first, STORE_OK);
	assert_int_equal(first.verdict, CLAIM_NEW);
}

static void a_lease_that_comes_late_is_no_obstacle_to_the_mark(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim first = claim_of("a", 1), late = first;

	take(session, &lease, &first, STORE_OK);
	take(session, &lease, &late, STORE_OK);
	mark(session, &first, STORE_OK);
	assert_true(first.is_mine && !first.was_forgotten);
	take(session, &lease, &late, STORE_OK);
	assert_int_equal(late.verdict, CLAIM_DUPLICATE);
}

static void a_replay_keeps_its_dead_letter_through_renewal_and_release(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim dead = claim_of("a", 1), replay = claim_of("a", 2);

	take(session, &lease, &dead, STORE_OK);
	dead.decision = slice_from_str("no such customer");
	end(session, STORE_LEASE_DLQ, &dead);
	assert_true(dead.is_mine);
	replay.is_replay = true;
	take(session, &lease, &replay, STORE_OK);
	assert_int_equal(replay.verdict, CLAIM_REPLAYED);
	end(session, STORE_LEASE_RENEWED, &replay);
	assert_true(replay.is_mine);
	end(session, STORE_LEASE_RELEASED, &replay);
	assert_true(replay.is_mine);
	take(session, &lease, &dead, STORE_OK);
	assert_int_equal(dead.verdict, CLAIM_SETTLED_DLQ);
	assert_true(slice_equal_str(dead.decision, "no such customer"));
}

/* Answers name the exceptions only, and keys are looked at a thousand at once. */
static void each_of_many_has_a_verdict_of_its_own(void **state)
{
	enum { MANY = 2501, BUSY = 1000, GONE = 2000, LOST = 2500 };
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim *claims = test_calloc(MANY, sizeof(*claims));
	char id[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "n%d", i);
		claims[i] = claim_of(id, i);
	}
	take(session, &other, &claims[BUSY], STORE_OK);
	session->ops->lease(session, &lease, claims, MANY);
	flush_expect(session, STORE_OK);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(claims[i].verdict, i == BUSY ? CLAIM_BUSY : CLAIM_NEW);
	}
	end(session, STORE_LEASE_RELEASED, &claims[GONE]);
	end(session, STORE_LEASE_RELEASED, &claims[LOST]);
	take(session, &other, &claims[LOST], STORE_OK);
	session->ops->end_leases(session, &lease, STORE_LEASE_DONE, claims, MANY);
	flush_expect(session, STORE_OK);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(claims[i].is_mine, i != BUSY && i != LOST);
		assert_int_equal(claims[i].was_forgotten, i == GONE);
	}
	test_free(claims);
}

static void *interrupt_soon(void *argument)
{
	struct store_session *session = argument;
	struct timespec nap = { .tv_nsec = 100000000 };

	nanosleep(&nap, NULL);
	session->ops->session_interrupt(session);
	return NULL;
}

static void an_interrupt_ends_a_wait_and_nothing_else(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("a", 1);
	int64_t begun_us = clock_mono_us();
	pthread_t thread;

	redis_side(bench, "CLIENT", "PAUSE", "1500", "ALL", NULL);
	pthread_create(&thread, NULL, interrupt_soon, session);
	take(session, &lease, &claim, STORE_LOST);
	assert_true(clock_mono_us() - begun_us < 1400000);
	pthread_join(thread, NULL);
	ready(session);
	take(session, &lease, &claim, STORE_OK);
	session->ops->session_interrupt(session);
	take(session, &lease, &claim, STORE_LOST);
	ready(session);
	take(session, &lease, &claim, STORE_OK);
}

/* ---- rows that vanish ---- */

static void a_flush_is_noticed_and_what_is_marked_counts(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("a", 1), next = claim_of("b", 2);

	take(session, &lease, &claim, STORE_OK);
	expect_no_notice(session);
	redis_side(bench, "FLUSHALL", NULL);
	mark(session, &claim, STORE_OK);
	assert_true(claim.is_mine && claim.was_forgotten);
	take(session, &lease, &next, STORE_OK);
	expect_notice(session, "has forgotten what it was told", true);
	take(session, &lease, &next, STORE_OK);
	expect_no_notice(session);
}

static void rows_expire_with_the_retention_and_a_lease_more(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_claim claim = claim_of("a", 1);
	static const char key[] = "onced:id:61000000000000000000000000000000";
	struct store_session *session;
	struct store *store;
	long left_ms;

	options.retention_us = (int64_t)600 * 1000000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	take(session, &lease, &claim, STORE_OK);
	left_ms = redis_side(bench, "PTTL", key, NULL);
	assert_in_range(left_ms, 600001, 660000);
	mark(session, &claim, STORE_OK);
	left_ms = redis_side(bench, "PTTL", key, NULL);
	assert_in_range(left_ms, 500000, 660000); /* by less than the retention: never */
	session->ops->session_close(session);
	store->ops->close(store);
}

static void attempts_expire_too(void **state)
{
	struct bench *bench = *state;
	struct store_attempts attempts = { .position = { SLICE_LITERAL("orders"), 3, 7, 5 },
		.attempts = 1 };
	struct store_session *session = bench->session;

	session->ops->put_attempts(session, &attempts);
	flush_expect(session, STORE_OK);
	assert_true(redis_side(bench, "PTTL", "onced:attempts:orders-service:cluster:orders:3",
			    NULL) > 0);
}

/* ---- one row, for a person ---- */

static struct store_row peek(struct bench *bench, const struct store_claim *claim)
{
	struct store_row row;
	struct err err = ERR_INIT;

	assert_int_equal(
		bench->session->ops->peek(bench->session, claim->key, &row, &err), STORE_OK);
	return row;
}

static enum store_forgotten forget(struct bench *bench, const struct store_claim *claim)
{
	enum store_forgotten forgotten;
	struct err err = ERR_INIT;

	assert_int_equal(bench->session->ops->forget(bench->session, claim->key, &forgotten, &err),
		STORE_OK);
	return forgotten;
}

static void what_ended_can_be_looked_at_and_forgotten_once(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	struct store_row row = peek(bench, &claim);

	assert_false(row.is_there);
	take(bench->session, &lease, &claim, STORE_OK);
	mark(bench->session, &claim, STORE_OK);
	row = peek(bench, &claim);
	assert_true(row.is_there);
	assert_int_equal(row.outcome, STORE_OUTCOME_DONE);
	assert_int_equal(row.partition, -1);
	assert_int_equal(forget(bench, &claim), STORE_FORGOTTEN);
	assert_int_equal(forget(bench, &claim), STORE_NOTHING_TO_FORGET);
	take(bench->session, &lease, &claim, STORE_OK);
	assert_int_equal(claim.verdict, CLAIM_NEW);
}

static void a_dead_letters_row_says_why_and_which_digest(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	struct store_row row;

	claim.has_digest = true;
	memset(claim.digest, 0xab, sizeof(claim.digest));
	take(bench->session, &lease, &claim, STORE_OK);
	claim.decision = SLICE_LITERAL("rejected 422");
	bench->session->ops->end_leases(bench->session, &lease, STORE_LEASE_DLQ, &claim, 1);
	flush_expect(bench->session, STORE_OK);
	row = peek(bench, &claim);
	assert_int_equal(row.outcome, STORE_OUTCOME_DLQ);
	assert_string_equal(row.decision, "rejected 422");
	assert_string_equal(row.digest, "abababababababababababababababab");
}

static void what_a_worker_has_in_hand_cannot_be_forgotten(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	struct store_row row;

	take(bench->session, &lease, &claim, STORE_OK);
	assert_int_equal(forget(bench, &claim), STORE_STILL_RUNNING);
	row = peek(bench, &claim);
	assert_int_equal(row.outcome, STORE_OUTCOME_RUNNING);
	assert_in_range(row.left_us, LONG_US / 2, LONG_US);
	mark(bench->session, &claim, STORE_OK);
	assert_true(claim.is_mine);
}

static void what_onced_did_not_write_is_neither_shown_nor_forgotten(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	enum store_forgotten forgotten;
	struct store_row row;
	struct err err = ERR_INIT;

	redis_side(bench, "SET", "onced:id:61000000000000000000000000000000", "x", NULL);
	assert_int_equal(
		bench->session->ops->peek(bench->session, claim.key, &row, &err), STORE_STATEMENT);
	assert_int_equal(bench->session->ops->forget(bench->session, claim.key, &forgotten, &err),
		STORE_STATEMENT);
	assert_non_null(strstr(err.text, "did not write"));
	assert_int_equal(
		redis_side(bench, "EXISTS", "onced:id:61000000000000000000000000000000", NULL), 1);
}

static const struct CMUnitTest cases[] = {
	CASE(scripts_that_redis_forgot_are_loaded_again_unseen),
	CASE(a_full_redis_is_unavailable_until_there_is_room),
	CASE(a_master_made_replica_is_unavailable_and_named),
	CASE(a_key_of_somebody_else_holds_its_event_only),
	CASE(a_connection_cut_is_lost_and_comes_back),
	CASE(a_late_reply_is_nobodys),
	CASE(a_release_that_comes_late_ends_no_later_lease),
	CASE(a_lease_that_comes_late_is_no_obstacle_to_the_mark),
	CASE(a_replay_keeps_its_dead_letter_through_renewal_and_release),
	CASE(each_of_many_has_a_verdict_of_its_own),
	CASE(an_interrupt_ends_a_wait_and_nothing_else),
	CASE(a_flush_is_noticed_and_what_is_marked_counts),
	CASE(rows_expire_with_the_retention_and_a_lease_more),
	CASE(attempts_expire_too),
	CASE(what_ended_can_be_looked_at_and_forgotten_once),
	CASE(a_dead_letters_row_says_why_and_which_digest),
	CASE(what_a_worker_has_in_hand_cannot_be_forgotten),
	CASE(what_onced_did_not_write_is_neither_shown_nor_forgotten),
};
CASE_LIST(redis_cases, cases);
