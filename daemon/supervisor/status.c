/*
 * status - the supervisor's tables as JSON: GET /v1/status
 *
 * Runs in: supervisor. Texts come from workers: what is not UTF-8 is shown with '?' in place of
 * each odd byte.
 */
#include "supervisor/status.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "supervisor/merge.h"
#include "supervisor/summary.h"
#include "supervisor/trouble.h"
#include "supervisor/verdicts.h"

#include "supervisor/poison.h"

json_t *status_text(const char *s)
{
	json_t *value = json_string(s);
	_cleanup_free_ char *plain = NULL;

	if (value) {
		return value;
	}
	plain = xstrdup(s);
	for (char *p = plain; *p; p++) {
		if ((unsigned char)*p >= 0x80) {
			*p = '?';
		}
	}
	return json_string(plain);
}

static json_t *bounded_text(const char *s, size_t size)
{
	_cleanup_free_ char *copy = xstrndup(s, size);

	return status_text(copy);
}

static json_t *page_text_json(const struct page_text *from)
{
	char copy[PAGE_TEXT_MAX];

	page_text_get(from, copy);
	return status_text(copy);
}

/* -1 is "unknown" inside and null outside. */
static json_t *known(int64_t value)
{
	return value >= 0 ? json_integer(value) : json_null();
}

static void set(json_t *object, const char *key, json_t *take_value)
{
	(void)json_object_set_new(object, key, take_value);
}

static json_t *counts(const uint64_t *values, const char *const *names, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		set(object, names[i], json_integer((json_int_t)values[i]));
	}
	return object;
}

/* ---- workers ---- */

static json_t *lane_json(const struct page *page, const struct page_lane *lane, int64_t now_us)
{
	uint32_t stage = atomic_load(&lane->stage), index = atomic_load(&lane->partition_index);
	uint32_t handler = atomic_load(&lane->handler);
	int64_t since_us = now_us - page_get_within(&lane->started_us, 0, now_us);
	json_t *object = json_object();

	set(object, "stage", json_string(stage < PAGE_STAGES ? page_stage_names[stage] : "?"));
	if (stage == PAGE_STAGE_IDLE) {
		return object;
	}
	if (index < page_partitions_used(page)) {
		set(object, "topic", bounded_text(page->partitions[index].topic, PAGE_TOPIC_MAX));
		set(object, "partition", json_integer(page->partitions[index].partition));
	}
	set(object, "offset", json_integer(page_get(&lane->offset)));
	set(object, "attempt", json_integer(atomic_load(&lane->attempt)));
	set(object, "batch", json_integer(atomic_load(&lane->batch)));
	if (handler < page_handlers_used(page)) {
		const char *name = page->handlers[handler].name;

		set(object, "handler", bounded_text(name, sizeof(page->handlers[0].name)));
	}
	set(object, "seconds", json_real((double)since_us / 1e6));
	return object;
}

static json_t *lanes_json(const struct page *page, int64_t now_us)
{
	json_t *array = json_array();
	unsigned used = page_lanes_used(page);

	for (unsigned i = 0; i < used; i++) {
		(void)json_array_append_new(array, lane_json(page, &page->lanes[i], now_us));
	}
	return array;
}

json_t *status_in_hand(const struct page *page)
{
	json_t *array = json_array();
	unsigned used = page_lanes_used(page);

	for (unsigned i = 0; i < used; i++) {
		if (atomic_load(&page->lanes[i].stage) != PAGE_STAGE_IDLE) {
			(void)json_array_append_new(
				array, lane_json(page, &page->lanes[i], clock_mono_us()));
		}
	}
	return array;
}

static void page_gauges(const struct page *page, int64_t *ret_assigned, int64_t *ret_in_flight)
{
	unsigned used = page_partitions_used(page);

	*ret_assigned = *ret_in_flight = 0;
	for (unsigned i = 0; i < used; i++) {
		const struct page_partition *partition = &page->partitions[i];

		uint32_t state = atomic_load(&partition->state);

		if (state > PAGE_PARTITION_REVOKED && state < PAGE_PARTITION_UNASSIGNED) {
			uint64_t in_flight = page_partition_in_flight(partition);

			(*ret_assigned)++;
			*ret_in_flight +=
				(int64_t)(in_flight < PAGE_GAUGE_MAX ? in_flight : PAGE_GAUGE_MAX);
		}
	}
}

static json_t *outage_json(const struct page_handler *handler, int64_t wall_ms, const char *words)
{
	int64_t since_ms = page_get_within(&handler->outage_since_ms, 0, wall_ms);
	json_t *object = json_object();

	set(object, "handler", bounded_text(handler->name, sizeof(handler->name)));
	set(object, "seconds", json_real((double)(wall_ms - since_ms) / 1e3));
	set(object, "records", json_integer(page_get(&handler->outage_records)));
	set(object, "probes", json_integer(page_get(&handler->outage_probes)));
	set(object, "text", status_text(words));
	return object;
}

/* Handlers whose records are held because of an outage. */
static json_t *outages_json(const struct page *page, int64_t wall_ms)
{
	json_t *array = json_array();
	unsigned used = page_handlers_used(page);
	char words[TROUBLE_MAX];

	for (unsigned i = 0; i < used; i++) {
		const struct page_handler *handler = &page->handlers[i];

		if (trouble_of_handler(handler, wall_ms, words)) {
			(void)json_array_append_new(array, outage_json(handler, wall_ms, words));
		}
	}
	return array;
}

/* What a live or dead worker's page tells. */
static void set_page_facts(json_t *object, const struct page *page, int64_t now_us, int64_t wall_ms)
{
	int64_t assigned, in_flight;

	page_gauges(page, &assigned, &in_flight);
	set(object, "joined", json_boolean(atomic_load(&page->joined)));
	set(object, "assigned", json_integer(assigned));
	set(object, "in_flight", json_integer(in_flight));
	set(object, "in_flight_bytes", json_integer(page_get(&page->in_flight_bytes)));
	set(object, "prefetch_bound_bytes", json_integer(page_get(&page->prefetch_bound_bytes)));
	set(object, "commits", json_integer((json_int_t)page_read(&page->commits)));
	set(object, "commit_errors", json_integer((json_int_t)page_read(&page->commit_errors)));
	set(object, "rebalances", json_integer((json_int_t)page_read(&page->rebalances)));
	set(object, "store_errors", json_integer((json_int_t)page_read(&page->store_errors)));
	set(object, "fetch_errors", json_integer((json_int_t)page_read(&page->fetch_errors)));
	set(object, "log_dropped", json_integer((json_int_t)page_read(&page->log_dropped)));
	set(object, "store_down", json_boolean(atomic_load(&page->store_is_down)));
	set(object, "store", page_text_json(&page->store_text));
	set(object, "dlq_down", json_boolean(atomic_load(&page->dlq_is_down)));
	set(object, "dlq", page_text_json(&page->dlq_text));
	set(object, "broker_down", json_boolean(atomic_load(&page->broker_is_down)));
	set(object, "broker", page_text_json(&page->broker_text));
	set(object, "paused", json_boolean(atomic_load(&page->is_paused)));
	set(object, "pause", page_text_json(&page->pause_text));
	set(object, "outages", outages_json(page, wall_ms));
	set(object, "lanes", lanes_json(page, now_us));
}

/* Of the process that was last in it; null before the first end. */
static json_t *last_exit_json(const struct slot *slot)
{
	json_t *object;

	if (slot->ended_ms == 0) {
		return json_null();
	}
	object = json_object();
	set(object, "cause", json_string(exit_cause_names[slot->cause]));
	set(object, "at_ms", json_integer(slot->ended_ms));
	set(object, "text", status_text(slot->end_text));
	return object;
}

static json_t *worker_json(const struct slot *slot, int64_t now_us, int64_t wall_ms)
{
	bool is_alive = slot->state == SLOT_STARTING || slot->state == SLOT_READY ||
		slot->state == SLOT_DRAINING;
	json_t *object = json_object();

	set(object, "slot", json_integer(slot->number));
	set(object, "state", json_string(slot_state_names[slot->state]));
	set(object, "pid", is_alive ? json_integer(slot->pid) : json_null());
	set(object, "instance_id", status_text(slot->instance_id));
	set(object, "restarts", json_integer(slot->restarts));
	set(object, "uptime_seconds",
		is_alive ? json_real((double)(now_us - slot->spawned_us) / 1e6) : json_null());
	set(object, "last_exit", last_exit_json(slot));
	if (slot->page) {
		set_page_facts(object, slot->page, now_us, wall_ms);
	}
	return object;
}

static json_t *workers_json(const struct consumer *consumer, int64_t now_us, int64_t wall_ms)
{
	json_t *array = json_array();

	for (size_t i = 0; i < consumer->slot_count; i++) {
		(void)json_array_append_new(
			array, worker_json(consumer->slots[i], now_us, wall_ms));
	}
	return array;
}

/* ---- partitions ---- */

static json_t *partition_json(const struct merged *row, const struct verdict_book *book)
{
	json_t *object = json_object();

	set(object, "topic", status_text(row->topic));
	set(object, "partition", json_integer(row->partition));
	set(object, "worker", known(row->worker));
	set(object, "state", json_string(merged_state_names[row->state]));
	set(object, "reason", status_text(row->reason));
	set(object, "committed", known(row->committed));
	set(object, "end_offset", known(row->end_offset));
	set(object, "lag", known(row->lag));
	set(object, "in_flight", json_integer(row->in_flight));
	set(object, "parked", json_integer(row->parked));
	set(object, "held", json_integer(row->held));
	set(object, "ahead", json_integer(row->ahead));
	set(object, "oldest_unsettled_seconds", json_real(row->oldest_unsettled_seconds));
	set(object, "oldest_unsettled_offset", known(row->oldest_unsettled_offset));
	set(object, "paused", json_boolean(row->is_paused));
	set(object, "consumed", json_integer((json_int_t)row->consumed));
	set(object, "settled", counts(row->settled, page_result_names, PAGE_RESULTS));
	set(object, "abandoned", json_integer((json_int_t)row->abandoned));
	set(object, "retries", json_integer((json_int_t)row->retries));
	set(object, "stale", json_integer((json_int_t)row->stale));
	set(object, "dead_letters", counts(row->dead_letters, page_reason_names, PAGE_REASONS));
	set(object, "verdicts", verdicts_json(book, row->topic, row->partition));
	return object;
}

/* Those that a worker here has, or nobody; what others of the group do is not ours to tell. */
static json_t *partitions_json(const struct consumer *consumer, int64_t wall_ms)
{
	_cleanup_free_ struct merged *rows = NULL;
	size_t count = merge_partitions(consumer, wall_ms, &rows);
	json_t *array = json_array();
	struct verdict_book book;

	verdict_book_init(&book, consumer);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].worker >= 0 || rows[i].state == PAGE_PARTITION_UNASSIGNED) {
			(void)json_array_append_new(array, partition_json(&rows[i], &book));
		}
	}
	verdict_book_fini(&book);
	return array;
}

/* Records that killed workers here, and are not settled yet. */
static json_t *quarantine_json(const struct quarantine *quarantine)
{
	json_t *array = json_array();

	for (size_t i = 0; i < quarantine->count; i++) {
		const struct quarantine_entry *entry = &quarantine->entries[i];
		json_t *object = json_object();

		set(object, "topic", status_text(entry->at.topic));
		set(object, "partition", json_integer(entry->at.partition));
		set(object, "offset", json_integer(entry->at.offset));
		set(object, "state", json_string(entry->is_condemned ? "condemned" : "suspect"));
		set(object, "reason", json_string(entry->is_timeout ? "timeout" : "crash"));
		set(object, "code", status_text(entry->code));
		set(object, "deaths", json_integer(entry->deaths));
		set(object, "alone", json_integer(entry->alone));
		(void)json_array_append_new(array, object);
	}
	return array;
}

/* What is paused on purpose. */
static json_t *pauses_json(const struct consumer *consumer, int64_t wall_ms)
{
	json_t *array = json_array();

	for (size_t i = 0; i < consumer->pauses.count; i++) {
		const struct pause *pause = &consumer->pauses.items[i];
		bool is_over = pause->until_ms > 0 && pause->until_ms <= wall_ms;
		json_t *object;

		if (!pause->is_paused || is_over) {
			continue;
		}
		object = json_object();
		set(object, "topic", pause->topic[0] ? status_text(pause->topic) : json_null());
		set(object, "partition", known(pause->partition));
		set(object, "who", status_text(pause->who));
		set(object, "reason", status_text(pause->reason));
		set(object, "since_ms", json_integer(pause->since_ms));
		set(object, "until_ms",
			pause->until_ms ? json_integer(pause->until_ms) : json_null());
		set(object, "released", json_boolean(pause->is_released));
		(void)json_array_append_new(array, object);
	}
	return array;
}

/* One decimal is enough for a rate, and keeps the answer small. */
static json_t *rounded(double value)
{
	return json_real((double)(int64_t)(value * 10 + 0.5) / 10);
}

static json_t *history_json(const struct history *history, int64_t now_us)
{
	json_t *object = json_object(), *rates = json_array(), *lags = json_array();

	for (unsigned i = 0; i < history->count; i++) {
		const struct history_point *point = history_point(history, i);

		(void)json_array_append_new(rates, rounded(point->settled_per_second));
		(void)json_array_append_new(lags, known(point->lag));
	}
	set(object, "interval_seconds", json_integer(HISTORY_INTERVAL_US / 1000000));
	set(object, "age_seconds",
		history->taken_us > 0 ? rounded((double)(now_us - history->taken_us) / 1e6)
				      : json_null());
	set(object, "settled_per_second", rates);
	set(object, "lag", lags);
	return object;
}

static json_t *consumer_json(const struct consumer *consumer, int64_t now_us, int64_t wall_ms)
{
	json_t *object = json_object();
	struct summary summary;

	summary_of_consumer(consumer, wall_ms, &summary);
	set(object, "name", status_text(consumer->config->name));
	set(object, "group_id", status_text(consumer->config->group_id));
	set(object, "state", json_string(summary.state));
	set(object, "reason", status_text(summary.reason));
	set(object, "lag", known(summary.lag));
	set(object, "unassigned", json_integer(summary.unassigned));
	set(object, "unassigned_lag", json_integer(summary.unassigned_lag));
	set(object, "history", history_json(&consumer->history, now_us));
	set(object, "pauses", pauses_json(consumer, wall_ms));
	set(object, "worker_exits", counts(consumer->exits, exit_cause_names, EXIT_CAUSES));
	set(object, "quarantine", quarantine_json(&consumer->quarantine));
	set(object, "workers", workers_json(consumer, now_us, wall_ms));
	set(object, "partitions", partitions_json(consumer, wall_ms));
	return object;
}

static int append(const char *bytes, size_t len, void *context)
{
	buffer_append(context, bytes, len);
	return 0;
}

void status_write(const struct tree *tree, int64_t now_us, int64_t wall_ms, struct buffer *out)
{
	json_t *root = json_object(), *consumers = json_array();
	char started[CLOCK_RFC3339_MAX];

	set(root, "version", json_string(tree->version));
	set(root, "pid", json_integer(tree->pid));
	set(root, "started", json_string(clock_format_rfc3339(tree->started_ms, started)));
	set(root, "uptime_seconds", json_real((double)(wall_ms - tree->started_ms) / 1e3));
	set(root, "draining", json_boolean(tree->is_draining));
	for (size_t i = 0; i < tree->consumer_count; i++) {
		(void)json_array_append_new(
			consumers, consumer_json(tree->consumers[i], now_us, wall_ms));
	}
	set(root, "consumers", consumers);
	(void)json_dump_callback(root, append, out, JSON_COMPACT | JSON_REAL_PRECISION(10));
	buffer_append_char(out, '\n');
	json_decref(root);
}
