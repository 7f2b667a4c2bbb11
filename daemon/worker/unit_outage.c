/*
 * unit_outage - what is held because of an outage, who probes, and what is said of it
 *
 * Runs in: worker, lanes. Under the lock of one handler's verdict nothing blocks but the log's
 * write, which does not wait.
 */
#include "worker/unit_outage.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker/unit_private.h"

#define LOOK_STEP_US ((int64_t)50 * 1000)

void handler_outage_init(struct handler_outage *outage, int64_t retry_delay_max_us)
{
	pthread_mutex_init(&outage->lock, NULL);
	outage_init(&outage->verdict, retry_delay_max_us);
}

void handler_outage_fini(struct handler_outage *outage)
{
	pthread_mutex_destroy(&outage->lock);
}

/* ---- what is said of it; under the lock ---- */

static struct page_handler *page_handler_of(struct unit *unit, const struct roster_handler *handler)
{
	return unit->options.page ? &unit->options.page->handlers[handler->page_index] : NULL;
}

static void show_probes(struct unit *unit, const struct roster_handler *handler)
{
	struct page_handler *page = page_handler_of(unit, handler);

	if (page) {
		page_set(&page->outage_probes, handler->outage.verdict.probes);
	}
}

static void tell_begin(struct unit *unit, const struct roster_handler *handler, int64_t now_us)
{
	const struct handler_outage *outage = &handler->outage;
	struct page_handler *page = page_handler_of(unit, handler);
	int64_t so_far_us = now_us - outage->verdict.since_us;

	log_error("outage: different records fail and hardly any succeeds; they are held, and one "
		  "at a time is tried",
		LOG_ID(OUTAGE), LOG_STR("handler", handler->config->name),
		LOG_INT("records", outage->verdict.failed),
		LOG_SECONDS("for", (double)so_far_us / 1e6), LOG_STR("code", outage->code),
		LOG_STR("error", outage->text));
	if (page) {
		page_set(&page->outage_since_ms, clock_wall_ms() - so_far_us / 1000);
		page_set(&page->outage_records, outage->verdict.failed);
		page_text_set(&page->outage_text, "%s %s", outage->code, outage->text);
		atomic_store(&page->is_outage, 1);
	}
}

static void tell_end(struct unit *unit, const struct roster_handler *handler, int64_t now_us)
{
	const struct handler_outage *outage = &handler->outage;
	struct page_handler *page = page_handler_of(unit, handler);

	log_notice("outage is over: records flow again", LOG_ID(OUTAGE_OVER),
		LOG_STR("handler", handler->config->name),
		LOG_SECONDS("lasted", (double)(now_us - outage->verdict.since_us) / 1e6),
		LOG_INT("probes", outage->verdict.probes));
	if (page) {
		atomic_store(&page->is_outage, 0);
		page_text_set(&page->outage_text, "%s", "");
	}
}

static void tell(struct unit *unit, struct roster_handler *handler, enum outage_change change,
	int64_t now_us)
{
	if (change == OUTAGE_BEGAN) {
		tell_begin(unit, handler, now_us);
	} else if (change == OUTAGE_ENDED) {
		tell_end(unit, handler, now_us);
	}
	show_probes(unit, handler);
	atomic_store_explicit(&handler->outage.is_holding,
		outage_is_holding(&handler->outage.verdict), memory_order_relaxed);
}

/* ---- failures and successes ---- */

/* The same wherever the record waits for its next try. */
static uint64_t key_of(const struct unit_work *work)
{
	return (uint64_t)record_offset(work->record) ^ (uint64_t)work->event.partition << 48 ^
		record_key_hash(work->event.topic);
}

/* Of the same handler and transaction, and it went well so far. */
static uint64_t done_before(const struct unit *unit, const struct unit_work *work)
{
	uint64_t done = 0;

	for (const struct unit_work *w = unit->works; w < work; w++) {
		done += w->end == UNIT_OPEN && w->fate == UNIT_DONE && w->handler == work->handler;
	}
	return done;
}

bool unit_outage_failed(struct unit *unit, struct unit_work *work, bool is_unavailable,
	const char *code, const char *text)
{
	struct handler_outage *outage;
	int64_t now_us = clock_mono_us();
	enum outage_change change;
	uint64_t successes;
	bool is_holding;

	if (!work->handler) {
		return false;
	}
	outage = &work->handler->outage;
	successes = atomic_load_explicit(&outage->successes, memory_order_relaxed) +
		done_before(unit, work);
	pthread_mutex_lock(&outage->lock);
	if (outage->text != text) {
		snprintf(outage->code, sizeof(outage->code), "%s", code ? code : "");
		snprintf(outage->text, sizeof(outage->text), "%s", text ? text : "");
	}
	change = outage_failed(&outage->verdict, &work->record->outage, key_of(work), successes,
		is_unavailable, now_us);
	tell(unit, work->handler, change, now_us);
	is_holding = outage_is_holding(&outage->verdict);
	pthread_mutex_unlock(&outage->lock);
	unit->has_probe_failed |= work == unit->probe;
	return is_holding;
}

void unit_outage_succeeded(struct unit *unit, struct roster_handler *handler, unsigned count)
{
	struct handler_outage *outage = &handler->outage;
	enum outage_change change;
	int64_t now_us;

	atomic_fetch_add_explicit(&outage->successes, count, memory_order_relaxed);
	if (atomic_load_explicit(&handler->last_success_us, memory_order_relaxed) <
		unit->begun_us) {
		atomic_store_explicit(
			&handler->last_success_us, unit->begun_us, memory_order_relaxed);
	}
	if (!handler_outage_is_holding(outage)) {
		return;
	}
	now_us = clock_mono_us();
	pthread_mutex_lock(&outage->lock);
	change = outage_succeeded(&outage->verdict, unit->begun_us, now_us);
	tell(unit, handler, change, now_us);
	pthread_mutex_unlock(&outage->lock);
}

/* ---- who is held, who probes ---- */

/* It would be given to a handler whose records are held. */
static bool is_concerned(const struct unit *unit, unsigned i)
{
	const struct unit_work *work = &unit->works[i];

	return work->fate == UNIT_OPEN && work->handler && !work->must_die &&
		handler_outage_is_holding(&work->handler->outage) && !unit_is_cut(unit, i) &&
		/* an effect that a redone transaction cannot take back stands */
		(!work->outcome || work->event.statements);
}

static bool take_probe(struct unit *unit, struct unit_work *work)
{
	struct handler_outage *outage = &work->handler->outage;
	bool is_taken;

	pthread_mutex_lock(&outage->lock);
	is_taken = outage_take_probe(
		&outage->verdict, outage_rank(&work->record->outage), clock_mono_us());
	show_probes(unit, work->handler);
	pthread_mutex_unlock(&outage->lock);
	return is_taken;
}

/* Who is more likely to tell; NULL: nobody yet. */
static bool is_better(const struct unit_work *work, const struct unit_work *best)
{
	return !best || outage_rank(&work->record->outage) < outage_rank(&best->record->outage);
}

/*
 * One record may be tried, if it is time. Only the first one of its strand that is concerned can
 * be: the others stand behind it.
 */
static void choose_probe(struct unit *unit, struct unit_range range)
{
	const struct sched_strand *strand = NULL;
	struct unit_work *best = NULL;

	for (unsigned i = range.first; i < range.end; i++) {
		struct unit_work *work = &unit->works[i];
		if (!is_concerned(unit, i) || work->record->item.strand == strand) {
			continue;
		}
		strand = work->record->item.strand;
		if (is_better(work, best)) {
			best = work;
		}
	}
	if (best && take_probe(unit, best)) {
		unit->probe = best;
		unit->has_probe_failed = false;
	}
}

/*
 * Looks are spread, so that each strand has its chance to come first; over few moments, so that
 * they are few batches.
 */
static int64_t next_look_us(struct unit *unit)
{
	int64_t now_us = clock_mono_us();
	int64_t at_us =
		now_us + OUTAGE_LOOK_US - (int64_t)(unit_random(unit) % (OUTAGE_LOOK_US / 4));

	return at_us + LOOK_STEP_US - at_us % LOOK_STEP_US - now_us;
}

void unit_outage_hold(struct unit *unit, struct unit_work *work)
{
	struct handler_outage *outage = &work->handler->outage;
	char code[DECISION_CODE_MAX], text[PAGE_TEXT_MAX];

	pthread_mutex_lock(&outage->lock);
	snprintf(code, sizeof(code), "%s", outage->code);
	snprintf(text, sizeof(text), "%s", outage->text);
	pthread_mutex_unlock(&outage->lock);
	unit_hold(unit, work, code, text, next_look_us(unit));
	work->is_held_with_others = true;
}

static bool is_any_holding(const struct roster *roster)
{
	for (size_t i = 0; i < roster->handler_count; i++) {
		if (handler_outage_is_holding(&roster->handlers[i].outage)) {
			return true;
		}
	}
	return false;
}

void unit_outage_admit(struct unit *unit, struct unit_range range)
{
	if (!is_any_holding(unit->options.roster)) {
		return;
	}
	if (!unit->probe) {
		choose_probe(unit, range);
	}
	for (unsigned i = range.first; i < range.end; i++) {
		if (&unit->works[i] != unit->probe && is_concerned(unit, i)) {
			unit_outage_hold(unit, &unit->works[i]);
		}
	}
}

void unit_outage_end(struct unit *unit)
{
	struct unit_work *probe = unit->probe;

	if (!probe) {
		return;
	}
	unit->probe = NULL;
	pthread_mutex_lock(&probe->handler->outage.lock);
	outage_probe_ended(&probe->handler->outage.verdict, &probe->record->outage,
		unit->has_probe_failed, clock_mono_us());
	pthread_mutex_unlock(&probe->handler->outage.lock);
}

unsigned unit_outage_charged(const struct unit_work *work)
{
	const struct record *record = work->record;
	struct handler_outage *outage;
	bool is_covered;

	if (!record->attempts || !record->last_failure_us || !work->handler) {
		return record->attempts;
	}
	outage = &work->handler->outage;
	pthread_mutex_lock(&outage->lock);
	is_covered = outage_covers(&outage->verdict, record->last_failure_us);
	pthread_mutex_unlock(&outage->lock);
	return record->attempts - is_covered;
}
