/*
 * standstill - why a partition does not move, in one sentence, where its worker did not say it
 *
 * What keeps the whole worker is said of each of its partitions that has something to do; then
 * what the first unsettled record waits for, once it has for long enough to be asked about.
 */
#include "supervisor/standstill.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/trouble.h"

#include "supervisor/poison.h"

/* Its own words behind ours, where it has any. */
static void tell(struct merged *row, const char *what, const struct page_text *from)
{
	char words[PAGE_TEXT_MAX];

	page_text_get(from, words);
	snprintf(row->reason, sizeof(row->reason), "%s%s%.200s", what, words[0] ? ": " : "", words);
}

/* False when nothing keeps it as a whole. */
static bool tell_worker(const struct page *page, int64_t wall_ms, struct merged *row)
{
	bool is_idle = row->lag == 0 && row->in_flight == 0;

	if (atomic_load(&page->is_paused)) {
		char words[PAGE_TEXT_MAX];

		page_text_get(&page->pause_text, words);
		snprintf(row->reason, sizeof(row->reason), "paused %.240s", words);
		return true;
	}
	if (atomic_load(&page->broker_is_down)) {
		/* also with no lag: what arrives is not seen */
		tell(row, "no broker answers", &page->broker_text);
		return true;
	}
	if (is_idle) {
		return false;
	}
	if (atomic_load(&page->store_is_down)) {
		tell(row, "the store does not answer", &page->store_text);
		return true;
	}
	return row->held > 0 && trouble_of_page(page, wall_ms, row->reason);
}

/* The lane that works on it; NULL when none does. */
static const struct page_lane *find_lane(
	const struct page *page, const struct page_partition *partition)
{
	unsigned used = page_lanes_used(page);
	size_t index = (size_t)(partition - page->partitions);

	for (unsigned i = 0; i < used; i++) {
		uint32_t stage = atomic_load(&page->lanes[i].stage);

		if (stage != PAGE_STAGE_IDLE && stage < PAGE_STAGES &&
			atomic_load(&page->lanes[i].partition_index) == index) {
			return &page->lanes[i];
		}
	}
	return NULL;
}

static void tell_lane(const struct page_lane *lane, const char *where, struct merged *row)
{
	uint32_t stage = atomic_load(&lane->stage);

	snprintf(row->reason, sizeof(row->reason),
		"%s: a lane has offset %" PRId64 " in hand (%s, attempt %" PRIu32 ")", where,
		page_get(&lane->offset), page_stage_names[stage < PAGE_STAGES ? stage : 0],
		atomic_load(&lane->attempt));
}

/* What the first unsettled record waits for. */
static void tell_record(
	const struct page *page, const struct page_partition *partition, struct merged *row)
{
	const struct page_lane *lane = find_lane(page, partition);
	char where[80];

	snprintf(where, sizeof(where), "stands at offset %" PRId64 " for %" PRId64 " s",
		row->oldest_unsettled_offset, (int64_t)row->oldest_unsettled_seconds);
	if (row->parked > 0) {
		snprintf(row->reason, sizeof(row->reason),
			"%s: %" PRId64 " records wait for their next attempt", where, row->parked);
	} else if (lane) {
		tell_lane(lane, where, row);
	} else if (row->held > 0) {
		snprintf(row->reason, sizeof(row->reason), "%s: %" PRId64 " records are held",
			where, row->held);
	} else {
		snprintf(row->reason, sizeof(row->reason),
			"%s: it waits for a lane, its rate, or an answer", where);
	}
}

void standstill_tell(const struct slot *slot, const struct page_partition *partition,
	int64_t wall_ms, struct merged *row)
{
	if (row->reason[0] || tell_worker(slot->page, wall_ms, row)) {
		return;
	}
	if (row->state == PAGE_PARTITION_OPENING) {
		snprintf(row->reason, sizeof(row->reason),
			"opening: broker and store are asked where it starts");
	} else if (row->oldest_unsettled_seconds >= STANDSTILL_SECONDS) {
		tell_record(slot->page, partition, row);
	}
}
