/*
 * metrics_private - what the files of metrics share: the table's rows, and shapes of samples
 *
 * Pure. A metric is a row: name, type, help, and which shape writes its samples. Shapes read their
 * field by its offset, in `struct merged` (partition_…) or `struct page` (page_…).
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "supervisor/merge.h"
#include "supervisor/tree.h"

/* Of one consumer, for one request. */
struct gathered {
	const struct consumer *consumer;
	bool is_released; /* left its group on an operator's word */
	struct merged *rows;
	size_t row_count;
};

struct writer {
	const struct tree *tree;
	int64_t wall_ms;
	struct gathered *consumers; /* as many as the tree has */
	struct buffer *out;
};

struct metric {
	const char *name, *type, *help;
	void (*write)(struct writer *writer, const struct metric *metric);
	size_t offset; /* of the field, by shape */
	/* A second label with one value per element of the field's array. */
	const char *label;
	const char *const *label_values;
	size_t label_count;
};

/* ---- text ---- */

/* name="value", escaped. */
void metrics_label(struct buffer *out, const char *name, const char *value);
/* The same behind a comma. */
void metrics_add_label(struct writer *writer, const char *name, const char *value);
/* name{consumer="c" and name{consumer="c",topic="t",partition="0", without the closing brace. */
void metrics_open_sample(
	struct writer *writer, const char *name, const struct consumer *consumer);
void metrics_open_partition_sample(struct writer *writer, const char *name,
	const struct consumer *consumer, const struct merged *row);

static inline const void *metrics_field_of(const void *row, const struct metric *metric)
{
	return (const char *)row + metric->offset;
}

/* ---- shapes, by partition ---- */

void metrics_partition_counter(struct writer *writer, const struct metric *metric);
/* Gauges: of partitions that a worker here has. */
void metrics_partition_gauge(struct writer *writer, const struct metric *metric);
void metrics_partition_seconds(struct writer *writer, const struct metric *metric);
void metrics_partition_lag(struct writer *writer, const struct metric *metric);
void metrics_partition_unassigned(struct writer *writer, const struct metric *metric);
void metrics_partition_paused(struct writer *writer, const struct metric *metric);

/* ---- shapes, by consumer and handler ---- */

void metrics_page_histogram(struct writer *writer, const struct metric *metric);
void metrics_handler_histogram(struct writer *writer, const struct metric *metric);
void metrics_handler_outage(struct writer *writer, const struct metric *metric);
