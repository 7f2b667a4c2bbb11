/*
 * rate - "more than N in T"
 *
 * Pure. Used by the dead-letter breaker and the restart intensity. Remembers the times of the last
 * N events.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rate {
	int64_t *times_us; /* ring of `count` */
	unsigned count, used, next;
	int64_t window_us;
};

/* count 0: never exceeded. */
void rate_init(struct rate *rate, unsigned count, int64_t window_us);
void rate_fini(struct rate *rate);
/* Count one event; true when it is the (count+1)-th or later inside the window. */
bool rate_hit(struct rate *rate, int64_t now_us);
void rate_reset(struct rate *rate);
