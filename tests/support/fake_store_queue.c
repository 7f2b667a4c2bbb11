/*
 * fake_store_queue - the operations of the fake store: how they are queued, and what each does
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "core/claim.h"
#include "fake_store_private.h"

/* ---- what operations do ---- */

static int fake_run_begin(struct fake_session *session, const struct fake_op *op)
{
	if (session->in_transaction) {
		fake_misuse(session, "begin inside a transaction");
	}
	session->in_transaction = true;
	return STORE_OK;
}

bool fake_is_held_by_other(const struct fake_session *session, const uint8_t key[STORE_KEY_SIZE])
{
	for (size_t i = 0; i < FAKE_SESSIONS_MAX; i++) {
		const struct fake_session *other = session->store->sessions[i];
		if (other && other != session && fake_transaction_holds(&other->transaction, key)) {
			return true;
		}
	}
	return false;
}

struct fake_row fake_row_of(const struct store_claim *claim, enum store_outcome outcome)
{
	struct fake_row row = { .outcome = outcome,
		.position = claim->position,
		.event_id = claim->event_id,
		.has_digest = claim->has_digest };
	memcpy(row.key, claim->key, STORE_KEY_SIZE);
	memcpy(row.digest, claim->digest, STORE_DIGEST_SIZE);
	return row;
}

static void fake_put_row(struct fake_session *session, const struct store_claim *claim,
	enum store_outcome outcome, struct slice decision)
{
	struct fake_change change = { .kind = FAKE_PUT_ROW, .row = fake_row_of(claim, outcome) };
	change.row.decision = decision;
	fake_rows_change(&session->store->rows, &session->transaction, &change);
}

void fake_judge_row(
	const struct fake_session *session, const struct fake_row *row, struct store_claim *claim)
{
	claim_judge(claim,
		&(struct claim_row){
			.outcome = row->outcome,
			.is_same_position = fake_position_equal(&row->position, &claim->position),
			.digest = row->has_digest ? slice_from(row->digest, STORE_DIGEST_SIZE)
						  : SLICE_NULL,
			.left_us = row->until_us - session->store->now_us,
			.is_replay = !slice_is_null(row->decision),
		});
	claim->decision = claim->verdict == CLAIM_SETTLED_DLQ ? row->decision : SLICE_NULL;
}

static int fake_claim_one(struct fake_session *session, struct store_claim *claim)
{
	if (fake_is_held_by_other(session, claim->key)) {
		return fake_refuse(session, STORE_CONFLICT, "55P03");
	}
	const struct fake_row *row =
		fake_rows_see(&session->store->rows, &session->transaction, claim->key);
	claim->verdict = CLAIM_UNKNOWN;
	if (row) {
		fake_judge_row(session, row, claim);
	}
	if (claim->verdict == CLAIM_REPLAYED) {
		/* a lock, for which a change that changes nothing stands */
		const struct fake_change lock = { .kind = FAKE_PUT_ROW, .row = *row };
		fake_rows_change(&session->store->rows, &session->transaction, &lock);
	} else if (claim->verdict == CLAIM_UNKNOWN) {
		claim->verdict = CLAIM_NEW;
		claim->is_dead_elsewhere = false;
		claim->decision = SLICE_NULL;
		fake_put_row(session, claim, STORE_OUTCOME_DONE, SLICE_NULL);
	}
	return STORE_OK;
}

void fake_check_sorted(struct fake_session *session, const struct fake_op *op)
{
	for (size_t i = 1; i < op->count; i++) {
		if (memcmp(op->claims[i - 1].key, op->claims[i].key, STORE_KEY_SIZE) >= 0) {
			fake_misuse(session, "claims are not sorted, or a key is repeated");
		}
	}
}

static int fake_run_claim(struct fake_session *session, const struct fake_op *op)
{
	fake_check_sorted(session, op);
	for (size_t i = 0; i < op->count; i++) {
		int failure = fake_claim_one(session, &op->claims[i]);
		if (failure) {
			return failure;
		}
	}
	return STORE_OK;
}

static int fake_run_savepoint(struct fake_session *session, const struct fake_op *op)
{
	if (session->savepoint_count == FAKE_SAVEPOINTS_MAX) {
		fake_misuse(session, "too many savepoints are open");
		return STORE_OK;
	}
	session->savepoints[session->savepoint_count++] =
		(struct fake_savepoint){ op->number, session->transaction.count };
	return STORE_OK;
}

/* Index of the youngest savepoint of a group, -1 when there is none. */
static int fake_find_savepoint(const struct fake_session *session, uint32_t group)
{
	int i = (int)session->savepoint_count - 1;
	while (i >= 0 && session->savepoints[i].group != group) {
		i--;
	}
	return i;
}

static int fake_run_release(struct fake_session *session, const struct fake_op *op)
{
	int i = fake_find_savepoint(session, op->number);
	if (i < 0) {
		fake_misuse(session, "release of an unknown savepoint");
		return fake_refuse(session, STORE_STATEMENT, "3B001");
	}
	session->savepoint_count = (size_t)i;
	return STORE_OK;
}

static int fake_run_rollback_to(struct fake_session *session, const struct fake_op *op)
{
	int i = fake_find_savepoint(session, op->number);
	if (i < 0) {
		fake_misuse(session, "rollback to an unknown savepoint");
		return fake_refuse(session, STORE_STATEMENT, "3B001");
	}
	session->transaction.count = session->savepoints[i].length;
	session->savepoint_count = (size_t)i + 1;
	session->is_aborted = false;
	return STORE_OK;
}

static void fake_add_effect(
	struct fake_session *session, size_t statement, const struct store_value *row, size_t count)
{
	struct slice *values = xcalloc(count, sizeof(*values));
	for (size_t i = 0; i < count; i++) {
		values[i] = row[i].kind == STORE_VALUE_NULL ? SLICE_NULL : row[i].text;
	}
	struct fake_change change = {
		.kind = FAKE_ADD_EFFECT,
		.effect = { .statement = statement, .value_count = count, .values = values },
	};
	fake_rows_change(&session->store->rows, &session->transaction, &change);
	free(values);
}

static int fake_run_statement(struct fake_session *session, const struct fake_op *op)
{
	fake_add_effect(session, op->statement, op->values, op->count);
	return STORE_OK;
}

static int fake_run_query(struct fake_session *session, const struct fake_op *op)
{
	const struct slice *wanted = op->count > 0 ? &op->values[0].text : NULL;
	size_t seen = fake_rows_count_effects(&session->store->rows, &session->transaction, wanted);

	snprintf(session->counted, sizeof(session->counted), "%zu", seen);
	session->answered[0] = slice_from_str(session->counted);
	session->answered[1] = SLICE_NULL;
	*op->answer = (struct store_rows){ 1, 2, session->answered };
	return STORE_OK;
}

static int fake_run_set(struct fake_session *session, const struct fake_op *op)
{
	for (size_t i = 0; i < op->count; i++) {
		fake_add_effect(session, op->statement, op->rows[i], fake_set_values(session, op));
	}
	return STORE_OK;
}

static int fake_run_decide(struct fake_session *session, const struct fake_op *op)
{
	const struct store_claim *claim = op->decided;
	if (fake_is_held_by_other(session, claim->key)) {
		return fake_refuse(session, STORE_CONFLICT, "55P03");
	}
	const struct fake_row *row =
		fake_rows_see(&session->store->rows, &session->transaction, claim->key);
	bool is_own = fake_transaction_holds(&session->transaction, claim->key);
	if (row && row->outcome == STORE_OUTCOME_DONE && !is_own) {
		return fake_refuse(session, STORE_CONFLICT, "");
	}
	bool has_decision =
		row && !slice_is_null(row->decision) && claim->verdict != CLAIM_REPLAYED;
	fake_put_row(
		session, claim, STORE_OUTCOME_DLQ, has_decision ? row->decision : op->decision);
	return STORE_OK;
}

static int fake_run_finish_replay(struct fake_session *session, const struct fake_op *op)
{
	if (op->decided->verdict != CLAIM_REPLAYED ||
		!fake_transaction_holds(&session->transaction, op->decided->key)) {
		fake_misuse(session, "end of a replay that this transaction does not hold");
	}
	fake_put_row(session, op->decided, STORE_OUTCOME_DONE, SLICE_NULL);
	return STORE_OK;
}

static int fake_run_unclaim(struct fake_session *session, const struct fake_op *op)
{
	for (size_t i = 0; i < op->count; i++) {
		const uint8_t *key = op->decided[i].key;
		if (!fake_transaction_holds(&session->transaction, key) ||
			fake_rows_find(&session->store->rows, key)) {
			fake_misuse(
				session, "unclaim of a row that this transaction did not insert");
			continue;
		}
		struct fake_change change = { .kind = FAKE_DELETE_ROW };
		memcpy(change.row.key, key, STORE_KEY_SIZE);
		fake_rows_change(&session->store->rows, &session->transaction, &change);
	}
	return STORE_OK;
}

static int fake_run_put_attempts(struct fake_session *session, const struct fake_op *op)
{
	const struct fake_change change = { .kind = FAKE_PUT_ATTEMPTS, .attempts = *op->attempts };
	fake_rows_change(&session->store->rows, &session->transaction, &change);
	return STORE_OK;
}

static int fake_run_delete_attempts(struct fake_session *session, const struct fake_op *op)
{
	const struct fake_change change = { .kind = FAKE_DELETE_ATTEMPTS,
		.attempts = { .position = *op->position } };
	fake_rows_change(&session->store->rows, &session->transaction, &change);
	return STORE_OK;
}

static int fake_run_commit(struct fake_session *session, const struct fake_op *op)
{
	bool is_aborted = session->is_aborted;
	if (!is_aborted) {
		fake_rows_apply(&session->store->rows, &session->transaction);
	}
	fake_end_transaction(session);
	return is_aborted ? STORE_ROLLED_BACK : STORE_OK;
}

static int fake_run_rollback(struct fake_session *session, const struct fake_op *op)
{
	fake_end_transaction(session);
	return STORE_OK;
}

/* ---- queueing ---- */

struct fake_op *fake_queue(struct store_session *base, enum store_op op,
	int (*run)(struct fake_session *, const struct fake_op *), const char *word)
{
	struct fake_session *session = fake_session(base);
	ARRAY_GROW(session->ops, session->op_count, session->op_capacity);
	struct fake_op *queued = &session->ops[session->op_count++];
	*queued = (struct fake_op){ .op = op, .run = run, .word = word };
	return queued;
}

void fake_number(struct fake_op *op, uint32_t number)
{
	op->number = number;
	op->has_number = true;
}

void fake_begin(struct store_session *session)
{
	fake_queue(session, STORE_OP_BEGIN, fake_run_begin, "begin");
}

void fake_claim(struct store_session *session, struct store_claim *claims, size_t count)
{
	struct fake_op *op = fake_queue(session, STORE_OP_CLAIM, fake_run_claim, "claim");
	op->claims = claims;
	op->count = count;
	fake_number(op, (uint32_t)count);
}

void fake_savepoint(struct store_session *session, uint32_t group)
{
	fake_number(
		fake_queue(session, STORE_OP_SAVEPOINT, fake_run_savepoint, "savepoint"), group);
}

void fake_release(struct store_session *session, uint32_t group)
{
	fake_number(fake_queue(session, STORE_OP_RELEASE, fake_run_release, "release"), group);
}

static void fake_give_values(struct fake_op *op, size_t index, const struct store_value *values,
	size_t count, uint32_t tag)
{
	op->statement = index;
	op->count = count;
	op->values = xcalloc(count, sizeof(*op->values));
	for (size_t i = 0; i < count; i++) {
		op->values[i] = values[i];
	}
	fake_number(op, tag);
}

void fake_statement(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag)
{
	fake_give_values(fake_queue(session, STORE_OP_STATEMENT, fake_run_statement, "statement"),
		index, values, count, tag);
}

void fake_query(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag, struct store_rows *ret)
{
	struct fake_op *op = fake_queue(session, STORE_OP_QUERY, fake_run_query, "query");
	*ret = (struct store_rows){ 0 };
	op->answer = ret;
	fake_give_values(op, index, values, count, tag);
}

/* All rows of a set have as many values as were asked for first. */
bool fake_can_set(struct store_session *base, size_t index, size_t value_count)
{
	struct fake_store *store = fake_session(base)->store;
	if (!store->allows_sets || index >= FAKE_STATEMENTS_MAX || value_count == 0) {
		return false;
	}
	if (store->set_values[index] == 0) {
		store->set_values[index] = value_count;
	}
	return store->set_values[index] == value_count;
}

size_t fake_set_values(const struct fake_session *session, const struct fake_op *op)
{
	return session->store->set_values[op->statement];
}

void fake_statement_set(struct store_session *session, size_t index,
	const struct store_value *const *rows, size_t count, uint32_t tag)
{
	struct fake_op *op = fake_queue(session, STORE_OP_SET, fake_run_set, "set");
	if (!fake_session(session)->store->allows_sets || count == 0) {
		fake_misuse(fake_session(session), "a set that may not be, or of nothing");
	}
	op->statement = index;
	op->rows = rows;
	op->count = count;
	fake_number(op, tag);
}

void fake_decide_dlq(
	struct store_session *session, const struct store_claim *claim, struct slice decision)
{
	struct fake_op *op = fake_queue(session, STORE_OP_DECIDE, fake_run_decide, "decide");
	op->decided = claim;
	op->decision = decision;
}

void fake_finish_replay(struct store_session *session, const struct store_claim *claim)
{
	fake_queue(session, STORE_OP_DECIDE, fake_run_finish_replay, "finish_replay")->decided =
		claim;
}

void fake_unclaim(struct store_session *session, const struct store_claim *claims, size_t count)
{
	struct fake_op *op = fake_queue(session, STORE_OP_DECIDE, fake_run_unclaim, "unclaim");
	op->decided = claims;
	op->count = count;
	fake_number(op, (uint32_t)count);
}

void fake_put_attempts(struct store_session *session, const struct store_attempts *attempts)
{
	fake_queue(session, STORE_OP_DECIDE, fake_run_put_attempts, "attempts")->attempts =
		attempts;
}

void fake_delete_attempts(struct store_session *session, const struct store_position *position)
{
	fake_queue(session, STORE_OP_DECIDE, fake_run_delete_attempts, "delete_attempts")
		->position = position;
}

void fake_commit(struct store_session *session)
{
	fake_queue(session, STORE_OP_COMMIT, fake_run_commit, "commit");
}

void fake_rollback(struct store_session *session)
{
	fake_queue(session, STORE_OP_ROLLBACK, fake_run_rollback, "rollback");
}

void fake_rollback_to(struct store_session *session, uint32_t group)
{
	fake_number(
		fake_queue(session, STORE_OP_ROLLBACK, fake_run_rollback_to, "rollback_to"), group);
}
