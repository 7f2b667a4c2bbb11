/*
 * status - the supervisor's tables as JSON: GET /v1/status
 *
 * Pure. The shape is the product's surface; oncectl and tests read it.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/buffer.h"
#include "supervisor/tree.h"

/* A text as JSON, what is not UTF-8 in it as '?'. */
json_t *status_text(const char *text);
/* What lanes have in hand now: topic, partition, offset, stage, since when. */
json_t *status_in_hand(const struct page *page);

void status_write(const struct tree *tree, int64_t now_us, int64_t wall_ms, struct buffer *out);
