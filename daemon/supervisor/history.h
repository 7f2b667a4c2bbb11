/*
 * history - how fast a consumer was and how far behind, for the last half hour
 *
 * Pure. Whoever looks at the status page for the first time sees how it came to be so. A point
 * every ten seconds; the oldest goes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_POINTS = 180 };
#define HISTORY_INTERVAL_US (INT64_C(10) * 1000 * 1000)

struct history {
	struct history_point {
		float settled_per_second;
		int64_t lag; /* -1: unknown */
	} points[HISTORY_POINTS];
	unsigned count, next; /* how many there are; where the next one goes */
	int64_t taken_us; /* monotonic: the last look; 0 none yet */
	uint64_t settled; /* at the last look */
};

/* Is it time for a point? */
bool history_is_due(const struct history *history, int64_t now_us);
/*
 * Take one; the first call has nothing to compare with and only remembers. `settled` is a counter
 * that never goes back.
 */
void history_take(struct history *history, int64_t now_us, uint64_t settled, int64_t lag);
/* The i-th of `count`, the oldest first. */
const struct history_point *history_point(const struct history *history, unsigned i);
