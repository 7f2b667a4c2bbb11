/*
 * clock - the two times, and how they are written
 *
 * Monotonic time decides, wall-clock time is only shown. Pure code takes both as arguments.
 */
#pragma once

#include <stdint.h>
#include <stddef.h>

#include "base/slice.h"

/* CLOCK_MONOTONIC in microseconds. */
int64_t clock_mono_us(void);

/* CLOCK_REALTIME in milliseconds since 1970, Kafka's unit of record timestamps. */
int64_t clock_wall_ms(void);

enum { CLOCK_RFC3339_MAX = 32 };

/*
 * Write wall_ms as RFC 3339 in UTC with milliseconds ("2026-01-02T03:04:05.678Z"). Returns
 * `buffer`.
 */
const char *clock_format_rfc3339(int64_t wall_ms, char buffer[CLOCK_RFC3339_MAX]);

/* Read what the above writes of years 1970 to 9999, and nothing else. 0, or -EINVAL. */
int clock_parse_rfc3339(struct slice text, int64_t *ret_wall_ms);
