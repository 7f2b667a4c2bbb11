/*
 * claim - own event ids by inserting their rows, and learn why the others could not be owned
 *
 * Runs in: the session's thread. One INSERT for all: it waits for other open transactions with the
 * same ids, so that a verdict is final. Ids that were not inserted are looked up by a second
 * statement, whose snapshot is newer. A row that is gone by then (retention, a claim taken back) is
 * claimed again. Rows that replays may take over are locked before that look.
 */
#include <stdlib.h>

#include "core/claim.h"
#include "store/postgres/postgres.h"

enum { CLAIM_ROUNDS_MAX = 5 };

enum {
	FIND_KEY,
	FIND_OUTCOME,
	FIND_TOPIC,
	FIND_PARTITION,
	FIND_OFFSET,
	FIND_TIMESTAMP,
	FIND_DECISION,
	FIND_DIGEST,
	FIND_LEFT,
};

struct claim_sizes {
	size_t count, id_bytes, digest_bytes;
};

static bool is_wanted(const struct store_claim *claim, enum pg_claims which)
{
	return claim->verdict == CLAIM_UNKNOWN && (which == PG_CLAIMS_ALL || claim->is_replay);
}

static struct claim_sizes count_wanted(const struct pg_op *op, enum pg_claims which)
{
	struct claim_sizes sizes = { 0, 0, 0 };

	for (size_t i = 0; i < op->claim.count; i++) {
		const struct store_claim *claim = &op->claim.claims[i];

		if (is_wanted(claim, which)) {
			sizes.count++;
			sizes.id_bytes += claim->event_id.len;
			sizes.digest_bytes += claim->has_digest ? STORE_DIGEST_SIZE : 0;
		}
	}
	return sizes;
}

size_t pg_claims_unknown(const struct pg_op *op, enum pg_claims which)
{
	return count_wanted(op, which).count;
}

void pg_claim_params_rows(
	struct pg_run *run, size_t index, enum pg_claims which, struct pg_params *params)
{
	const struct pg_op *op = &run->queue->ops[index];
	struct arena *arena = &run->queue->arena;
	struct claim_sizes sizes = count_wanted(op, which);
	size_t n = sizes.count;
	struct pg_array keys = pg_array_new(arena, PG_UUID, n, n * STORE_KEY_SIZE);
	struct pg_array topics = pg_array_new(arena, PG_INT2, n, n * 2);
	struct pg_array partitions = pg_array_new(arena, PG_INT4, n, n * 4);
	struct pg_array offsets = pg_array_new(arena, PG_INT8, n, n * 8);
	struct pg_array timestamps = pg_array_new(arena, PG_INT8, n, n * 8);
	struct pg_array ids = pg_array_new(arena, PG_BYTEA, n, sizes.id_bytes);
	struct pg_array digests = pg_array_new(arena, PG_BYTEA, n, sizes.digest_bytes);

	for (size_t i = 0; i < op->claim.count; i++) {
		const struct store_claim *claim = &op->claim.claims[i];

		if (!is_wanted(claim, which)) {
			continue;
		}
		pg_array_add_bytes(&keys, slice_from(claim->key, STORE_KEY_SIZE));
		pg_array_add_int2(
			&topics, topic_cache_find(&run->session->topics, claim->position.topic));
		pg_array_add_int4(&partitions, claim->position.partition);
		pg_array_add_int8(&offsets, claim->position.offset);
		pg_array_add_int8(&timestamps, claim->position.timestamp_ms);
		pg_array_add_bytes(&ids, claim->event_id);
		pg_array_add_bytes(&digests, store_claim_digest(claim));
	}
	pg_params_array(params, &keys);
	pg_params_int2(params, arena, run->session->scope_id);
	pg_params_array(params, &topics);
	pg_params_array(params, &partitions);
	pg_params_array(params, &offsets);
	pg_params_array(params, &timestamps);
	pg_params_array(params, &ids);
	pg_params_array(params, &digests);
}

bool pg_claim_send(struct pg_run *run, size_t index)
{
	struct pg_params params = { .count = 0 };

	pg_claim_params_rows(run, index, PG_CLAIMS_ALL, &params);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_CLAIM, &params);
}

void pg_claim_params_keys(
	struct pg_run *run, size_t index, enum pg_claims which, struct pg_params *params)
{
	const struct pg_op *op = &run->queue->ops[index];
	size_t n = pg_claims_unknown(op, which);
	struct pg_array keys = pg_array_new(&run->queue->arena, PG_UUID, n, n * STORE_KEY_SIZE);

	for (size_t i = 0; i < op->claim.count; i++) {
		const struct store_claim *claim = &op->claim.claims[i];

		if (is_wanted(claim, which)) {
			pg_array_add_bytes(&keys, slice_from(claim->key, STORE_KEY_SIZE));
		}
	}
	pg_params_array(params, &keys);
}

/* A replay's row must not change between the look and what is made of it. */
static bool lock_send(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];
	struct pg_params params = { .count = 0 };

	if (op->kind != PG_OP_CLAIM || pg_claims_unknown(op, PG_CLAIMS_REPLAYS) == 0) {
		return true;
	}
	pg_claim_params_keys(run, index, PG_CLAIMS_REPLAYS, &params);
	return pg_send_own(run, index, PG_PART_SUPPORT, PG_OWN_LOCK, &params);
}

static bool find_send(struct pg_run *run, size_t index)
{
	struct pg_params params = { .count = 0 };

	if (!lock_send(run, index)) {
		return false;
	}
	pg_claim_params_keys(run, index, PG_CLAIMS_ALL, &params);
	return pg_send_own(run, index, PG_PART_FIND, PG_OWN_FIND, &params);
}

static int compare_key(const void *key, const void *claim)
{
	return memcmp(key, ((const struct store_claim *)claim)->key, STORE_KEY_SIZE);
}

/* Claims are sorted by key. */
struct store_claim *pg_claim_of_row(struct pg_op *op, const PGresult *result, int row)
{
	if (PQgetlength(result, row, FIND_KEY) != STORE_KEY_SIZE) {
		return NULL;
	}
	return bsearch(PQgetvalue(result, row, FIND_KEY), op->claim.claims, op->claim.count,
		sizeof(*op->claim.claims), compare_key);
}

void pg_claim_inserted(struct pg_op *op, const PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++) {
		struct store_claim *claim = pg_claim_of_row(op, result, row);

		if (claim) {
			claim->verdict = CLAIM_NEW;
		}
	}
}

static bool is_same_position(struct pg_session *session, const struct store_position *position,
	const PGresult *result, int row)
{
	return pg_get_int2(result, row, FIND_TOPIC) ==
		topic_cache_find(&session->topics, position->topic) &&
		pg_get_int4(result, row, FIND_PARTITION) == position->partition &&
		pg_get_int8(result, row, FIND_OFFSET) == position->offset &&
		pg_get_int8(result, row, FIND_TIMESTAMP) == position->timestamp_ms;
}

static struct slice column_of(const PGresult *result, int row, int column)
{
	if (PQgetisnull(result, row, column)) {
		return SLICE_NULL;
	}
	return slice_from(
		PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

/* A row seen only after a lease went for it was in nobody's hands for a moment, or is now. */
static void judge_expired(struct pg_op *op, struct store_claim *claim)
{
	if (op->kind == PG_OP_CLAIM) {
		op->claim.has_expired |= claim->verdict == CLAIM_UNKNOWN;
	} else if (claim->verdict == CLAIM_UNKNOWN || claim->verdict == CLAIM_REPLAYED) {
		claim->verdict = CLAIM_BUSY;
	}
}

void pg_claim_found(struct pg_run *run, size_t index, const PGresult *result)
{
	struct pg_op *op = &run->queue->ops[index];

	for (int row = 0; row < PQntuples(result); row++) {
		struct store_claim *claim = pg_claim_of_row(op, result, row);
		struct slice decision = column_of(result, row, FIND_DECISION);

		if (!claim) {
			continue;
		}
		claim_judge(claim,
			&(struct claim_row){
				.outcome =
					(enum store_outcome)pg_get_int2(result, row, FIND_OUTCOME),
				.is_same_position = is_same_position(
					run->session, &claim->position, result, row),
				.digest = column_of(result, row, FIND_DIGEST),
				.left_us = PQgetisnull(result, row, FIND_LEFT)
					? 0
					: pg_get_int8(result, row, FIND_LEFT),
				.is_replay = !slice_is_null(decision),
			});
		if (claim->verdict == CLAIM_SETTLED_DLQ && !slice_is_null(decision)) {
			claim->decision = arena_copy(&run->session->decisions, decision);
		}
		judge_expired(op, claim);
	}
}

void pg_claim_resolve(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];
	struct err err = ERR_INIT;

	for (int round = 0; round < CLAIM_ROUNDS_MAX; round++) {
		if (pg_claims_unknown(op, PG_CLAIMS_ALL) == 0) {
			return;
		}
		if (!find_send(run, index)) {
			return;
		}
		pg_run_segment(run);
		if (run->flight->failure || pg_claims_unknown(op, PG_CLAIMS_ALL) == 0) {
			return;
		}
		if (op->claim.has_expired && !pg_lease_send_expired(run, index)) {
			return;
		}
		if (!pg_send_op(run, index)) {
			return;
		}
		pg_run_segment(run);
		if (run->flight->failure) {
			return;
		}
	}
	err_set(&err, 0, "claimed rows vanish as fast as they are found");
	pg_run_fail(run, index, STORE_CONFLICT, &err);
}
