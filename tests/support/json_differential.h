/*
 * json_differential - does the scanner say of a text what jansson says?
 *
 * jansson is told to take scalars and NULs in strings, which the scanner takes too. Known to
 * differ: numbers no C type holds and NULs in keys (the scanner takes both); nesting over
 * SCAN_DEPTH_MAX, keys repeated on a wanted path, and a NUL byte right behind a number or word,
 * which jansson 2.14 overlooks (the scanner refuses all three).
 */
#pragma once

#include "base/slice.h"

/* NULL when they agree; else a sentence, valid until the next call. */
const char *json_differential(struct slice text);
