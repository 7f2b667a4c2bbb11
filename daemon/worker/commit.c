/*
 * commit - settled offsets to the group
 *
 * Runs in: worker, main thread. Asynchronous and coalesced, synchronous where a partition is left;
 * one under way at a time, for one that the library tries again could land behind a later one. Only
 * offsets of the present epoch are handed over, and never lower than before in that epoch. Where
 * the consumer is transactional its lane commits them.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/worker_private.h"

enum { LOG_INTERVAL_US = 10 * 1000 * 1000 };

struct commit_batch {
	struct source_commit *commits;
	char (*metadata)[COMMIT_METADATA_MAX];
	size_t count;
};

static void batch_init(struct commit_batch *batch, size_t max)
{
	batch->commits = xcalloc(max + 1, sizeof(*batch->commits));
	batch->metadata = xcalloc(max + 1, sizeof(*batch->metadata));
	batch->count = 0;
}

static void batch_fini(struct commit_batch *batch)
{
	free(batch->commits);
	free(batch->metadata);
}

const char *commit_metadata(const struct partition *p, char text[COMMIT_METADATA_MAX])
{
	if (p->known_count <= 0) {
		return NULL;
	}
	snprintf(text, COMMIT_METADATA_MAX, "n=%d", (int)p->known_count);
	return text;
}

/* Take the partition in when it has something to commit that is above `after`. */
static void collect(
	struct worker *worker, struct commit_batch *batch, struct partition *p, int64_t after)
{
	int64_t offset = -1;

	pthread_mutex_lock(&worker->lock);
	if (p->tracker) {
		offset = tracker_committable(p->tracker);
	}
	pthread_mutex_unlock(&worker->lock);
	if (offset < 0 || offset <= after || atomic_load(&worker->is_stale)) {
		return;
	}
	p->handed = p->under_way = offset;
	batch->commits[batch->count] = (struct source_commit){ .partition = &p->id,
		.offset = offset,
		.metadata = commit_metadata(p, batch->metadata[batch->count]) };
	batch->count++;
}

void commit_note(struct worker *worker, struct partition *p, int64_t offset)
{
	p->committed = offset;
	page_set(&p->page->committed, offset);
	clerk_tell_committed(worker, p);
}

/* What was handed over and not accepted is handed over again. */
static void is_refused(struct partition *p)
{
	p->handed = p->committed;
}

void commit_tick(struct worker *worker, int64_t now_us)
{
	struct commit_batch batch;
	struct err err = ERR_INIT;

	if (worker->consumer->is_transactional) {
		transacting_tick(worker, now_us);
		return;
	}
	if (worker->commit_is_under_way || now_us < worker->next_commit_us ||
		worker->wiring->source->commit_wait(worker->source, 0, &err) < 0) {
		return;
	}
	worker->next_commit_us = now_us + worker->consumer->commit_interval_us;
	batch_init(&batch, worker->partition_count);
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		collect(worker, &batch, worker->partitions[i], worker->partitions[i]->handed);
	}
	if (batch.count) {
		FAILPOINT("before_offset_commit");
		worker->commit_is_under_way = true;
		if (worker->wiring->source->commit(
			    worker->source, batch.commits, batch.count, &err) < 0) {
			struct source_event refused = { .commit_result = -EAGAIN, .err = err };
			commit_answered(worker, &refused);
		}
	}
	batch_fini(&batch);
}

void commit_answered(struct worker *worker, const struct source_event *event)
{
	uint64_t held_back;

	if (!worker->commit_is_under_way) {
		return; /* of a partition that was left since */
	}
	FAILPOINT("after_offset_commit");
	worker->commit_is_under_way = false;
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];
		if (p->under_way < 0) {
			continue;
		}
		if (event->commit_result == 0) {
			commit_note(worker, p, p->under_way);
		} else {
			is_refused(p);
		}
		p->under_way = -1;
	}
	if (event->commit_result == 0) {
		page_add(&worker->page->commits, 1);
		return;
	}
	page_add(&worker->page->commit_errors, 1);
	if (log_every(&worker->commit_limit, clock_mono_us(), LOG_INTERVAL_US, &held_back)) {
		log_warning("offset commit not accepted, it is repeated", LOG_ID(COMMIT_REFUSED),
			LOG_STR("error", event->err.text),
			LOG_INT("held_back", (int64_t)held_back));
	}
}

static bool is_behind(const struct partition *p)
{
	return p->tracker && tracker_committable(p->tracker) > p->committed;
}

bool commits_are_done(const struct worker *worker)
{
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		if (is_behind(worker->partitions[i])) {
			return false;
		}
	}
	return true;
}

/* Until the answer is there of what is under way, where one of them has something to commit. */
static int wait_for_turn(struct worker *worker, const struct source_partition *partitions,
	size_t all, int timeout_ms, struct err *err)
{
	bool are_behind = false;

	pthread_mutex_lock(&worker->lock);
	for (size_t i = 0; i < all && !are_behind; i++) {
		are_behind = is_behind(worker->partitions[partitions ? partitions[i].slot : i]);
	}
	pthread_mutex_unlock(&worker->lock);
	return are_behind ? worker->wiring->source->commit_wait(worker->source, timeout_ms, err)
			  : 0;
}

void commit_now(struct worker *worker, const struct source_partition *partitions, size_t count,
	int timeout_ms)
{
	struct commit_batch batch;
	struct err err = ERR_INIT;
	size_t all = partitions ? count : worker->partition_count;
	int64_t started_us = clock_mono_us();
	int r;

	if (worker->consumer->is_transactional) {
		transacting_wait(worker, partitions, count, timeout_ms);
		return;
	}
	r = wait_for_turn(worker, partitions, all, timeout_ms, &err);
	timeout_ms -= (int)((clock_mono_us() - started_us) / 1000);
	batch_init(&batch, all);
	for (size_t i = 0; i < all; i++) {
		struct partition *p = worker->partitions[partitions ? partitions[i].slot : i];
		/* also what is under way: it may be refused, and nobody would repeat it */
		collect(worker, &batch, p, p->under_way >= 0 ? p->committed : p->handed);
	}
	if (batch.count) {
		FAILPOINT("before_offset_commit");
		if (r == 0) {
			r = worker->wiring->source->commit_sync(worker->source, batch.commits,
				batch.count, timeout_ms > 0 ? timeout_ms : 0, &err);
		}
		for (size_t i = 0; i < batch.count; i++) {
			struct partition *p = worker->partitions[batch.commits[i].partition->slot];
			p->under_way = -1;
			if (r == 0) {
				commit_note(worker, p, batch.commits[i].offset);
			} else {
				is_refused(p);
			}
		}
		page_add(r == 0 ? &worker->page->commits : &worker->page->commit_errors, 1);
		if (r < 0) {
			log_warning("last offset commit not accepted: these records come again, as "
				    "duplicates",
				LOG_ID(LAST_COMMIT_REFUSED), LOG_STR("error", err.text),
				LOG_SECONDS("took", (double)(clock_mono_us() - started_us) / 1e6));
		}
		FAILPOINT("after_offset_commit");
	}
	batch_fini(&batch);
}
