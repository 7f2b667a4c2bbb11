/*
 * lease - own event ids for longer than a transaction
 *
 * Runs in: the session's thread. A lease is a row with outcome 2, an owner and an end. It is taken
 * by the claim's rows with two more values, and changed only where it is still the owner's, so that
 * whoever was away too long learns it from the row.
 */
#include <assert.h>

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

bool pg_lease_send(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];
	struct pg_params params = { .count = 0 };

	pg_claim_params_rows(run, index, &params);
	pg_params_bytes(&params, owner_of(op));
	pg_params_int8(&params, &run->queue->arena, op->claim.lease->lease_us);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_LEASE, &params);
}

static void params_decisions(struct pg_run *run, const struct pg_op *op, struct pg_params *params)
{
	struct pg_array decisions;
	size_t bytes = 0;

	for (size_t i = 0; i < op->claim.count; i++) {
		bytes += op->claim.claims[i].decision.len;
	}
	decisions = pg_array_new(&run->queue->arena, PG_BYTEA, op->claim.count, bytes);
	for (size_t i = 0; i < op->claim.count; i++) {
		pg_array_add_bytes(&decisions, op->claim.claims[i].decision);
	}
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
		params_decisions(run, op, &params);
	} else if (op->claim.end == STORE_LEASE_RENEWED) {
		pg_params_int8(&params, arena, op->claim.lease->lease_us);
	}
	return pg_send_own(run, index, PG_PART_MAIN, statements[op->claim.end], &params);
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

void pg_lease_found(struct pg_op *op, struct store_claim *claim, int64_t left_us)
{
	if (left_us <= 0 && op->kind == PG_OP_CLAIM) {
		claim->verdict = CLAIM_UNKNOWN; /* claimed again when it is deleted */
		op->claim.has_expired = true;
		return;
	}
	claim->verdict = CLAIM_BUSY;
	claim->busy_us = left_us > 0 ? left_us : 0;
}

bool pg_lease_send_expired(struct pg_run *run, size_t index)
{
	struct pg_params params = { .count = 0 };

	run->queue->ops[index].claim.has_expired = false;
	pg_claim_params_keys(run, index, &params);
	return pg_send_own(run, index, PG_PART_SUPPORT, PG_OWN_LEASE_EXPIRED, &params);
}
