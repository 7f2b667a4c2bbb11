/*
 * metrics - the supervisor's tables as Prometheus text (format 0.0.4)
 *
 * Pure. Names, labels and meaning are the product's surface; they stand in one table in metrics.c.
 */
#pragma once

#include <stdint.h>

#include "base/buffer.h"
#include "supervisor/tree.h"

void metrics_write(const struct tree *tree, int64_t wall_ms, struct buffer *out);
