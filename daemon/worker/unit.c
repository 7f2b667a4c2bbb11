#include "worker/unit.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/memory.h"
#include "os/proto.h"
#include "worker/unit_private.h"

void unit_init(struct unit *unit, const struct unit_options *options, struct store_session *session)
{
	*unit = (struct unit){ .options = *options, .session = session, .arena = ARENA_INIT };
	unit->works = xcalloc(options->batch_max, sizeof(*unit->works));
	unit->claims = xcalloc(options->batch_max, sizeof(*unit->claims));
	unit->claim_owner = xcalloc(options->batch_max, sizeof(*unit->claim_owner));
	unit->groups = xcalloc(options->batch_max, sizeof(*unit->groups));
	unit->host = (struct event_host){ unit_ask, unit };
	unit->random = (uint64_t)clock_mono_us() * 0x9e3779b97f4a7c15u + options->lane;
}

void unit_fini(struct unit *unit)
{
	free(unit->works);
	free(unit->claims);
	free(unit->claim_owner);
	free(unit->groups);
	free(unit->said);
	free(unit->called);
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
		page_set(&lane->timestamp_ms, work->record->timestamp_ms);
		atomic_store_explicit(&lane->attempt, work->event.attempt, memory_order_relaxed);
		atomic_store_explicit(&lane->handler, work->handler ? work->handler->page_index : 0,
			memory_order_relaxed);
		atomic_store_explicit(
			&lane->partition_index, work->page_index, memory_order_relaxed);
		page_set(&lane->started_us, unit->now_us);
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

/* It killed workers. */
static void condemn(struct unit_work *work)
{
	const struct proto_condemn *told = work->record->condemned;

	doom(work, told->is_timeout ? PAGE_TIMEOUT : PAGE_CRASH, told->text);
	memcpy(work->code, told->code, sizeof(work->code));
}

/* It ends without a claim, but there may be attempts of a time when it was let through. */
static void filter_out(struct unit_work *work)
{
	const struct record *record = work->record;

	work->is_filtered = true;
	work->text = "filter";
	work->claim.position = (struct store_position){ work->event.topic, work->event.partition,
		record_offset(record), record->timestamp_ms };
}

static void decode(struct unit *unit, struct unit_work *work)
{
	const struct unit_place *at =
		unit->options.place_of(unit->options.context, work->record->item.slot);
	const struct record_origin *origin = work->record->origin;
	enum event_problem problem;
	const char *text = NULL;

	work->event = (struct onced_event){ .host = &unit->host,
		.record = work->record,
		.roster = unit->options.roster,
		.topic = slice_from_str(origin ? origin->topic : at->topic),
		.partition = origin ? origin->partition : at->partition,
		.attempt = work->record->attempts + 1,
		.arena = &unit->arena };
	work->page_index = at->page_index;
	problem = event_decode(&work->event, unit->options.roster, &text);
	if (problem == EVENT_FILTERED) {
		filter_out(work);
		return;
	}
	unit_find_key(unit, work, problem);
	work->handler = roster_route(unit->options.roster, work->event.type);
	work->is_elsewhere = unit->options.has_runners && work->handler &&
		work->handler->ops->effect == ONCED_EFFECT_ELSEWHERE;
	if (work->record->skip) {
		doom(work, PAGE_REJECTED, ""); /* ends as skipped, see unit_handle.c */
	} else if (work->record->condemned) {
		condemn(work);
	} else if (work->record->has_collided) {
		doom(work, PAGE_COLLISION,
			"another event with this id, and other content, was there before");
	} else if (work->record->fault) {
		doom(work, PAGE_UNDECODABLE, work->record->fault);
	} else if (problem == EVENT_UNDECODABLE) {
		doom(work, PAGE_UNDECODABLE, text);
	} else if (problem == EVENT_NO_ID && unit->options.event_missing == EVENT_MISSING_DLQ) {
		doom(work, PAGE_UNDECODABLE, "the event has no id");
	} else if (!work->handler) {
		doom(work, PAGE_UNROUTED, "no route for its event type, and no default handler");
	}
}

/* ---- the transaction ---- */

static bool is_anything_open(const struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		if (unit->works[i].fate == UNIT_OPEN) {
			return true;
		}
	}
	return false;
}

bool unit_begin_try(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		work->fate = work->is_filtered ? UNIT_SKIPPED
			: work->is_elsewhere   ? UNIT_AGAIN
					       : UNIT_OPEN;
		work->claim.verdict = CLAIM_UNKNOWN;
		work->claim_index = -1;
		work->leader = -1;
		work->is_lost = false;
		unit_forget_query(work);
	}
	unit_begin_groups(unit, range);
	unit_outage_admit(unit, range);
	/* a strand that an earlier part of the batch left unfinished stays where it is */
	unit_cut(unit, range);
	return is_anything_open(unit, range);
}

static enum store_failure try_once(
	struct unit *unit, struct unit_range range, struct store_flight *flight)
{
	const struct store_ops *store = unit->options.store;
	enum store_failure failure;

	if (!unit_begin_try(unit, range)) {
		return STORE_OK; /* all are held: the store need not know */
	}
	unit->now_us = unit->begun_us = clock_mono_us();
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
	return unit->is_broken ? flight->failure : unit_send_effects(unit);
}

static enum store_failure try_transaction(
	struct unit *unit, struct unit_range range, struct store_flight *flight)
{
	enum store_failure failure;

	unit->range = range;
	unit->flight = flight;
	unit->is_broken = false;
	failure = try_once(unit, range, flight);
	unit->flight = NULL;
	return failure;
}

void unit_roll_back(struct unit *unit, const struct store_flight *flight)
{
	struct store_flight ignored;

	if (flight->in_transaction) {
		unit->options.store->rollback(unit->session);
		unit->options.store->flush(unit->session, &ignored);
	}
}

bool unit_note_store_failure(struct unit *unit, const struct store_flight *flight)
{
	if (flight->failure != STORE_LOST && flight->failure != STORE_UNAVAILABLE) {
		return false;
	}
	unit->store_failed = true;
	unit->store_err = flight->err;
	return true;
}

/* The store is away. */
static void send_back(struct unit *unit, struct unit_range range)
{
	for (unsigned i = range.first; i < range.end; i++) {
		unit->works[i].end = UNIT_AGAIN;
		unit_stop_clock(&unit->works[i]);
	}
}

static void run_range(struct unit *unit, struct unit_range range);

/* Nobody is to blame yet: smaller transactions, down to one record. */
static void run_halves(struct unit *unit, struct unit_range range)
{
	unsigned middle = range.first + (range.end - range.first) / 2;

	run_range(unit, (struct unit_range){ range.first, middle });
	run_range(unit, (struct unit_range){ middle, range.end });
}

/* With room for a query of each record: a group of its own. */
static void run_pieces(struct unit *unit, struct unit_range range)
{
	for (unsigned first = range.first; first < range.end; first += UNIT_GROUPS_MAX) {
		unsigned end = first + UNIT_GROUPS_MAX;

		run_range(unit, (struct unit_range){ first, end < range.end ? end : range.end });
	}
}

static void run_range(struct unit *unit, struct unit_range range)
{
	struct store_flight flight = { 0 };

	if (unit->is_in_pieces && range.end - range.first > UNIT_GROUPS_MAX) {
		run_pieces(unit, range);
		return;
	}

	if (unit->store_failed) {
		send_back(unit, range);
		return;
	}
	if (try_transaction(unit, range, &flight) == STORE_OK) {
		unit_settle_fates(unit, range);
		return;
	}
	unit_roll_back(unit, &flight);
	if (unit_note_store_failure(unit, &flight)) {
		send_back(unit, range);
	} else if (range.end - range.first > 1) {
		run_halves(unit, range);
	} else {
		unit_settle_alone(unit, range.first, &flight);
	}
}

void unit_open(struct unit *unit, struct record **records, unsigned count)
{
	arena_reset(&unit->arena);
	unit->count = count;
	unit->store_failed = false;
	unit->begun_us = 0;
	unit->taken_over = unit->lost = unit->forgotten = 0;
	unit->next_savepoint = 1;
	unit_reset_groups(unit);
	unit->is_in_pieces = unit->has_asked;
	unit->has_asked = false;
	for (unsigned i = 0; i < count; i++) {
		unit->works[i] =
			(struct unit_work){ .record = records[i], .claim_index = -1, .leader = -1 };
		decode(unit, &unit->works[i]);
	}
}

void unit_run_opened(struct unit *unit)
{
	if (unit->count && unit->options.is_leased) {
		unit_run_leased(unit);
	} else if (unit->count) {
		run_range(unit, (struct unit_range){ 0, unit->count });
	}
	unit_outage_end(unit);
	unit_stage(unit, PAGE_STAGE_IDLE, NULL);
}

void unit_run(struct unit *unit, struct record **records, unsigned count)
{
	unit_open(unit, records, count);
	unit_run_opened(unit);
}
