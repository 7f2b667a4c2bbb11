/*
 * metrics - the supervisor's tables as Prometheus text (format 0.0.4)
 *
 * Runs in: supervisor. A metric is a row: name, type, help, and which of the shapes below writes
 * its samples. The partition shapes read a field of `struct merged` by offset. Everything is
 * gathered once per request.
 */
#include "supervisor/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "supervisor/merge.h"

#include "supervisor/poison.h"

struct gathered {
	const struct consumer *consumer;
	struct merged *rows;
	size_t row_count;
};

struct writer {
	const struct tree *tree;
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

/* Label values: backslash, quote and newline are escaped; other bytes are theirs. */
static void write_label(struct buffer *out, const char *name, const char *value)
{
	buffer_printf(out, "%s=\"", name);
	for (const char *p = value; *p; p++) {
		switch (*p) {
		case '\\':
			buffer_append_str(out, "\\\\");
			break;
		case '"':
			buffer_append_str(out, "\\\"");
			break;
		case '\n':
			buffer_append_str(out, "\\n");
			break;
		default:
			buffer_append_char(out, *p);
		}
	}
	buffer_append_char(out, '"');
}

/* "name{consumer="c"" without the closing brace. */
static void open_sample(struct writer *writer, const char *name, const struct consumer *consumer)
{
	buffer_append_str(writer->out, name);
	buffer_append_char(writer->out, '{');
	write_label(writer->out, "consumer", consumer->config->name);
}

static void open_partition_sample(struct writer *writer, const char *name,
	const struct consumer *consumer, const struct merged *row)
{
	open_sample(writer, name, consumer);
	buffer_append_char(writer->out, ',');
	write_label(writer->out, "topic", row->topic);
	buffer_printf(writer->out, ",partition=\"%" PRId32 "\"", row->partition);
}

static void add_label(struct writer *writer, const char *name, const char *value)
{
	buffer_append_char(writer->out, ',');
	write_label(writer->out, name, value);
}

static const void *field_of(const void *row, const struct metric *metric)
{
	return (const char *)row + metric->offset;
}

/* ---- shapes ---- */

static void write_row_counter(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	const uint64_t *values = field_of(row, metric);
	size_t count = metric->label ? metric->label_count : 1;

	for (size_t i = 0; i < count; i++) {
		open_partition_sample(writer, metric->name, consumer, row);
		if (metric->label) {
			add_label(writer, metric->label, metric->label_values[i]);
		}
		buffer_printf(writer->out, "} %" PRIu64 "\n", values[i]);
	}
}

static void partition_counter(struct writer *writer, const struct metric *metric)
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
	open_partition_sample(writer, metric->name, consumer, row);
	buffer_printf(writer->out, "} %" PRId64 "\n", *(const int64_t *)field_of(row, metric));
}

static void partition_gauge(struct writer *writer, const struct metric *metric)
{
	each_assigned(writer, metric, write_integer);
}

static void write_seconds(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	open_partition_sample(writer, metric->name, consumer, row);
	buffer_printf(writer->out, "} %.3f\n", *(const double *)field_of(row, metric));
}

static void partition_seconds(struct writer *writer, const struct metric *metric)
{
	each_assigned(writer, metric, write_seconds);
}

static void write_flag(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	open_partition_sample(writer, metric->name, consumer, row);
	buffer_printf(writer->out, "} %d\n", *(const bool *)field_of(row, metric));
}

static void partition_flag(struct writer *writer, const struct metric *metric)
{
	each_assigned(writer, metric, write_flag);
}

static void write_lag(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct merged *row)
{
	if (row->lag < 0) {
		return; /* unknown is not 0 */
	}
	open_partition_sample(writer, metric->name, consumer, row);
	add_label(writer, "consumergroup", consumer->config->group_id);
	buffer_printf(writer->out, "} %" PRId64 "\n", row->lag);
}

static void partition_lag(struct writer *writer, const struct metric *metric)
{
	each_assigned(writer, metric, write_lag);
}

/* A counter of the page itself, summed over slots. */
static void page_sum(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		uint64_t sum = 0;

		for (size_t j = 0; j < consumer->slot_total; j++) {
			const struct page *page = consumer->slots[j]->page;

			sum += page ? page_read(field_of(page, metric)) : 0;
		}
		open_sample(writer, metric->name, consumer);
		buffer_printf(writer->out, "} %" PRIu64 "\n", sum);
	}
}

static void worker_exits(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];

		for (int cause = 0; cause < EXIT_CAUSES; cause++) {
			open_sample(writer, metric->name, consumer);
			add_label(writer, "cause", exit_cause_names[cause]);
			buffer_printf(writer->out, "} %" PRIu64 "\n", consumer->exits[cause]);
		}
	}
}

/* Of what is there or wanted; a gauge of what was removed would say that something is missing. */
static unsigned count_states(const struct consumer *consumer, unsigned counts[SLOT_STATES])
{
	unsigned total = 0;

	for (size_t i = 0; i < consumer->slot_total; i++) {
		const struct slot *slot = consumer->slots[i];

		if (!slot->is_retired || slot->state != SLOT_STOPPED) {
			counts[slot->state]++;
			total++;
		}
	}
	return total;
}

static void worker_states(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		unsigned counts[SLOT_STATES] = { 0 };

		if (count_states(consumer, counts) == 0) {
			continue;
		}
		for (int state = 0; state < SLOT_STATES; state++) {
			open_sample(writer, metric->name, consumer);
			add_label(writer, "state", slot_state_names[state]);
			buffer_printf(writer->out, "} %u\n", counts[state]);
		}
	}
}

static void build_info(struct writer *writer, const struct metric *metric)
{
	buffer_printf(writer->out, "%s{", metric->name);
	write_label(writer->out, "version", writer->tree->version);
	buffer_append_str(writer->out, "} 1\n");
}

/* ---- histograms ---- */

struct histogram_sum {
	uint64_t buckets[PAGE_BUCKETS], sum_us;
};

static void add_histogram(struct histogram_sum *sum, const struct page_histogram *histogram)
{
	for (int i = 0; i < PAGE_BUCKETS; i++) {
		sum->buckets[i] += page_read(&histogram->buckets[i]);
	}
	sum->sum_us += page_read(&histogram->sum_us);
}

static void open_histogram_sample(struct writer *writer, const struct metric *metric,
	const char *suffix, const struct consumer *consumer, const char *handler)
{
	buffer_printf(writer->out, "%s%s{", metric->name, suffix);
	write_label(writer->out, "consumer", consumer->config->name);
	if (handler) {
		add_label(writer, "handler", handler);
	}
}

static void write_histogram(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const char *handler, const struct histogram_sum *sum)
{
	uint64_t total = 0;

	for (int i = 0; i < PAGE_BUCKETS; i++) {
		total += sum->buckets[i];
		open_histogram_sample(writer, metric, "_bucket", consumer, handler);
		if (i < PAGE_BUCKETS - 1) {
			buffer_printf(writer->out, ",le=\"%g\"} %" PRIu64 "\n",
				(double)page_bucket_us[i] / 1e6, total);
		} else {
			buffer_printf(writer->out, ",le=\"+Inf\"} %" PRIu64 "\n", total);
		}
	}
	open_histogram_sample(writer, metric, "_sum", consumer, handler);
	buffer_printf(writer->out, "} %.6f\n", (double)sum->sum_us / 1e6);
	open_histogram_sample(writer, metric, "_count", consumer, handler);
	buffer_printf(writer->out, "} %" PRIu64 "\n", total);
}

static void page_histogram_sum(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		struct histogram_sum sum = { 0 };

		for (size_t j = 0; j < consumer->slot_total; j++) {
			if (consumer->slots[j]->page) {
				add_histogram(&sum, field_of(consumer->slots[j]->page, metric));
			}
		}
		write_histogram(writer, metric, consumer, NULL, &sum);
	}
}

/* Handlers by name: slots of one consumer may have numbered them differently in the past. */
struct handler_sum {
	char name[sizeof(((struct page_handler *)0)->name)];
	struct histogram_sum sum;
	bool is_outage; /* in one slot at least */
};

static struct handler_sum *find_handler(
	struct handler_sum *sums, size_t *count, const struct page_handler *handler)
{
	char name[sizeof(handler->name)] = "";

	memcpy(name, handler->name, strnlen(handler->name, sizeof(name) - 1));
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(sums[i].name, name) == 0) {
			return &sums[i];
		}
	}
	memcpy(sums[*count].name, name, sizeof(name));
	return &sums[(*count)++];
}

/* `ret` is the caller's to free; returns how many. */
static size_t sum_handlers(const struct consumer *consumer, struct handler_sum **ret)
{
	struct handler_sum *sums =
		xcalloc(consumer->slot_total * PAGE_HANDLERS_MAX + 1, sizeof(*sums));
	size_t count = 0;

	for (size_t i = 0; i < consumer->slot_total; i++) {
		const struct page *page = consumer->slots[i]->page;
		unsigned used = page ? page_handlers_used(page) : 0;

		for (unsigned j = 0; j < used; j++) {
			const struct page_handler *handler = &page->handlers[j];

			struct handler_sum *sum = find_handler(sums, &count, handler);

			add_histogram(&sum->sum, &handler->seconds);
			sum->is_outage = sum->is_outage ||
				(!consumer->slots[i]->is_retired &&
					atomic_load(&handler->is_outage));
		}
	}
	*ret = sums;
	return count;
}

/* Calls `write` for every handler of every consumer. */
static void each_handler(struct writer *writer, const struct metric *metric,
	void (*write)(struct writer *writer, const struct metric *metric,
		const struct consumer *consumer, const struct handler_sum *sum))
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		_cleanup_free_ struct handler_sum *sums = NULL;
		size_t count = sum_handlers(consumer, &sums);

		for (size_t j = 0; j < count; j++) {
			write(writer, metric, consumer, &sums[j]);
		}
	}
}

static void write_handler_histogram(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct handler_sum *sum)
{
	write_histogram(writer, metric, consumer, sum->name, &sum->sum);
}

static void handler_histograms(struct writer *writer, const struct metric *metric)
{
	each_handler(writer, metric, write_handler_histogram);
}

static void write_handler_outage(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct handler_sum *sum)
{
	open_sample(writer, metric->name, consumer);
	add_label(writer, "handler", sum->name);
	buffer_printf(writer->out, "} %d\n", sum->is_outage);
}

static void handler_outages(struct writer *writer, const struct metric *metric)
{
	each_handler(writer, metric, write_handler_outage);
}

/* ---- the table ---- */

#define MERGED(member) .offset = offsetof(struct merged, member)
#define PAGE(member) .offset = offsetof(struct page, member)
#define BY(name, values, n) .label = (name), .label_values = (values), .label_count = (n)

static const struct metric metrics[] = {
	{ "onced_records_consumed_total", "counter",
		"Records taken from Kafka: settled, abandoned or in flight.", partition_counter,
		MERGED(consumed) },
	{ "onced_records_settled_total", "counter", "Records that ended, by how.",
		partition_counter, MERGED(settled), BY("result", page_result_names, PAGE_RESULTS) },
	{ "onced_records_abandoned_total", "counter",
		"Records given up without an end (revoked, stopped, died); delivered again.",
		partition_counter, MERGED(abandoned) },
	{ "onced_retries_total", "counter", "Failed attempts that are tried again.",
		partition_counter, MERGED(retries) },
	{ "onced_dead_letters_total", "counter", "Acknowledged dead letters, by reason.",
		partition_counter, MERGED(dead_letters),
		BY("reason", page_reason_names, PAGE_REASONS) },
	{ "onced_store_errors_total", "counter", "Failed flights to the store.", page_sum,
		PAGE(store_errors) },
	{ "onced_leases_taken_over_total", "counter",
		"Events whose owner died or was late: their effects elsewhere may come twice.",
		page_sum, PAGE(leases_taken_over) },
	{ "onced_leases_lost_total", "counter",
		"Effects made elsewhere by a worker that was not the event's owner any more.",
		page_sum, PAGE(leases_lost) },
	{ "onced_dedup_swept_total", "counter",
		"Event ids forgotten because they were older than dedup.retention.", page_sum,
		PAGE(swept) },
	{ "onced_leases_forgotten_total", "counter",
		"Leases in hand that the store did not know any more: another worker may have made "
		"the effect, too.",
		page_sum, PAGE(leases_forgotten) },
	{ "onced_store_losses_total", "counter",
		"Times a store was found to have forgotten events, or perhaps to have: flushed, "
		"full, restarted, failed over.",
		page_sum, PAGE(store_losses) },
	{ "onced_commits_total", "counter", "Offset commits that succeeded.", page_sum,
		PAGE(commits) },
	{ "onced_rebalances_total", "counter", "Assignments received.", page_sum,
		PAGE(rebalances) },
	{ "onced_worker_exits_total", "counter", "Ends of worker processes, by cause.",
		worker_exits },
	{ "onced_in_flight", "gauge", "Records held in memory.", partition_gauge,
		MERGED(in_flight) },
	{ "onced_parked", "gauge", "Records waiting for their next attempt.", partition_gauge,
		MERGED(parked) },
	{ "onced_held", "gauge", "Records waiting for something outside.", partition_gauge,
		MERGED(held) },
	{ "onced_ahead", "gauge", "Offsets between the committable offset and the last settled.",
		partition_gauge, MERGED(ahead) },
	{ "onced_consumer_lag", "gauge", "End offset minus committed offset.", partition_lag },
	{ "onced_oldest_unsettled_seconds", "gauge",
		"Age of the first unsettled record since it was polled.", partition_seconds,
		MERGED(oldest_unsettled_seconds) },
	{ "onced_paused", "gauge", "1 while the partition is paused on purpose.", partition_flag,
		MERGED(is_paused) },
	{ "onced_outage", "gauge",
		"1 while a handler's records are held because hardly any succeeds.",
		handler_outages },
	{ "onced_workers", "gauge", "Worker slots, by state.", worker_states },
	{ "onced_build_info", "gauge", "Always 1; the version is a label.", build_info },
	{ "onced_handler_seconds", "histogram", "Time a handler took for one record.",
		handler_histograms },
	{ "onced_settle_seconds", "histogram", "From a record's timestamp until it was settled.",
		page_histogram_sum, PAGE(settle_seconds) },
	{ "onced_commit_seconds", "histogram", "Round trip of an offset commit.",
		page_histogram_sum, PAGE(commit_seconds) },
};

void metrics_write(const struct tree *tree, int64_t wall_ms, struct buffer *out)
{
	struct writer writer = { .tree = tree, .out = out };

	writer.consumers = xcalloc(tree->consumer_total + 1, sizeof(*writer.consumers));
	for (size_t i = 0; i < tree->consumer_total; i++) {
		struct gathered *gathered = &writer.consumers[i];

		gathered->consumer = tree->consumers[i];
		gathered->row_count =
			merge_partitions(tree->consumers[i], wall_ms, &gathered->rows);
	}
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		const struct metric *metric = &metrics[i];

		buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
			metric->name, metric->type);
		metric->write(&writer, metric);
	}
	for (size_t i = 0; i < tree->consumer_total; i++) {
		free(writer.consumers[i].rows);
	}
	free(writer.consumers);
}
