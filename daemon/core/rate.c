/*
 * rate - "more than N in T"
 */
#include "core/rate.h"

#include <stdlib.h>

#include "base/memory.h"

void rate_init(struct rate *rate, unsigned count, int64_t window_us)
{
	*rate = (struct rate){ .count = count, .window_us = window_us };
	if (count > 0) {
		rate->times_us = xcalloc(count, sizeof(*rate->times_us));
	}
}

void rate_fini(struct rate *rate)
{
	if (!rate) {
		return;
	}
	free(rate->times_us);
	*rate = (struct rate){ 0 };
}

bool rate_hit(struct rate *rate, int64_t now_us)
{
	if (rate->count == 0) {
		return false;
	}
	/* A full ring's next place holds the time `count` events ago. */
	bool is_full = rate->used == rate->count;
	bool is_exceeded = is_full && now_us - rate->times_us[rate->next] < rate->window_us;
	rate->times_us[rate->next] = now_us;
	rate->next = (rate->next + 1) % rate->count;
	rate->used += is_full ? 0 : 1;
	return is_exceeded;
}

void rate_reset(struct rate *rate)
{
	rate->used = rate->next = 0;
}
