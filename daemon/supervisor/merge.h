/*
 * merge - one row per (topic, partition) of a consumer, out of the pages of all its slots
 *
 * Pure: reads pages, believes none of their counts. A partition moves between slots; its counters
 * are in every page it was ever in, its gauges in the one that has it now.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/page.h"
#include "supervisor/tree.h"

struct merged {
	char topic[PAGE_TOPIC_MAX];
	int32_t partition;
	/*
	 * slot that has it, -1 nobody: gauges below mean nothing then, but for offsets and lag of
	 * one that nobody of the group has (state UNASSIGNED)
	 */
	int worker;
	enum page_partition_state state;
	char reason[PAGE_TEXT_MAX];
	int64_t committed, end_offset; /* -1 unknown */
	int64_t lag; /* -1 unknown */
	int64_t runnable_lag; /* the part of it that nothing holds up; -1 unknown */
	bool is_paused;
	double oldest_unsettled_seconds; /* 0 when nothing is unsettled */
	int64_t oldest_unsettled_offset; /* -1 none */
	int64_t in_flight, parked, held, ahead;
	uint64_t consumed, settled[PAGE_RESULTS], abandoned, retries, stale;
	uint64_t dead_letters[PAGE_REASONS];
};

extern const char *const merged_state_names[PAGE_PARTITION_STATES];

/* Rows sorted by topic and partition; the caller frees. Returns the count. */
size_t merge_partitions(const struct consumer *consumer, int64_t wall_ms, struct merged **ret);
