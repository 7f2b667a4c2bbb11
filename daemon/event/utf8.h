/*
 * utf8 - is this UTF-8, as RFC 3629 has it?
 *
 * Pure. No overlong forms, no surrogates, nothing above U+10FFFF.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/*
 * Length of the well-formed sequence at `p`, 1 to 4; 0 when it is malformed or cut off by `end`.
 * p < end.
 */
unsigned utf8_sequence(const char *p, const char *end);

/* The null slice is valid. */
bool utf8_is_valid(struct slice s);
