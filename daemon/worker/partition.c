/*
 * partition - the life of an epoch: assigned, opened, settled, revoked
 *
 * Runs in: worker, main thread, but for partition_settle() and partition_if_live() (any, under the
 * lock). Nothing of a partition is read before the clerk has found out where it starts, so that
 * neither a missing nor an impossible offset can skip records silently.
 */
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/unassigned.h"
#include "worker/worker_private.h"

/* How long the clerk is left alone after it could not open a partition. */
#define OPEN_RETRY_US ((int64_t)500 * 1000)
/* A lost partition is looked at again: the log may have grown, or the group's offset been set. */
#define LOST_RETRY_US ((int64_t)5 * 1000 * 1000)

/* A commit that others wait for is worth a moment, and not more than that. */
enum { COMMIT_MIN_MS = 1000, COMMIT_MAX_MS = 5000 };

struct partition *partition_get(struct worker *worker, const struct source_partition *id)
{
	struct partition *p;
	int index;

	if (id->slot < worker->partition_count) {
		return worker->partitions[id->slot];
	}
	index = page_partition_index(worker->page, id->topic, id->partition);
	if (index < 0 || id->slot >= PAGE_PARTITIONS_MAX) {
		struct err err = ERR_INIT;
		err_set(&err, 0, "more than %d partitions met by one worker", PAGE_PARTITIONS_MAX);
		worker_fail(worker, WORKER_EXIT_FAILURE, &err);
		return NULL;
	}
	p = NEW(struct partition);
	p->id = *id;
	p->place = (struct unit_place){ id->topic, id->partition, (uint32_t)index };
	p->page = &worker->page->partitions[index];
	p->stash_tail = &p->stash;
	p->tier = config_consumer_tier(worker->consumer, id->topic);
	pthread_mutex_lock(&worker->lock);
	worker->partitions[id->slot] = p;
	worker->partition_count = id->slot + 1;
	pthread_mutex_unlock(&worker->lock);
	return p;
}

struct partition *partition_if_live(struct worker *worker, uint32_t slot, uint32_t epoch)
{
	struct partition *p = slot < worker->partition_count ? worker->partitions[slot] : NULL;

	return p && p->tracker && p->id.epoch == epoch ? p : NULL;
}

bool partition_settle(
	struct worker *worker, const struct record *record, enum page_result result, int64_t now_ms)
{
	struct partition *p = partition_if_live(worker, record->item.slot, record->item.epoch);

	if (!p || tracker_settle(p->tracker, record->item.offset) < 0) {
		page_add(&worker->partitions[record->item.slot]->page->stale, 1);
		return false;
	}
	page_add(&p->page->settled[result], 1);
	if (record->timestamp_ms > 0) {
		int64_t age_ms = now_ms - record->timestamp_ms;
		page_histogram_add(&worker->page->settle_seconds, age_ms > 0 ? age_ms * 1000 : 0);
	}
	return true;
}

static void set_state(
	struct partition *p, enum partition_state state, enum page_partition_state shown)
{
	p->state = state;
	atomic_store_explicit(&p->page->state, shown, memory_order_release);
}

static void assigned(struct worker *worker, const struct source_partition *id)
{
	struct partition *p = partition_get(worker, id);

	if (!p) {
		return;
	}
	pthread_mutex_lock(&worker->lock);
	p->id = *id;
	p->committed = p->handed = p->under_way = p->transacted = p->unwritten = -1;
	p->known_count = -1;
	p->parked = p->held = 0;
	p->next_open_us = 0;
	p->is_asked = p->is_out_of_range = false;
	pthread_mutex_unlock(&worker->lock);
	atomic_store_explicit(&p->page->epoch, id->epoch, memory_order_relaxed);
	page_text_set(&p->page->text, "%s", "");
	set_state(p, PARTITION_OPENING, PAGE_PARTITION_OPENING);
}

void partitions_assigned(struct worker *worker, const struct source_event *event)
{
	page_add(&worker->page->rebalances, 1);
	log_info("assigned", LOG_INT("partitions", (int64_t)event->partition_count));
	/* before anybody sees the partitions: what they may hold goes with them */
	page_set(&worker->page->prefetch_bound_bytes,
		worker->wiring->source->prefetch_bound_bytes(worker->source));
	for (size_t i = 0; i < event->partition_count; i++) {
		assigned(worker, &event->partitions[i]);
	}
	worker->is_joined = true;
	transacting_assigned(worker);
	partitions_open_tick(worker, clock_mono_us());
}

bool partition_waits_for_start(const struct partition *p)
{
	return p->state == PARTITION_OPENING || p->state == PARTITION_LOST;
}

static struct partition *if_opening(struct worker *worker, uint32_t slot, uint32_t epoch)
{
	struct partition *p = worker->partitions[slot];

	if (p->id.epoch != epoch || !partition_waits_for_start(p)) {
		return NULL; /* revoked or assigned anew meanwhile */
	}
	p->is_asked = false;
	return p;
}

void partition_not_opened(
	struct worker *worker, uint32_t slot, uint32_t epoch, const struct err *err)
{
	struct partition *p = if_opening(worker, slot, epoch);

	if (p) {
		p->next_open_us = clock_mono_us() + OPEN_RETRY_US;
	}
	if (p && p->state == PARTITION_OPENING) {
		page_text_set(&p->page->text, "where it starts is not known yet: %s", err->text);
	}
}

static void hold_lost(struct partition *p, const struct start_facts *facts)
{
	char what[128];

	p->next_open_us = clock_mono_us() + LOST_RETRY_US;
	if (p->state == PARTITION_LOST) {
		return; /* told before */
	}
	if (facts->committed >= 0) {
		snprintf(what, sizeof(what),
			"committed offset %lld is outside the log (%lld to %lld)",
			(long long)facts->committed, (long long)facts->log_begin,
			(long long)facts->log_end);
	} else {
		snprintf(what, sizeof(what),
			"the group has no committed offset any more (last seen: %lld, log %lld to "
			"%lld)",
			(long long)facts->seen_committed, (long long)facts->log_begin,
			(long long)facts->log_end);
	}
	page_text_set(&p->page->text,
		"held: %s; set offset.lost = earliest or latest, or the group's offset", what);
	log_error("partition held: its offset is lost", LOG_ID(OFFSET_LOST),
		LOG_STR("topic", p->id.topic), LOG_INT("partition", p->id.partition),
		LOG_STR("what", what),
		LOG_STR("remedy", "set the group's offset, or offset.lost = earliest or latest"));
	page_set(&p->page->held, 1);
	set_state(p, PARTITION_LOST, PAGE_PARTITION_HELD);
}

static void log_start(const struct partition *p, const struct start_decision *decision)
{
	static const char *const kinds[] = {
		[START_COMMITTED] = "committed offset",
		[START_INITIAL] = "first time, offset.initial",
		[START_ADDED] = "partition added later, its beginning",
		[START_LOST] = "offset was lost, offset.lost",
	};
	bool is_late = decision->kind == START_ADDED && decision->offset > 0;
	bool is_loss = is_late || decision->kind == START_LOST;

	log_at(is_loss ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "partition starts",
		LOG_STR("topic", p->id.topic), LOG_INT("partition", p->id.partition),
		LOG_INT("offset", decision->offset),
		LOG_STR("why",
			is_late ? "partition added later, its beginning; earlier records are gone"
				: kinds[decision->kind]));
}

/* A new epoch's tracker and queues; from here on lanes may see it. */
static void begin_epoch(struct worker *worker, struct partition *p, uint32_t epoch,
	struct partition_finding *finding)
{
	atomic_store_explicit(&p->page->epoch, epoch, memory_order_relaxed);
	pthread_mutex_lock(&worker->lock);
	p->id.epoch = epoch;
	free(p->attempts);
	p->attempts = TAKE(finding->attempts);
	p->attempt_count = finding->attempt_count;
	p->attempt_next = 0;
	p->handed = p->transacted = p->committed;
	p->unwritten = -1;
	p->closed_since_us = 0;
	p->bytes = 0;
	p->tracker = tracker_new(finding->decision.offset, worker->consumer->ahead_max);
	p->head_offset = finding->decision.offset;
	p->head_since_ms = clock_wall_ms();
	sched_epoch_begin(worker->sched, p->id.slot, epoch);
	sched_pause_slot(worker->sched, p->id.slot, p->is_paused);
	pthread_mutex_unlock(&worker->lock);
	page_text_set(&p->page->text, "%s", "");
	set_state(p, PARTITION_RUNNING, PAGE_PARTITION_RUNNING);
}

void partition_opened(struct worker *worker, struct partition_finding *finding)
{
	const struct start_facts *facts = &finding->facts;
	const struct start_decision *decision = &finding->decision;
	struct partition *p = if_opening(worker, finding->slot, finding->epoch);
	struct err err = ERR_INIT;
	uint32_t epoch;

	if (!p) {
		return;
	}
	p->known_count = facts->known_count;
	p->topic_count = finding->topic_count;
	p->committed = decision->kind == START_COMMITTED ? facts->committed : -1;
	page_set(&p->page->committed, p->committed);
	page_set(&p->page->end_offset, facts->log_end);
	if (decision->offset < 0) {
		hold_lost(p, facts);
		return;
	}
	if (worker->wiring->source->start(
		    worker->source, finding->slot, decision->offset, &epoch, &err) < 0) {
		partition_not_opened(worker, finding->slot, finding->epoch, &err);
		return;
	}
	log_start(p, decision);
	unassigned_name_unlisted(worker, p);
	begin_epoch(worker, p, epoch, finding);
}

/* ---- the end of an epoch ---- */

static void free_items(struct sched_item *items)
{
	while (items) {
		struct sched_item *next = items->next;
		record_free((struct record *)items);
		items = next;
	}
}

/* Nothing more is given out; what lanes hold comes back. */
static void stop_giving(struct worker *worker, struct partition *p)
{
	struct sched_item *queued, *stashed;

	pthread_mutex_lock(&worker->lock);
	queued = p->tracker ? sched_epoch_end(worker->sched, p->id.slot, p->id.epoch) : NULL;
	stashed = p->stash ? &p->stash->item : NULL;
	p->stash = NULL;
	p->stash_tail = &p->stash;
	p->is_open = false;
	pthread_mutex_unlock(&worker->lock);
	free_items(queued);
	free_items(stashed);
}

static bool lanes_hold(struct worker *worker, const struct source_event *event)
{
	for (size_t i = 0; i < event->partition_count; i++) {
		const struct source_partition *id = &event->partitions[i];
		if (sched_epoch_given_out(worker->sched, id->slot, id->epoch)) {
			return true;
		}
	}
	return false;
}

static void wait_for_lanes(struct worker *worker, const struct source_event *event)
{
	int64_t deadline_us = clock_mono_us() + worker->consumer->revoke_timeout_us;
	struct timespec until;

	pthread_mutex_lock(&worker->lock);
	while (lanes_hold(worker, event) && clock_mono_us() < deadline_us) {
		page_set(&worker->page->heartbeat_us, clock_mono_us());
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 20 * 1000 * 1000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&worker->returned, &worker->lock, &until);
	}
	pthread_mutex_unlock(&worker->lock);
}

static void bury(struct worker *worker, struct partition *p)
{
	struct tracker *tracker;
	uint64_t unsettled;

	dead_letters_drop(worker, p->id.slot, p->id.epoch);
	pthread_mutex_lock(&worker->lock);
	tracker = p->tracker;
	p->tracker = NULL;
	unsettled = tracker ? tracker_unsettled(tracker) : 0;
	free(p->attempts);
	p->attempts = NULL;
	p->attempt_count = p->attempt_next = 0;
	p->parked = p->held = 0;
	pthread_mutex_unlock(&worker->lock);
	tracker_free(tracker);
	page_add(&p->page->abandoned, unsettled);
	page_set(&p->page->parked, 0);
	page_set(&p->page->held, 0);
	page_set(&p->page->ahead, 0);
	page_set(&p->page->first_unsettled_offset, -1);
	page_set(&p->page->first_unsettled_ms, 0);
	page_text_set(&p->page->text, "%s", "");
	clerk_forget(worker, p);
	set_state(p, PARTITION_NONE, PAGE_PARTITION_REVOKED);
}

int partition_commit_ms(const struct worker *worker)
{
	int64_t ms = worker->consumer->revoke_timeout_us / 1000;

	if (worker->is_closing) {
		return COMMIT_MIN_MS; /* who did not answer the last one is not waited for twice */
	}
	return ms < COMMIT_MIN_MS ? COMMIT_MIN_MS : ms > COMMIT_MAX_MS ? COMMIT_MAX_MS : (int)ms;
}

static bool are_known(const struct worker *worker, const struct source_event *event)
{
	for (size_t i = 0; i < event->partition_count; i++) {
		if (event->partitions[i].slot >= worker->partition_count) {
			return false;
		}
	}
	return true;
}

void partitions_revoked(struct worker *worker, const struct source_event *event)
{
	log_info(event->is_lost ? "assignment lost" : "revoked",
		LOG_INT("partitions", (int64_t)event->partition_count));
	if (!are_known(worker, event)) {
		return; /* more than we can hold: the worker gives up */
	}
	for (size_t i = 0; i < event->partition_count; i++) {
		stop_giving(worker, worker->partitions[event->partitions[i].slot]);
	}
	if (!event->is_lost) {
		wait_for_lanes(worker, event);
		worker->wiring->sink->poll(worker->sink);
		commit_now(worker, event->partitions, event->partition_count,
			partition_commit_ms(worker));
	}
	for (size_t i = 0; i < event->partition_count; i++) {
		bury(worker, worker->partitions[event->partitions[i].slot]);
	}
}

/*
 * Its next offset is gone from the log. What was read before settles first, for it may be gone too;
 * then the partition is opened anew, and found lost.
 */
void partition_range(struct worker *worker, const struct source_event *event)
{
	struct partition *p = worker->partitions[event->partitions[0].slot];

	if (p->state != PARTITION_RUNNING || p->id.epoch != event->partitions[0].epoch) {
		return;
	}
	log_warning("offset out of range", LOG_ID(OFFSET_OUT_OF_RANGE),
		LOG_STR("topic", p->id.topic), LOG_INT("partition", p->id.partition),
		LOG_STR("error", event->err.text));
	p->is_out_of_range = true;
}

static void reopen(struct worker *worker, struct partition *p)
{
	stop_giving(worker, p);
	bury(worker, p);
	p->is_out_of_range = p->is_asked = false;
	p->next_open_us = 0;
	set_state(p, PARTITION_OPENING, PAGE_PARTITION_OPENING);
}

/* Only between epochs may an offset go back: what was read under the old one is forgotten first. */
int partition_seek(struct worker *worker, struct partition *p, int64_t offset, struct err *err)
{
	struct source_commit commit = { .partition = &p->id, .offset = offset };
	char metadata[24];
	int r;

	if (p->known_count > 0) {
		snprintf(metadata, sizeof(metadata), "n=%d", (int)p->known_count);
		commit.metadata = metadata;
	}
	reopen(worker, p);
	p->under_way = -1; /* its answer is about the old epoch */
	r = worker->wiring->source->commit_wait(worker->source, partition_commit_ms(worker), err);
	r = r < 0 ? r
		  : worker->wiring->source->commit_sync(
			    worker->source, &commit, 1, partition_commit_ms(worker), err);
	if (r == 0) {
		p->committed = p->handed = offset;
		page_set(&p->page->committed, offset);
		clerk_tell_committed(worker, p);
	}
	partitions_open_tick(worker, clock_mono_us());
	return r;
}

static void reopen_if_settled(struct worker *worker, struct partition *p)
{
	bool is_settled;

	pthread_mutex_lock(&worker->lock);
	is_settled = !p->stash && tracker_unsettled(p->tracker) == 0;
	pthread_mutex_unlock(&worker->lock);
	if (!is_settled) {
		return;
	}
	commit_now(worker, &p->id, 1, partition_commit_ms(worker));
	reopen(worker, p);
}

void partitions_open_tick(struct worker *worker, int64_t now_us)
{
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];
		if (p->state == PARTITION_RUNNING && p->is_out_of_range) {
			reopen_if_settled(worker, p);
		}
	}
	clerk_ask_open(worker, now_us);
}

void partitions_fini(struct worker *worker)
{
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];
		stop_giving(worker, p);
		tracker_free(p->tracker);
		free(p->attempts);
		free(p);
	}
	free(worker->partitions);
}
