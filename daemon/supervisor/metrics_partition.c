/*
 * metrics_partition - samples by topic and partition
 *
 * Runs in: supervisor.
 */
#include <inttypes.h>

#include "supervisor/metrics_private.h"

#include "supervisor/poison.h"

static void write_row_counter(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	const uint64_t *values = metrics_field_of(row, metric);
	size_t count = metric->label ? metric->label_count : 1;

	for (size_t i = 0; i < count; i++) {
		metrics_open_partition_sample(writer, metric->name, consumer, row);
		if (metric->label) {
			metrics_add_label(writer, metric->label, metric->label_values[i]);
		}
		buffer_printf(writer->out, "} %" PRIu64 "\n", values[i]);
	}
}

void metrics_partition_counter(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct gathered *gathered = &writer->consumers[i];

		for (size_t j = 0; j < gathered->row_count; j++) {
			write_row_counter(writer, metric, gathered->consumer, &gathered->rows[j]);
		}
	}
}

/* Calls `write` for the partitions somebody has: gauges of the others are gone. */
static void each_assigned(struct writer *writer, const struct metric *metric,
	void (*write)(struct writer *writer, const struct metric *metric,
		const struct consumer *consumer, const struct merged *row))
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct gathered *gathered = &writer->consumers[i];

		for (size_t j = 0; j < gathered->row_count; j++) {
			if (gathered->rows[j].worker >= 0) {
				write(writer, metric, gathered->consumer, &gathered->rows[j]);
			}
		}
	}
}

static void write_integer(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	metrics_open_partition_sample(writer, metric->name, consumer, row);
	buffer_printf(
		writer->out, "} %" PRId64 "\n", *(const int64_t *)metrics_field_of(row, metric));
}

void metrics_partition_gauge(struct writer *writer, const struct metric *metric)
{
	each_assigned(writer, metric, write_integer);
}

static void write_seconds(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	metrics_open_partition_sample(writer, metric->name, consumer, row);
	buffer_printf(writer->out, "} %.3f\n", *(const double *)metrics_field_of(row, metric));
}

void metrics_partition_seconds(struct writer *writer, const struct metric *metric)
{
	each_assigned(writer, metric, write_seconds);
}

static void write_lag(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	int64_t lag = *(const int64_t *)metrics_field_of(row, metric);

	if (lag < 0) {
		return; /* unknown is not 0 */
	}
	metrics_open_partition_sample(writer, metric->name, consumer, row);
	metrics_add_label(writer, "consumergroup", consumer->config->group_id);
	buffer_printf(writer->out, "} %" PRId64 "\n", lag);
}

void metrics_partition_lag(struct writer *writer, const struct metric *metric)
{
	each_assigned(writer, metric, write_lag);
}

/* Every daemon of the group tells of these: not to be added to the lag of those that are held. */
void metrics_partition_unassigned(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct gathered *gathered = &writer->consumers[i];

		for (size_t j = 0; j < gathered->row_count; j++) {
			const struct merged *row = &gathered->rows[j];

			if (row->worker < 0 && row->state == PAGE_PARTITION_UNASSIGNED) {
				write_lag(writer, metric, gathered->consumer, row);
			}
		}
	}
}

static void write_paused(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row, bool is_released)
{
	metrics_open_partition_sample(writer, metric->name, consumer, row);
	buffer_printf(writer->out, "} %d\n", is_released || row->is_paused);
}

/*
 * A consumer that has left its group on an operator's word has no partitions, and is paused all the
 * same: those it had, and where it had none since we started, itself.
 */
void metrics_partition_paused(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct gathered *gathered = &writer->consumers[i];

		for (size_t j = 0; j < gathered->row_count; j++) {
			if (gathered->rows[j].worker >= 0 || gathered->is_released) {
				write_paused(writer, metric, gathered->consumer, &gathered->rows[j],
					gathered->is_released);
			}
		}
		if (gathered->is_released && gathered->row_count == 0) {
			metrics_open_sample(writer, metric->name, gathered->consumer);
			buffer_append_str(writer->out, "} 1\n");
		}
	}
}
