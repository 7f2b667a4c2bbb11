/*
 * top - `oncectl top`: what the daemon is doing, anew every second
 *
 * Runs in: oncectl. Rates are differences of counters; a counter that went back (the daemon was
 * started anew) shows none.
 */
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "look.h"
#include "output.h"
#include "table.h"
#include "verbs.h"
#include "watch.h"

#define INTERVAL_DEFAULT_US INT64_C(1000000)

/* ---- figures ---- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t integer_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* Records of a partition that ended, or those that ended in one way. */
static int64_t settled(const json_t *partition, const char *result)
{
	json_t *counts = json_object_get(partition, "settled"), *count;
	int64_t sum = 0;
	const char *name;

	json_object_foreach(counts, name, count)
	{
		sum += !result || strcmp(name, result) == 0 ? json_integer_value(count) : 0;
	}
	return sum;
}

static int64_t retries(const json_t *partition, const char *ignored)
{
	return integer_of(partition, "retries");
}

/* One that nobody has is no worker's. */
static bool is_of(const json_t *partition, int64_t worker)
{
	const json_t *owner = json_object_get(partition, "worker");

	return json_is_integer(owner) && json_integer_value(owner) == worker;
}

/* Of all its partitions, or (`worker` >= 0) of those that a worker has. */
static int64_t sum_of(const json_t *consumer, int64_t worker,
	int64_t (*figure)(const json_t *partition, const char *key), const char *key)
{
	const json_t *partitions = json_object_get(consumer, "partitions");
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(partitions); i++) {
		const json_t *partition = json_array_get(partitions, i);

		if (worker < 0 || is_of(partition, worker)) {
			sum += figure(partition, key);
		}
	}
	return sum;
}

/* The entry of `array` with the same name, slot, or topic and partition; NULL when it is new. */
static const json_t *same(const json_t *array, const json_t *entry, const char *const *keys)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *other = json_array_get(array, i);
		bool is_same = true;

		for (size_t k = 0; keys[k]; k++) {
			is_same &= json_equal(
				json_object_get(other, keys[k]), json_object_get(entry, keys[k]));
		}
		if (is_same) {
			return other;
		}
	}
	return NULL;
}

static const char *const by_name[] = { "name", NULL };
static const char *const by_place[] = { "topic", "partition", NULL };

static void add_rate(struct table *table, int64_t before, int64_t now, double seconds)
{
	if (seconds > 0 && now >= before) {
		table_add(table, "%.0f", (double)(now - before) / seconds);
	} else {
		table_add(table, "-");
	}
}

static void add_lag(struct table *table, const json_t *object)
{
	const json_t *lag = json_object_get(object, "lag");

	if (json_is_integer(lag)) {
		table_add(table, "%" JSON_INTEGER_FORMAT, json_integer_value(lag));
	} else {
		table_add(table, "?");
	}
}

/* ---- the three tables ---- */

static void write_consumers(
	const json_t *before, const json_t *now, double seconds, struct buffer *out)
{
	static const char *const heads[] = { "CONSUMER", "STATE", ">SETTLED/S", ">DLQ/S",
		">RETRIES/S", ">LAG", ">IN FLIGHT", ">PARKED", ">HELD", "WHY" };
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *consumer = json_array_get(now, i);
		const json_t *was = same(before, consumer, by_name);
		double since = was ? seconds : 0;

		table_add(&table, "%s", text_of(consumer, "name"));
		table_add(&table, "%s", text_of(consumer, "state"));
		add_rate(&table, sum_of(was, -1, settled, NULL),
			sum_of(consumer, -1, settled, NULL), since);
		add_rate(&table, sum_of(was, -1, settled, "dead_lettered"),
			sum_of(consumer, -1, settled, "dead_lettered"), since);
		add_rate(&table, sum_of(was, -1, retries, NULL),
			sum_of(consumer, -1, retries, NULL), since);
		add_lag(&table, consumer);
		table_add(&table, "%" PRId64, sum_of(consumer, -1, integer_of, "in_flight"));
		table_add(&table, "%" PRId64, sum_of(consumer, -1, integer_of, "parked"));
		table_add(&table, "%" PRId64, sum_of(consumer, -1, integer_of, "held"));
		table_add(&table, "%s", text_of(consumer, "reason"));
	}
	table_write(&table, out);
}

/* The lane that has its record for the longest; NULL when all are idle. */
static const json_t *slowest_lane(const json_t *worker)
{
	const json_t *lanes = json_object_get(worker, "lanes"), *slowest = NULL;

	for (size_t i = 0; i < json_array_size(lanes); i++) {
		const json_t *lane = json_array_get(lanes, i);
		double seconds = json_number_value(json_object_get(lane, "seconds"));

		if (strcmp(text_of(lane, "stage"), "idle") != 0 &&
			(!slowest ||
				seconds > json_number_value(json_object_get(slowest, "seconds")))) {
			slowest = lane;
		}
	}
	return slowest;
}

static void add_worker(struct table *table, const json_t *was, const json_t *consumer,
	const json_t *worker, double seconds)
{
	int64_t slot = integer_of(worker, "slot");
	const json_t *lane = slowest_lane(worker);

	table_add(table, "%s/%" PRId64, text_of(consumer, "name"), slot);
	table_add(table, "%s", text_of(worker, "state"));
	table_add(table, "%" PRId64, integer_of(worker, "pid"));
	table_add(table, "%" PRId64, integer_of(worker, "assigned"));
	add_rate(table, sum_of(was, slot, settled, NULL), sum_of(consumer, slot, settled, NULL),
		was ? seconds : 0);
	table_add(table, "%" PRId64, integer_of(worker, "restarts"));
	if (lane) {
		table_add(table, "%s %s[%" PRId64 "] offset %" PRId64 " for %.1f s",
			text_of(lane, "stage"), text_of(lane, "topic"),
			integer_of(lane, "partition"), integer_of(lane, "offset"),
			json_number_value(json_object_get(lane, "seconds")));
	} else {
		table_add(table, "%s", "");
	}
}

static void write_workers(
	const json_t *before, const json_t *now, double seconds, struct buffer *out)
{
	static const char *const heads[] = { "WORKER", "STATE", ">PID", ">PARTITIONS", ">SETTLED/S",
		">RESTARTS", "LONGEST IN HAND" };
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *consumer = json_array_get(now, i);
		const json_t *workers = json_object_get(consumer, "workers");

		for (size_t j = 0; j < json_array_size(workers); j++) {
			add_worker(&table, same(before, consumer, by_name), consumer,
				json_array_get(workers, j), seconds);
		}
	}
	table_write(&table, out);
}

struct row {
	const json_t *consumer, *partition;
};

static int by_lag(const void *left, const void *right)
{
	int64_t a = integer_of(((const struct row *)left)->partition, "lag");
	int64_t b = integer_of(((const struct row *)right)->partition, "lag");

	return (a < b) - (a > b);
}

static void write_partitions(
	const json_t *before, const json_t *now, double seconds, struct buffer *out)
{
	static const char *const heads[] = { "PARTITION", "STATE", ">SETTLED/S", ">LAG",
		">OLDEST S", "WHY" };
	_cleanup_(table_fini) struct table table;
	_cleanup_free_ struct row *rows = NULL;
	size_t count = 0, capacity = 0;

	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *consumer = json_array_get(now, i);
		const json_t *partitions = json_object_get(consumer, "partitions");

		for (size_t j = 0; j < json_array_size(partitions); j++) {
			ARRAY_GROW(rows, count, capacity);
			rows[count++] = (struct row){ consumer, json_array_get(partitions, j) };
		}
	}
	if (count) {
		qsort(rows, count, sizeof(*rows), by_lag);
	}
	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < count; i++) {
		const json_t *partition = rows[i].partition;
		const json_t *was =
			same(json_object_get(same(before, rows[i].consumer, by_name), "partitions"),
				partition, by_place);

		table_add(&table, "%s %s[%" PRId64 "]", text_of(rows[i].consumer, "name"),
			text_of(partition, "topic"), integer_of(partition, "partition"));
		table_add(&table, "%s", text_of(partition, "state"));
		add_rate(&table, settled(was, NULL), settled(partition, NULL), was ? seconds : 0);
		add_lag(&table, partition);
		table_add(&table, "%.1f",
			json_number_value(json_object_get(partition, "oldest_unsettled_seconds")));
		table_add(&table, "%s", text_of(partition, "reason"));
	}
	table_write(&table, out);
}

static void cut_lines(struct buffer *out, unsigned lines)
{
	char *at = out->data;

	for (; at && lines > 0 && (at = memchr(at, '\n', out->len - (size_t)(at - out->data)));
		lines--) {
		at++;
	}
	if (at) {
		out->len = (size_t)(at - out->data);
	}
}

void top_render(
	const json_t *before, const json_t *now, double seconds, unsigned lines, struct buffer *out)
{
	write_consumers(before, now, seconds, out);
	buffer_append_char(out, '\n');
	write_workers(before, now, seconds, out);
	buffer_append_char(out, '\n');
	write_partitions(before, now, seconds, out);
	cut_lines(out, lines);
}

/* ---- the verb ---- */

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

static int show(const struct ctl *ctl, const json_t *before, const json_t *now, double seconds)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	if (ctl->is_json) {
		json_dumpf(now, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
		putchar('\n');
		return output_flush() ? CTL_OK : CTL_FAILED;
	}
	top_render(before, now, seconds, UINT32_MAX, &out);
	watch_show(buffer_str(&out));
	return output_flush() ? CTL_OK : CTL_FAILED;
}

/*
 * Looks until it is stopped, or so many times; the first tells no rates. One that fails does not
 * end it, unless it is the first or output is lost: a daemon that restarts is worth waiting for.
 */
static int run(const struct ctl *ctl, int64_t interval_us, int64_t times)
{
	_cleanup_(json_cleanup) json_t *before = NULL;
	int64_t looked_us = 0;
	int status = CTL_OK, shown = CTL_OK;

	for (int64_t i = 0; !watch_is_over() && i <= times; i++) {
		int64_t now_us = clock_mono_us();
		json_t *now = NULL;

		status = look_at_consumers(ctl, NULL, &now);
		if (status == CTL_OK && before) {
			shown = show(ctl, before, now, (double)(now_us - looked_us) / 1e6);
		}
		json_decref(before);
		before = now;
		looked_us = now_us;
		if (shown != CTL_OK || (status != CTL_OK && i == 0)) {
			return shown != CTL_OK ? shown : status;
		}
		if (i < times) {
			watch_wait_us(interval_us);
		}
	}
	return status;
}

int verb_top(const struct ctl *ctl)
{
	int64_t interval_us, times;

	if (!watch_parse(ctl, ctl_option(ctl, "--interval"), ctl_option(ctl, "--times"),
		    INTERVAL_DEFAULT_US, &interval_us, &times)) {
		return CTL_USAGE;
	}
	watch_take_signals();
	return run(ctl, interval_us, times);
}
