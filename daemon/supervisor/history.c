#include "supervisor/history.h"

#include <assert.h>

#include "supervisor/poison.h"

bool history_is_due(const struct history *history, int64_t now_us)
{
	return history->taken_us == 0 || now_us - history->taken_us >= HISTORY_INTERVAL_US;
}

void history_take(struct history *history, int64_t now_us, uint64_t settled, int64_t lag)
{
	int64_t since_us = now_us - history->taken_us;
	uint64_t records = settled > history->settled ? settled - history->settled : 0;

	if (history->taken_us > 0 && since_us > 0) {
		history->points[history->next] = (struct history_point){
			.settled_per_second = (float)((double)records * 1e6 / (double)since_us),
			.lag = lag,
		};
		history->next = (history->next + 1) % HISTORY_POINTS;
		history->count += history->count < HISTORY_POINTS;
	}
	history->taken_us = now_us;
	history->settled = settled;
}

const struct history_point *history_point(const struct history *history, unsigned i)
{
	unsigned first = history->next + HISTORY_POINTS - history->count;

	assert(i < history->count);
	return &history->points[(first + i) % HISTORY_POINTS];
}
