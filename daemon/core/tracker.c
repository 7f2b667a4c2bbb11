/*
 * tracker - which offset of a partition may be committed
 *
 * A ring of bits, one per offset, set where a record is unsettled. Offsets that were never added
 * (gaps) look like settled ones. The bits in use are those of [first, next), and at least one word
 * of the ring stays unused, so that the first and the last word of that range are never the same
 * one.
 */
#include "core/tracker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"

enum { TRACKER_WORD_BITS = 64, TRACKER_WORDS_MIN = 16 };

struct tracker {
	int64_t first; /* committable: the first unsettled offset, or `next` */
	int64_t next; /* one past the last added offset */
	int64_t ahead_max;
	uint64_t unsettled;
	uint64_t *bits;
	size_t word_count; /* a power of two, 0 before the first record */
};

struct tracker *tracker_new(int64_t start, int64_t ahead_max)
{
	assert(start >= 0);
	struct tracker *tracker = NEW(struct tracker);
	tracker->first = tracker->next = start;
	tracker->ahead_max = ahead_max > 0 ? ahead_max : 1;
	return tracker;
}

void tracker_free(struct tracker *tracker)
{
	if (!tracker) {
		return;
	}
	free(tracker->bits);
	free(tracker);
}

static uint64_t *tracker_word(const struct tracker *tracker, int64_t offset)
{
	return &tracker->bits[(uint64_t)offset / TRACKER_WORD_BITS & (tracker->word_count - 1)];
}

static uint64_t tracker_bit(int64_t offset)
{
	return UINT64_C(1) << (uint64_t)offset % TRACKER_WORD_BITS;
}

/* Make the ring hold `span` offsets from `first` on. */
static void tracker_reserve(struct tracker *tracker, uint64_t span)
{
	uint64_t needed = span / TRACKER_WORD_BITS + 2;
	if (needed <= tracker->word_count) {
		return;
	}
	size_t word_count = tracker->word_count ? tracker->word_count : TRACKER_WORDS_MIN;
	while (word_count < needed) {
		word_count *= 2;
	}
	uint64_t *bits = xcalloc(word_count, sizeof(*bits));
	if (tracker->unsettled > 0) {
		uint64_t last = (uint64_t)(tracker->next - 1) / TRACKER_WORD_BITS;
		for (uint64_t n = (uint64_t)tracker->first / TRACKER_WORD_BITS; n <= last; n++) {
			bits[n & (word_count - 1)] = tracker->bits[n & (tracker->word_count - 1)];
		}
	}
	free(tracker->bits);
	tracker->bits = bits;
	tracker->word_count = word_count;
}

bool tracker_has_room(const struct tracker *tracker, int64_t offset)
{
	return tracker->unsettled == 0 || offset - tracker->first < tracker->ahead_max;
}

int tracker_add(struct tracker *tracker, int64_t offset)
{
	if (offset < tracker->next || offset == INT64_MAX) {
		return -EINVAL;
	}
	if (!tracker_has_room(tracker, offset)) {
		return -ENOSPC;
	}
	if (tracker->unsettled == 0) {
		tracker->first = offset;
	}
	tracker_reserve(tracker, (uint64_t)(offset - tracker->first) + 1);
	*tracker_word(tracker, offset) |= tracker_bit(offset);
	tracker->next = offset + 1;
	tracker->unsettled++;
	return 0;
}

/* The first unsettled offset at or above `from`; there is one. */
static int64_t tracker_find_unsettled(const struct tracker *tracker, int64_t from)
{
	int64_t base = from - from % TRACKER_WORD_BITS;
	uint64_t word = *tracker_word(tracker, base) & ~(tracker_bit(from) - 1);
	while (word == 0) {
		base += TRACKER_WORD_BITS;
		word = *tracker_word(tracker, base);
	}
	return base + __builtin_ctzll(word);
}

int tracker_settle(struct tracker *tracker, int64_t offset)
{
	if (offset < tracker->first || offset >= tracker->next) {
		return -EINVAL;
	}
	uint64_t *word = tracker_word(tracker, offset);
	if (!(*word & tracker_bit(offset))) {
		return -EINVAL;
	}
	*word &= ~tracker_bit(offset);
	tracker->unsettled--;
	if (tracker->unsettled == 0) {
		tracker->first = tracker->next;
	} else if (offset == tracker->first) {
		tracker->first = tracker_find_unsettled(tracker, offset);
	}
	return 0;
}

bool tracker_has_unsettled(const struct tracker *tracker, int64_t offset)
{
	return tracker->unsettled > 0 && offset >= tracker->first && offset < tracker->next &&
		(*tracker_word(tracker, offset) & tracker_bit(offset)) != 0;
}

int64_t tracker_next(const struct tracker *tracker)
{
	return tracker->next;
}

int64_t tracker_committable(const struct tracker *tracker)
{
	return tracker->first;
}

uint64_t tracker_unsettled(const struct tracker *tracker)
{
	return tracker->unsettled;
}

int64_t tracker_ahead(const struct tracker *tracker)
{
	return tracker->unsettled > 0 ? tracker->next - 1 - tracker->first : 0;
}
