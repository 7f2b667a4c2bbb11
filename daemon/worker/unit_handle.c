/*
 * unit_handle - what the handlers say
 *
 * Each is called once for a record and batch; its word stands when the transaction is redone,
 * unless it rests on what a query answered in the one that is gone.
 */
#include "base/clock.h"
#include "worker/unit_private.h"

static enum verdict verdict_of_outcome(enum onced_result result)
{
	return result == ONCED_REJECT   ? VERDICT_REJECT
		: result == ONCED_RETRY ? VERDICT_RETRY
					: VERDICT_UNAVAILABLE;
}

/* Nearly all say DONE, and that needs no memory of its own. */
static const struct onced_outcome *keep(struct unit *unit, const struct onced_outcome *said)
{
	static const struct onced_outcome done = { .result = ONCED_DONE };
	struct onced_outcome *kept;

	if (said->result == ONCED_DONE) {
		return &done;
	}
	kept = arena_alloc(&unit->arena, sizeof(*kept));
	*kept = *said;
	return kept;
}

static void call_handler(struct unit *unit, struct unit_work *work)
{
	int64_t started_us = unit->now_us;
	struct onced_outcome said;

	said.result = ONCED_DONE;
	said.retry_after_ms = 0;
	said.code[0] = said.reason[0] = '\0';
	unit_stage(unit, PAGE_STAGE_HANDLER, work);
	work->handler->ops->handle(work->handler->states[unit->options.lane], &work->event, &said);
	work->outcome = work->event.is_refused ? NULL : keep(unit, &said);
	unit->now_us = clock_mono_us();
	if (unit->options.page) {
		page_histogram_add(&unit->options.page->handlers[work->handler->page_index].seconds,
			unit->now_us - started_us);
	}
}

static void apply_outcome(struct unit *unit, struct unit_work *work)
{
	const struct onced_outcome *outcome = work->outcome;
	enum verdict verdict;

	switch (outcome->result) {
	case ONCED_DONE:
		work->fate = UNIT_DONE;
		return;
	case ONCED_SKIP:
		work->text = outcome->reason;
		work->fate = UNIT_SKIPPED;
		return;
	default:
		break;
	}
	verdict = verdict_of_word(
		verdict_of_outcome(outcome->result), outcome->code, &work->handler->overrides);
	unit_blame(unit, work, verdict, outcome->code, outcome->reason, outcome->retry_after_ms);
}

static void handle(struct unit *unit, struct unit_work *work)
{
	if (work->must_die) {
		unit_condemn(unit, work, work->reason, work->code, work->text);
		return;
	}
	if (unit->options.skips_tombstones && slice_is_null(work->record->value)) {
		work->text = "tombstone";
		work->fate = UNIT_SKIPPED;
		return;
	}
	if (!work->outcome && work != unit->probe &&
		handler_outage_is_holding(&work->handler->outage)) {
		unit_outage_hold(unit, work);
		return;
	}
	if (!work->outcome) {
		call_handler(unit, work);
	}
	if (work->event.is_refused) {
		return; /* the store has spoken */
	}
	apply_outcome(unit, work);
	if (work->event.has_asked && work->fate != UNIT_DONE) {
		unit_undo_query(unit, work);
	}
}

void unit_call_handlers(struct unit *unit, struct unit_range range)
{
	unit->now_us = clock_mono_us();
	for (unsigned i = range.first; i < range.end && !unit->is_broken; i++) {
		struct unit_work *work = &unit->works[i];
		if (unit_is_cut(unit, i)) {
			work->fate = UNIT_AGAIN;
		} else if (work->fate == UNIT_OPEN && work->leader >= 0) {
			unit_follow(unit, work);
		} else if (work->fate == UNIT_OPEN) {
			handle(unit, work);
		}
	}
}
