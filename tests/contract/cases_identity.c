/*
 * cases_identity - the same id with another content, and dead letters that come again
 *
 * What is said of claims inside a transaction holds for leases, too.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cases.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)
#define SHORT_US ((int64_t)30 * 1000)
#define WAIT_US ((int64_t)10 * 1000 * 1000)

static const struct store_lease ours = { .owner = "ours", .lease_us = LONG_US };
static const struct store_lease theirs = { .owner = "theirs", .lease_us = LONG_US };

/* `digest`: its kind and a byte of it; NULL: none. */
static struct store_claim event(const char *id, int64_t offset, const char *digest)
{
	struct store_claim claim = claim_of(id, offset);

	if (digest) {
		claim.has_digest = true;
		memset(claim.digest, digest[1], sizeof(claim.digest));
		claim.digest[0] = (uint8_t)digest[0];
	}
	return claim;
}

static struct store_claim replay(const char *id, int64_t offset, const char *digest)
{
	struct store_claim claim = event(id, offset, digest);

	claim.is_replay = true;
	return claim;
}

static enum claim_verdict lease(
	struct store_session *session, const struct store_lease *lease, struct store_claim claim)
{
	session->ops->begin(session);
	session->ops->lease(session, lease, &claim, 1);
	commit(session);
	return claim.verdict;
}

static bool end(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim claim)
{
	session->ops->begin(session);
	session->ops->end_leases(session, lease, end, &claim, 1);
	commit(session);
	return claim.is_mine;
}

static void bury(struct store_session *session, struct store_claim claim, const char *why)
{
	begin_claim(session, &claim, 1);
	session->ops->decide_dlq(session, &claim, slice_from_str(why));
	commit(session);
}

static void expect_row(struct bench *bench, const char *where)
{
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE %s",
		bench->is_postgres ? "onced.processed_events" : "onced_processed_events", where);
	assert_int_equal(side_number(bench->side, sql), 1);
}

/* ---- collisions ---- */

static const struct {
	const char *first, *second;
	enum claim_verdict verdict;
} pairs[] = {
	{ "pa", "pa", CLAIM_DUPLICATE },
	{ "pa", "pb", CLAIM_COLLISION },
	{ "pa", "va", CLAIM_DUPLICATE }, /* of another kind: they cannot be compared */
	{ NULL, "pa", CLAIM_DUPLICATE }, /* a row of a version that kept none */
	{ "pa", NULL, CLAIM_DUPLICATE },
	{ NULL, NULL, CLAIM_DUPLICATE },
};
enum { PAIRS = sizeof(pairs) / sizeof(pairs[0]) };

static void one_id_with_two_contents_collides_wherever_both_are_known(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	char id[8];

	for (size_t i = 0; i < PAIRS; i++) {
		snprintf(id, sizeof(id), "%zu", i);
		assert_int_equal(claim_alone(session, event(id, 1, pairs[i].first)), CLAIM_NEW);
		assert_int_equal(
			claim_alone(session, event(id, 2, pairs[i].second)), pairs[i].verdict);
		assert_int_equal(
			lease(session, &ours, event(id, 3, pairs[i].second)), pairs[i].verdict);
	}
}

static void dead_letters_collide_like_effects(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	char id[8];

	for (size_t i = 0; i < PAIRS; i++) {
		snprintf(id, sizeof(id), "%zu", i);
		bury(session, event(id, 1, pairs[i].first), "why");
		assert_int_equal(
			claim_alone(session, event(id, 2, pairs[i].second)), pairs[i].verdict);
		assert_int_equal(
			lease(session, &ours, event(id, 3, pairs[i].second)), pairs[i].verdict);
	}
}

static void a_record_never_collides_with_itself(void **state)
{
	struct bench *bench = *state;

	claim_alone(bench->session, event("a", 1, "pa"));
	bury(bench->session, event("b", 1, "pa"), "why");
	assert_int_equal(claim_alone(bench->session, event("a", 1, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(bench->session, event("b", 1, "pb")), CLAIM_SETTLED_DLQ);
}

static void a_collision_leaves_the_row_as_it_is(void **state)
{
	struct bench *bench = *state;

	claim_alone(bench->session, event("a", 1, "pa"));
	assert_int_equal(claim_alone(bench->session, event("a", 2, "pb")), CLAIM_COLLISION);
	assert_int_equal(claim_alone(bench->session, event("a", 3, "pa")), CLAIM_DUPLICATE);
	expect_row(bench, "outcome = 0 AND record_offset = 1");
}

static void each_claim_of_a_batch_has_its_own_digest(void **state)
{
	struct bench *bench = *state;
	struct store_claim claims[] = { event("a", 1, "pa"), event("b", 1, NULL),
		event("c", 1, "pc"), event("d", 1, "pd") };
	static const enum claim_verdict verdicts[] = { CLAIM_COLLISION, CLAIM_DUPLICATE,
		CLAIM_DUPLICATE, CLAIM_NEW };

	claim_alone(bench->session, event("a", 2, "px"));
	claim_alone(bench->session, event("b", 2, "px"));
	claim_alone(bench->session, event("c", 2, "pc"));
	begin_claim(bench->session, claims, 4);
	commit(bench->session);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(claims[i].verdict, verdicts[i]);
	}
}

static void a_live_lease_is_busy_whatever_its_content(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	assert_int_equal(lease(session, &theirs, event("a", 1, "pa")), CLAIM_NEW);
	assert_int_equal(lease(session, &ours, event("a", 2, "pb")), CLAIM_BUSY);
	assert_int_equal(claim_alone(session, event("a", 2, "pb")), CLAIM_BUSY);
	assert_true(end(session, &theirs, STORE_LEASE_DONE, event("a", 1, "pa")));
	assert_int_equal(lease(session, &ours, event("a", 2, "pb")), CLAIM_COLLISION);
}

static enum claim_verdict wait_for_end(
	struct store_session *session, bool is_elsewhere, struct store_claim claim)
{
	int64_t deadline_us = clock_mono_us() + WAIT_US;
	enum claim_verdict verdict;

	do {
		assert_true(clock_mono_us() < deadline_us);
		verdict = is_elsewhere ? lease(session, &ours, claim) : claim_alone(session, claim);
	} while (verdict == CLAIM_BUSY);
	return verdict;
}

static void a_lease_that_ran_out_goes_to_the_same_event_alone(void **state)
{
	static const struct store_lease brief = { .owner = "theirs", .lease_us = SHORT_US };
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	lease(session, &brief, event("a", 1, "pa"));
	lease(session, &brief, event("b", 1, "pa"));
	assert_int_equal(wait_for_end(session, true, event("a", 2, "pb")), CLAIM_COLLISION);
	assert_int_equal(wait_for_end(session, false, event("b", 2, "pb")), CLAIM_COLLISION);
	assert_int_equal(lease(session, &ours, event("a", 2, "pa")), CLAIM_TAKEN_OVER);
	assert_int_equal(claim_alone(session, event("b", 2, "pa")), CLAIM_NEW);
}

/* ---- replays ---- */

static void a_replay_takes_its_dead_letter_over_whatever_its_content(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim again = replay("a", 9, "pb");

	bury(session, event("a", 1, "pa"), "why");
	begin_claim(session, &again, 1);
	assert_int_equal(again.verdict, CLAIM_REPLAYED);
	session->ops->finish_replay(session, &again);
	commit(session);
	expect_row(bench, "outcome = 0 AND record_offset = 9 AND decision IS NULL");
	assert_int_equal(claim_alone(session, replay("a", 10, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(session, event("a", 11, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(session, event("a", 1, "pa")), CLAIM_COLLISION);
}

static void a_replay_that_fails_is_a_dead_letter_of_its_own_position(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim again = replay("a", 9, "pb");

	bury(session, event("a", 1, "pa"), "first");
	begin_claim(session, &again, 1);
	session->ops->decide_dlq(session, &again, SLICE_LITERAL("second"));
	commit(session);
	begin_claim(session, &again, 1);
	assert_int_equal(again.verdict, CLAIM_SETTLED_DLQ);
	assert_true(slice_equal_str(again.decision, "second"));
	rollback(session);
	assert_int_equal(claim_alone(session, replay("a", 10, "pc")), CLAIM_REPLAYED);
}

static void a_replay_of_which_nothing_comes_leaves_the_dead_letter(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	bury(session, event("a", 1, "pa"), "why");
	assert_int_equal(claim_alone(session, replay("a", 9, "pb")), CLAIM_REPLAYED);
	expect_row(bench, "outcome = 1 AND record_offset = 1");
	assert_int_equal(claim_alone(session, event("a", 1, "pa")), CLAIM_SETTLED_DLQ);
	assert_int_equal(claim_alone(session, replay("a", 9, "pb")), CLAIM_REPLAYED);
}

static void a_replay_of_what_took_effect_is_no_way_around_it(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	claim_alone(session, event("a", 1, "pa"));
	assert_int_equal(claim_alone(session, replay("a", 9, "pa")), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(session, replay("a", 9, "pb")), CLAIM_COLLISION);
	assert_int_equal(lease(session, &ours, replay("a", 9, "pa")), CLAIM_DUPLICATE);
}

static void a_replay_of_an_unknown_id_is_new(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(claim_alone(bench->session, replay("a", 9, "pa")), CLAIM_NEW);
	assert_int_equal(lease(bench->session, &ours, replay("b", 9, "pa")), CLAIM_NEW);
}

static void replays_and_others_share_a_batch(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claims[] = { replay("a", 9, "pb"), event("b", 9, "pb"),
		event("c", 9, "pc"), replay("d", 9, "pd"), replay("e", 9, "pe") };
	static const enum claim_verdict verdicts[] = { CLAIM_REPLAYED, CLAIM_COLLISION, CLAIM_NEW,
		CLAIM_NEW, CLAIM_DUPLICATE };

	bury(session, event("a", 1, "pa"), "why");
	bury(session, event("b", 1, "pa"), "why");
	claim_alone(session, event("e", 1, "pe"));
	for (int is_elsewhere = 0; is_elsewhere < 2; is_elsewhere++) {
		session->ops->begin(session);
		if (is_elsewhere) {
			session->ops->lease(session, &ours, claims, 5);
		} else {
			session->ops->claim(session, claims, 5);
		}
		flush_expect(session, STORE_OK);
		rollback(session);
		for (size_t i = 0; i < 5; i++) {
			assert_int_equal(claims[i].verdict, verdicts[i]);
		}
	}
}

/* ---- replays elsewhere ---- */

static void a_replays_lease_is_busy_for_all_others(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	bury(session, event("a", 1, "pa"), "why");
	assert_int_equal(lease(session, &ours, replay("a", 9, "pb")), CLAIM_REPLAYED);
	assert_int_equal(lease(session, &theirs, replay("a", 10, "pb")), CLAIM_BUSY);
	assert_int_equal(lease(session, &theirs, event("a", 1, "pa")), CLAIM_BUSY);
	assert_int_equal(claim_alone(session, replay("a", 10, "pb")), CLAIM_BUSY);
	assert_int_equal(lease(session, &ours, replay("a", 9, "pb")), CLAIM_REPLAYED);
}

static void a_replays_lease_ends_as_the_effect_does(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim again = replay("a", 9, "pb");

	bury(session, event("a", 1, "pa"), "first");
	lease(session, &ours, again);
	assert_true(end(session, &ours, STORE_LEASE_RELEASED, again));
	expect_row(bench, "outcome = 1 AND record_offset = 1 AND owner IS NULL AND until IS NULL");
	assert_int_equal(lease(session, &theirs, again), CLAIM_REPLAYED);
	assert_false(end(session, &ours, STORE_LEASE_RELEASED, again));
	again.decision = SLICE_LITERAL("second");
	assert_true(end(session, &theirs, STORE_LEASE_DLQ, again));
	expect_row(bench, "outcome = 1 AND record_offset = 9");
	begin_claim(session, &again, 1);
	assert_int_equal(again.verdict, CLAIM_SETTLED_DLQ);
	assert_true(slice_equal_str(again.decision, "second"));
	rollback(session);
	again = replay("a", 11, "pc");
	assert_int_equal(lease(session, &ours, again), CLAIM_REPLAYED);
	assert_true(end(session, &ours, STORE_LEASE_DONE, again));
	expect_row(bench, "outcome = 0 AND decision IS NULL AND owner IS NULL");
	assert_int_equal(claim_alone(session, event("a", 12, "pc")), CLAIM_DUPLICATE);
}

static void a_replays_lease_that_ran_out_is_a_dead_letter_again(void **state)
{
	static const struct store_lease brief = { .owner = "theirs", .lease_us = SHORT_US };
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	bury(session, event("a", 1, "pa"), "why");
	bury(session, event("b", 1, "pa"), "why");
	lease(session, &brief, replay("a", 9, "pb"));
	lease(session, &brief, replay("b", 9, "pb"));
	assert_int_equal(wait_for_end(session, true, event("a", 2, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(wait_for_end(session, false, event("b", 2, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(session, event("a", 1, "pa")), CLAIM_SETTLED_DLQ);
	assert_int_equal(lease(session, &ours, replay("a", 9, "pb")), CLAIM_REPLAYED);
	assert_int_equal(claim_alone(session, replay("b", 9, "pb")), CLAIM_REPLAYED);
}

static const struct CMUnitTest cases[] = {
	CASE(one_id_with_two_contents_collides_wherever_both_are_known),
	CASE(dead_letters_collide_like_effects),
	CASE(a_record_never_collides_with_itself),
	CASE(a_collision_leaves_the_row_as_it_is),
	CASE(each_claim_of_a_batch_has_its_own_digest),
	CASE(a_live_lease_is_busy_whatever_its_content),
	CASE(a_lease_that_ran_out_goes_to_the_same_event_alone),
	CASE(a_replay_takes_its_dead_letter_over_whatever_its_content),
	CASE(a_replay_that_fails_is_a_dead_letter_of_its_own_position),
	CASE(a_replay_of_which_nothing_comes_leaves_the_dead_letter),
	CASE(a_replay_of_what_took_effect_is_no_way_around_it),
	CASE(a_replay_of_an_unknown_id_is_new),
	CASE(replays_and_others_share_a_batch),
	CASE(a_replays_lease_is_busy_for_all_others),
	CASE(a_replays_lease_ends_as_the_effect_does),
	CASE(a_replays_lease_that_ran_out_is_a_dead_letter_again),
};
CASE_LIST(identity_cases, cases);
