/*
 * status - the supervisor's tables as JSON: GET /v1/status
 *
 * Pure. The shape is the product's surface; oncectl and tests read it.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "supervisor/tree.h"

void status_write(const struct tree *tree, int64_t now_us, int64_t wall_ms, struct buffer *out);
