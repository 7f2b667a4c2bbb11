/*
 * unit_effect - send the effects of the records, and again without what failed
 *
 * All groups travel in one flight with the decisions and COMMIT, but those that a query must see:
 * these go with it. A statement that fails undoes its group only: the group is sent again without
 * that record, and the groups behind it for the first time.
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
	return (flight->op == STORE_OP_STATEMENT || flight->op == STORE_OP_QUERY) &&
		can_go_on(flight) && flight->tag >= range.first && flight->tag < range.end;
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

/*
 * The statement may have been at fault, which says so once. Not what asked: its answers rest on
 * what would be undone.
 */
static bool may_repeat(const struct unit *unit, const struct store_flight *flight)
{
	return flight->is_outdated && is_own_statement(unit->range, flight) &&
		!unit->works[flight->tag].event.has_asked;
}

/* True: it was one record's failure, or a set's, and is taken back; the rest goes again. */
static bool take_back(struct unit *unit)
{
	const struct store_flight *flight = unit->flight;
	unsigned group;

	if (is_set(unit, flight)) {
		group = flight->tag;
		undo(unit, group);
		unit->options.store->release(unit->session, unit->groups[group].savepoint);
		unit_split_set(unit, group);
		return true;
	}
	if (may_repeat(unit, flight) ||
		(is_own_statement(unit->range, flight) && isolate(unit, unit->range, flight))) {
		group = unit->works[flight->tag].group;
		undo(unit, group);
		unit->group_next = group;
		unit->is_group_open = true;
		return true;
	}
	return false;
}

static enum store_failure fly_to_commit(struct unit *unit)
{
	const struct store_ops *store = unit->options.store;
	enum store_failure failure;

	unit_form_groups(unit, unit->range.end);
	unit_queue_groups(unit, false);
	unit_queue_decisions(unit, unit->range);
	store->commit(unit->session);
	FAILPOINT("before_commit");
	failure = store->flush(unit->session, unit->flight);
	if (failure == STORE_OK) {
		FAILPOINT("after_commit");
	}
	return failure;
}

enum store_failure unit_send_effects(struct unit *unit)
{
	enum store_failure failure;
	int64_t started_us;

	do {
		unit_stage(unit, PAGE_STAGE_EFFECTS, NULL);
		started_us = clock_mono_us();
		failure = fly_to_commit(unit);
	} while (failure && take_back(unit));
	if (unit->options.page && failure == STORE_OK) {
		page_histogram_add(
			&unit->options.page->commit_seconds, clock_mono_us() - started_us);
	}
	return failure;
}

static enum store_failure fly_to_query(
	struct unit *unit, unsigned i, const struct event_statement *asked)
{
	const struct store_ops *store = unit->options.store;

	unit_form_asking(unit, i);
	unit_queue_groups(unit, true);
	store->query(unit->session, (size_t)asked->index, asked->values, asked->value_count, i,
		&unit->works[i].event.answer.rows);
	return store->flush(unit->session, unit->flight);
}

enum store_failure unit_send_query(
	struct unit *unit, struct unit_work *work, const struct event_statement *asked)
{
	unsigned i = (unsigned)(work - unit->works);
	enum store_failure failure;

	/* it counts as done while its effect is on the way, like those before it */
	work->fate = UNIT_DONE;
	for (;;) {
		failure = fly_to_query(unit, i, asked);
		if (failure == STORE_OK) {
			unit->group_next = unit->group_count - 1;
			unit->is_group_open = true;
			work->event.sent = work->event.last_statement;
			work->fate = UNIT_OPEN;
			return STORE_OK;
		}
		if (!take_back(unit)) {
			return failure;
		}
		if (unit->flight->tag != i || unit->flight->op == STORE_OP_SET) {
			unit_unform_asking(unit, i);
		}
		if (work->fate != UNIT_DONE) {
			return failure;
		}
	}
}
