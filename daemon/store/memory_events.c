/*
 * memory_events - leases and their ends
 *
 * Runs in: any thread of the worker, under the memory's lock. The store's clock is this process's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "core/claim.h"
#include "store/memory.h"
#include "store/position.h"

static bool is_owner(const struct memory_row *row, const struct store_lease *lease)
{
	return row->outcome == STORE_OUTCOME_RUNNING &&
		memcmp(row->owner, lease->owner, STORE_OWNER_SIZE) == 0;
}

static void run(struct memory_row *row, const struct store_lease *lease, int64_t now_us)
{
	row->outcome = STORE_OUTCOME_RUNNING;
	memcpy(row->owner, lease->owner, STORE_OWNER_SIZE);
	row->until_us = now_us + lease->lease_us;
}

static uint64_t position_of(const struct memory_session *session, const struct store_claim *claim)
{
	return store_position_digest(session->store->options.cluster_id, &claim->position);
}

static void keep_digest(struct memory_row *row, const struct store_claim *claim)
{
	row->has_digest = claim->has_digest;
	memcpy(row->digest, claim->digest, STORE_DIGEST_SIZE);
}

static struct slice digest_of(const struct memory_row *row)
{
	return row->has_digest ? slice_from(row->digest, STORE_DIGEST_SIZE) : SLICE_NULL;
}

static void judge_row(struct memory_session *session, const struct memory_row *row,
	struct store_claim *claim, bool is_same_position, int64_t left_us)
{
	claim_judge(claim,
		&(struct claim_row){
			row->outcome, is_same_position, digest_of(row), left_us, row->is_replay });
	if (claim->verdict == CLAIM_SETTLED_DLQ && row->decision_len) {
		claim->decision = arena_copy(
			&session->decisions, slice_from(row->decision, row->decision_len));
	}
}

/* A row is there. */
static void lease_row(struct memory_session *session, struct memory_row *row,
	const struct store_lease *lease, struct store_claim *claim, int64_t now_us)
{
	bool is_running = row->outcome == STORE_OUTCOME_RUNNING;
	bool is_free = is_running && (is_owner(row, lease) || row->until_us <= now_us);
	uint64_t position = position_of(session, claim);
	bool is_dead = row->outcome == STORE_OUTCOME_DLQ || (is_free && row->is_replay);

	if (is_free && !row->is_replay && !claim_differs(claim, digest_of(row))) {
		row->position = position;
		keep_digest(row, claim);
		run(row, lease, now_us);
		claim->verdict = CLAIM_TAKEN_OVER;
	} else if (claim->is_replay && is_dead && row->position != position) {
		/* position and decision stay: a dead letter again when nothing comes of it */
		row->is_replay = true;
		keep_digest(row, claim);
		run(row, lease, now_us);
		claim->verdict = CLAIM_REPLAYED;
	} else {
		judge_row(session, row, claim, row->position == position, row->until_us - now_us);
	}
}

void memory_run_lease(struct memory_session *session, const struct memory_op *op, int64_t now_us)
{
	struct memory_table *table = &session->store->memory->table;

	for (size_t i = 0; i < op->count; i++) {
		struct store_claim *claim = &op->claims[i];
		struct memory_row *row = memory_table_find(table, claim->key, now_us);

		if (row) {
			lease_row(session, row, op->lease, claim, now_us);
			continue;
		}
		row = memory_table_add(table, claim->key, now_us);
		row->position = position_of(session, claim);
		keep_digest(row, claim);
		run(row, op->lease, now_us);
		claim->verdict = CLAIM_NEW;
	}
}

/* ---- ends ---- */

static void bury(
	struct memory_session *session, struct memory_row *row, const struct store_claim *claim)
{
	row->outcome = STORE_OUTCOME_DLQ;
	row->is_replay = false;
	row->position = position_of(session, claim);
	if (!claim->decision.len) {
		return; /* a replay's row keeps the earlier one */
	}
	free(row->decision);
	row->decision = xmalloc(claim->decision.len);
	row->decision_len = claim->decision.len;
	memcpy(row->decision, claim->decision.data, claim->decision.len);
}

static void finish(
	struct memory_session *session, struct memory_row *row, const struct store_claim *claim)
{
	row->outcome = STORE_OUTCOME_DONE;
	row->position = position_of(session, claim);
	row->is_replay = false;
	free(row->decision);
	row->decision = NULL;
	row->decision_len = 0;
}

static void end_row(struct memory_session *session, struct memory_row *row,
	const struct memory_op *op, const struct store_claim *claim, int64_t now_us)
{
	row->ended_us = now_us;
	switch (op->end) {
	case STORE_LEASE_DONE:
		finish(session, row, claim);
		break;
	case STORE_LEASE_DLQ:
		bury(session, row, claim);
		break;
	case STORE_LEASE_RENEWED:
		run(row, op->lease, now_us);
		break;
	case STORE_LEASE_RELEASED:
		if (row->is_replay) {
			row->outcome = STORE_OUTCOME_DLQ;
			row->is_replay = false;
		} else {
			memory_table_remove(&session->store->memory->table, row);
		}
		break;
	}
}

void memory_run_end(struct memory_session *session, const struct memory_op *op, int64_t now_us)
{
	struct memory_table *table = &session->store->memory->table;

	for (size_t i = 0; i < op->count; i++) {
		struct store_claim *claim = &op->claims[i];
		struct memory_row *row = memory_table_find(table, claim->key, now_us);

		claim->is_mine = row && is_owner(row, op->lease);
		claim->was_forgotten = !row && op->end != STORE_LEASE_RELEASED;
		if (claim->was_forgotten) {
			row = memory_table_add(table, claim->key, now_us);
			keep_digest(row, claim);
			claim->is_mine = true;
		}
		if (claim->is_mine) {
			end_row(session, row, op, claim, now_us);
		}
	}
}
