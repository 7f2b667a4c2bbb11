/*
 * test_fake_store - the fake behaves as the port says, so that what is tested on it means something
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_store.h"

struct fixture {
	struct store *store;
	struct store_session *session;
};

static const struct store_ops *const ops = &fake_store_ops;

static struct store_session *open_session(struct store *store)
{
	struct store_session *session;
	assert_int_equal(ops->session_open(store, &session, NULL), 0);
	assert_int_equal(ops->session_ready(session, NULL), 0);
	return session;
}

static int set_up(void **state)
{
	static struct fixture fixture;
	const struct store_options options = { .url = "fake:" };
	assert_int_equal(ops->open(&options, &fixture.store, NULL), 0);
	fixture.session = open_session(fixture.store);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	ops->session_close(fixture->session);
	ops->close(fixture->store);
	return 0;
}

static struct store_claim claim_of(char name, int64_t offset)
{
	struct store_claim claim = { .position = { SLICE_LITERAL("orders"), 0, offset, 1 },
		.event_id = SLICE_LITERAL("id") };
	memset(claim.key, name, sizeof(claim.key));
	return claim;
}

static struct store_flight flush(struct store_session *session, enum store_failure wanted)
{
	struct store_flight flight;
	assert_int_equal(ops->flush(session, &flight), wanted);
	assert_int_equal(flight.failure, wanted);
	return flight;
}

static void queue_statement(struct store_session *session, const char *value, uint32_t tag)
{
	struct store_value values[] = { { STORE_VALUE_TEXT, slice_from_str(value) },
		{ STORE_VALUE_NULL, SLICE_NULL } };
	ops->statement(session, 0, values, 2, tag);
}

static enum claim_verdict claim_alone(struct store_session *session, struct store_claim claim)
{
	ops->begin(session);
	ops->claim(session, &claim, 1);
	ops->commit(session);
	flush(session, STORE_OK);
	return claim.verdict;
}

static void claims_are_new_once_and_rolled_back_with_their_transaction(void **state)
{
	struct fixture *f = *state;
	struct store_claim claim = claim_of('a', 1);
	ops->begin(f->session);
	ops->claim(f->session, &claim, 1);
	assert_true(flush(f->session, STORE_OK).in_transaction);
	assert_int_equal(claim.verdict, CLAIM_NEW);
	ops->rollback(f->session);
	assert_false(flush(f->session, STORE_OK).in_transaction);
	assert_int_equal(claim_alone(f->session, claim_of('a', 1)), CLAIM_NEW);
	assert_int_equal(claim_alone(f->session, claim_of('a', 1)), CLAIM_DUPLICATE);
	assert_string_equal(fake_store_misuse(f->store), "");
}

static void a_query_counts_the_effects_it_sees(void **state)
{
	struct fixture *f = *state;
	const struct store_value wanted = { STORE_VALUE_TEXT, SLICE_LITERAL("x") };
	struct store_session *other = open_session(f->store);
	struct store_rows all, some, others;
	ops->begin(f->session);
	queue_statement(f->session, "x", 1);
	queue_statement(f->session, "y", 2);
	ops->query(f->session, 0, NULL, 0, 3, &all);
	ops->query(f->session, 0, &wanted, 1, 4, &some);
	flush(f->session, STORE_OK);
	assert_true(slice_equal_str(some.values[0], "1"));
	assert_true(slice_is_null(all.values[1]));
	ops->begin(other);
	ops->query(other, 0, NULL, 0, 5, &others);
	flush(other, STORE_OK);
	assert_true(slice_equal_str(others.values[0], "0"));
	assert_string_equal(fake_store_journal(f->store),
		"begin statement:1 statement:2 query:3 query:4 | begin query:5 | ");
	assert_string_equal(fake_store_misuse(f->store), "");
	ops->session_close(other);
}

static void a_dead_letter_is_known_by_its_position(void **state)
{
	struct fixture *f = *state;
	struct store_claim claim = claim_of('a', 1);
	ops->begin(f->session);
	ops->claim(f->session, &claim, 1);
	ops->decide_dlq(f->session, &claim, SLICE_LITERAL("why"));
	ops->commit(f->session);
	flush(f->session, STORE_OK);
	assert_int_equal(claim_alone(f->session, claim_of('a', 1)), CLAIM_SETTLED_DLQ);
	assert_int_equal(claim_alone(f->session, claim_of('a', 2)), CLAIM_DUPLICATE);
	ops->begin(f->session);
	ops->claim(f->session, &claim, 1);
	ops->commit(f->session);
	flush(f->session, STORE_OK);
	assert_true(slice_equal_str(claim.decision, "why"));
}

static void unclaimed_rows_are_gone_and_others_stay(void **state)
{
	struct fixture *f = *state;
	struct store_claim claims[] = { claim_of('a', 1), claim_of('b', 2) };
	ops->begin(f->session);
	ops->claim(f->session, claims, 2);
	flush(f->session, STORE_OK);
	ops->unclaim(f->session, &claims[1], 1);
	ops->commit(f->session);
	flush(f->session, STORE_OK);
	assert_int_equal(claim_alone(f->session, claim_of('b', 2)), CLAIM_NEW);
	assert_int_equal(claim_alone(f->session, claim_of('a', 2)), CLAIM_DUPLICATE);
	assert_string_equal(fake_store_misuse(f->store), "");
}

static void a_claim_held_by_another_transaction_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct store_session *other = open_session(f->store);
	struct store_claim mine = claim_of('a', 1), theirs = claim_of('a', 1);
	ops->begin(f->session);
	ops->claim(f->session, &mine, 1);
	flush(f->session, STORE_OK);
	ops->begin(other);
	ops->claim(other, &theirs, 1);
	struct store_flight flight = flush(other, STORE_CONFLICT);
	assert_int_equal(flight.op, STORE_OP_CLAIM);
	assert_string_equal(flight.err.code, "55P03");
	ops->session_close(other);
	ops->rollback(f->session);
	flush(f->session, STORE_OK);
	assert_int_equal(fake_store_rows(f->store)->row_count, 0);
}

static void a_savepoint_undoes_only_its_own_effects(void **state)
{
	struct fixture *f = *state;
	fake_store_fail(f->store,
		&(struct fake_fault){ STORE_OP_STATEMENT, "poison", .failure = STORE_STATEMENT,
			.code = "22P02" });
	ops->begin(f->session);
	ops->savepoint(f->session, 1);
	queue_statement(f->session, "first", 0);
	ops->release(f->session, 1);
	ops->savepoint(f->session, 2);
	queue_statement(f->session, "second", 1);
	queue_statement(f->session, "poison", 2);
	ops->release(f->session, 2);
	ops->commit(f->session);
	struct store_flight flight = flush(f->session, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_STATEMENT);
	assert_int_equal(flight.tag, 2);
	assert_true(flight.in_transaction);
	assert_string_equal(flight.err.code, "22P02");
	ops->rollback_to(f->session, 2);
	queue_statement(f->session, "third", 3);
	ops->release(f->session, 2);
	ops->commit(f->session);
	flush(f->session, STORE_OK);
	assert_int_equal(fake_store_rows(f->store)->effect_count, 2);
	assert_int_equal(fake_store_count_value(f->store, "first"), 1);
	assert_int_equal(fake_store_count_value(f->store, "second"), 0);
	assert_int_equal(fake_store_count_value(f->store, "third"), 1);
	assert_string_equal(fake_store_journal(f->store),
		"begin savepoint:1 statement:0 release:1 savepoint:2 statement:1 statement:2! | "
		"rollback_to:2 statement:3 release:2 commit | ");
}

static void commit_of_an_aborted_transaction_is_answered_by_rollback(void **state)
{
	struct fixture *f = *state;
	fake_store_fail(f->store,
		&(struct fake_fault){ STORE_OP_STATEMENT, .times = 1, .failure = STORE_TIMEOUT });
	ops->begin(f->session);
	queue_statement(f->session, "x", 0);
	flush(f->session, STORE_TIMEOUT);
	ops->commit(f->session);
	assert_false(flush(f->session, STORE_ROLLED_BACK).in_transaction);
	assert_int_equal(fake_store_rows(f->store)->effect_count, 0);
}

static void a_connection_lost_before_commit_loses_the_transaction(void **state)
{
	struct fixture *f = *state;
	fake_store_fail(f->store,
		&(struct fake_fault){ STORE_OP_COMMIT, .times = 1, .failure = STORE_LOST });
	ops->begin(f->session);
	queue_statement(f->session, "x", 0);
	ops->commit(f->session);
	assert_false(flush(f->session, STORE_LOST).in_transaction);
	assert_int_equal(fake_store_rows(f->store)->effect_count, 0);
	ops->begin(f->session);
	flush(f->session, STORE_LOST);
	assert_int_equal(ops->session_ready(f->session, NULL), 0);
	assert_int_equal(claim_alone(f->session, claim_of('a', 1)), CLAIM_NEW);
}

static void a_connection_lost_after_commit_keeps_the_transaction(void **state)
{
	struct fixture *f = *state;
	fake_store_fail(f->store,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_LOST, .is_after = true });
	ops->begin(f->session);
	queue_statement(f->session, "x", 0);
	ops->commit(f->session);
	flush(f->session, STORE_LOST);
	assert_int_equal(fake_store_count_value(f->store, "x"), 1);
}

static void a_deferred_constraint_fails_at_commit(void **state)
{
	struct fixture *f = *state;
	fake_store_fail(f->store,
		&(struct fake_fault){
			STORE_OP_COMMIT, "bad", .failure = STORE_STATEMENT, .code = "23505" });
	static const char *const values[] = { "good", "bad" };
	for (size_t i = 0; i < 2; i++) {
		ops->begin(f->session);
		queue_statement(f->session, values[i], 0);
		ops->commit(f->session);
		assert_false(flush(f->session, i == 0 ? STORE_OK : STORE_STATEMENT).in_transaction);
	}
	assert_int_equal(fake_store_rows(f->store)->effect_count, 1);
}

static void faults_skip_and_end_as_scripted(void **state)
{
	struct fixture *f = *state;
	fake_store_fail(f->store,
		&(struct fake_fault){ STORE_OP_BEGIN, .skip = 1, .times = 2,
			.failure = STORE_UNAVAILABLE, .code = "57P03" });
	static const enum store_failure wanted[] = { STORE_OK, STORE_UNAVAILABLE, STORE_UNAVAILABLE,
		STORE_OK };
	for (size_t i = 0; i < 4; i++) {
		ops->begin(f->session);
		flush(f->session, wanted[i]);
		ops->rollback(f->session);
		flush(f->session, STORE_OK);
	}
}

static void a_store_that_is_down_is_not_ready_until_it_is_up(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct store_partition_seen seen;
	fake_store_set_down(f->store, true);
	assert_int_equal(
		ops->get_seen(f->session, SLICE_LITERAL("orders"), 0, &seen, &err), STORE_LOST);
	assert_int_equal(ops->session_ready(f->session, &err), 1);
	fake_store_set_down(f->store, false);
	assert_int_equal(ops->session_ready(f->session, &err), 0);
	assert_int_equal(ops->put_seen(f->session, SLICE_LITERAL("orders"), 0, 17, &err), STORE_OK);
	assert_int_equal(
		ops->get_seen(f->session, SLICE_LITERAL("orders"), 0, &seen, &err), STORE_OK);
	assert_true(seen.is_seen);
	assert_int_equal(seen.committed, 17);
	assert_int_equal(
		ops->get_seen(f->session, SLICE_LITERAL("orders"), 1, &seen, &err), STORE_OK);
	assert_false(seen.is_seen);
}

static void attempts_commit_with_their_transaction(void **state)
{
	struct fixture *f = *state;
	struct store_attempts attempts = { claim_of('a', 5).position, 3, 100, 200 }, *loaded;
	size_t count;
	ops->begin(f->session);
	ops->put_attempts(f->session, &attempts);
	ops->commit(f->session);
	flush(f->session, STORE_OK);
	ops->load_attempts(f->session, SLICE_LITERAL("orders"), 0, 5, &loaded, &count, NULL);
	assert_int_equal(count, 1);
	assert_int_equal(loaded[0].attempts, 3);
	free(loaded);
	ops->begin(f->session);
	ops->delete_attempts(f->session, &attempts.position);
	ops->commit(f->session);
	flush(f->session, STORE_OK);
	ops->load_attempts(f->session, SLICE_LITERAL("orders"), 0, 0, &loaded, &count, NULL);
	assert_int_equal(count, 0);
	free(loaded);
}

static void misuse_of_the_port_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct store_claim claims[] = { claim_of('b', 1), claim_of('a', 2) };
	ops->begin(f->session);
	ops->claim(f->session, claims, 2);
	flush(f->session, STORE_OK);
	assert_string_equal(
		fake_store_misuse(f->store), "claims are not sorted, or a key is repeated");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(claims_are_new_once_and_rolled_back_with_their_transaction),
		TEST(a_query_counts_the_effects_it_sees),
		TEST(a_dead_letter_is_known_by_its_position),
		TEST(unclaimed_rows_are_gone_and_others_stay),
		TEST(a_claim_held_by_another_transaction_is_a_conflict),
		TEST(a_savepoint_undoes_only_its_own_effects),
		TEST(commit_of_an_aborted_transaction_is_answered_by_rollback),
		TEST(a_connection_lost_before_commit_loses_the_transaction),
		TEST(a_connection_lost_after_commit_keeps_the_transaction),
		TEST(a_deferred_constraint_fails_at_commit),
		TEST(faults_skip_and_end_as_scripted),
		TEST(a_store_that_is_down_is_not_ready_until_it_is_up),
		TEST(attempts_commit_with_their_transaction),
		TEST(misuse_of_the_port_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
