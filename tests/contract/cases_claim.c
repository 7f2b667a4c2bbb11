/*
 * cases_claim - who owns an event id, and for how long
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cases.h"

#define COUNT_EVENTS_POSTGRES "SELECT count(*) FROM onced.processed_events"
#define COUNT_EVENTS_SQLITE "SELECT count(*) FROM onced_processed_events"

static void expect_events(struct bench *bench, long expected)
{
	assert_int_equal(side_number(bench->side,
				 bench->is_postgres ? COUNT_EVENTS_POSTGRES : COUNT_EVENTS_SQLITE),
		expected);
}

static void a_new_id_is_new_once(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 2)), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(bench->session, claim_of("b", 2)), CLAIM_NEW);
	expect_events(bench, 2);
}

static void a_claim_rolled_back_is_new_again(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);

	begin_claim(bench->session, &claim, 1);
	rollback(bench->session);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
}

static void a_claim_of_a_closed_session_is_new_again(void **state)
{
	struct bench *bench = *state;
	struct store_session *other = bench_open_session(bench->store);
	struct store_claim claim = claim_of("a", 1);

	begin_claim(other, &claim, 1);
	other->ops->session_close(other);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
}

/* ---- two sessions ---- */

struct rival {
	struct store_session *session;
	enum claim_verdict verdict;
};

static void *claim_in_thread(void *arg)
{
	struct rival *rival = arg;

	rival->verdict = claim_alone(rival->session, claim_of("a", 1));
	return NULL;
}

static enum claim_verdict rival_verdict(struct bench *bench, void (*end)(struct store_session *))
{
	struct rival rival = { bench_open_session(bench->store), CLAIM_UNKNOWN };
	struct store_claim claim = claim_of("a", 1);
	pthread_t thread;

	begin_claim(bench->session, &claim, 1);
	assert_int_equal(claim.verdict, CLAIM_NEW);
	pthread_create(&thread, NULL, claim_in_thread, &rival);
	if (bench->is_postgres) {
		side_wait(bench->side,
			"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
			" AND application_name = 'onced orders'",
			1);
	}
	end(bench->session);
	pthread_join(thread, NULL);
	rival.session->ops->session_close(rival.session);
	return rival.verdict;
}

static void a_claim_waits_for_an_open_transaction_that_commits(void **state)
{
	assert_int_equal(rival_verdict(*state, commit), CLAIM_DUPLICATE);
}

static void a_claim_waits_for_an_open_transaction_that_rolls_back(void **state)
{
	assert_int_equal(rival_verdict(*state, rollback), CLAIM_NEW);
}

/* ---- dead letters ---- */

static void decide_for(
	struct store_session *session, struct store_claim claim, struct slice decision)
{
	begin_claim(session, &claim, 1);
	session->ops->decide_dlq(session, &claim, decision);
	commit(session);
}

static void decide(struct store_session *session, struct store_claim claim)
{
	decide_for(session, claim, SLICE_NULL);
}

static void a_decision_comes_back_with_every_claim_of_its_position(void **state)
{
	static const char said[] = "rejected 3 1 2 5 22P02 'x' \\ \\x41 \xc3\xa4\n\t%s $1";
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1), later = claim_of("b", 1);

	decide_for(bench->session, claim, slice_from_str(said));
	for (int round = 0; round < 2; round++) {
		begin_claim(bench->session, &claim, 1);
		assert_int_equal(claim.verdict, CLAIM_SETTLED_DLQ);
		/* it outlives what follows in the transaction, and its end */
		bench->session->ops->claim(bench->session, &later, 1);
		bench->session->ops->decide_dlq(
			bench->session, &claim, SLICE_LITERAL("a second opinion"));
		commit(bench->session);
		assert_true(slice_equal_str(claim.decision, said));
	}
}

static void a_decision_may_be_as_long_as_the_port_says(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	char longest[STORE_DECISION_MAX];

	memset(longest, 'x', sizeof(longest));
	decide_for(bench->session, claim, slice_from(longest, sizeof(longest)));
	begin_claim(bench->session, &claim, 1);
	assert_int_equal(claim.decision.len, sizeof(longest));
	assert_memory_equal(claim.decision.data, longest, sizeof(longest));
	rollback(bench->session);
}

static void only_a_dead_letter_of_this_position_has_a_decision(void **state)
{
	struct bench *bench = *state;
	struct store_claim claims[] = { claim_of("a", 2), claim_of("b", 2), claim_of("c", 2),
		claim_of("d", 2) };

	decide_for(bench->session, claim_of("a", 1), SLICE_LITERAL("why"));
	claim_alone(bench->session, claim_of("b", 1));
	decide(bench->session, claim_of("c", 2));
	begin_claim(bench->session, claims, 4);
	static const enum claim_verdict verdicts[] = { CLAIM_DUPLICATE, CLAIM_DUPLICATE,
		CLAIM_SETTLED_DLQ, CLAIM_NEW };
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(claims[i].verdict, verdicts[i]);
		assert_int_equal(claims[i].is_dead_elsewhere, i == 0);
		assert_true(slice_is_null(claims[i].decision));
	}
	rollback(bench->session);
}

static void a_dead_letter_is_settled_for_its_own_position(void **state)
{
	struct bench *bench = *state;

	decide(bench->session, claim_of("a", 1));
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_SETTLED_DLQ);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_SETTLED_DLQ);
}

static void a_dead_letter_is_a_duplicate_for_any_other_position(void **state)
{
	struct bench *bench = *state;
	struct store_claim offset = claim_of("a", 2), partition = claim_of("a", 1);
	struct store_claim topic = claim_of("a", 1), timestamp = claim_of("a", 1);

	decide(bench->session, claim_of("a", 1));
	partition.position.partition = 1;
	topic.position.topic = SLICE_LITERAL("orders2");
	timestamp.position.timestamp_ms++;
	assert_int_equal(claim_alone(bench->session, offset), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(bench->session, partition), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(bench->session, topic), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(bench->session, timestamp), CLAIM_DUPLICATE);
}

static void a_dead_letter_of_another_cluster_is_a_duplicate(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store *store;
	struct store_session *session;

	decide(bench->session, claim_of("a", 1));
	options.cluster_id = "another";
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_DUPLICATE);
	session->ops->session_close(session);
	store->ops->close(store);
}

static void a_decision_without_a_claim_writes_its_own_row(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("position", 7);

	claim.event_id = SLICE_NULL;
	session->ops->begin(session);
	session->ops->decide_dlq(session, &claim, SLICE_LITERAL("why"));
	commit(session);
	assert_int_equal(claim_alone(session, claim), CLAIM_SETTLED_DLQ);
	begin_claim(session, &claim, 1);
	assert_true(slice_equal_str(claim.decision, "why"));
	rollback(session);
}

static void the_done_row_of_another_record_never_becomes_a_dead_letter(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim other = claim_of("a", 2);
	struct store_flight flight;

	claim_alone(session, claim_of("a", 1));
	session->ops->begin(session);
	session->ops->decide_dlq(session, &other, SLICE_NULL);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_CONFLICT);
	assert_int_equal(flight.op, STORE_OP_DECIDE);
	rollback(session);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_DUPLICATE);
}

/* ---- giving back ---- */

static void an_unclaimed_id_is_new_again(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claims[] = { claim_of("a", 1), claim_of("b", 2), claim_of("c", 3) };

	begin_claim(session, claims, 3);
	session->ops->unclaim(session, &claims[1], 1);
	commit(session);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(session, claim_of("b", 2)), CLAIM_NEW);
	assert_int_equal(claim_alone(session, claim_of("c", 3)), CLAIM_DUPLICATE);
}

static void unclaim_leaves_the_rows_of_others(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claims[] = { claim_of("a", 1), claim_of("b", 2) };

	claim_alone(session, claim_of("a", 1));
	begin_claim(session, claims, 2);
	session->ops->unclaim(session, claims, 2);
	commit(session);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(session, claim_of("b", 2)), CLAIM_NEW);
}

/* ---- shapes ---- */

static void two_thousand_claims_of_one_batch_get_their_own_verdicts(void **state)
{
	enum { COUNT = 2000 };
	struct bench *bench = *state;
	struct store_claim *claims = xcalloc(COUNT, sizeof(*claims));
	char(*ids)[16] = xcalloc(COUNT, sizeof(*ids));
	size_t odd = 0;

	for (size_t i = 0; i < COUNT; i++) {
		snprintf(ids[i], sizeof(ids[i]), "id-%05zu", i);
		if (i % 2 == 1) {
			claims[odd++] = claim_of(ids[i], (int64_t)i);
		}
	}
	begin_claim(bench->session, claims, odd);
	commit(bench->session);
	for (size_t i = 0; i < COUNT; i++) {
		claims[i] = claim_of(ids[i], (int64_t)i);
	}
	begin_claim(bench->session, claims, COUNT);
	commit(bench->session);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(claims[i].verdict, i % 2 == 1 ? CLAIM_DUPLICATE : CLAIM_NEW);
	}
	expect_events(bench, COUNT);
	free(claims);
	free(ids);
}

static void no_claims_at_all_are_no_trouble(void **state)
{
	struct bench *bench = *state;

	begin_claim(bench->session, NULL, 0);
	bench->session->ops->unclaim(bench->session, NULL, 0);
	commit(bench->session);
}

static void ids_may_hold_any_bytes(void **state)
{
	static const char hostile[] = "'; DROP TABLE x; -- \\ \" \xff\xfe $1 {} \n\t";
	struct bench *bench = *state;
	struct store_claim claim = claim_of("hostile", 1);

	claim.event_id = slice_from(hostile, sizeof(hostile) - 1);
	memcpy(claim.key, "\0\1\xff\\\'\"\0\0\0\0\0\0\0\0\0\0", STORE_KEY_SIZE);
	assert_int_equal(claim_alone(bench->session, claim), CLAIM_NEW);
	assert_int_equal(claim_alone(bench->session, claim), CLAIM_DUPLICATE);
	expect_events(bench, 1);
}

static void a_topic_learnt_in_a_rolled_back_transaction_is_learnt_again(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_attempts attempts = { .position = claim_of("x", 5).position, .attempts = 1 };
	struct store_claim claim = claim_of("a", 1);

	begin_claim(session, &claim, 1);
	attempts.position.topic = SLICE_LITERAL("late");
	session->ops->put_attempts(session, &attempts);
	flush_expect(session, STORE_OK);
	rollback(session);
	claim.position.topic = SLICE_LITERAL("late");
	assert_int_equal(claim_alone(session, claim), CLAIM_NEW);
	assert_int_equal(
		side_number(bench->side,
			bench->is_postgres
				? "SELECT count(*) FROM onced.events WHERE topic = 'late'"
				: "SELECT count(*) FROM onced_events WHERE topic = 'late'"),
		1);
}

static void claim_effects_and_commit_may_share_a_flight(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claims[] = { claim_of("a", 1), claim_of("b", 2) };

	claim_alone(session, claim_of("b", 2));
	session->ops->begin(session);
	session->ops->claim(session, claims, 2);
	queue_effect(session, "a", "done", 1);
	session->ops->commit(session);
	flush_expect(session, STORE_OK);
	assert_int_equal(claims[0].verdict, CLAIM_NEW);
	assert_int_equal(claims[1].verdict, CLAIM_DUPLICATE);
	expect_effects(bench, 1);
}

static const struct CMUnitTest cases[] = {
	CASE(a_new_id_is_new_once),
	CASE(a_claim_rolled_back_is_new_again),
	CASE(a_claim_of_a_closed_session_is_new_again),
	CASE(a_claim_waits_for_an_open_transaction_that_commits),
	CASE(a_claim_waits_for_an_open_transaction_that_rolls_back),
	CASE(a_dead_letter_is_settled_for_its_own_position),
	CASE(a_dead_letter_is_a_duplicate_for_any_other_position),
	CASE(a_dead_letter_of_another_cluster_is_a_duplicate),
	CASE(a_decision_without_a_claim_writes_its_own_row),
	CASE(a_decision_comes_back_with_every_claim_of_its_position),
	CASE(a_decision_may_be_as_long_as_the_port_says),
	CASE(only_a_dead_letter_of_this_position_has_a_decision),
	CASE(the_done_row_of_another_record_never_becomes_a_dead_letter),
	CASE(an_unclaimed_id_is_new_again),
	CASE(unclaim_leaves_the_rows_of_others),
	CASE(two_thousand_claims_of_one_batch_get_their_own_verdicts),
	CASE(no_claims_at_all_are_no_trouble),
	CASE(ids_may_hold_any_bytes),
	CASE(a_topic_learnt_in_a_rolled_back_transaction_is_learnt_again),
	CASE(claim_effects_and_commit_may_share_a_flight),
};
CASE_LIST(claim_cases, cases);
