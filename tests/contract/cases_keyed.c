/*
 * cases_keyed - stores without transactions: leases, marks, and rows that may vanish
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cases.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)

static struct store_lease lease_of(char owner)
{
	struct store_lease lease = { .lease_us = LONG_US };

	memset(lease.owner, owner, sizeof(lease.owner));
	return lease;
}

static void take(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count)
{
	session->ops->begin(session);
	session->ops->lease(session, lease, claims, count);
	session->ops->commit(session);
	flush_expect(session, STORE_OK);
}

static void end(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end how, struct store_claim *claims, size_t count)
{
	session->ops->begin(session);
	session->ops->end_leases(session, lease, how, claims, count);
	session->ops->commit(session);
	flush_expect(session, STORE_OK);
}

static void a_store_says_that_it_has_no_transactions(void **state)
{
	struct bench *bench = *state;

	assert_true(bench->store->ops->keeps_claims);
	assert_false(bench->store->ops->is_transactional);
}

static void what_needs_a_transaction_fails_and_does_nothing(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_lease lease = lease_of('A');
	struct store_claim claim = claim_of("a", 1), leased = claim_of("b", 2);

	session->ops->begin(session);
	session->ops->claim(session, &claim, 1);
	session->ops->lease(session, &lease, &leased, 1);
	session->ops->commit(session);
	flush_expect(session, STORE_STATEMENT);
	assert_int_equal(claim.verdict, CLAIM_UNKNOWN);
	assert_int_equal(leased.verdict, CLAIM_UNKNOWN);
	take(session, &lease, &leased, 1);
	assert_int_equal(leased.verdict, CLAIM_NEW);
}

static void two_thousand_leases_of_one_batch_get_their_own_verdicts(void **state)
{
	enum { COUNT = 2000 };
	struct bench *bench = *state;
	struct store_claim *claims = xcalloc(COUNT, sizeof(*claims));
	struct store_lease lease = lease_of('A'), other = lease_of('B');

	for (size_t i = 0; i < COUNT; i++) {
		char id[STORE_KEY_SIZE + 1];

		snprintf(id, sizeof(id), "%016zu", i);
		claims[i] = claim_of(id, (int64_t)i);
	}
	take(bench->session, &other, claims + 10, 1);
	take(bench->session, &other, claims + 20, 1);
	end(bench->session, &other, STORE_LEASE_DONE, claims + 20, 1);
	take(bench->session, &lease, claims, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(claims[i].verdict,
			i == 10           ? CLAIM_BUSY
				: i == 20 ? CLAIM_DUPLICATE
					  : CLAIM_NEW);
	}
	end(bench->session, &lease, STORE_LEASE_DONE, claims, COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(claims[i].is_mine, i != 10 && i != 20);
	}
	free(claims);
}

static void no_leases_at_all_are_no_trouble(void **state)
{
	struct bench *bench = *state;
	struct store_lease lease = lease_of('A');

	take(bench->session, &lease, NULL, 0);
	end(bench->session, &lease, STORE_LEASE_DONE, NULL, 0);
	flush_expect(bench->session, STORE_OK);
}

/* What marks and renewals find nothing of is written anew; a release of nothing is nothing. */
static void a_mark_without_a_row_is_made_and_told(void **state)
{
	static const struct {
		enum store_lease_end end;
		bool is_mine;
		enum claim_verdict next;
	} ways[] = {
		{ STORE_LEASE_DONE, true, CLAIM_DUPLICATE },
		{ STORE_LEASE_DLQ, true, CLAIM_SETTLED_DLQ },
		{ STORE_LEASE_RENEWED, true, CLAIM_BUSY },
		{ STORE_LEASE_RELEASED, false, CLAIM_NEW },
	};
	struct bench *bench = *state;
	struct store_lease lease = lease_of('A'), other = lease_of('B');

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char id[2] = { (char)('a' + i), '\0' };
		struct store_claim claim = claim_of(id, 1);

		claim.decision = slice_from_str("why");
		end(bench->session, &lease, ways[i].end, &claim, 1);
		assert_int_equal(claim.is_mine, ways[i].is_mine);
		assert_int_equal(claim.was_forgotten, ways[i].is_mine);
		claim = claim_of(id, 1);
		take(bench->session, &other, &claim, 1);
		assert_int_equal(claim.verdict, ways[i].next);
	}
}

/* The answer to a mark was lost, and it is sent again. */
static void a_second_mark_changes_nothing(void **state)
{
	struct bench *bench = *state;
	struct store_lease lease = lease_of('A');
	struct store_claim claim = claim_of("a", 1);

	take(bench->session, &lease, &claim, 1);
	end(bench->session, &lease, STORE_LEASE_DONE, &claim, 1);
	end(bench->session, &lease, STORE_LEASE_DONE, &claim, 1);
	assert_false(claim.is_mine);
	assert_false(claim.was_forgotten);
	take(bench->session, &lease, &claim, 1);
	assert_int_equal(claim.verdict, CLAIM_DUPLICATE);
}

static void a_decision_may_be_as_long_as_the_port_says_and_hold_any_bytes(void **state)
{
	struct bench *bench = *state;
	struct store_lease lease = lease_of('A');
	struct store_claim claim = claim_of("a", 1);
	char decision[STORE_DECISION_MAX];

	for (size_t i = 0; i < sizeof(decision); i++) {
		decision[i] = (char)i;
	}
	take(bench->session, &lease, &claim, 1);
	claim.decision = slice_from(decision, sizeof(decision));
	end(bench->session, &lease, STORE_LEASE_DLQ, &claim, 1);
	claim.decision = SLICE_NULL;
	take(bench->session, &lease, &claim, 1);
	assert_int_equal(claim.verdict, CLAIM_SETTLED_DLQ);
	assert_true(slice_equal(claim.decision, slice_from(decision, sizeof(decision))));
}

static void a_dead_letter_of_another_cluster_is_a_duplicate(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_lease lease = lease_of('A');
	struct store_claim claim = claim_of("a", 1);
	struct store_session *session;
	struct store *store;

	end(bench->session, &lease, STORE_LEASE_DLQ, &claim, 1);
	options.cluster_id = "another";
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	take(session, &lease, &claim, 1);
	assert_int_equal(claim.verdict, CLAIM_DUPLICATE);
	assert_true(claim.is_dead_elsewhere);
	session->ops->session_close(session);
	store->ops->close(store);
}

static void what_ended_is_forgotten_when_its_time_is_over(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_lease lease = lease_of('A');
	struct store_claim claim = claim_of("a", 1);
	struct store_session *session;
	struct store *store;

	/* a row may stay for as long as its lease would have, too */
	lease.lease_us = 30000;
	/* memory: of its own, which no other store shares */
	options.scope = options.group_id = "brief";
	options.retention_us = 30000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	take(session, &lease, &claim, 1);
	end(session, &lease, STORE_LEASE_DONE, &claim, 1);
	do {
		take(session, &lease, &claim, 1);
	} while (claim.verdict == CLAIM_DUPLICATE);
	assert_int_equal(claim.verdict, CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
}

static const struct CMUnitTest cases[] = {
	CASE(a_store_says_that_it_has_no_transactions),
	CASE(what_needs_a_transaction_fails_and_does_nothing),
	CASE(two_thousand_leases_of_one_batch_get_their_own_verdicts),
	CASE(no_leases_at_all_are_no_trouble),
	CASE(a_mark_without_a_row_is_made_and_told),
	CASE(a_second_mark_changes_nothing),
	CASE(a_decision_may_be_as_long_as_the_port_says_and_hold_any_bytes),
	CASE(a_dead_letter_of_another_cluster_is_a_duplicate),
	CASE(what_ended_is_forgotten_when_its_time_is_over),
};
CASE_LIST(keyed_cases, cases);
