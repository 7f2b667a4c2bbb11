/*
 * dispatch - polled records into tracker and scheduler
 *
 * Runs in: worker, main thread.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "worker/retry_topic.h"
#include "worker/worker_private.h"

/* Records that enter under one lock: a lane waits no longer than that takes. */
enum { DISPATCH_MAX = 256 };

#define LONG_CLOSED_US ((int64_t)5 * 1000 * 1000)

/* Attempts made before this epoch, if the position is the very same. */
static void restore_attempts(struct partition *p, struct record *record)
{
	size_t i = p->attempt_next;

	while (i < p->attempt_count && p->attempts[i].position.offset < record->item.offset) {
		i++;
	}
	p->attempt_next = i;
	for (; i < p->attempt_count; i++) {
		const struct store_attempts *a = &p->attempts[i];
		if (a->position.offset != record->item.offset) {
			return;
		}
		if (a->position.timestamp_ms == record->timestamp_ms) {
			record->attempts = a->attempts;
			record->first_failure_ms = a->first_failure_ms;
			record->last_failure_ms = a->last_failure_ms;
			record->elapsed_us = (a->last_failure_ms - a->first_failure_ms) * 1000;
			record->is_after_hold = true;
			return;
		}
	}
}

/* ---- room ---- */

/*
 * A partition whose strand waits must not take the others' room. Each is sure of its part of one
 * half; the other half is for those that have something to do now.
 */
static bool has_share_of_records(const struct worker *worker, const struct partition *p)
{
	const struct config_consumer *consumer = worker->consumer;
	uint64_t held = tracker_unsettled(p->tracker);
	uint64_t ample = 4 * (uint64_t)consumer->batch_max;
	uint64_t fair = consumer->in_flight_max / worker->sharers;
	struct sched_stats stats;

	if (fair >= ample || worker->sharers == 1) {
		return held < fair;
	}
	if (held <= fair / 2) {
		return true;
	}
	sched_get_stats(worker->sched, &stats);
	return held < ample && stats.in_flight < consumer->in_flight_max / 2;
}

static bool has_share_of_bytes(const struct worker *worker, const struct partition *p)
{
	uint64_t all = (uint64_t)worker->consumer->in_flight_bytes;
	struct sched_stats stats;

	if (worker->sharers == 1 || p->bytes < all / worker->sharers / 2) {
		return true;
	}
	sched_get_stats(worker->sched, &stats);
	return stats.in_flight_bytes < all / 2;
}

/* Under the lock: may one more record of it be worked on? */
static bool has_room(const struct worker *worker, const struct partition *p)
{
	return sched_has_room(worker->sched) && has_share_of_records(worker, p) &&
		has_share_of_bytes(worker, p);
}

/* Under the lock. False: no room yet, or its turn has not come. */
static bool enter(struct worker *worker, struct partition *p, struct record *record, int64_t now_us)
{
	if (record->ripe_us > now_us) {
		worker->ripe_us =
			record->ripe_us < worker->ripe_us ? record->ripe_us : worker->ripe_us;
		return false;
	}
	if (!has_room(worker, p) || !tracker_has_room(p->tracker, record->item.offset)) {
		return false;
	}
	if (tracker_add(p->tracker, record->item.offset) < 0) {
		/*
		 * the source promised rising offsets: a broken promise would lose or repeat records
		 */
		__builtin_trap();
	}
	if (p->attempt_next < p->attempt_count) {
		restore_attempts(p, record);
	}
	quarantine_mark(worker, p, record);
	page_add(&p->page->consumed, 1);
	p->bytes += record->item.bytes;
	sched_put(worker->sched, &record->item);
	return true;
}

static void stash(struct partition *p, struct record *record)
{
	record->item.next = NULL;
	*p->stash_tail = record;
	p->stash_tail = (struct record **)&record->item.next;
}

static void enter_stashed(struct worker *worker, struct partition *p, int64_t now_us)
{
	struct record *record;

	while ((record = p->stash)) {
		struct record *next = (struct record *)record->item.next;
		if (!enter(worker, p, record, now_us)) {
			return;
		}
		p->stash = next;
	}
	p->stash_tail = &p->stash;
}

/* One of a retry topic says what it was, and when its turn is. */
static void read_tier(struct worker *worker, struct record *record, int64_t now_us)
{
	uint32_t slot = record->item.slot;
	int tier = slot < worker->partition_count ? worker->partitions[slot]->tier : -1;

	if (tier >= 0) {
		retry_topic_read(record, worker->consumer->tiers.items[tier].delay_us,
			tier_clock_ms(&worker->tier_clock, clock_wall_ms(), now_us), now_us);
	}
}

void dispatch_records(struct worker *worker, struct source_record *records, unsigned count)
{
	bool by_key = worker->consumer->ordering == ORDERING_KEY;
	struct record *batch[DISPATCH_MAX];
	int64_t now_us = clock_mono_us();

	for (unsigned done = 0; done < count;) {
		unsigned n = count - done < DISPATCH_MAX ? count - done : DISPATCH_MAX;
		for (unsigned i = 0; i < n; i++) {
			const struct source_record *r = &records[done + i];
			FAILPOINT("after_poll");
			batch[i] = record_pool_new(&worker->pool, worker->wiring->source,
				worker->source, r, by_key ? record_key_hash(r->key) : 0);
			read_tier(worker, batch[i], now_us);
		}
		pthread_mutex_lock(&worker->lock);
		for (unsigned i = 0; i < n; i++) {
			struct partition *p = partition_if_live(
				worker, batch[i]->item.slot, batch[i]->item.epoch);
			if (!p) {
				record_free(batch[i]);
			} else if (p->stash || !enter(worker, p, batch[i], now_us)) {
				stash(p, batch[i]);
			}
		}
		if (sched_is_ready(worker->sched)) {
			lanes_wake(worker, false);
		}
		pthread_mutex_unlock(&worker->lock);
		done += n;
	}
}

/*
 * A partition that stays closed for long gives its prefetched bytes back: the library drops them
 * when it is paused, and fetches again when it is resumed. Short waits are not worth that.
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

/* Under the lock. */
static bool may_be_read(const struct worker *worker, const struct partition *p)
{
	return !p->is_paused && !p->stash && has_room(worker, p) &&
		tracker_ahead(p->tracker) < worker->consumer->ahead_max;
}

bool dispatch_open(struct worker *worker, int64_t now_us)
{
	bool is_stopped = worker->is_draining || worker->is_paused || dead_letters_are_full(worker);
	bool is_any_closed = false;
	unsigned assigned = worker->wiring->source->assigned_count(worker->source);

	/* steps of the wall clock are seen when they happen */
	(void)tier_clock_ms(&worker->tier_clock, clock_wall_ms(), now_us);
	pthread_mutex_lock(&worker->lock);
	worker->ripe_us = INT64_MAX;
	worker->sharers = assigned ? assigned : 1;
	sched_pause_all(worker->sched, is_stopped || dead_letters_must_be_counted(worker));
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];
		p->is_open = false;
		if (p->state != PARTITION_RUNNING) {
			continue;
		}
		if (p->stash) {
			enter_stashed(worker, p, now_us);
		}
		p->is_open = !is_stopped && may_be_read(worker, p);
		is_any_closed |= !p->is_open;
	}
	/* what was kept back may be all that is left to do: nobody else would tell the lanes */
	if (sched_is_ready(worker->sched)) {
		lanes_wake(worker, false);
	}
	pthread_mutex_unlock(&worker->lock);
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		if (worker->partitions[i]->state == PARTITION_RUNNING) {
			pause_if_long_closed(worker, worker->partitions[i], now_us);
		}
	}
	return is_any_closed;
}
