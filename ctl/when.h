/*
 * when - a point in time as people write it
 *
 * Pure.
 */
#pragma once

#include <stdint.h>

/*
 * "2026-01-02", "2026-01-02T03:04", "2026-01-02T03:04:05.678Z", with "+02:00" instead of Z, UTC
 * where neither is said; or how long before `now_ms`: "2h". 0, or -EINVAL.
 */
int when_parse(const char *text, int64_t now_ms, int64_t *ret_ms);
