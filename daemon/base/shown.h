/*
 * shown - text that others wrote, for terminals and lines
 *
 * What may stand as it is: a character that is drawn where it stands and does nothing else. No
 * control characters (C1 ones are two bytes of UTF-8), nothing that turns the direction of writing
 * or that cannot be seen, no bytes that are no UTF-8.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

/* How many bytes the character at `s` takes, 0 when it may not stand as it is. `len` > 0. */
size_t shown_length(const char *s, size_t len);

/* A question mark for each that may not: in place, and behind what `out` has. */
void shown_plain(char *text);
void shown_append(struct buffer *out, struct slice text);
