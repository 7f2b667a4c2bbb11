/*
 * clerk - a thread for what may block and belongs to no batch
 *
 * Runs in: worker, a thread of its own with its own store session. It finds out where partitions start, notes
 * committed offsets in the store, refreshes log ends, and carries pauses. It decides nothing and
 * touches no partition: it gets jobs, and the main thread collects findings.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/worker_private.h"

enum { ASK_TIMEOUT_MS = 5000 };

#define LAG_INTERVAL_US ((int64_t)2 * 1000 * 1000)
#define PAUSE_INTERVAL_US ((int64_t)5 * 1000 * 1000)
#define SEEN_INTERVAL_US ((int64_t)5 * 1000 * 1000)

/* A partition the clerk knows of: opened by request, and then followed for its lag and its last commit. */
struct clerk_entry {
	const char *topic;
	int32_t partition;
	uint32_t slot, epoch;
	bool wants_open;
	int64_t committed; /* to be noted as seen; -1 nothing new */
	int64_t next_seen_us;
	int64_t end_offset; /* finding, -1 nothing new */
};

struct clerk_finding {
	struct clerk_finding *next;
	struct partition_finding opened;
	struct err err; /* not opened: text set */
};

struct clerk {
	struct worker *worker;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_stopping, is_started;
	struct store_session *session;

	struct clerk_entry entries[PAGE_PARTITIONS_MAX]; /* by slot */
	uint32_t entry_count;
	struct clerk_finding *findings;
	struct store_pause pause_to_put, pause_found;
	bool has_pause_to_put, has_pause_found;
	int64_t next_lag_us, next_pause_us;
};

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

void clerk_ask_open(struct worker *worker, const struct partition *partition)
{
	struct clerk *clerk = worker->clerk;

	pthread_mutex_lock(&clerk->lock);
	struct clerk_entry *entry = entry_of(clerk, partition);
	entry->epoch = partition->id.epoch;
	entry->wants_open = true;
	pthread_cond_signal(&clerk->wake);
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

void clerk_tell_pause(struct worker *worker, const struct store_pause *pause)
{
	struct clerk *clerk = worker->clerk;

	pthread_mutex_lock(&clerk->lock);
	clerk->pause_to_put = *pause;
	clerk->has_pause_to_put = true;
	pthread_cond_signal(&clerk->wake);
	pthread_mutex_unlock(&clerk->lock);
}

/* ---- findings ---- */

/* All of one round together: what starts together costs one assignment. */
static void report(struct clerk *clerk, struct clerk_finding **findings, size_t count)
{
	pthread_mutex_lock(&clerk->lock);
	for (size_t i = 0; i < count; i++) {
		findings[i]->next = clerk->findings;
		clerk->findings = findings[i];
	}
	pthread_mutex_unlock(&clerk->lock);
	clerk->worker->wiring->source->wake(clerk->worker->source);
}

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

void clerk_collect(struct worker *worker)
{
	struct clerk *clerk = worker->clerk;
	struct clerk_finding *list, *finding;
	struct store_pause pause = { 0 };
	bool has_pause;

	pthread_mutex_lock(&clerk->lock);
	list = clerk->findings;
	clerk->findings = NULL;
	take_ends(worker);
	has_pause = clerk->has_pause_found;
	if (has_pause) {
		pause = clerk->pause_found;
		clerk->has_pause_found = false;
	}
	pthread_mutex_unlock(&clerk->lock);
	while ((finding = list)) {
		list = finding->next;
		if (finding->err.text[0]) {
			partition_not_opened(
				worker, finding->opened.slot, finding->opened.epoch, &finding->err);
		} else {
			partition_opened(worker, &finding->opened);
		}
		free(finding->opened.attempts);
		free(finding);
	}
	if (has_pause && pause.is_paused != worker->is_paused) {
		worker_pause(worker, pause.is_paused, pause.reason);
	}
}

/* ---- opening partitions ---- */

/* What is asked for together: the partitions that want to be opened now. */
struct opening {
	struct clerk_entry *entries;
	struct source_offset *offsets;
	int64_t *begin, *end;
	struct clerk_finding **findings;
	size_t count;
};

static bool store_is_ready(struct clerk *clerk, struct err *err)
{
	return clerk->worker->wiring->store->session_ready(clerk->session, err) == 0;
}

static int ask_log(
	struct clerk *clerk, struct opening *o, int64_t which, int64_t *ret, struct err *err)
{
	const struct sink_ops *sink = clerk->worker->wiring->sink;
	struct source_offset *offsets = xcalloc(o->count, sizeof(*offsets));
	int r;

	for (size_t i = 0; i < o->count; i++) {
		offsets[i] = (struct source_offset){ .topic = o->entries[i].topic,
			.partition = o->entries[i].partition,
			.offset = which };
	}
	r = sink->log_offsets(clerk->worker->sink, offsets, o->count, ASK_TIMEOUT_MS, err);
	for (size_t i = 0; r == 0 && i < o->count; i++) {
		ret[i] = offsets[i].offset;
	}
	free(offsets);
	return r;
}

/* The partition count that the group's commits carry; asks for all partitions of the topic. */
static int ask_known_count(struct clerk *clerk, const char *topic, int32_t *ret_known,
	int32_t *ret_count, struct err *err)
{
	struct worker *worker = clerk->worker;
	struct source_offset *offsets;
	int count, r;

	*ret_known = -1;
	count = worker->wiring->sink->partition_count(worker->sink, topic, ASK_TIMEOUT_MS, err);
	if (count < 0) {
		return count;
	}
	*ret_count = count;
	offsets = xcalloc((size_t)count + 1, sizeof(*offsets));
	for (int i = 0; i < count; i++) {
		offsets[i] = (struct source_offset){ .topic = topic, .partition = i };
	}
	r = worker->wiring->source->committed(
		worker->source, offsets, (size_t)count, ASK_TIMEOUT_MS, err);
	for (int i = 0; i < count; i++) {
		int32_t known = r == 0 ? start_parse_count(offsets[i].metadata) : -1;
		if (known >= 0 && (*ret_known < 0 || known < *ret_known)) {
			*ret_known = known;
		}
		free((char *)offsets[i].metadata);
	}
	free(offsets);
	return r;
}

static int ask_store(struct clerk *clerk, const struct clerk_entry *entry,
	struct partition_finding *finding, struct err *err)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	struct slice topic = slice_from_str(entry->topic);
	struct store_partition_seen seen = { 0 };

	if (!store_is_ready(clerk, err)) {
		return -EAGAIN;
	}
	if (store->get_seen(clerk->session, topic, entry->partition, &seen, err)) {
		return -EAGAIN;
	}
	finding->facts.is_seen = seen.is_seen;
	finding->facts.seen_committed = seen.committed;
	return 0;
}

static int ask_attempts(struct clerk *clerk, const struct clerk_entry *entry,
	struct partition_finding *finding, struct err *err)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	enum store_failure failure;

	if (finding->decision.offset < 0) {
		return 0;
	}
	failure =
		store->load_attempts(clerk->session, slice_from_str(entry->topic), entry->partition,
			finding->decision.offset, &finding->attempts, &finding->attempt_count, err);
	return failure ? -EAGAIN : 0;
}

static int open_one(struct clerk *clerk, struct opening *o, size_t i, struct err *err)
{
	const struct config_consumer *consumer = clerk->worker->consumer;
	const struct clerk_entry *entry = &o->entries[i];
	struct partition_finding *finding = &o->findings[i]->opened;
	int r;

	finding->facts = (struct start_facts){ .partition = entry->partition,
		.committed = o->offsets[i].offset >= 0 ? o->offsets[i].offset : -1,
		.log_begin = o->begin[i],
		.log_end = o->end[i],
		.seen_committed = -1,
		.initial = consumer->offset_initial == OFFSET_INITIAL_LATEST ? START_LATEST
									     : START_EARLIEST,
		.lost = consumer->offset_lost == OFFSET_LOST_HOLD     ? START_HOLD
			: consumer->offset_lost == OFFSET_LOST_LATEST ? START_LATEST
								      : START_EARLIEST };
	r = ask_known_count(
		clerk, entry->topic, &finding->facts.known_count, &finding->topic_count, err);
	r = r < 0 ? r : ask_store(clerk, entry, finding, err);
	if (r < 0) {
		return r;
	}
	finding->decision = start_decide(&finding->facts);
	if (finding->facts.known_count < 0) {
		finding->facts.known_count =
			finding->topic_count; /* ours is the group's first commit */
	}
	return ask_attempts(clerk, entry, finding, err);
}

static int ask_all(struct clerk *clerk, struct opening *o, struct err *err)
{
	struct worker *worker = clerk->worker;
	int r;

	for (size_t i = 0; i < o->count; i++) {
		o->offsets[i] = (struct source_offset){ .topic = o->entries[i].topic,
			.partition = o->entries[i].partition };
	}
	r = worker->wiring->source->committed(
		worker->source, o->offsets, o->count, ASK_TIMEOUT_MS, err);
	r = r < 0 ? r : ask_log(clerk, o, SOURCE_OFFSET_EARLIEST, o->begin, err);
	return r < 0 ? r : ask_log(clerk, o, SOURCE_OFFSET_LATEST, o->end, err);
}

/* Under the clerk's lock: the partitions that wait to be opened. */
static void opening_init(struct clerk *clerk, struct opening *o)
{
	*o = (struct opening){ .entries = xcalloc(clerk->entry_count + 1, sizeof(*o->entries)) };
	for (uint32_t i = 0; i < clerk->entry_count; i++) {
		if (clerk->entries[i].wants_open) {
			clerk->entries[i].wants_open = false;
			o->entries[o->count++] = clerk->entries[i];
		}
	}
}

static void open_all(struct clerk *clerk, struct opening *o)
{
	struct err all = ERR_INIT;
	int r;

	o->offsets = xcalloc(o->count, sizeof(*o->offsets));
	o->begin = xcalloc(o->count, sizeof(*o->begin));
	o->end = xcalloc(o->count, sizeof(*o->end));
	o->findings = xcalloc(o->count, sizeof(*o->findings));
	r = ask_all(clerk, o, &all);
	for (size_t i = 0; i < o->count; i++) {
		o->findings[i] = NEW(struct clerk_finding);
		o->findings[i]->opened.slot = o->entries[i].slot;
		o->findings[i]->opened.epoch = o->entries[i].epoch;
		o->findings[i]->err = all;
		if (r == 0 && open_one(clerk, o, i, &o->findings[i]->err) == 0) {
			o->findings[i]->err = ERR_INIT;
		}
		free((char *)o->offsets[i].metadata);
	}
	report(clerk, o->findings, o->count);
}

static void opening_fini(struct opening *o)
{
	free(o->entries);
	free(o->offsets);
	free(o->begin);
	free(o->end);
	free(o->findings);
}

/* ---- what comes again and again ---- */

static void note_seen(struct clerk *clerk, int64_t now_us)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	struct err err = ERR_INIT;

	for (uint32_t i = 0;; i++) {
		pthread_mutex_lock(&clerk->lock);
		bool is_end = i >= clerk->entry_count;
		struct clerk_entry *entry = &clerk->entries[i];
		bool is_due = !is_end && entry->committed >= 0 &&
			(now_us >= entry->next_seen_us || clerk->is_stopping);
		int64_t committed = is_due ? entry->committed : -1;
		pthread_mutex_unlock(&clerk->lock);
		if (is_end) {
			return;
		}
		if (!is_due) {
			continue;
		}
		if (!store_is_ready(clerk, &err) ||
			store->put_seen(clerk->session, slice_from_str(entry->topic),
				entry->partition, committed, &err)) {
			return; /* later */
		}
		pthread_mutex_lock(&clerk->lock);
		entry->next_seen_us = now_us + SEEN_INTERVAL_US;
		if (entry->committed == committed) {
			entry->committed = -1;
		}
		pthread_mutex_unlock(&clerk->lock);
	}
}

static void refresh_lag(struct clerk *clerk)
{
	struct worker *worker = clerk->worker;
	struct source_offset *offsets;
	struct err err = ERR_INIT;
	uint32_t count;

	pthread_mutex_lock(&clerk->lock);
	count = clerk->entry_count;
	offsets = xcalloc(count + 1, sizeof(*offsets));
	for (uint32_t i = 0; i < count; i++) {
		offsets[i] = (struct source_offset){ .topic = clerk->entries[i].topic,
			.partition = clerk->entries[i].partition,
			.offset = SOURCE_OFFSET_LATEST };
	}
	pthread_mutex_unlock(&clerk->lock);
	if (count &&
		worker->wiring->sink->log_offsets(
			worker->sink, offsets, count, ASK_TIMEOUT_MS, &err) == 0) {
		pthread_mutex_lock(&clerk->lock);
		for (uint32_t i = 0; i < count; i++) {
			clerk->entries[i].end_offset = offsets[i].offset;
		}
		pthread_mutex_unlock(&clerk->lock);
		worker->page->broker_is_down = 0;
	}
	free(offsets);
}

static void refresh_dlq(struct clerk *clerk)
{
	struct worker *worker = clerk->worker;
	int count;

	if (worker->consumer->dlq_topic) {
		count = worker->wiring->sink->partition_count(
			worker->sink, worker->consumer->dlq_topic, ASK_TIMEOUT_MS, NULL);
		atomic_store(&worker->dlq_partitions, count < 0 ? -1 : count);
	}
}

static void carry_pause(struct clerk *clerk)
{
	const struct store_ops *store = clerk->worker->wiring->store;
	struct store_pause put, found = { 0 };
	struct err err = ERR_INIT;
	bool has_put;

	if (!clerk->worker->is_deduplicated || !store_is_ready(clerk, &err)) {
		return;
	}
	pthread_mutex_lock(&clerk->lock);
	put = clerk->pause_to_put;
	has_put = clerk->has_pause_to_put;
	clerk->has_pause_to_put = false;
	pthread_mutex_unlock(&clerk->lock);
	if (has_put && store->put_pause(clerk->session, &put, &err)) {
		pthread_mutex_lock(&clerk->lock);
		clerk->has_pause_to_put = true;
		pthread_mutex_unlock(&clerk->lock);
		return;
	}
	if (store->get_pause(clerk->session, &found, &err) == STORE_OK) {
		pthread_mutex_lock(&clerk->lock);
		clerk->pause_found = found;
		clerk->has_pause_found = !clerk->has_pause_to_put;
		pthread_mutex_unlock(&clerk->lock);
	}
}

static void do_periodic(struct clerk *clerk)
{
	int64_t now_us = clock_mono_us();

	note_seen(clerk, now_us);
	if (now_us >= clerk->next_lag_us) {
		refresh_lag(clerk);
		refresh_dlq(clerk);
		clerk->next_lag_us = clock_mono_us() + LAG_INTERVAL_US;
	}
	if (now_us >= clerk->next_pause_us || clerk->has_pause_to_put) {
		carry_pause(clerk);
		clerk->next_pause_us = now_us + PAUSE_INTERVAL_US;
	}
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
	struct opening opening;
	bool is_stopping;

	if (!clerk->worker->cluster_id[0]) {
		clerk->worker->wiring->sink->cluster_id(clerk->worker->sink,
			clerk->worker->cluster_id, sizeof(clerk->worker->cluster_id),
			ASK_TIMEOUT_MS);
	}
	do {
		pthread_mutex_lock(&clerk->lock);
		if (!clerk->is_stopping && !has_openings(clerk)) {
			wait_a_while(clerk);
		}
		is_stopping = clerk->is_stopping;
		opening_init(clerk, &opening);
		pthread_mutex_unlock(&clerk->lock);
		if (opening.count && !is_stopping) {
			open_all(clerk, &opening);
		}
		opening_fini(&opening);
		if (!is_stopping) {
			do_periodic(clerk);
		}
	} while (!is_stopping);
	note_seen(clerk, clock_mono_us());
	return NULL;
}

/* ---- life ---- */

int clerk_start(struct worker *worker, struct err *err)
{
	struct clerk *clerk = worker->clerk = NEW(struct clerk);
	pthread_condattr_t monotonic;
	int r;

	clerk->worker = worker;
	pthread_mutex_init(&clerk->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&clerk->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = worker->wiring->store->session_open(worker->store, &clerk->session, err);
	if (r < 0) {
		return r;
	}
	r = -pthread_create(&clerk->thread, NULL, clerk_main, clerk);
	clerk->is_started = r == 0;
	return r < 0 ? err_set(err, r, "cannot start the clerk's thread") : 0;
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
		pthread_join(clerk->thread, NULL);
	}
	while ((finding = clerk->findings)) {
		clerk->findings = finding->next;
		free(finding->opened.attempts);
		free(finding);
	}
	worker->wiring->store->session_close(clerk->session);
	pthread_mutex_destroy(&clerk->lock);
	pthread_cond_destroy(&clerk->wake);
	free(clerk);
	worker->clerk = NULL;
}
