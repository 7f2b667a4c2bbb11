/*
 * cases_keyed_identity - the same id with another content, and dead letters that come again: leases
 *
 * The rules are those of cases_identity.c.
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
static const struct store_lease brief = { .owner = "theirs", .lease_us = SHORT_US };

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

static struct store_claim lease_and_see(
	struct store_session *session, const struct store_lease *lease, struct store_claim claim)
{
	session->ops->begin(session);
	session->ops->lease(session, lease, &claim, 1);
	commit(session);
	return claim;
}

static enum claim_verdict lease(
	struct store_session *session, const struct store_lease *lease, struct store_claim claim)
{
	return lease_and_see(session, lease, claim).verdict;
}

static bool end(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim claim)
{
	session->ops->begin(session);
	session->ops->end_leases(session, lease, end, &claim, 1);
	commit(session);
	return claim.is_mine;
}

static void finish(struct store_session *session, struct store_claim claim)
{
	assert_int_equal(lease(session, &ours, claim), CLAIM_NEW);
	assert_true(end(session, &ours, STORE_LEASE_DONE, claim));
}

static void bury(struct store_session *session, struct store_claim claim, const char *why)
{
	assert_int_equal(lease(session, &ours, claim), CLAIM_NEW);
	claim.decision = slice_from_str(why);
	assert_true(end(session, &ours, STORE_LEASE_DLQ, claim));
}

static enum claim_verdict wait_for_end(struct store_session *session, struct store_claim claim)
{
	int64_t deadline_us = clock_mono_us() + WAIT_US;
	enum claim_verdict verdict;

	do {
		assert_true(clock_mono_us() < deadline_us);
		verdict = lease(session, &ours, claim);
	} while (verdict == CLAIM_BUSY);
	return verdict;
}

/* ---- collisions ---- */

static const struct {
	const char *first, *second;
	enum claim_verdict verdict;
} pairs[] = {
	{ "pa", "pa", CLAIM_DUPLICATE },
	{ "pa", "pb", CLAIM_COLLISION },
	{ "pa", "va", CLAIM_DUPLICATE }, /* of another kind: they cannot be compared */
	{ NULL, "pa", CLAIM_DUPLICATE },
	{ "pa", NULL, CLAIM_DUPLICATE },
	{ NULL, NULL, CLAIM_DUPLICATE },
};

static void one_id_with_two_contents_collides_wherever_both_are_known(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char done[8], dead[8];

		snprintf(done, sizeof(done), "e%zu", i);
		snprintf(dead, sizeof(dead), "d%zu", i);
		finish(bench->session, event(done, 1, pairs[i].first));
		bury(bench->session, event(dead, 1, pairs[i].first), "why");
		assert_int_equal(lease(bench->session, &ours, event(done, 2, pairs[i].second)),
			pairs[i].verdict);
		assert_int_equal(lease(bench->session, &ours, event(dead, 2, pairs[i].second)),
			pairs[i].verdict);
	}
}

static void a_record_never_collides_with_itself(void **state)
{
	struct bench *bench = *state;

	finish(bench->session, event("a", 1, "pa"));
	bury(bench->session, event("b", 1, "pa"), "why");
	assert_int_equal(lease(bench->session, &ours, event("a", 1, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(lease(bench->session, &ours, event("b", 1, "pb")), CLAIM_SETTLED_DLQ);
}

static void each_lease_of_a_batch_has_its_own_digest(void **state)
{
	struct bench *bench = *state;
	struct store_claim claims[] = { event("a", 1, "pa"), event("b", 1, NULL),
		event("c", 1, "pc"), event("d", 1, "pd") };
	static const enum claim_verdict verdicts[] = { CLAIM_COLLISION, CLAIM_DUPLICATE,
		CLAIM_DUPLICATE, CLAIM_NEW };

	finish(bench->session, event("a", 2, "px"));
	finish(bench->session, event("b", 2, "px"));
	finish(bench->session, event("c", 2, "pc"));
	bench->session->ops->lease(bench->session, &ours, claims, 4);
	flush_expect(bench->session, STORE_OK);
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
	assert_true(end(session, &theirs, STORE_LEASE_DONE, event("a", 1, "pa")));
	assert_int_equal(lease(session, &ours, event("a", 2, "pb")), CLAIM_COLLISION);
}

static void a_lease_that_ran_out_goes_to_the_same_event_alone(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	lease(session, &brief, event("a", 1, "pa"));
	assert_int_equal(wait_for_end(session, event("a", 2, "pb")), CLAIM_COLLISION);
	assert_int_equal(lease(session, &ours, event("a", 2, "pa")), CLAIM_TAKEN_OVER);
}

/* ---- replays ---- */

static void a_replay_that_took_effect_is_the_end_of_its_dead_letter(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	bury(session, event("a", 1, "pa"), "why");
	assert_int_equal(lease(session, &ours, replay("a", 9, "pb")), CLAIM_REPLAYED);
	assert_true(end(session, &ours, STORE_LEASE_DONE, replay("a", 9, "pb")));
	assert_int_equal(lease(session, &ours, replay("a", 10, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(lease(session, &ours, event("a", 1, "pa")), CLAIM_COLLISION);
}

static void a_replay_that_fails_is_a_dead_letter_of_its_own_position(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim again = replay("a", 9, "pb");

	bury(session, event("a", 1, "pa"), "first");
	lease(session, &ours, again);
	again.decision = SLICE_LITERAL("second");
	assert_true(end(session, &ours, STORE_LEASE_DLQ, again));
	again = lease_and_see(session, &ours, replay("a", 9, "pb"));
	assert_int_equal(again.verdict, CLAIM_SETTLED_DLQ);
	assert_true(slice_equal_str(again.decision, "second"));
	assert_int_equal(lease(session, &ours, replay("a", 10, "pc")), CLAIM_REPLAYED);
}

static void a_replay_of_which_nothing_comes_leaves_the_dead_letter(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim first;

	bury(session, event("a", 1, "pa"), "why");
	lease(session, &ours, replay("a", 9, "pb"));
	assert_true(end(session, &ours, STORE_LEASE_RENEWED, replay("a", 9, "pb")));
	assert_true(end(session, &ours, STORE_LEASE_RELEASED, replay("a", 9, "pb")));
	assert_false(end(session, &ours, STORE_LEASE_RELEASED, replay("a", 9, "pb")));
	first = lease_and_see(session, &ours, event("a", 1, "pa"));
	assert_int_equal(first.verdict, CLAIM_SETTLED_DLQ);
	assert_true(slice_equal_str(first.decision, "why"));
	assert_int_equal(lease(session, &ours, replay("a", 9, "pb")), CLAIM_REPLAYED);
}

static void a_replay_of_what_took_effect_is_no_way_around_it(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	finish(session, event("a", 1, "pa"));
	assert_int_equal(lease(session, &ours, replay("a", 9, "pa")), CLAIM_DUPLICATE);
	assert_int_equal(lease(session, &ours, replay("a", 9, "pb")), CLAIM_COLLISION);
	assert_int_equal(lease(session, &ours, replay("b", 9, "pa")), CLAIM_NEW);
}

static void a_replays_lease_is_busy_for_all_others(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	bury(session, event("a", 1, NULL), "why");
	assert_int_equal(lease(session, &ours, replay("a", 9, NULL)), CLAIM_REPLAYED);
	assert_int_equal(lease(session, &theirs, replay("a", 10, NULL)), CLAIM_BUSY);
	assert_int_equal(lease(session, &theirs, event("a", 1, NULL)), CLAIM_BUSY);
	assert_int_equal(lease(session, &ours, replay("a", 9, NULL)), CLAIM_REPLAYED);
}

static void a_replays_lease_that_ran_out_is_a_dead_letter_again(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;

	bury(session, event("a", 1, "pa"), "why");
	lease(session, &brief, replay("a", 9, "pb"));
	assert_int_equal(wait_for_end(session, event("a", 2, "pb")), CLAIM_DUPLICATE);
	assert_int_equal(lease(session, &ours, event("a", 1, "pa")), CLAIM_SETTLED_DLQ);
	assert_int_equal(lease(session, &ours, replay("a", 9, "pb")), CLAIM_REPLAYED);
}

static const struct CMUnitTest cases[] = {
	CASE(one_id_with_two_contents_collides_wherever_both_are_known),
	CASE(a_record_never_collides_with_itself),
	CASE(each_lease_of_a_batch_has_its_own_digest),
	CASE(a_live_lease_is_busy_whatever_its_content),
	CASE(a_lease_that_ran_out_goes_to_the_same_event_alone),
	CASE(a_replay_that_took_effect_is_the_end_of_its_dead_letter),
	CASE(a_replay_that_fails_is_a_dead_letter_of_its_own_position),
	CASE(a_replay_of_which_nothing_comes_leaves_the_dead_letter),
	CASE(a_replay_of_what_took_effect_is_no_way_around_it),
	CASE(a_replays_lease_is_busy_for_all_others),
	CASE(a_replays_lease_that_ran_out_is_a_dead_letter_again),
};
CASE_LIST(keyed_identity_cases, cases);
