/*
 * unit_effect - send the effects of the records, and again without what failed
 *
 * All groups travel in one flight with the decisions and COMMIT. A statement that fails undoes its
 * group only: the group is sent again without that record, and the groups behind it for the first
 * time.
 */
#include "base/clock.h"
#include "base/failpoint.h"
#include "worker/unit_private.h"

/*
 * What the handler depends on is not there, or an operator's error (a missing table, a refused
 * right) fails every record of the handler the same way: none of the others is tried in this
 * transaction.
 */
static void hold_others(struct unit *unit, struct unit_range range, const struct unit_work *failed)
{
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (!unit_is_cut(unit, i) && work->handler == failed->handler &&
			unit_has_effect(work) && work->group >= failed->group) {
			unit_outage_hold(unit, work);
		} else if (unit_is_cut(unit, i) && !unit_is_cutting(work->fate)) {
			work->fate = UNIT_AGAIN;
		}
	}
}

/* True: the transaction goes on without the record's effect. */
static bool isolate(struct unit *unit, struct unit_range range, const struct store_flight *flight)
{
	struct unit_work *work = &unit->works[flight->tag];
	enum verdict verdict =
		verdict_of_statement(flight->failure, flight->err.code, &work->handler->overrides);

	if (verdict == VERDICT_REDO) {
		return false;
	}
	unit_blame(unit, work, verdict, flight->err.code, flight->err.text, 0);
	if (work->fate == UNIT_HELD && handler_outage_is_holding(&work->handler->outage)) {
		hold_others(unit, range, work);
	} else {
		unit_cut(unit, range);
	}
	return true;
}

static bool can_go_on(const struct store_flight *flight)
{
	return flight->in_transaction && flight->failure != STORE_LOST &&
		flight->failure != STORE_UNAVAILABLE;
}

static bool is_own_statement(struct unit_range range, const struct store_flight *flight)
{
	return flight->op == STORE_OP_STATEMENT && can_go_on(flight) &&
		flight->tag >= range.first && flight->tag < range.end;
}

/* Whoever it was: smaller sets, or single statements, will tell. */
static bool is_set(const struct unit *unit, const struct store_flight *flight)
{
	return flight->op == STORE_OP_SET && can_go_on(flight) &&
		flight->failure != STORE_CONFLICT && flight->tag < unit->group_count;
}

static void undo(struct unit *unit, unsigned group)
{
	unit->options.store->rollback_to(unit->session, unit->groups[group].savepoint);
}

enum store_failure unit_send_effects(
	struct unit *unit, struct unit_range range, struct store_flight *flight)
{
	const struct store_ops *store = unit->options.store;
	bool is_resumed = false;
	unsigned group = 0;
	int64_t started_us;

	unit->group_count = 0;
	unit_form_groups(unit, range.first, range.end);
	for (;;) {
		unit_stage(unit, PAGE_STAGE_EFFECTS, NULL);
		started_us = clock_mono_us();
		unit_queue_groups(unit, group, is_resumed);
		unit_queue_decisions(unit, range);
		store->commit(unit->session);
		FAILPOINT("before_commit");
		enum store_failure failure = store->flush(unit->session, flight);
		if (failure == STORE_OK) {
			FAILPOINT("after_commit");
			break;
		}
		if (is_set(unit, flight)) {
			group = flight->tag;
			undo(unit, group);
			store->release(unit->session, unit->groups[group].savepoint);
			unit_split_set(unit, group, range.end);
			is_resumed = false;
		} else if (is_own_statement(range, flight) && isolate(unit, range, flight)) {
			group = unit->works[flight->tag].group;
			undo(unit, group);
			is_resumed = true;
		} else {
			return failure;
		}
	}
	if (unit->options.page) {
		page_histogram_add(
			&unit->options.page->commit_seconds, clock_mono_us() - started_us);
	}
	return STORE_OK;
}
