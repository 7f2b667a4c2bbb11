/*
 * summary - a consumer in a few figures
 *
 * Runs in: supervisor.
 */
#include "supervisor/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "supervisor/merge.h"
#include "supervisor/trouble.h"

#include "supervisor/poison.h"

static unsigned count_slots(const struct consumer *consumer, enum slot_state state)
{
	unsigned count = 0;

	for (size_t i = 0; i < consumer->slot_count; i++) {
		count += consumer->slots[i]->state == state;
	}
	return count;
}

static void add_row(struct summary *summary, const struct merged *row)
{
	summary->consumed += row->consumed;
	summary->abandoned += row->abandoned;
	summary->retries += row->retries;
	for (int i = 0; i < PAGE_RESULTS; i++) {
		summary->settled[i] += row->settled[i];
	}
	if (row->worker < 0 && row->state == PAGE_PARTITION_UNASSIGNED) {
		summary->unassigned++;
		summary->unassigned_lag += row->lag > 0 ? row->lag : 0;
	}
	if (row->worker < 0) {
		return;
	}
	summary->assigned++;
	summary->in_flight += row->in_flight;
	summary->parked += row->parked;
	summary->held += row->held;
	if (row->lag >= 0) {
		summary->lag = (summary->lag < 0 ? 0 : summary->lag) + row->lag;
	}
	if (row->state == PAGE_PARTITION_HELD && summary->reason[0] == '\0') {
		snprintf(summary->reason, sizeof(summary->reason), "%.100s[%" PRId32 "]: %.140s",
			row->topic, row->partition, row->reason);
	}
}

/* Of those that nobody has and that are in no row all workers know the same. */
static void add_untold(const struct consumer *consumer, struct summary *summary)
{
	int64_t untold = 0, lag = 0;

	for (size_t i = 0; i < consumer->slot_count; i++) {
		const struct page *page = consumer->slots[i]->page;
		int64_t its = page ? page_get_within(&page->untold, 0, PAGE_GAUGE_MAX) : 0;

		if (its > untold) {
			untold = its;
			lag = page_get_within(&page->untold_lag, 0, PAGE_GAUGE_MAX);
		}
	}
	summary->unassigned += untold;
	summary->unassigned_lag += lag;
}

/* A pause or an outage of the whole worker says more than the first held partition. */
static const char *worker_trouble(
	const struct consumer *consumer, int64_t wall_ms, char ret_reason[PAGE_TEXT_MAX])
{
	char outage[TROUBLE_MAX];

	for (size_t i = 0; i < consumer->slot_count; i++) {
		const struct page *page = consumer->slots[i]->page;

		if (!page) {
			continue;
		}
		if (atomic_load(&page->is_paused)) {
			page_text_get(&page->pause_text, ret_reason);
			return "paused";
		}
		if (atomic_load(&page->store_is_down)) {
			page_text_get(&page->store_text, ret_reason);
			return "held";
		}
		if (atomic_load(&page->dlq_is_down)) {
			page_text_get(&page->dlq_text, ret_reason);
			return "held";
		}
		if (atomic_load(&page->broker_is_down)) {
			page_text_get(&page->broker_text, ret_reason);
			return "held";
		}
		if (trouble_of_page(page, wall_ms, outage)) {
			snprintf(ret_reason, PAGE_TEXT_MAX, "%s", outage);
			return "held";
		}
	}
	return NULL;
}

static const char *find_state(
	const struct consumer *consumer, int64_t wall_ms, struct summary *summary)
{
	const struct pause *pause = pauses_find(&consumer->pauses, "", -1, wall_ms);
	char sentence[PAUSE_SENTENCE_MAX];
	const char *trouble;

	if (pause) {
		pause_sentence(pause, sentence);
		snprintf(summary->reason, sizeof(summary->reason), "%s %.240s",
			pause->is_released ? "released" : "paused", sentence);
		return "paused";
	}
	if (count_slots(consumer, SLOT_DRAINING) > 0) {
		return "draining";
	}
	if (count_slots(consumer, SLOT_STOPPED) == consumer->slot_count) {
		return "stopped";
	}
	if (count_slots(consumer, SLOT_WAITING) + count_slots(consumer, SLOT_FENCED) > 0) {
		return "degraded";
	}
	trouble = worker_trouble(consumer, wall_ms, summary->reason);
	if (trouble) {
		return trouble;
	}
	if (count_slots(consumer, SLOT_STARTING) > 0) {
		return "starting";
	}
	return summary->reason[0] ? "held" : "running";
}

void summary_of_consumer(const struct consumer *consumer, int64_t wall_ms, struct summary *ret)
{
	_cleanup_free_ struct merged *rows = NULL;
	size_t count = merge_partitions(consumer, wall_ms, &rows);

	*ret = (struct summary){ .lag = -1, .ready = count_slots(consumer, SLOT_READY) };
	for (size_t i = 0; i < count; i++) {
		add_row(ret, &rows[i]);
	}
	add_untold(consumer, ret);
	ret->state = find_state(consumer, wall_ms, ret);
}

void summary_line(const struct tree *tree, int64_t wall_ms, char ret[SUMMARY_LINE_MAX])
{
	char trouble[PAGE_TEXT_MAX + 64] = "";
	unsigned ready = 0;
	size_t workers = 0;
	int64_t lag = 0;

	for (size_t i = 0; i < tree->consumer_count; i++) {
		struct summary summary;

		summary_of_consumer(tree->consumers[i], wall_ms, &summary);
		workers += tree->consumers[i]->slot_count;
		ready += summary.ready;
		lag += summary.lag > 0 ? summary.lag : 0;
		if (summary.reason[0] && !trouble[0]) {
			snprintf(trouble, sizeof(trouble), "; %.40s %s: %s",
				tree->consumers[i]->config->name, summary.state, summary.reason);
		}
	}
	snprintf(ret, SUMMARY_LINE_MAX, "%s%u/%zu workers ready, lag %" PRId64 "%s",
		tree->is_draining ? "draining, " : "", ready, workers, lag, trouble);
}
