/*
 * metrics_handler - histograms, and samples by handler
 *
 * Runs in: supervisor. Slots of a consumer are summed by the handler's name.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "supervisor/metrics_private.h"

#include "supervisor/poison.h"

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
	metrics_label(writer->out, "consumer", consumer->config->name);
	if (handler) {
		metrics_add_label(writer, "handler", handler);
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

void metrics_page_histogram(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		struct histogram_sum sum = { 0 };

		for (size_t j = 0; j < consumer->slot_total; j++) {
			if (consumer->slots[j]->page) {
				add_histogram(
					&sum, metrics_field_of(consumer->slots[j]->page, metric));
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

void metrics_handler_histogram(struct writer *writer, const struct metric *metric)
{
	each_handler(writer, metric, write_handler_histogram);
}

static void write_handler_outage(struct writer *writer, const struct metric *metric,
	const struct consumer *consumer, const struct handler_sum *sum)
{
	metrics_open_sample(writer, metric->name, consumer);
	metrics_add_label(writer, "handler", sum->name);
	buffer_printf(writer->out, "} %d\n", sum->is_outage);
}

void metrics_handler_outage(struct writer *writer, const struct metric *metric)
{
	each_handler(writer, metric, write_handler_outage);
}
