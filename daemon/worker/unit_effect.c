/*
 * unit_effect - the statements of the records, in savepoint groups
 *
 * The statements of up to UNIT_GROUPS_MAX groups travel in one flight with the decisions and
 * COMMIT. A statement that fails undoes its group only: the group is sent again without that
 * record, and the groups behind it for the first time.
 */
#include "base/clock.h"
#include "base/failpoint.h"
#include "worker/unit_private.h"

bool unit_has_effect(const struct unit_work *work)
{
	return work->fate == UNIT_DONE && work->event.statements;
}

/* Put the works with statements into groups of equal size. Returns the first one's number. */
static uint32_t form_groups(struct unit *unit, struct unit_range range)
{
	uint32_t first = unit->next_group;
	unsigned effects = 0, size, filled = 0;

	for (unsigned i = range.first; i < range.end; i++) {
		effects += unit_has_effect(&unit->works[i]);
	}
	size = (effects + UNIT_GROUPS_MAX - 1) / UNIT_GROUPS_MAX;
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		work->group = 0;
		if (!unit_has_effect(work)) {
			continue;
		}
		work->group = unit->next_group;
		if (++filled == size) {
			filled = 0;
			unit->next_group++;
		}
	}
	unit->next_group += filled > 0;
	return first;
}

static void queue_statements(struct unit *unit, unsigned i)
{
	for (const struct event_statement *s = unit->works[i].event.statements; s; s = s->next) {
		unit->options.store->statement(
			unit->session, (size_t)s->index, s->values, s->value_count, i);
	}
}

/*
 * Groups from `group` on, each between its savepoint and its release. `is_resumed`: the first one's
 * savepoint is there already.
 */
static void queue_groups(
	struct unit *unit, struct unit_range range, uint32_t group, bool is_resumed)
{
	const struct store_ops *store = unit->options.store;
	uint32_t open = is_resumed ? group : 0;

	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (!unit_has_effect(work) || work->group < group) {
			continue;
		}
		if (open != work->group) {
			if (open) {
				store->release(unit->session, open);
			}
			open = work->group;
			store->savepoint(unit->session, open);
		}
		queue_statements(unit, i);
	}
	if (open) {
		store->release(unit->session, open);
	}
}

/*
 * An operator's error (a missing table, a refused right) fails every record of the handler the same
 * way: none of the others is tried in this transaction.
 */
static void hold_others(struct unit *unit, struct unit_range range, const struct unit_work *failed)
{
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (!unit_is_cut(unit, i) && work->handler == failed->handler &&
			unit_has_effect(work) && work->group >= failed->group) {
			unit_hold(unit, work, failed->code, failed->text, UNIT_HOLD_OTHERS_US);
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
	if (verdict == VERDICT_UNAVAILABLE) {
		hold_others(unit, range, work);
	} else {
		unit_cut(unit, range);
	}
	return true;
}

static bool is_own_statement(struct unit_range range, const struct store_flight *flight)
{
	return flight->op == STORE_OP_STATEMENT && flight->in_transaction &&
		flight->tag >= range.first && flight->tag < range.end &&
		flight->failure != STORE_LOST && flight->failure != STORE_UNAVAILABLE;
}

enum store_failure unit_send_effects(
	struct unit *unit, struct unit_range range, struct store_flight *flight)
{
	const struct store_ops *store = unit->options.store;
	uint32_t group = form_groups(unit, range);
	bool is_resumed = false;
	int64_t started_us;

	for (;;) {
		unit_stage(unit, PAGE_STAGE_EFFECTS, NULL);
		started_us = clock_mono_us();
		queue_groups(unit, range, group, is_resumed);
		unit_queue_decisions(unit, range);
		store->commit(unit->session);
		FAILPOINT("before_commit");
		enum store_failure failure = store->flush(unit->session, flight);
		if (failure == STORE_OK) {
			FAILPOINT("after_commit");
			break;
		}
		if (!is_own_statement(range, flight) || !isolate(unit, range, flight)) {
			return failure;
		}
		group = unit->works[flight->tag].group;
		store->rollback_to(unit->session, group);
		is_resumed = true;
	}
	if (unit->options.page) {
		page_histogram_add(
			&unit->options.page->commit_seconds, clock_mono_us() - started_us);
	}
	return STORE_OK;
}
