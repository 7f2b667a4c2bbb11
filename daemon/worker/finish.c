/*
 * finish - what a worked record's end means for tracker, scheduler, page and dead letters
 *
 * Runs in: worker, lanes and ledger.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker/trace.h"
#include "worker/worker_private.h"

/* Of one kind and lane: enough to follow single records, too few to fill a disk in an outage. */
enum { LINES_PER_SECOND = 20 };

/* Fewer records are a little room, of which main hears so often at most. */
enum { MUCH_ROOM = 16 };
#define WAKE_MAIN_US ((int64_t)10 * 1000)

static void log_failure(struct lines *lines, const struct unit_work *work, const char *message)
{
	int64_t now_us = clock_mono_us(), delay_us = work->due_us - now_us;

	if (!lines_take(lines, now_us, LINES_PER_SECOND, message)) {
		return;
	}
	log_warning(message, LOG_ID(RECORD_FAILED), LOG_SLICE("topic", work->event.topic),
		LOG_INT("partition", work->event.partition),
		LOG_INT("offset", record_offset(work->record)),
		LOG_SLICE("event_id", work->event.id), LOG_INT("attempt", work->event.attempt),
		LOG_STR("code", work->code), LOG_STR("error", work->text),
		LOG_SLICE("traceparent", trace_of(work->record)),
		LOG_SECONDS("again_in", delay_us > 0 ? (double)delay_us / 1e6 : 0));
}

static void park(struct worker *worker, struct unit_work *work, enum record_wait wait)
{
	struct record *record = work->record;
	struct partition *p = partition_if_live(worker, record->item.slot, record->item.epoch);

	if (!p) {
		return;
	}
	record->wait = wait;
	if (wait == RECORD_WAIT_PARKED) {
		p->parked++;
		page_add(&p->page->retries, 1);
	} else {
		p->held++;
		page_text_set(&p->page->text, "held at offset %lld: %s %s",
			(long long)record->item.offset, work->code, work->text);
	}
}

static const uint8_t outcomes[] = {
	[UNIT_DONE] = PAGE_VERDICT_DONE,
	[UNIT_DUPLICATE] = PAGE_VERDICT_DUPLICATE,
	[UNIT_SKIPPED] = PAGE_VERDICT_SKIPPED,
	[UNIT_DEAD] = PAGE_VERDICT_DEAD_LETTER,
	[UNIT_DEFERRED] = PAGE_VERDICT_DEFERRED,
	[UNIT_RETRY] = PAGE_VERDICT_RETRY,
	[UNIT_HELD] = PAGE_VERDICT_HELD,
};

static bool has_verdict(const struct unit_work *work)
{
	return work->end != UNIT_OPEN && work->end != UNIT_AGAIN && !work->is_held_with_others;
}

/* Under the lock, as all that is written to a partition's verdicts. */
static void note_verdict(
	struct worker *worker, const struct unit_work *work, const struct finish_time *time)
{
	const struct record *record = work->record;
	const struct partition *p = worker->partitions[record->item.slot];
	struct page_verdicts *verdicts = &worker->page->verdicts[p->place.page_index];
	struct page_verdict *entry = page_verdict_begin(verdicts);

	entry->offset = record->item.offset;
	entry->at_ms = time->now_ms;
	entry->took_us = time->took_us > 0 ? time->took_us : 0;
	entry->attempt = work->event.attempt;
	entry->handler = work->handler ? work->handler->page_index : PAGE_VERDICT_NO_HANDLER;
	entry->outcome = outcomes[work->end];
	entry->reason = (uint8_t)work->reason;
	page_verdict_set_id(entry, work->event.id);
	/* of what succeeded in the end no failure is told */
	entry->code[0] = '\0';
	if (entry->outcome > PAGE_VERDICT_DUPLICATE) {
		memcpy(entry->code, work->code, sizeof(entry->code) - 1);
		entry->code[sizeof(entry->code) - 1] = '\0';
	}
	page_verdict_end(verdicts, entry);
}

void finish_note_skip(
	struct worker *worker, const struct record *record, struct slice event_id, int64_t now_ms)
{
	const struct partition *p = worker->partitions[record->item.slot];
	struct page_verdicts *verdicts = &worker->page->verdicts[p->place.page_index];
	struct page_verdict *entry = page_verdict_begin(verdicts);

	entry->offset = record->item.offset;
	entry->at_ms = now_ms;
	entry->took_us = 0;
	entry->attempt = record->attempts;
	entry->handler = PAGE_VERDICT_NO_HANDLER;
	entry->outcome = PAGE_VERDICT_SKIPPED;
	entry->reason = 0;
	entry->code[0] = '\0';
	page_verdict_set_id(entry, event_id);
	page_verdict_end(verdicts, entry);
}

/* Its bytes are not the scheduler's any more. */
static void leave(struct worker *worker, const struct record *record)
{
	struct partition *p = partition_if_live(worker, record->item.slot, record->item.epoch);

	if (p) {
		p->bytes -= record->item.bytes;
	}
}

/* Nothing is owed any more; main counts and tells. */
static void settle_written(struct worker *worker, struct unit_work *work, int64_t now_ms)
{
	const struct record *record = work->record;

	if (partition_settle(worker, record, PAGE_DEAD_LETTERED, now_ms)) {
		page_add(&worker->partitions[record->item.slot]->page->dead_letters[work->reason],
			1);
	}
	dead_letter_add(worker, work);
	work->record = NULL;
}

/* Under the lock: one record's end into tracker, page and dead letters. */
struct sched_return finish_one(
	struct worker *worker, struct unit_work *work, const struct finish_time *time)
{
	static const enum page_result results[] = {
		[UNIT_DONE] = PAGE_DONE,
		[UNIT_DUPLICATE] = PAGE_DUPLICATE,
		[UNIT_SKIPPED] = PAGE_SKIPPED,
	};
	struct record *record = work->record;
	struct sched_return ret = { .item = &record->item, .verdict = SCHED_SETTLED };
	int64_t now_ms = time->now_ms;

	if (has_verdict(work)) {
		note_verdict(worker, work, time);
	}
	switch (work->end) {
	case UNIT_DONE:
	case UNIT_DUPLICATE:
	case UNIT_SKIPPED:
		partition_settle(worker, record, results[work->end], now_ms);
		break;
	case UNIT_DEAD:
	case UNIT_DEFERRED:
		if (work->is_written) {
			settle_written(worker, work, now_ms);
		} else if (partition_if_live(worker, record->item.slot, record->item.epoch)) {
			dead_letter_add(worker, work);
			work->record = NULL; /* handed over */
		} else {
			/*
			 * the partition's next owner finds the decision of a dead letter and
			 * produces; for a retry topic it decides anew
			 */
			page_add(&worker->partitions[record->item.slot]->page->stale, 1);
		}
		break;
	case UNIT_RETRY:
		park(worker, work, RECORD_WAIT_PARKED);
		ret.verdict = SCHED_PARK;
		ret.due_us = work->due_us;
		break;
	case UNIT_HELD:
		park(worker, work, RECORD_WAIT_HELD);
		ret.verdict = SCHED_PARK;
		ret.due_us = work->due_us;
		break;
	case UNIT_AGAIN:
	case UNIT_OPEN:
		ret.verdict = SCHED_AGAIN;
		break;
	}
	if (ret.verdict == SCHED_SETTLED) {
		leave(worker, record);
	}
	return ret;
}

static void log_skip(const struct unit_work *work)
{
	log_warning("record skipped on an operator's word", LOG_ID(RECORD_SKIPPED),
		LOG_SLICE("topic", work->event.topic), LOG_INT("partition", work->event.partition),
		LOG_INT("offset", record_offset(work->record)),
		LOG_SLICE("event_id", work->event.id),
		LOG_STR("why", skip_text(work->record->skip)),
		LOG_SLICE("traceparent", trace_of(work->record)));
}

bool finish_must_wake_main(struct worker *worker, unsigned returned)
{
	bool wants_wake = atomic_load_explicit(&worker->wants_wake, memory_order_acquire);
	int64_t now_us;

	if (worker->new_dead_letters) {
		return true;
	}
	if (!wants_wake || returned >= MUCH_ROOM || !sched_is_ready(worker->sched)) {
		return wants_wake;
	}
	now_us = clock_mono_us();
	if (now_us < worker->next_wake_us) {
		return false;
	}
	worker->next_wake_us = now_us + WAKE_MAIN_US;
	return true;
}

/* The id may lie in the bytes that are let go, and a dead letter still needs it. */
void finish_detach(struct unit *unit, struct unit_work *work)
{
	if (!slice_is_null(work->event.id)) {
		work->event.id = arena_copy(&unit->arena, work->event.id);
	}
	record_detach(work->record);
}

void finish_log_wait(
	struct lines *retry_lines, struct lines *hold_lines, const struct unit_work *work)
{
	if (work->end == UNIT_SKIPPED && work->record->skip) {
		log_skip(work);
	} else if (work->end == UNIT_RETRY) {
		log_failure(retry_lines, work, "failed, will be tried again");
	} else if (work->end == UNIT_DEFERRED) {
		log_failure(retry_lines, work, "failed, goes on in a retry topic");
	} else if (work->end == UNIT_HELD && !work->is_held_with_others) {
		log_failure(hold_lines, work, "held, nothing is burnt");
	}
}

void finish_log_lost(struct lines *lines, const struct unit_work *work)
{
	if (lines_take(lines, clock_mono_us(), LINES_PER_SECOND, "lease lost")) {
		log_warning("the lease was lost before the effect was marked: it may come twice",
			LOG_ID(LEASE_LOST), LOG_SLICE("topic", work->event.topic),
			LOG_INT("partition", work->event.partition),
			LOG_INT("offset", record_offset(work->record)),
			LOG_SLICE("event_id", work->event.id),
			LOG_STR("remedy",
				"a longer claim.lease, or a handler that knows the id again"));
	}
}

void finish_hear_store(struct worker *worker, struct store_session *session)
{
	const struct store_ops *store = worker->wiring->store;
	struct store_notice notice;

	while (store->take_notice && store->take_notice(session, &notice)) {
		page_add(&worker->page->store_losses, notice.is_loss);
		log_warning(notice.text, LOG_ID(STORE_NOTICE));
	}
}
