/*
 * sched_case - a scheduler of two partitions and the records given to it, for tests
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sched.h"

static const struct sched_limits wide = {
	.batch_max = 500, .in_flight_max = 10000, .in_flight_bytes = 1 << 30
};

/* Records of the test: put in with these helpers, found again by position in the array. */
static struct sched_item items[64];

static inline struct sched *begin(enum sched_order order)
{
	struct sched *sched = sched_new(order, &wide);
	sched_epoch_begin(sched, 0, 1);
	sched_epoch_begin(sched, 1, 1);
	memset(items, 0, sizeof(items));
	return sched;
}

static inline void put(
	struct sched *sched, size_t i, uint32_t slot, uint32_t epoch, int64_t offset, uint64_t key)
{
	items[i] = (struct sched_item){
		.slot = slot, .epoch = epoch, .offset = offset, .key_hash = key, .bytes = 100
	};
	sched_put(sched, &items[i]);
}

/* Take up to `max` and say which, as "0 1 2". */
static const char *take(struct sched *sched, unsigned max)
{
	static char text[256];
	struct sched_item *taken[64];
	unsigned count = sched_take(sched, taken, max);
	text[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), i ? " %td" : "%td",
			taken[i] - items);
	}
	return text;
}

static inline struct sched_return back(size_t i, enum sched_verdict verdict)
{
	return (struct sched_return){ .item = &items[i], .verdict = verdict };
}

static inline struct sched_return park(size_t i, int64_t due_us)
{
	return (struct sched_return){ .item = &items[i], .verdict = SCHED_PARK, .due_us = due_us };
}

#define GIVE_BACK(sched, ...)                                                                      \
	give_back((sched), (struct sched_return[]){ __VA_ARGS__ },                                 \
		sizeof((struct sched_return[]){ __VA_ARGS__ }) / sizeof(struct sched_return))

static inline struct sched_item *give_back(
	struct sched *sched, const struct sched_return *returns, size_t count)
{
	struct sched_item *dead;
	sched_give_back(sched, returns, (unsigned)count, &dead);
	return dead;
}
