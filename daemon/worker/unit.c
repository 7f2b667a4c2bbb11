#include "worker/unit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/memory.h"
#include "worker/unit_private.h"

void unit_init(struct unit *unit, const struct unit_options *options, struct store_session *session)
{
	*unit = (struct unit){ .options = *options, .session = session, .arena = ARENA_INIT };
	unit->works = xcalloc(options->batch_max, sizeof(*unit->works));
	unit->claims = xcalloc(options->batch_max, sizeof(*unit->claims));
	unit->claim_owner = xcalloc(options->batch_max, sizeof(*unit->claim_owner));
	unit->random = (uint64_t)clock_mono_us() * 0x9e3779b97f4a7c15u + options->lane;
}

void unit_fini(struct unit *unit)
{
	free(unit->works);
	free(unit->claims);
	free(unit->claim_owner);
	arena_fini(&unit->arena);
}

void unit_stage(struct unit *unit, enum page_stage stage, const struct unit_work *work)
{
	struct page_lane *lane = unit->options.page_lane;

	if (!lane) {
		return;
	}
	if (work) {
		page_set(&lane->offset, work->record->item.offset);
		atomic_store_explicit(&lane->attempt, work->event.attempt, memory_order_relaxed);
		atomic_store_explicit(&lane->handler, work->handler ? work->handler->index : 0,
			memory_order_relaxed);
		atomic_store_explicit(
			&lane->partition_index, work->page_index, memory_order_relaxed);
		page_set(&lane->started_us, clock_mono_us());
	}
	atomic_store_explicit(&lane->stage, stage, memory_order_release);
}

/* ---- decoding ---- */

/* No handler will see it: `text` lives as long as the batch. */
static void doom(struct unit_work *work, enum page_reason reason, const char *text)
{
	work->must_die = true;
	work->reason = reason;
	work->text = text;
}

static void decode(struct unit *unit, struct unit_work *work)
{
	const struct unit_place *at =
		unit->options.place_of(unit->options.context, work->record->item.slot);
	enum event_problem problem;
	const char *text = NULL;

	work->event = (struct onced_event){ .record = work->record,
		.topic = slice_from_str(at->topic),
		.partition = at->partition,
		.attempt = work->record->attempts + 1,
		.arena = &unit->arena };
	work->page_index = at->page_index;
	problem = event_decode(&work->event, unit->options.roster, &text);
	unit_find_key(unit, work, problem);
	work->handler = roster_route(unit->options.roster, work->event.type);
	if (problem == EVENT_UNDECODABLE) {
		doom(work, PAGE_UNDECODABLE, text);
	} else if (problem == EVENT_NO_ID && unit->options.event_missing == EVENT_MISSING_DLQ) {
		doom(work, PAGE_UNDECODABLE, "the event has no id");
	} else if (!work->handler) {
		doom(work, PAGE_UNROUTED, "no route for its event type, and no default handler");
	}
}

/* ---- the transaction ---- */

/* Forget what an earlier try of the transaction decided; what the handlers said stays. */
static void begin_try(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		work->fate = UNIT_OPEN;
		work->claim_index = -1;
		work->leader = -1;
		work->is_charged = false;
	}
	/* a strand that an earlier part of the batch left unfinished stays where it is */
	for (unsigned i = 0; i < range.first; i++) {
		if (unit_is_cutting(unit->works[i].end)) {
			unit_cut(unit, range, &unit->works[i]);
		}
	}
}

static enum store_failure try_once(
	struct unit *unit, struct unit_range range, struct store_flight *flight)
{
	const struct store_ops *store = unit->options.store;
	enum store_failure failure;

	begin_try(unit, range);
	unit_stage(unit, PAGE_STAGE_CLAIM, &unit->works[range.first]);
	store->begin(unit->session);
	unit_queue_claims(unit, range);
	FAILPOINT("after_begin");
	failure = store->flush(unit->session, flight);
	if (failure) {
		return failure;
	}
	FAILPOINT("after_claim");
	unit_apply_claims(unit, range);
	unit_call_handlers(unit, range);
	FAILPOINT("after_handle");
	return unit_send_effects(unit, range, flight);
}

static void roll_back(struct unit *unit, const struct store_flight *flight)
{
	struct store_flight ignored;

	if (flight->in_transaction) {
		unit->options.store->rollback(unit->session);
		unit->options.store->flush(unit->session, &ignored);
	}
}

static void send_back(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		if (unit->works[i].end == UNIT_OPEN) {
			unit->works[i].end = UNIT_AGAIN;
		}
	}
}

/* The store failed a transaction of one record, and not by that record's statement. */
static void blame_alone(struct unit *unit, unsigned i, const struct store_flight *flight)
{
	struct unit_work *work = &unit->works[i];
	struct unit_range range = { i, i + 1 };
	enum verdict verdict = VERDICT_RETRY;

	if (flight->op != STORE_OP_COMMIT && flight->op != STORE_OP_STATEMENT) {
		unit_hold(unit, range, work, flight->err.code, flight->err.text, UNIT_BUSY_US);
		return;
	}
	if (flight->failure == STORE_STATEMENT && work->handler) {
		verdict = verdict_of_statement(
			flight->failure, flight->err.code, &work->handler->overrides);
	}
	unit_blame(unit, range, work, verdict == VERDICT_REDO ? VERDICT_RETRY : verdict,
		flight->err.code, flight->err.text, 0);
}

static void run_range(struct unit *unit, struct unit_range range);

/* Nobody is to blame yet: smaller transactions, down to one record. */
static void run_halves(struct unit *unit, struct unit_range range)
{
	unsigned middle = range.first + (range.end - range.first) / 2;

	run_range(unit, (struct unit_range){ range.first, middle });
	run_range(unit, (struct unit_range){ middle, range.end });
}

/*
 * The fate of a record that failed alone outlives its transaction: a second one, without its effect, makes the decision durable.
 */
static void decide_alone(struct unit *unit, unsigned i)
{
	const struct store_ops *store = unit->options.store;
	struct unit_range range = { i, i + 1 };
	struct unit_work *work = &unit->works[i];
	struct store_flight flight;

	if (work->fate == UNIT_HELD) {
		unit_settle_fates(unit, range); /* nothing to write down */
		return;
	}
	work->claim_index = -1;
	store->begin(unit->session);
	if (work->fate == UNIT_DEAD) {
		unit_queue_claims(unit, range);
		if (store->flush(unit->session, &flight)) {
			roll_back(unit, &flight);
			work->end = UNIT_AGAIN;
			return;
		}
		unit_apply_claims(unit, range);
	}
	unit_queue_decisions(unit, range);
	store->commit(unit->session);
	if (store->flush(unit->session, &flight)) {
		roll_back(unit, &flight);
		work->end = UNIT_AGAIN;
		return;
	}
	unit_settle_fates(unit, range);
}

static void run_range(struct unit *unit, struct unit_range range)
{
	struct store_flight flight = { 0 };
	enum store_failure failure;

	if (range.first == range.end || unit->store_failed) {
		send_back(unit, range);
		return;
	}
	failure = try_once(unit, range, &flight);
	if (failure == STORE_OK) {
		unit_settle_fates(unit, range);
		return;
	}
	roll_back(unit, &flight);
	if (failure == STORE_LOST || failure == STORE_UNAVAILABLE) {
		unit->store_failed = true;
		unit->store_err = flight.err;
		send_back(unit, range);
	} else if (range.end - range.first > 1) {
		run_halves(unit, range);
	} else {
		blame_alone(unit, range.first, &flight);
		decide_alone(unit, range.first);
	}
}

void unit_run(struct unit *unit, struct record **records, unsigned count)
{
	arena_reset(&unit->arena);
	unit->count = count;
	unit->store_failed = false;
	unit->next_group = 1;
	for (unsigned i = 0; i < count; i++) {
		unit->works[i] =
			(struct unit_work){ .record = records[i], .claim_index = -1, .leader = -1 };
		decode(unit, &unit->works[i]);
	}
	run_range(unit, (struct unit_range){ 0, count });
	unit_stage(unit, PAGE_STAGE_IDLE, NULL);
}
