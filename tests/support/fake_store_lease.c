/*
 * fake_store_lease - the leases of the fake store
 */
#include <string.h>

#include "fake_store_private.h"

/* A replay's keeps what the dead letter's row says. */
static void fake_put_lease(struct fake_session *session, const struct store_lease *lease,
	const struct store_claim *claim, const struct fake_row *dead)
{
	struct fake_change change = { .kind = FAKE_PUT_ROW,
		.row = fake_row_of(claim, STORE_OUTCOME_RUNNING) };
	if (dead) {
		change.row.position = dead->position;
		change.row.decision =
			slice_is_null(dead->decision) ? SLICE_LITERAL("") : dead->decision;
	}
	change.row.until_us = session->store->now_us + lease->lease_us;
	memcpy(change.row.owner, lease->owner, STORE_OWNER_SIZE);
	fake_rows_change(&session->store->rows, &session->transaction, &change);
}

static bool fake_is_owner(const struct fake_row *row, const struct store_lease *lease)
{
	return row && row->outcome == STORE_OUTCOME_RUNNING &&
		memcmp(row->owner, lease->owner, STORE_OWNER_SIZE) == 0;
}

static int fake_lease_one(
	struct fake_session *session, const struct store_lease *lease, struct store_claim *claim)
{
	if (fake_is_held_by_other(session, claim->key)) {
		return fake_refuse(session, STORE_CONFLICT, "55P03");
	}
	const struct fake_row *row =
		fake_rows_see(&session->store->rows, &session->transaction, claim->key);
	claim->is_dead_elsewhere = false;
	claim->decision = SLICE_NULL;
	claim->verdict = CLAIM_NEW;
	if (row) {
		struct fake_row seen = *row;
		if (fake_is_owner(row, lease)) {
			seen.until_us = session->store->now_us;
		}
		fake_judge_row(session, &seen, claim);
		if (claim->verdict == CLAIM_UNKNOWN) {
			claim->verdict = CLAIM_TAKEN_OVER;
		}
	}
	if (claim->verdict == CLAIM_NEW || claim->verdict == CLAIM_TAKEN_OVER ||
		claim->verdict == CLAIM_REPLAYED) {
		fake_put_lease(
			session, lease, claim, claim->verdict == CLAIM_REPLAYED ? row : NULL);
	}
	return STORE_OK;
}

static int fake_run_lease(struct fake_session *session, const struct fake_op *op)
{
	fake_check_sorted(session, op);
	for (size_t i = 0; i < op->count; i++) {
		int failure = fake_lease_one(session, op->lease, &op->claims[i]);
		if (failure) {
			return failure;
		}
	}
	return STORE_OK;
}

static void fake_end_one(
	struct fake_session *session, const struct fake_op *op, struct store_claim *claim)
{
	struct fake_rows *rows = &session->store->rows;
	const struct fake_row *row = fake_rows_see(rows, &session->transaction, claim->key);
	claim->is_mine = fake_is_owner(row, op->lease);
	if (!claim->is_mine) {
		return;
	}
	struct fake_change change = { .kind = FAKE_PUT_ROW, .row = *row };
	switch (op->end) {
	case STORE_LEASE_DONE:
		change.row.outcome = STORE_OUTCOME_DONE;
		change.row.decision = SLICE_NULL;
		break;
	case STORE_LEASE_DLQ:
		change.row.outcome = STORE_OUTCOME_DLQ;
		change.row.position = claim->position;
		change.row.decision = claim->decision;
		break;
	case STORE_LEASE_RELEASED:
		/* a replay's row is a dead letter's again */
		change.row.outcome = STORE_OUTCOME_DLQ;
		if (slice_is_null(row->decision)) {
			change.kind = FAKE_DELETE_ROW;
		}
		break;
	case STORE_LEASE_RENEWED:
		change.row.until_us = session->store->now_us + op->lease->lease_us;
		break;
	}
	fake_rows_change(rows, &session->transaction, &change);
}

static int fake_run_end_leases(struct fake_session *session, const struct fake_op *op)
{
	fake_check_sorted(session, op);
	for (size_t i = 0; i < op->count; i++) {
		fake_end_one(session, op, &op->claims[i]);
	}
	return STORE_OK;
}

void fake_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count)
{
	struct fake_op *op = fake_queue(session, STORE_OP_CLAIM, fake_run_lease, "lease");
	op->lease = lease;
	op->claims = claims;
	op->count = count;
	fake_number(op, (uint32_t)count);
}

void fake_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	static const char *const words[] = {
		[STORE_LEASE_DONE] = "lease_done",
		[STORE_LEASE_DLQ] = "lease_dlq",
		[STORE_LEASE_RELEASED] = "lease_released",
		[STORE_LEASE_RENEWED] = "lease_renewed",
	};
	struct fake_op *op = fake_queue(session, STORE_OP_LEASE, fake_run_end_leases, words[end]);
	op->lease = lease;
	op->end = end;
	op->claims = claims;
	op->count = count;
	fake_number(op, (uint32_t)count);
}
