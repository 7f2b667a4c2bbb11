/*
 * unit_alone - a record whose own transaction the store failed
 *
 * The batch was halved down to this one record, so that whatever the store said is about it: a
 * statement or a deferred constraint is its fault, a claim that waits in vain is not. Its effect is
 * gone with the transaction; what follows for the record is written by a second one.
 */
#include "worker/unit_private.h"

static void judge(struct unit *unit, struct unit_work *work, const struct store_flight *flight)
{
	const struct err *err = &flight->err;
	bool is_its_own = flight->op == STORE_OP_STATEMENT || flight->op == STORE_OP_QUERY ||
		flight->op == STORE_OP_COMMIT;
	enum verdict verdict = VERDICT_RETRY;

	if (!is_its_own || !unit_has_effect(work)) {
		unit_hold(unit, work, err->code, err->text, UNIT_BUSY_US);
		return;
	}
	if (flight->failure == STORE_STATEMENT || flight->failure == STORE_FORBIDDEN) {
		verdict =
			verdict_of_statement(flight->failure, err->code, &work->handler->overrides);
	}
	unit_blame(unit, work, verdict, err->code, err->text, 0);
}

/* Claim again, to decide: somebody may have been faster. */
static enum store_failure claim(
	struct unit *unit, struct unit_range only, struct store_flight *flight)
{
	enum store_failure failure;

	unit_queue_claims(unit, only);
	failure = unit->options.store->flush(unit->session, flight);
	if (failure == STORE_OK) {
		unit_apply_claims(unit, only);
	}
	return failure;
}

static enum store_failure write_down(
	struct unit *unit, struct unit_range only, struct store_flight *flight)
{
	const struct store_ops *store = unit->options.store;
	struct unit_work *work = &unit->works[only.first];
	enum store_failure failure;

	work->claim_index = -1;
	work->claim.verdict = CLAIM_UNKNOWN;
	store->begin(unit->session);
	if (work->fate == UNIT_DEAD) {
		failure = claim(unit, only, flight);
		if (failure) {
			return failure;
		}
	}
	unit_queue_decisions(unit, only);
	store->commit(unit->session);
	return store->flush(unit->session, flight);
}

void unit_settle_alone(struct unit *unit, unsigned i, const struct store_flight *flight)
{
	struct unit_work *work = &unit->works[i];
	struct unit_range only = { i, i + 1 };
	struct store_flight second = { 0 };

	judge(unit, work, flight);
	if (work->fate != UNIT_HELD && write_down(unit, only, &second)) {
		unit_roll_back(unit, &second);
		if (unit_note_store_failure(unit, &second)) {
			unit_stop_clock(work);
			work->end = UNIT_AGAIN;
			return;
		}
		unit_hold(unit, work, second.err.code, second.err.text, UNIT_BUSY_US);
	}
	unit_settle_fates(unit, only);
}
