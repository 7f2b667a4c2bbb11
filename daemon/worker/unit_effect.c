/*
 * unit_effect - handlers, and their statements in savepoint groups
 *
 * The statements of up to UNIT_GROUPS_MAX groups travel in one flight with the decisions and COMMIT. A statement that fails
 * undoes its group only: the group is sent again without that record, and the groups behind it for the first time.
 */
#include "base/clock.h"
#include "base/failpoint.h"
#include "worker/unit_private.h"

static enum verdict verdict_of_outcome(enum onced_result result)
{
	return result == ONCED_REJECT   ? VERDICT_REJECT
		: result == ONCED_RETRY ? VERDICT_RETRY
					: VERDICT_UNAVAILABLE;
}

static void call_handler(struct unit *unit, struct unit_work *work)
{
	int64_t started_us = clock_mono_us();

	work->outcome = arena_alloc(&unit->arena, sizeof(*work->outcome));
	work->outcome->result = ONCED_DONE;
	work->outcome->retry_after_ms = 0;
	work->outcome->code[0] = '\0';
	work->outcome->reason[0] = '\0';
	unit_stage(unit, PAGE_STAGE_HANDLER, work);
	work->handler->ops->handle(
		work->handler->states[unit->options.lane], &work->event, work->outcome);
	work->is_handled = true;
	if (unit->options.page) {
		page_histogram_add(&unit->options.page->handlers[work->handler->index].seconds,
			clock_mono_us() - started_us);
	}
}

static void handle(struct unit *unit, struct unit_range range, struct unit_work *work)
{
	if (work->must_die) {
		unit_condemn(unit, range, work, work->reason, work->code, work->text);
		return;
	}
	if (unit->options.skips_tombstones && slice_is_null(work->record->value)) {
		work->text = "tombstone";
		work->fate = UNIT_SKIPPED;
		return;
	}
	if (!work->is_handled) {
		call_handler(unit, work);
	}
	switch (work->outcome->result) {
	case ONCED_DONE:
		work->fate = UNIT_DONE;
		return;
	case ONCED_SKIP:
		work->text = work->outcome->reason;
		work->fate = UNIT_SKIPPED;
		return;
	default:
		/* asked again when it comes back: the handler may say something else then */
		unit_blame(unit, range, work, verdict_of_outcome(work->outcome->result),
			work->outcome->code, work->outcome->reason, work->outcome->retry_after_ms);
		return;
	}
}

void unit_call_handlers(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (work->fate != UNIT_OPEN) {
			continue;
		}
		if (work->leader < 0) {
			handle(unit, range, work);
		} else if (unit_is_cutting(unit->works[work->leader].fate)) {
			work->fate = UNIT_AGAIN;
			unit_cut(unit, range, work);
		} else {
			work->fate = UNIT_DUPLICATE;
		}
	}
}

static bool has_effect(const struct unit_work *work)
{
	return work->fate == UNIT_DONE && work->event.statements;
}

/* Put the works with statements into groups of equal size. Returns the number of the first group. */
static uint32_t form_groups(struct unit *unit, struct unit_range range)
{
	uint32_t first = unit->next_group;
	unsigned effects = 0, size, filled = 0;

	for (unsigned i = range.first; i < range.end; i++) {
		effects += has_effect(&unit->works[i]);
	}
	size = (effects + UNIT_GROUPS_MAX - 1) / UNIT_GROUPS_MAX;
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		work->group = 0;
		if (!has_effect(work)) {
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

/* Groups from `group` on, each between its savepoint and its release. `is_resumed`: the first one's savepoint is there already. */
static void queue_groups(
	struct unit *unit, struct unit_range range, uint32_t group, bool is_resumed)
{
	const struct store_ops *store = unit->options.store;
	uint32_t open = is_resumed ? group : 0;

	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (!has_effect(work) || work->group < group) {
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
 * An operator's error (a missing table, a refused right) fails every record of the handler the same way: none of the others is
 * tried in this transaction.
 */
static void hold_rest(struct unit *unit, struct unit_range range, const struct unit_work *failed)
{
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (work->handler == failed->handler && has_effect(work) &&
			work->group >= failed->group) {
			unit_hold(unit, range, work, failed->code, failed->text, UNIT_HOLD_US);
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
	unit_blame(unit, range, work, verdict, flight->err.code, flight->err.text, 0);
	if (verdict == VERDICT_UNAVAILABLE) {
		hold_rest(unit, range, work);
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
