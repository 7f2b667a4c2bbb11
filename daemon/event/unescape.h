/*
 * unescape - replace the escapes of a JSON string that the scanner accepted
 *
 * Private to daemon/event. Pure. Text that the scanner would refuse gives unspecified characters,
 * but is never read past its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Returned by unescape() when `out` is too small. */
#define UNESCAPE_TOO_LONG SIZE_MAX

/*
 * Write `escaped` as UTF-8 to `out`. Returns the length, never more than escaped.len, or
 * UNESCAPE_TOO_LONG.
 */
size_t unescape(struct slice escaped, char *out, size_t capacity);

/* Is `escaped`, once replaced, the same as `plain`? */
bool unescape_equals(struct slice escaped, struct slice plain);

/* The four hex digits at `p`, or -1. */
int unescape_hex4(const char *p);
