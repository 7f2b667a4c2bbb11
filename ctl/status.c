/*
 * status - `oncectl status`: how the daemon is, in tables
 *
 * Runs in: oncectl. Consumers and workers in full; of the partitions those that need a look.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "client.h"
#include "status.h"
#include "table.h"
#include "verbs.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t integer_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void add_integer(struct table *table, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value)) {
		table_add(table, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		table_add(table, "-");
	}
}

/* "3m12s": two units are enough. */
static void add_duration(struct table *table, const json_t *value)
{
	int64_t seconds = (int64_t)json_number_value(value);

	if (!json_is_number(value)) {
		table_add(table, "-");
	} else if (seconds < MINUTE) {
		table_add(table, "%" PRId64 "s", seconds);
	} else if (seconds < HOUR) {
		table_add(table, "%" PRId64 "m%" PRId64 "s", seconds / MINUTE, seconds % MINUTE);
	} else if (seconds < DAY) {
		table_add(
			table, "%" PRId64 "h%" PRId64 "m", seconds / HOUR, seconds % HOUR / MINUTE);
	} else {
		table_add(table, "%" PRId64 "d%" PRId64 "h", seconds / DAY, seconds % DAY / HOUR);
	}
}

static int64_t sum_of(const json_t *array, const char *key)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(array); i++) {
		sum += integer_of(json_array_get(array, i), key);
	}
	return sum;
}

static int64_t sum_of_results(const json_t *partitions, const char *result)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(partitions); i++) {
		const json_t *partition = json_array_get(partitions, i);

		sum += integer_of(json_object_get(partition, "settled"), result);
	}
	return sum;
}

static size_t count_ready(const json_t *workers)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(workers); i++) {
		count += strcmp(text_of(json_array_get(workers, i), "state"), "ready") == 0;
	}
	return count;
}

static void add_consumer(struct table *table, const json_t *consumer)
{
	static const char *const results[] = { "done", "duplicate", "skipped", "dead_lettered" };
	const json_t *workers = json_object_get(consumer, "workers");
	const json_t *partitions = json_object_get(consumer, "partitions");

	table_add(table, "%s", text_of(consumer, "name"));
	table_add(table, "%s", text_of(consumer, "group_id"));
	table_add(table, "%s", text_of(consumer, "state"));
	table_add(table, "%zu/%zu", count_ready(workers), json_array_size(workers));
	table_add(table, "%zu", json_array_size(partitions));
	add_integer(table, consumer, "lag");
	table_add(table, "%" PRId64, sum_of(partitions, "in_flight"));
	table_add(table, "%" PRId64, sum_of(partitions, "parked"));
	table_add(table, "%" PRId64, sum_of(partitions, "held"));
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		table_add(table, "%" PRId64, sum_of_results(partitions, results[i]));
	}
	table_add(table, "%s", text_of(consumer, "reason"));
}

/* The first trouble a worker tells. */
static const char *note_of(const json_t *worker)
{
	static const char *const keys[] = { "pause", "store", "dlq", "broker" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (text_of(worker, keys[i])[0] != '\0') {
			return text_of(worker, keys[i]);
		}
	}
	return text_of(json_array_get(json_object_get(worker, "outages"), 0), "text");
}

static void add_worker(struct table *table, const json_t *consumer, const json_t *worker)
{
	table_add(table, "%s/%" PRId64, text_of(consumer, "name"), integer_of(worker, "slot"));
	add_integer(table, worker, "pid");
	table_add(table, "%s", text_of(worker, "state"));
	add_duration(table, json_object_get(worker, "uptime_seconds"));
	add_integer(table, worker, "restarts");
	add_integer(table, worker, "assigned");
	add_integer(table, worker, "in_flight");
	table_add(table, "%s", note_of(worker));
}

static bool needs_a_look(const json_t *partition)
{
	return strcmp(text_of(partition, "state"), "running") != 0 ||
		integer_of(partition, "held") > 0 || text_of(partition, "reason")[0] != '\0';
}

static void add_partition(struct table *table, const json_t *partition)
{
	table_add(table, "%s[%" PRId64 "]", text_of(partition, "topic"),
		integer_of(partition, "partition"));
	add_integer(table, partition, "worker");
	table_add(table, "%s", text_of(partition, "state"));
	add_integer(table, partition, "committed");
	add_integer(table, partition, "end_offset");
	add_integer(table, partition, "lag");
	add_integer(table, partition, "parked");
	add_integer(table, partition, "held");
	add_duration(table, json_object_get(partition, "oldest_unsettled_seconds"));
	table_add(table, "%s", text_of(partition, "reason"));
}

void status_write_consumers(const json_t *consumers, struct buffer *out)
{
	static const char *const heads[] = { "CONSUMER", "GROUP", "STATE", ">READY", ">PARTITIONS",
		">LAG", ">IN FLIGHT", ">PARKED", ">HELD", ">DONE", ">DUPLICATE", ">SKIPPED",
		">DEAD", "REASON" };
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		add_consumer(&table, json_array_get(consumers, i));
	}
	table_write(&table, out);
}

void status_write_workers(const json_t *consumers, struct buffer *out)
{
	static const char *const heads[] = { "WORKER", ">PID", "STATE", ">UP", ">RESTARTS",
		">PARTITIONS", ">IN FLIGHT", "NOTE" };
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *consumer = json_array_get(consumers, i);
		const json_t *workers = json_object_get(consumer, "workers");

		for (size_t j = 0; j < json_array_size(workers); j++) {
			add_worker(&table, consumer, json_array_get(workers, j));
		}
	}
	table_write(&table, out);
}

static void write_partitions(const json_t *consumers, bool is_all, struct buffer *out)
{
	static const char *const heads[] = { "PARTITION", ">WORKER", "STATE", ">COMMITTED", ">END",
		">LAG", ">PARKED", ">HELD", ">OLDEST", "REASON" };
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *partitions =
			json_object_get(json_array_get(consumers, i), "partitions");

		for (size_t j = 0; j < json_array_size(partitions); j++) {
			const json_t *partition = json_array_get(partitions, j);

			if (is_all || needs_a_look(partition)) {
				add_partition(&table, partition);
			}
		}
	}
	if (table_rows(&table) > 0 && !is_all) {
		buffer_append_char(out, '\n');
	}
	table_write(&table, out);
}

void status_write_all_partitions(const json_t *consumers, struct buffer *out)
{
	write_partitions(consumers, true, out);
}

void status_write_offsets(const json_t *consumers, struct buffer *out)
{
	static const char *const heads[] = { "CONSUMER", "PARTITION", ">WORKER", ">COMMITTED",
		">END", ">LAG" };
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *consumer = json_array_get(consumers, i);
		const json_t *partitions = json_object_get(consumer, "partitions");

		for (size_t j = 0; j < json_array_size(partitions); j++) {
			const json_t *partition = json_array_get(partitions, j);

			table_add(&table, "%s", text_of(consumer, "name"));
			table_add(&table, "%s:%" PRId64, text_of(partition, "topic"),
				integer_of(partition, "partition"));
			add_integer(&table, partition, "worker");
			add_integer(&table, partition, "committed");
			add_integer(&table, partition, "end_offset");
			add_integer(&table, partition, "lag");
		}
	}
	table_write(&table, out);
}

int status_render(const char *body, struct buffer *out)
{
	json_error_t error;
	json_t *root = json_loads(body, 0, &error);
	const json_t *consumers = json_object_get(root, "consumers");

	if (!json_is_array(consumers)) {
		json_decref(root);
		return -1;
	}
	buffer_printf(out, "onced %s, pid %" PRId64 "%s\n\n", text_of(root, "version"),
		integer_of(root, "pid"),
		json_is_true(json_object_get(root, "draining")) ? ", draining" : "");
	status_write_consumers(consumers, out);
	buffer_append_char(out, '\n');
	status_write_workers(consumers, out);
	write_partitions(consumers, false, out);
	json_decref(root);
	return 0;
}

int verb_status(const struct ctl *ctl)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT, out = BUFFER_INIT;
	struct err err = ERR_INIT;
	int r = client_get(ctl->socket_path, "/v1/status", &body, &err);

	if (r != 0) {
		fprintf(stderr, "oncectl: %s\n", err.text);
		return r > 0 ? CTL_NOT_REACHABLE : CTL_FAILED;
	}
	if (status_render(buffer_str(&body), &out) < 0) {
		fprintf(stderr, "oncectl: %s: the answer is no status of onced\n",
			ctl->socket_path);
		return CTL_FAILED;
	}
	fputs(buffer_str(ctl->is_json ? &body : &out), stdout);
	return CTL_OK;
}
