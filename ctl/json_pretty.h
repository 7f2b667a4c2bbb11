/*
 * json_pretty - JSON text on indented lines
 *
 * Pure. Numbers, strings and the order of members stay as they are written, repeated keys too: only
 * white space changes, and characters that would command a terminal are escaped.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* False, and nothing appended, for what is no JSON text. Each line begins with `indent`. */
bool json_pretty(struct slice text, const char *indent, struct buffer *out);
