/*
 * metrics - the supervisor's tables as Prometheus text (format 0.0.4)
 *
 * Runs in: supervisor. The table of all metrics, and the shapes of those by consumer. Everything is
 * gathered once per request. docs/monitoring.md has the same table.
 */
#include "supervisor/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "supervisor/halt.h"
#include "supervisor/metrics_private.h"

#include "supervisor/poison.h"

/* A counter of the page itself, summed over slots. */
static void page_sum(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		uint64_t sum = 0;

		for (size_t j = 0; j < consumer->slot_total; j++) {
			const struct page *page = consumer->slots[j]->page;

			sum += page ? page_read(metrics_field_of(page, metric)) : 0;
		}
		metrics_open_sample(writer, metric->name, consumer);
		buffer_printf(writer->out, "} %" PRIu64 "\n", sum);
	}
}

/* A page's flag, 1 when one of the consumer's workers raised it. */
static void page_flag(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_count; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		bool is_raised = false;

		for (size_t j = 0; j < consumer->slot_count; j++) {
			const struct page *page = consumer->slots[j]->page;
			const _Atomic uint32_t *flag = page ? metrics_field_of(page, metric) : NULL;

			is_raised = is_raised || (flag && atomic_load(flag));
		}
		metrics_open_sample(writer, metric->name, consumer);
		buffer_printf(writer->out, "} %d\n", is_raised);
	}
}

/* The worker that did it last counts: one at a time sweeps. */
static void sweep_age(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_count; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];
		int64_t last_ms = 0;

		for (size_t j = 0; j < consumer->slot_count; j++) {
			const struct page *page = consumer->slots[j]->page;
			int64_t ms =
				page ? page_get_within(&page->swept_ms, 0, writer->wall_ms) : 0;

			last_ms = ms > last_ms ? ms : last_ms;
		}
		if (last_ms > 0) {
			metrics_open_sample(writer, metric->name, consumer);
			buffer_printf(
				writer->out, "} %.3f\n", (double)(writer->wall_ms - last_ms) / 1e3);
		}
	}
}

static void worker_exits(struct writer *writer, const struct metric *metric)
{
	for (size_t i = 0; i < writer->tree->consumer_total; i++) {
		const struct consumer *consumer = writer->tree->consumers[i];

		for (int cause = 0; cause < EXIT_CAUSES; cause++) {
			metrics_open_sample(writer, metric->name, consumer);
			metrics_add_label(writer, "cause", exit_cause_names[cause]);
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
			metrics_open_sample(writer, metric->name, consumer);
			metrics_add_label(writer, "state", slot_state_names[state]);
			buffer_printf(writer->out, "} %u\n", counts[state]);
		}
	}
}

static void build_info(struct writer *writer, const struct metric *metric)
{
	buffer_printf(writer->out, "%s{", metric->name);
	metrics_label(writer->out, "version", writer->tree->version);
	buffer_append_str(writer->out, "} 1\n");
}

/* ---- the table ---- */

#define MERGED(member) .offset = offsetof(struct merged, member)
#define PAGE(member) .offset = offsetof(struct page, member)
#define BY(name, values, n) .label = (name), .label_values = (values), .label_count = (n)

static const struct metric metrics[] = {
	{ "onced_records_consumed_total", "counter",
		"Records taken from Kafka: settled, abandoned or in flight.",
		metrics_partition_counter, MERGED(consumed) },
	{ "onced_records_settled_total", "counter", "Records that ended, by how.",
		metrics_partition_counter, MERGED(settled),
		BY("result", page_result_names, PAGE_RESULTS) },
	{ "onced_records_abandoned_total", "counter",
		"Records given up without an end (revoked, stopped, died); delivered again.",
		metrics_partition_counter, MERGED(abandoned) },
	{ "onced_retries_total", "counter", "Failed attempts that are tried again.",
		metrics_partition_counter, MERGED(retries) },
	{ "onced_dead_letters_total", "counter", "Acknowledged dead letters, by reason.",
		metrics_partition_counter, MERGED(dead_letters),
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
	{ "onced_commit_errors_total", "counter",
		"Offset commits that were not accepted, and are repeated.", page_sum,
		PAGE(commit_errors) },
	{ "onced_rebalances_total", "counter", "Assignments received.", page_sum,
		PAGE(rebalances) },
	{ "onced_worker_exits_total", "counter", "Ends of worker processes, by cause.",
		worker_exits },
	{ "onced_in_flight", "gauge", "Records held in memory.", metrics_partition_gauge,
		MERGED(in_flight) },
	{ "onced_parked", "gauge", "Records waiting for their next attempt.",
		metrics_partition_gauge, MERGED(parked) },
	{ "onced_held", "gauge", "Records waiting for something outside.", metrics_partition_gauge,
		MERGED(held) },
	{ "onced_ahead", "gauge", "Offsets between the committable offset and the last settled.",
		metrics_partition_gauge, MERGED(ahead) },
	{ "onced_consumer_lag", "gauge", "End offset minus committed offset.",
		metrics_partition_lag, MERGED(lag) },
	{ "onced_runnable_lag", "gauge",
		"The part of the lag that nothing holds up: no pause, no hold, no retry to wait "
		"for.",
		metrics_partition_lag, MERGED(runnable_lag) },
	{ "onced_unassigned_lag", "gauge",
		"Lag of a partition that no worker of the group has; every daemon of the group "
		"tells of it.",
		metrics_partition_unassigned, MERGED(lag) },
	{ "onced_oldest_unsettled_seconds", "gauge",
		"Age of the first unsettled record since it was polled.", metrics_partition_seconds,
		MERGED(oldest_unsettled_seconds) },
	{ "onced_paused", "gauge", "1 while the partition is paused on purpose.",
		metrics_partition_paused },
	{ "onced_outage", "gauge",
		"1 while a handler's records are held because hardly any succeeds.",
		metrics_handler_outage },
	{ "onced_store_down", "gauge", "1 while a worker cannot reach its store.", page_flag,
		PAGE(store_is_down) },
	{ "onced_dlq_down", "gauge", "1 while a worker cannot write dead letters.", page_flag,
		PAGE(dlq_is_down) },
	{ "onced_broker_down", "gauge", "1 while a worker cannot reach Kafka.", page_flag,
		PAGE(broker_is_down) },
	{ "onced_dedup_sweep_age_seconds", "gauge",
		"Since the store last forgot old event ids, or said that it is not due.",
		sweep_age },
	{ "onced_workers", "gauge", "Worker slots, by state.", worker_states },
	{ "onced_build_info", "gauge", "Always 1; the version is a label.", build_info },
	{ "onced_handler_seconds", "histogram", "Time a handler took for one record.",
		metrics_handler_histogram },
	{ "onced_settle_seconds", "histogram", "From a record's timestamp until it was settled.",
		metrics_page_histogram, PAGE(settle_seconds) },
	{ "onced_commit_seconds", "histogram", "Round trip of an offset commit.",
		metrics_page_histogram, PAGE(commit_seconds) },
};

void metrics_write(const struct tree *tree, int64_t wall_ms, struct buffer *out)
{
	struct writer writer = { .tree = tree, .wall_ms = wall_ms, .out = out };

	writer.consumers = xcalloc(tree->consumer_total + 1, sizeof(*writer.consumers));
	for (size_t i = 0; i < tree->consumer_total; i++) {
		struct gathered *gathered = &writer.consumers[i];

		gathered->consumer = tree->consumers[i];
		gathered->is_released = halt_is_released(gathered->consumer);
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
