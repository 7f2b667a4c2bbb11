/*
 * unit_handle - what the handlers say
 *
 * Each is called once for a record and batch; its word stands when the transaction is redone,
 * unless it rests on what a query answered in the one that is gone. A handle_batch() is called when
 * the first of its records has its turn, for all that seem to have one; the others' turns come
 * later, and may find that they left the batch.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "worker/unit_private.h"

static enum verdict verdict_of_outcome(enum onced_result result)
{
	return result == ONCED_REJECT   ? VERDICT_REJECT
		: result == ONCED_RETRY ? VERDICT_RETRY
					: VERDICT_UNAVAILABLE;
}

/* A day: longer than anybody waits for a record, and added to no time too large. */
#define RETRY_AFTER_MAX_MS ((int64_t)24 * 60 * 60 * 1000)

/* Foreign code may have copied a text that filled its field, or computed a time without bounds. */
static void confine(struct onced_outcome *said)
{
	said->code[sizeof(said->code) - 1] = '\0';
	said->reason[sizeof(said->reason) - 1] = '\0';
	if (said->retry_after_ms > RETRY_AFTER_MAX_MS) {
		said->retry_after_ms = RETRY_AFTER_MAX_MS;
	} else if (said->retry_after_ms < 0) {
		said->retry_after_ms = 0;
	}
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
	confine(kept);
	return kept;
}

static void begin_outcome(struct onced_outcome *said)
{
	said->result = ONCED_DONE;
	said->retry_after_ms = 0;
	said->code[0] = said->reason[0] = '\0';
}

static void end_call(struct unit *unit, const struct roster_handler *handler, int64_t started_us)
{
	unit->now_us = clock_mono_us();
	if (unit->options.page) {
		page_histogram_add(&unit->options.page->handlers[handler->page_index].seconds,
			unit->now_us - started_us);
	}
}

static void call_handler(struct unit *unit, struct unit_work *work)
{
	int64_t started_us = unit->now_us;
	struct onced_outcome said;

	begin_outcome(&said);
	unit_stage(unit, PAGE_STAGE_HANDLER, work);
	work->handler->ops->handle(work->handler->states[unit->options.lane], &work->event, &said);
	event_forget_tree(&work->event);
	work->outcome = work->event.is_refused ? NULL : keep(unit, &said);
	end_call(unit, work->handler, started_us);
}

/* ---- many in one call ---- */

static bool is_tombstone(const struct unit *unit, const struct unit_work *work)
{
	return unit->options.skips_tombstones && slice_is_null(work->record->value);
}

static bool is_held(const struct unit *unit, const struct unit_work *work)
{
	return work != unit->probe && handler_outage_is_holding(&work->handler->outage);
}

/* Is it to be called, as far as one can say before those in front of it are? */
static bool is_callable(const struct unit *unit, unsigned i, const struct roster_handler *handler)
{
	const struct unit_work *work = &unit->works[i];

	return work->handler == handler && work->fate == UNIT_OPEN && !work->outcome &&
		work->leader < 0 && !work->must_die && !is_tombstone(unit, work) &&
		!is_held(unit, work) && !unit_is_cut(unit, i);
}

static unsigned gather(struct unit *unit, unsigned first, unsigned end)
{
	const struct roster_handler *handler = unit->works[first].handler;
	unsigned count = 0;

	if (!unit->said) {
		unit->said = xcalloc(unit->options.batch_max, sizeof(*unit->said));
		unit->called = xcalloc(unit->options.batch_max, sizeof(*unit->called));
	}
	for (unsigned i = first; i < end; i++) {
		if (is_callable(unit, i, handler)) {
			begin_outcome(&unit->said[count]);
			unit->called[count++] = &unit->works[i].event;
		}
	}
	return count;
}

/* The error is the handler's, and no event's. */
static void refuse_query(struct onced_event *event, struct onced_outcome *said)
{
	event->is_refused = false;
	onced_outcome_set(said, ONCED_UNAVAILABLE, "batch-query",
		"handle_batch() called onced_tx_query(), which is for handle() only");
}

static void call_batch(struct unit *unit, unsigned first, unsigned end)
{
	struct unit_work *work = &unit->works[first];
	const struct roster_handler *handler = work->handler;
	int64_t started_us = unit->now_us;
	unsigned count = gather(unit, first, end);

	/* a death in company has no name */
	unit_stage(unit, count > 1 ? PAGE_STAGE_BATCH : PAGE_STAGE_HANDLER, work);
	unit->is_calling_batch = true;
	handler->ops->handle_batch(
		handler->states[unit->options.lane], unit->called, unit->said, count);
	unit->is_calling_batch = false;
	for (unsigned i = 0; i < count; i++) {
		work = unit_work_of((struct onced_event *)unit->called[i]);
		event_forget_tree(&work->event);
		if (work->event.is_refused) {
			refuse_query(&work->event, &unit->said[i]);
		}
		work->outcome = keep(unit, &unit->said[i]);
	}
	end_call(unit, handler, started_us);
}

/* ---- one after the other ---- */

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

static void call(struct unit *unit, struct unit_work *work, unsigned end)
{
	const struct onced_handler *ops = work->handler->ops;

	if (ops->handle_batch && ops->effect == ONCED_EFFECT_TRANSACTION) {
		call_batch(unit, (unsigned)(work - unit->works), end);
	} else {
		call_handler(unit, work);
	}
}

/* `end`: those behind it may be called with it. */
static void handle(struct unit *unit, struct unit_work *work, unsigned end)
{
	if (work->record->skip) {
		work->fate = UNIT_SKIPPED;
		return;
	}
	if (work->must_die) {
		unit_condemn(unit, work, work->reason, work->code, work->text);
		return;
	}
	if (is_tombstone(unit, work)) {
		work->text = "tombstone";
		work->fate = UNIT_SKIPPED;
		return;
	}
	if (!work->outcome && is_held(unit, work)) {
		unit_outage_hold(unit, work);
		return;
	}
	if (!work->outcome) {
		call(unit, work, end);
	}
	if (work->event.is_refused) {
		return; /* the store has spoken */
	}
	apply_outcome(unit, work);
	if (work->event.has_asked && work->fate != UNIT_DONE) {
		unit_undo_query(unit, work);
	}
}

/* The store ends a transaction in which nobody says anything. What was said before stands. */
static bool is_late(const struct unit *unit, const struct unit_work *work, int64_t began_us)
{
	int64_t idle_us = unit->options.idle_us;

	return idle_us && unit->now_us - began_us > idle_us && !work->outcome;
}

void unit_call_handlers(struct unit *unit, struct unit_range range)
{
	int64_t began_us = clock_mono_us();

	unit->now_us = began_us;
	for (unsigned i = range.first; i < range.end && !unit->is_broken; i++) {
		struct unit_work *work = &unit->works[i];
		if (unit_is_cut(unit, i)) {
			work->fate = UNIT_AGAIN;
		} else if (work->fate == UNIT_OPEN && work->leader >= 0) {
			unit_follow(unit, work);
		} else if (work->fate == UNIT_OPEN &&
			(is_late(unit, work, began_us) || !unit_may_call(unit, work))) {
			work->fate = UNIT_AGAIN;
		} else if (work->fate == UNIT_OPEN) {
			handle(unit, work, range.end);
		}
	}
}
