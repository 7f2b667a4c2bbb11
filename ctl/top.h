/*
 * top - two looks at the daemon as one screen
 */
#pragma once

#include <jansson.h>

#include "base/buffer.h"

/*
 * Consumers, workers and the partitions furthest behind, with what was settled between `before` and
 * `now`, `seconds` apart; the arrays of look_at_consumers(), `before` may be NULL. At most `lines`
 * lines.
 */
void top_render(const json_t *before, const json_t *now, double seconds, unsigned lines,
	struct buffer *out);
