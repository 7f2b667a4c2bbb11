/*
 * verdicts - `oncectl show verdicts`: what was last said of a partition's records
 *
 * Runs in: oncectl. Out of GET /v1/status; the daemon keeps the last few of each partition.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "look.h"
#include "operate.h"
#include "table.h"
#include "verbs.h"

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t integer_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool is_wanted(const json_t *partition, const struct scope *scope)
{
	return (scope->topic[0] == '\0' ||
		       strcmp(text_of(partition, "topic"), scope->topic) == 0) &&
		(scope->partition < 0 || integer_of(partition, "partition") == scope->partition);
}

/* Each verdict with the partition it is of. */
static json_t *collect(const json_t *consumers, const struct scope *scope)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *consumer = json_array_get(consumers, i);
		const json_t *partitions = json_object_get(consumer, "partitions");

		for (size_t j = 0; j < json_array_size(partitions); j++) {
			const json_t *partition = json_array_get(partitions, j);
			const json_t *verdicts = json_object_get(partition, "verdicts");

			for (size_t k = 0;
				is_wanted(partition, scope) && k < json_array_size(verdicts); k++) {
				json_t *row = json_copy(json_array_get(verdicts, k));

				(void)json_object_set(
					row, "consumer", json_object_get(consumer, "name"));
				(void)json_object_set(
					row, "topic", json_object_get(partition, "topic"));
				(void)json_object_set(
					row, "partition", json_object_get(partition, "partition"));
				(void)json_array_append_new(rows, row);
			}
		}
	}
	return rows;
}

static void add_row(struct table *table, const json_t *row)
{
	char at[CLOCK_RFC3339_MAX];
	const char *reason = text_of(row, "reason");

	table_add(table, "%s", clock_format_rfc3339(integer_of(row, "at_ms"), at));
	table_add(table, "%s", text_of(row, "consumer"));
	table_add(table, "%s:%" PRId64 ":%" PRId64, text_of(row, "topic"),
		integer_of(row, "partition"), integer_of(row, "offset"));
	table_add(table, "%s", text_of(row, "event_id"));
	table_add(table, reason[0] ? "%s (%s)" : "%s%s", text_of(row, "outcome"), reason);
	table_add(table, "%s", text_of(row, "code"));
	table_add(table, "%" PRId64, integer_of(row, "attempt"));
	table_add(table, "%.3fs", json_number_value(json_object_get(row, "seconds")));
	table_add(table, "%s", text_of(row, "handler"));
}

static void write_rows(const json_t *rows, struct buffer *out)
{
	static const char *const heads[] = { "AT", "CONSUMER", "POSITION", "EVENT", "VERDICT",
		"CODE", ">ATTEMPT", ">TOOK", "HANDLER" };
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < json_array_size(rows); i++) {
		add_row(&table, json_array_get(rows, i));
	}
	table_write(&table, out);
}

int verb_show_verdicts(const struct ctl *ctl)
{
	_cleanup_(json_cleanup) json_t *consumers = NULL, *rows = NULL;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	struct scope scope = { .partition = -1 };
	int status;

	if (ctl->argument_count > 0 && !scope_parse(ctl->arguments[0], &scope)) {
		return CTL_USAGE;
	}
	status = look_at_consumers(ctl, scope.consumer[0] ? scope.consumer : NULL, &consumers);
	if (status != CTL_OK) {
		return status;
	}
	rows = collect(consumers, &scope);
	if (ctl->is_json) {
		json_dumpf(rows, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
		putchar('\n');
		return CTL_OK;
	}
	write_rows(rows, &out);
	fputs(buffer_str(&out), stdout);
	return CTL_OK;
}
