/*
 * merge - one row per (topic, partition) of a consumer, out of the pages of all its slots
 *
 * Runs in: supervisor.
 */
#include "supervisor/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "supervisor/standstill.h"

#include "supervisor/poison.h"

const char *const merged_state_names[PAGE_PARTITION_STATES] = {
	[PAGE_PARTITION_FREE] = "free",
	[PAGE_PARTITION_REVOKED] = "revoked",
	[PAGE_PARTITION_OPENING] = "opening",
	[PAGE_PARTITION_RUNNING] = "running",
	[PAGE_PARTITION_HELD] = "held",
	[PAGE_PARTITION_PAUSED] = "paused",
	[PAGE_PARTITION_UNASSIGNED] = "unassigned",
};

static int compare(const void *left, const void *right)
{
	const struct merged *a = left, *b = right;
	int by_topic = strcmp(a->topic, b->topic);

	if (by_topic != 0) {
		return by_topic;
	}
	return (a->partition > b->partition) - (a->partition < b->partition);
}

/*
 * What is in hand is what the other counters of this very reading leave, so that they add up in
 * every answer. What ended is read first: it was consumed before.
 */
static void read_counters(const struct page_partition *partition, struct merged *row)
{
	uint64_t ended, unended;

	row->abandoned = ended = page_read(&partition->abandoned);
	row->retries = page_read(&partition->retries);
	row->stale = page_read(&partition->stale);
	for (int i = 0; i < PAGE_RESULTS; i++) {
		row->settled[i] = page_read(&partition->settled[i]);
		ended += row->settled[i];
	}
	row->consumed = page_read(&partition->consumed);
	unended = row->consumed > ended ? row->consumed - ended : 0;
	row->in_flight = (int64_t)(unended < PAGE_GAUGE_MAX ? unended : PAGE_GAUGE_MAX);
	for (int i = 0; i < PAGE_REASONS; i++) {
		row->dead_letters[i] = page_read(&partition->dead_letters[i]);
	}
}

/* Who paused it says more than what else is the matter with it. */
static void tell_pause(const struct consumer *consumer, int64_t wall_ms, struct merged *row)
{
	const struct pause *pause =
		pauses_find(&consumer->pauses, row->topic, row->partition, wall_ms);
	char sentence[PAUSE_SENTENCE_MAX];

	if (pause && row->is_paused) {
		pause_sentence(pause, sentence);
		snprintf(row->reason, sizeof(row->reason), "paused %.240s", sentence);
	}
}

/* What waits for a pause, a hold, a start or its own next attempt is not for lanes to take. */
static int64_t runnable_of(const struct merged *row)
{
	int64_t waiting = row->parked + row->held;

	if (row->lag < 0) {
		return -1;
	}
	if (row->is_paused || row->state != PAGE_PARTITION_RUNNING) {
		/* of a partition where strands are held the others go on */
		return row->state == PAGE_PARTITION_HELD && !row->is_paused && row->lag > waiting
			? row->lag - waiting
			: 0;
	}
	return row->lag > waiting ? row->lag - waiting : 0;
}

static void read_lag(const struct page_partition *partition, struct merged *row)
{
	row->committed = page_get_within(&partition->committed, -1, INT64_MAX);
	row->end_offset = page_get_within(&partition->end_offset, -1, INT64_MAX);
	if (row->committed >= 0 && row->end_offset >= 0) {
		/* The end is asked now and then, the commit is known at once: it can be ahead. */
		row->lag = row->end_offset > row->committed ? row->end_offset - row->committed : 0;
		row->lag = row->lag < PAGE_GAUGE_MAX ? row->lag : PAGE_GAUGE_MAX;
	}
}

static void read_gauges(const struct slot *slot, const struct page_partition *partition,
	int64_t wall_ms, struct merged *row)
{
	int64_t first_ms = page_get_within(&partition->first_unsettled_ms, 0, wall_ms);

	row->worker = (int)slot->number;
	read_lag(partition, row);
	row->parked = page_get_within(&partition->parked, 0, PAGE_GAUGE_MAX);
	row->held = page_get_within(&partition->held, 0, PAGE_GAUGE_MAX);
	row->ahead = page_get_within(&partition->ahead, 0, PAGE_GAUGE_MAX);
	row->is_paused = row->state == PAGE_PARTITION_PAUSED || atomic_load(&slot->page->is_paused);
	row->runnable_lag = runnable_of(row);
	if (first_ms > 0) {
		row->oldest_unsettled_seconds = (double)(wall_ms - first_ms) / 1e3;
		row->oldest_unsettled_offset =
			page_get_within(&partition->first_unsettled_offset, -1, INT64_MAX);
	}
	page_text_get(&partition->text, row->reason);
	tell_pause(slot->consumer, wall_ms, row);
	standstill_tell(slot, partition, wall_ms, row);
}

static void read_partition(const struct slot *slot, const struct page_partition *partition,
	int64_t wall_ms, struct merged *row)
{
	uint32_t state = atomic_load_explicit(&partition->state, memory_order_acquire);

	*row = (struct merged){ .worker = -1,
		.committed = -1,
		.end_offset = -1,
		.lag = -1,
		.runnable_lag = -1,
		.oldest_unsettled_offset = -1 };
	memcpy(row->topic, partition->topic, strnlen(partition->topic, PAGE_TOPIC_MAX - 1));
	row->partition = partition->partition;
	row->state = state < PAGE_PARTITION_STATES ? state : PAGE_PARTITION_REVOKED;
	read_counters(partition, row);
	if (row->state == PAGE_PARTITION_UNASSIGNED) {
		read_lag(partition, row);
		snprintf(row->reason, sizeof(row->reason), "no worker of the group has it");
	} else if (row->state > PAGE_PARTITION_REVOKED) {
		read_gauges(slot, partition, wall_ms, row);
	}
}

/*
 * Counters of both; gauges of the one that has it (the later slot, should two say so for a moment).
 */
static void add(struct merged *into, const struct merged *row)
{
	bool is_told_of = row->state == PAGE_PARTITION_UNASSIGNED && into->worker < 0;
	struct merged sum = row->worker >= 0 || is_told_of ? *row : *into;

	sum.consumed = into->consumed + row->consumed;
	sum.in_flight = into->in_flight + row->in_flight;
	sum.abandoned = into->abandoned + row->abandoned;
	sum.retries = into->retries + row->retries;
	sum.stale = into->stale + row->stale;
	for (int i = 0; i < PAGE_RESULTS; i++) {
		sum.settled[i] = into->settled[i] + row->settled[i];
	}
	for (int i = 0; i < PAGE_REASONS; i++) {
		sum.dead_letters[i] = into->dead_letters[i] + row->dead_letters[i];
	}
	*into = sum;
}

static size_t read_all(const struct consumer *consumer, int64_t wall_ms, struct merged **ret)
{
	struct merged *rows = NULL;
	size_t count = 0, total = 0;

	for (size_t i = 0; i < consumer->slot_total; i++) {
		total += consumer->slots[i]->page ? page_partitions_used(consumer->slots[i]->page)
						  : 0;
	}
	rows = xcalloc(total + 1, sizeof(*rows));
	for (size_t i = 0; i < consumer->slot_total; i++) {
		const struct slot *slot = consumer->slots[i];
		/* Read again it may have grown: `total` is the bound. */
		unsigned used = slot->page ? page_partitions_used(slot->page) : 0;

		for (unsigned j = 0; j < used && count < total; j++) {
			read_partition(slot, &slot->page->partitions[j], wall_ms, &rows[count++]);
		}
	}
	*ret = rows;
	return count;
}

size_t merge_partitions(const struct consumer *consumer, int64_t wall_ms, struct merged **ret)
{
	struct merged *rows;
	size_t count = read_all(consumer, wall_ms, &rows), kept = 0;

	qsort(rows, count, sizeof(*rows), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && compare(&rows[kept - 1], &rows[i]) == 0) {
			add(&rows[kept - 1], &rows[i]);
		} else {
			rows[kept++] = rows[i];
		}
	}
	*ret = rows;
	return kept;
}
