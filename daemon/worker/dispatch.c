/*
 * dispatch - polled records into tracker and scheduler
 *
 * Runs in: worker, main thread.
 */
#include <errno.h>

#include "base/failpoint.h"
#include "worker/worker_private.h"

/* Dead letters that wait hold memory too: above this nothing more is read. */
enum { DEAD_LETTERS_MAX = 1000 };

#define LONG_CLOSED_US ((int64_t)5 * 1000 * 1000)

/* Attempts made before this epoch, if the position is the very same. */
static void restore_attempts(const struct partition *p, struct record *record)
{
	for (size_t i = 0; i < p->attempt_count; i++) {
		const struct store_attempts *a = &p->attempts[i];
		if (a->position.offset == record->item.offset &&
			a->position.timestamp_ms == record->timestamp_ms) {
			record->attempts = a->attempts;
			record->first_failure_ms = a->first_failure_ms;
			record->last_failure_ms = a->last_failure_ms;
			record->elapsed_us = (a->last_failure_ms - a->first_failure_ms) * 1000;
			record->is_after_hold = true;
			return;
		}
	}
}

/* Under the lock. False: no room in the tracker yet. */
static bool enter(struct worker *worker, struct partition *p, struct record *record)
{
	if (!tracker_has_room(p->tracker, record->item.offset)) {
		return false;
	}
	if (tracker_add(p->tracker, record->item.offset) < 0) {
		/* the source promised rising offsets: a broken promise would lose or repeat records */
		__builtin_trap();
	}
	if (p->attempt_count) {
		restore_attempts(p, record);
	}
	page_add(&p->page->consumed, 1);
	sched_put(worker->sched, &record->item);
	return true;
}

static void stash(struct partition *p, struct record *record)
{
	record->item.next = NULL;
	*p->stash_tail = record;
	p->stash_tail = (struct record **)&record->item.next;
}

static void enter_stashed(struct worker *worker, struct partition *p)
{
	struct record *record;

	while ((record = p->stash)) {
		struct record *next = (struct record *)record->item.next;
		if (!enter(worker, p, record)) {
			return;
		}
		p->stash = next;
	}
	p->stash_tail = &p->stash;
}

void dispatch_records(struct worker *worker, struct source_record *records, unsigned count)
{
	bool by_key = worker->consumer->ordering == ORDERING_KEY;
	struct record *batch[64];

	for (unsigned done = 0; done < count;) {
		unsigned n = count - done < 64 ? count - done : 64;
		for (unsigned i = 0; i < n; i++) {
			const struct source_record *r = &records[done + i];
			FAILPOINT("after_poll");
			batch[i] = record_new(worker->wiring->source, worker->source, r,
				by_key ? record_key_hash(r->key) : 0);
		}
		pthread_mutex_lock(&worker->lock);
		for (unsigned i = 0; i < n; i++) {
			struct partition *p = partition_if_live(
				worker, batch[i]->item.slot, batch[i]->item.epoch);
			if (!p) {
				record_free(batch[i]);
			} else if (p->stash || !enter(worker, p, batch[i])) {
				stash(p, batch[i]);
			}
		}
		if (worker->idle_lanes && sched_is_ready(worker->sched)) {
			pthread_cond_signal(&worker->work_ready);
		}
		pthread_mutex_unlock(&worker->lock);
		done += n;
	}
}

/* One partition whose strand is parked must not take the others' room. */
static uint64_t partition_share(const struct worker *worker, unsigned running)
{
	uint64_t least = 2 * (uint64_t)worker->consumer->batch_max;
	uint64_t share = worker->consumer->in_flight_max / (running ? running : 1);

	return share > least ? share : least;
}

/*
 * A partition that stays closed for long gives its prefetched bytes back: the library drops them when it is paused, and
 * fetches again when it is resumed. Short waits are not worth that.
 */
static void pause_if_long_closed(struct worker *worker, struct partition *p, int64_t now_us)
{
	if (p->is_open) {
		p->closed_since_us = 0;
		worker->wiring->source->pause(worker->source, p->id.slot, false);
	} else if (!p->closed_since_us) {
		p->closed_since_us = now_us;
	} else if (now_us - p->closed_since_us > LONG_CLOSED_US) {
		worker->wiring->source->pause(worker->source, p->id.slot, true);
	}
}

bool dispatch_open(struct worker *worker, int64_t now_us)
{
	bool has_room, any = false;
	unsigned running = worker->wiring->source->assigned_count(worker->source);

	pthread_mutex_lock(&worker->lock);
	has_room = !worker->is_draining && !worker->is_paused &&
		worker->dead_letter_count < DEAD_LETTERS_MAX && sched_has_room(worker->sched);
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];
		p->is_open = false;
		if (p->state != PARTITION_RUNNING) {
			continue;
		}
		if (p->stash) {
			enter_stashed(worker, p);
		}
		p->is_open = has_room && !p->stash &&
			tracker_unsettled(p->tracker) < partition_share(worker, running) &&
			tracker_ahead(p->tracker) < worker->consumer->ahead_max;
		any |= p->is_open;
	}
	pthread_mutex_unlock(&worker->lock);
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		if (worker->partitions[i]->state == PARTITION_RUNNING) {
			pause_if_long_closed(worker, worker->partitions[i], now_us);
		}
	}
	return any;
}
