/*
 * lease - own event ids for longer than a transaction
 *
 * Runs in: the session's thread. A lease is a row with outcome 2, an owner and an end. It is taken
 * by the claim's rows with two more values, and changed only where it is still the owner's, so that
 * whoever was away too long learns it from the row.
 */
#include <assert.h>

#include "store/postgres/operations.h"
#include "store/postgres/postgres.h"

enum { LEASE_KEY, LEASE_IS_NEW };

void pg_op_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count)
{
	struct pg_op *op;

	pg_op_claim(session, claims, count);
	op = &pg_session(session)->queue.ops[pg_session(session)->queue.count - 1];
	op->kind = PG_OP_LEASE;
	op->claim.lease = lease;
}

void pg_op_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	struct pg_op *op = pg_queue_push(&pg_session(session)->queue, PG_OP_END_LEASES, 0);

	op->claim.claims = claims;
	op->claim.count = count;
	op->claim.lease = lease;
	op->claim.end = end;
	for (size_t i = 0; i < count; i++) {
		claims[i].is_mine = false;
	}
}

static struct slice owner_of(const struct pg_op *op)
{
	return slice_from(op->claim.lease->owner, STORE_OWNER_SIZE);
}

static bool send_rows(
	struct pg_run *run, size_t index, enum pg_part part, enum pg_own own, enum pg_claims which)
{
	const struct pg_op *op = &run->queue->ops[index];
	struct pg_params params = { .count = 0 };

	pg_claim_params_rows(run, index, which, &params);
	pg_params_bytes(&params, owner_of(op));
	pg_params_int8(&params, &run->queue->arena, op->claim.lease->lease_us);
	return pg_send_own(run, index, part, own, &params);
}

/* Replays go for their dead letters first; what is left of them may be new. */
bool pg_lease_send(struct pg_run *run, size_t index)
{
	bool has_replays = pg_claims_unknown(&run->queue->ops[index], PG_CLAIMS_REPLAYS) > 0;

	return (!has_replays ||
		       send_rows(run, index, PG_PART_REPLAY, PG_OWN_LEASE_REPLAY,
			       PG_CLAIMS_REPLAYS)) &&
		send_rows(run, index, PG_PART_MAIN, PG_OWN_LEASE, PG_CLAIMS_ALL);
}

static void params_dead(struct pg_run *run, const struct pg_op *op, struct pg_params *params)
{
	struct arena *arena = &run->queue->arena;
	size_t n = op->claim.count, decision_bytes = 0;
	struct pg_array topics = pg_array_new(arena, PG_INT2, n, n * 2);
	struct pg_array partitions = pg_array_new(arena, PG_INT4, n, n * 4);
	struct pg_array offsets = pg_array_new(arena, PG_INT8, n, n * 8);
	struct pg_array timestamps = pg_array_new(arena, PG_INT8, n, n * 8);
	struct pg_array decisions;

	for (size_t i = 0; i < n; i++) {
		decision_bytes += op->claim.claims[i].decision.len;
	}
	decisions = pg_array_new(arena, PG_BYTEA, n, decision_bytes);
	for (size_t i = 0; i < n; i++) {
		const struct store_position *position = &op->claim.claims[i].position;

		pg_array_add_int2(
			&topics, topic_cache_find(&run->session->topics, position->topic));
		pg_array_add_int4(&partitions, position->partition);
		pg_array_add_int8(&offsets, position->offset);
		pg_array_add_int8(&timestamps, position->timestamp_ms);
		pg_array_add_bytes(&decisions, op->claim.claims[i].decision);
	}
	pg_params_array(params, &topics);
	pg_params_array(params, &partitions);
	pg_params_array(params, &offsets);
	pg_params_array(params, &timestamps);
	pg_params_array(params, &decisions);
}

bool pg_end_leases_send(struct pg_run *run, size_t index)
{
	static const enum pg_own statements[] = {
		[STORE_LEASE_DONE] = PG_OWN_LEASE_DONE,
		[STORE_LEASE_DLQ] = PG_OWN_LEASE_DLQ,
		[STORE_LEASE_RELEASED] = PG_OWN_LEASE_RELEASED,
		[STORE_LEASE_RENEWED] = PG_OWN_LEASE_RENEWED,
	};
	const struct pg_op *op = &run->queue->ops[index];
	struct arena *arena = &run->queue->arena;
	size_t n = op->claim.count;
	struct pg_array keys = pg_array_new(arena, PG_UUID, n, n * STORE_KEY_SIZE);
	struct pg_params params = { .count = 0 };

	for (size_t i = 0; i < n; i++) {
		pg_array_add_bytes(&keys, slice_from(op->claim.claims[i].key, STORE_KEY_SIZE));
	}
	pg_params_array(&params, &keys);
	pg_params_bytes(&params, owner_of(op));
	if (op->claim.end == STORE_LEASE_DLQ) {
		params_dead(run, op, &params);
	} else if (op->claim.end == STORE_LEASE_RENEWED) {
		pg_params_int8(&params, arena, op->claim.lease->lease_us);
	}
	return pg_send_own(run, index, PG_PART_MAIN, statements[op->claim.end], &params);
}

void pg_lease_replayed(struct pg_op *op, const PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++) {
		struct store_claim *claim = pg_claim_of_row(op, result, row);

		if (claim) {
			claim->verdict = CLAIM_REPLAYED;
		}
	}
}

void pg_lease_judge(struct pg_run *run, size_t index, PGresult *result)
{
	struct pg_op *op = &run->queue->ops[index];

	for (int row = 0; row < PQntuples(result); row++) {
		struct store_claim *claim = pg_claim_of_row(op, result, row);

		if (claim) {
			assert(PQgetlength(result, row, LEASE_IS_NEW) == 1);
			claim->verdict = *PQgetvalue(result, row, LEASE_IS_NEW) ? CLAIM_NEW
										: CLAIM_TAKEN_OVER;
		}
	}
}

void pg_end_leases_judge(struct pg_run *run, size_t index, PGresult *result)
{
	struct pg_op *op = &run->queue->ops[index];

	for (int row = 0; row < PQntuples(result); row++) {
		struct store_claim *claim = pg_claim_of_row(op, result, row);

		if (claim) {
			claim->is_mine = true;
		}
	}
}

bool pg_lease_send_expired(struct pg_run *run, size_t index)
{
	struct pg_params params = { .count = 0 };

	run->queue->ops[index].claim.has_expired = false;
	pg_claim_params_keys(run, index, PG_CLAIMS_ALL, &params);
	return pg_send_own(run, index, PG_PART_SUPPORT, PG_OWN_LEASE_EXPIRED, &params);
}
