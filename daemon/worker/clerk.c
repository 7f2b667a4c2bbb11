/*
 * clerk - a thread for what may block and belongs to no batch
 *
 * Runs in: worker, a thread of its own with its own store session. It finds out where partitions
 * start (clerk_open.c), notes committed offsets in the store and carries pauses (clerk_store.c),
 * refreshes log ends, and asks how long the broker keeps what it has (clerk_keeping.c). It decides
 * nothing and touches no partition: it gets jobs, and the main thread collects findings.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "worker/clerk_private.h"

#define LAG_INTERVAL_US ((int64_t)2 * 1000 * 1000)
#define PAUSE_INTERVAL_US ((int64_t)5 * 1000 * 1000)

/* At the end: how long the clerk may go on with what it does before that is broken off. */
enum { STOP_MS = 1500 };

/* ---- asked by the main thread ---- */

static struct clerk_entry *entry_of(struct clerk *clerk, const struct partition *p)
{
	struct clerk_entry *entry = &clerk->entries[p->id.slot];

	while (clerk->entry_count <= p->id.slot) {
		clerk->entries[clerk->entry_count++] =
			(struct clerk_entry){ .committed = -1, .end_offset = -1 };
	}
	entry->topic = p->id.topic;
	entry->partition = p->id.partition;
	entry->slot = p->id.slot;
	return entry;
}

/* All at once: what is opened together is started together, and costs one assignment. */
void clerk_ask_open(struct worker *worker, int64_t now_us)
{
	struct clerk *clerk = worker->clerk;
	bool any = false;

	if (!clerk) {
		return; /* assigned while the group is being left: it is revoked next */
	}
	pthread_mutex_lock(&clerk->lock);
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];
		if (!partition_waits_for_start(p) || p->is_asked || now_us < p->next_open_us) {
			continue;
		}
		struct clerk_entry *entry = entry_of(clerk, p);
		entry->epoch = p->id.epoch;
		entry->wants_open = p->is_asked = any = true;
	}
	if (any) {
		pthread_cond_signal(&clerk->wake);
	}
	pthread_mutex_unlock(&clerk->lock);
}

void clerk_tell_committed(struct worker *worker, const struct partition *partition)
{
	struct clerk *clerk = worker->clerk;

	if (!clerk) {
		return; /* at the very end: the next owner asks the group, not the store */
	}
	pthread_mutex_lock(&clerk->lock);
	entry_of(clerk, partition)->committed = partition->committed;
	pthread_cond_signal(&clerk->wake);
	pthread_mutex_unlock(&clerk->lock);
}

void clerk_forget(struct worker *worker, const struct partition *partition)
{
	struct clerk *clerk = worker->clerk;

	if (!clerk) {
		return;
	}
	pthread_mutex_lock(&clerk->lock);
	struct clerk_entry *entry = entry_of(clerk, partition);
	entry->wants_open = entry->is_followed = false;
	entry->end_offset = -1;
	if (entry->committed >= 0) {
		/* at once: the next owner's word, some seconds later, is to be the last one */
		entry->next_seen_us = 0;
		pthread_cond_signal(&clerk->wake);
	}
	pthread_mutex_unlock(&clerk->lock);
}

void clerk_tell_pause(struct worker *worker, const struct pause *pause)
{
	struct clerk *clerk = worker->clerk;

	if (!clerk) {
		return; /* at the start it is told again, at the end the supervisor has it */
	}
	pthread_mutex_lock(&clerk->lock);
	(void)pauses_put(&clerk->pauses_to_put, pause);
	pthread_cond_signal(&clerk->wake);
	pthread_mutex_unlock(&clerk->lock);
}

/* ---- findings ---- */

static void take_ends(struct worker *worker)
{
	struct clerk *clerk = worker->clerk;

	for (uint32_t i = 0; i < clerk->entry_count && i < worker->partition_count; i++) {
		if (clerk->entries[i].end_offset >= 0) {
			page_set(&worker->partitions[i]->page->end_offset,
				clerk->entries[i].end_offset);
			clerk->entries[i].end_offset = -1;
		}
	}
}

static void take_finding(struct worker *worker, struct clerk_finding *finding)
{
	if (finding->err.text[0]) {
		partition_not_opened(
			worker, finding->opened.slot, finding->opened.epoch, &finding->err);
	} else {
		partition_opened(worker, &finding->opened);
	}
	clerk_finding_free(finding);
}

void clerk_collect(struct worker *worker)
{
	struct clerk *clerk = worker->clerk;
	struct clerk_finding *list, *finding;
	struct pauses pauses;

	pthread_mutex_lock(&clerk->lock);
	list = clerk->findings;
	clerk->findings = NULL;
	take_ends(worker);
	pauses = clerk->pauses_found;
	clerk->pauses_found = (struct pauses){ 0 };
	worker->store_ahead_ms = clerk->store_ahead_ms;
	unassigned_show(worker);
	pthread_mutex_unlock(&clerk->lock);
	for (size_t i = 0; i < pauses.count; i++) {
		pausing_found(worker, &pauses.items[i]);
	}
	pauses_fini(&pauses);
	pausing_tick(worker);
	unassigned_heal(worker, clock_mono_us());
	while ((finding = list)) {
		list = finding->next;
		take_finding(worker, finding);
	}
}

/* ---- what comes again and again ---- */

/* Under the clerk's lock: what is followed of the topic of entry `first`. */
static size_t collect_followed(
	const struct clerk *clerk, uint32_t first, struct source_offset *offsets, uint32_t *slots)
{
	const char *topic = clerk->entries[first].topic;
	size_t count = 0;

	for (uint32_t i = first; i < clerk->entry_count; i++) {
		const struct clerk_entry *entry = &clerk->entries[i];
		if (entry->is_followed && strcmp(entry->topic, topic) == 0) {
			offsets[count] = (struct source_offset){ .topic = topic,
				.partition = entry->partition,
				.offset = SOURCE_OFFSET_LATEST };
			slots[count++] = i;
		}
	}
	return count;
}

static void take_log_ends(struct clerk *clerk, const struct source_offset *offsets,
	const uint32_t *slots, size_t count)
{
	pthread_mutex_lock(&clerk->lock);
	for (size_t i = 0; i < count; i++) {
		struct clerk_entry *entry = &clerk->entries[slots[i]];
		if (entry->is_followed && offsets[i].result == 0) {
			entry->end_offset = offsets[i].offset;
		}
	}
	pthread_mutex_unlock(&clerk->lock);
}

/* Under the clerk's lock: the first followed partition of a topic that was not asked about yet. */
static bool is_first_of_topic(const struct clerk *clerk, uint32_t index)
{
	if (!clerk->entries[index].is_followed) {
		return false;
	}
	for (uint32_t i = 0; i < index; i++) {
		if (clerk->entries[i].is_followed &&
			strcmp(clerk->entries[i].topic, clerk->entries[index].topic) == 0) {
			return false;
		}
	}
	return true;
}

/* Topic by topic: one that is gone must not hide the others. */
static void refresh_lag(struct clerk *clerk)
{
	struct worker *worker = clerk->worker;
	struct source_offset *offsets = xcalloc(PAGE_PARTITIONS_MAX, sizeof(*offsets));
	uint32_t *slots = xcalloc(PAGE_PARTITIONS_MAX, sizeof(*slots));
	struct err err = ERR_INIT;

	for (uint32_t i = 0; i < PAGE_PARTITIONS_MAX; i++) {
		pthread_mutex_lock(&clerk->lock);
		bool is_end = i >= clerk->entry_count || clerk->is_stopping;
		size_t count = !is_end && is_first_of_topic(clerk, i)
			? collect_followed(clerk, i, offsets, slots)
			: 0;
		pthread_mutex_unlock(&clerk->lock);
		if (is_end) {
			break;
		}
		if (count &&
			worker->wiring->sink->log_offsets(
				worker->sink, offsets, count, ASK_TIMEOUT_MS, &err) == 0) {
			take_log_ends(clerk, offsets, slots, count);
			worker->page->broker_is_down = 0;
		}
	}
	free(offsets);
	free(slots);
}

static void refresh_count(struct worker *worker, const char *topic, _Atomic int32_t *ret)
{
	int count =
		worker->wiring->sink->partition_count(worker->sink, topic, ASK_TIMEOUT_MS, NULL);

	atomic_store(ret, count < 0 ? -1 : count);
}

/* How many partitions the topics have that records leave for. */
static void refresh_dlq(struct clerk *clerk)
{
	struct worker *worker = clerk->worker;
	const struct config_tiers *tiers = &worker->consumer->tiers;

	if (worker->consumer->dlq_topic) {
		refresh_count(worker, worker->consumer->dlq_topic, &worker->dlq_partitions);
	}
	for (size_t i = 0; i < tiers->count && !clerk->is_stopping; i++) {
		refresh_count(worker, tiers->items[i].topic, &worker->tier_partitions[i]);
	}
}

static void do_periodic(struct clerk *clerk)
{
	int64_t now_us = clock_mono_us();

	clerk_note_seen(clerk, now_us);
	if (now_us >= clerk->next_lag_us) {
		refresh_lag(clerk);
		refresh_dlq(clerk);
		clerk->next_lag_us = clock_mono_us() + LAG_INTERVAL_US;
	}
	if (now_us >= clerk->next_pause_us || clerk_has_pauses_to_put(clerk) ||
		clerk_waits_for_store(clerk)) {
		clerk_carry_pauses(clerk);
		clerk->next_pause_us = now_us + PAUSE_INTERVAL_US;
	}
	clerk_ask_keeping(clerk, now_us);
	unassigned_ask(clerk, now_us);
	clerk_count_room(clerk, now_us);
}

static void wait_a_while(struct clerk *clerk)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 1;
	pthread_cond_timedwait(&clerk->wake, &clerk->lock, &until);
}

static bool has_openings(const struct clerk *clerk)
{
	for (uint32_t i = 0; i < clerk->entry_count; i++) {
		if (clerk->entries[i].wants_open) {
			return true;
		}
	}
	return false;
}

static void *clerk_main(void *argument)
{
	struct clerk *clerk = argument;
	struct clerk_entry *wanted;
	bool is_stopping;
	size_t count;

	do {
		pthread_mutex_lock(&clerk->lock);
		if (!clerk->is_stopping && !has_openings(clerk)) {
			wait_a_while(clerk);
		}
		is_stopping = clerk->is_stopping;
		count = clerk_take_wanted(clerk, &wanted);
		pthread_mutex_unlock(&clerk->lock);
		if (count && !is_stopping) {
			/* known before anything is read */
			clerk_carry_pauses(clerk);
			refresh_dlq(clerk);
			clerk_open(clerk, wanted, count);
		}
		free(wanted);
		if (!is_stopping) {
			do_periodic(clerk);
		}
	} while (!is_stopping);
	clerk_note_seen(clerk, clock_mono_us());
	if (clerk_has_pauses_to_put(clerk)) {
		clerk_carry_pauses(clerk); /* said in the last moment */
	}
	pthread_mutex_lock(&clerk->lock);
	clerk->has_ended = true;
	pthread_cond_signal(&clerk->ended);
	pthread_mutex_unlock(&clerk->lock);
	return NULL;
}

/* ---- life ---- */

int clerk_start(struct worker *worker, struct err *err)
{
	struct clerk *clerk = worker->clerk = NEW(struct clerk);
	pthread_condattr_t monotonic;
	int r;

	clerk->worker = worker;
	clerk->topics_kept_us = -1;
	pthread_mutex_init(&clerk->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&clerk->wake, &monotonic);
	pthread_cond_init(&clerk->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = worker->wiring->store->session_open(worker->store, &clerk->session, err);
	if (r < 0) {
		return r;
	}
	r = -pthread_create(&clerk->thread, NULL, clerk_main, clerk);
	clerk->is_started = r == 0;
	return r < 0 ? err_set(err, r, "cannot start the clerk's thread") : 0;
}

/* What it does may block for longer than there is time. */
static void wait_for_end(struct worker *worker, struct clerk *clerk)
{
	struct timespec until;
	bool has_ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_MS / 1000;
	until.tv_nsec += STOP_MS % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&clerk->lock);
	while (!clerk->has_ended &&
		pthread_cond_timedwait(&clerk->ended, &clerk->lock, &until) == 0) {
	}
	has_ended = clerk->has_ended;
	pthread_mutex_unlock(&clerk->lock);
	if (!has_ended) {
		worker->wiring->store->session_interrupt(clerk->session);
	}
	pthread_join(clerk->thread, NULL);
}

void clerk_stop(struct worker *worker)
{
	struct clerk *clerk = worker->clerk;
	struct clerk_finding *finding;

	if (!clerk) {
		return;
	}
	if (clerk->is_started) {
		pthread_mutex_lock(&clerk->lock);
		clerk->is_stopping = true;
		pthread_cond_signal(&clerk->wake);
		pthread_mutex_unlock(&clerk->lock);
		wait_for_end(worker, clerk);
	}
	while ((finding = clerk->findings)) {
		clerk->findings = finding->next;
		clerk_finding_free(finding);
	}
	worker->wiring->store->session_close(clerk->session);
	pauses_fini(&clerk->pauses_to_put);
	pauses_fini(&clerk->pauses_found);
	unassigned_list_fini(&clerk->unassigned);
	pthread_mutex_destroy(&clerk->lock);
	pthread_cond_destroy(&clerk->wake);
	pthread_cond_destroy(&clerk->ended);
	free(clerk);
	worker->clerk = NULL;
}
