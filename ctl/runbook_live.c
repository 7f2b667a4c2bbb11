/*
 * runbook_live - what a runbook has from the daemon: how the consumer is, and what troubles it
 *
 * Pure, over GET /v1/status. A figure that is not there is not known, and said so.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "figures.h"
#include "runbook.h"

static void append_number(struct buffer *out, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value)) {
		buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		buffer_append_str(out, "unknown");
	}
}

static void append_seconds(struct buffer *out, double seconds)
{
	runbook_append_time(out, (int64_t)(seconds * 1e6));
}

static void append_moment(struct buffer *out, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_MAX];

	buffer_append_str(out, clock_format_rfc3339(wall_ms, text));
}

/* ---- throughput ---- */

/* Of the last half hour, where there was time for some of it. */
static void write_history(const json_t *history, struct buffer *out)
{
	const json_t *rates = json_object_get(history, "settled_per_second");
	const json_t *lags = json_object_get(history, "lag");
	size_t count = json_array_size(rates);
	double sum = 0, most = 0;

	if (count == 0) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		double rate = json_number_value(json_array_get(rates, i));

		sum += rate;
		most = rate > most ? rate : most;
	}
	buffer_append_str(out, " In the last ");
	append_seconds(out, (double)count * (double)figures_number(history, "interval_seconds"));
	buffer_printf(out, ": %.1f records/s on average, %.1f at most", sum / (double)count, most);
	if (json_is_integer(json_array_get(lags, 0))) {
		buffer_printf(out, "; the lag was %" JSON_INTEGER_FORMAT " at its beginning",
			json_integer_value(json_array_get(lags, 0)));
	}
	buffer_append_char(out, '.');
}

static void write_state(const struct runbook *runbook, struct buffer *out)
{
	int64_t more;

	buffer_append_str(out, "As of ");
	append_moment(out, runbook->wall_ms);
	buffer_append_str(out, ", of onced ");
	runbook_append_text(out, figures_text(runbook->daemon, "version"));
	buffer_append_str(out, ", pid ");
	append_number(out, runbook->daemon, "pid");
	buffer_append_str(out, ", which runs for ");
	append_seconds(out, json_number_value(json_object_get(runbook->daemon, "uptime_seconds")));
	buffer_append_str(out, ".\n\nState: ");
	runbook_append_text(out, figures_text(runbook->now, "state"));
	if (figures_text(runbook->now, "reason")[0]) {
		buffer_append_str(out, " – ");
		runbook_append_text(out, figures_text(runbook->now, "reason"));
	}
	buffer_append_str(out, ". Lag: ");
	append_number(out, runbook->now, "lag");
	buffer_append_str(out, " records.");
	more = runbook->before ? figures_of_partitions(runbook->now, "settled") -
			figures_of_partitions(runbook->before, "settled")
			       : -1;
	if (more >= 0 && runbook->seconds > 0) {
		buffer_printf(out, " Throughput: %.1f records/s (over %.0f s).",
			(double)more / runbook->seconds, runbook->seconds);
	}
	write_history(json_object_get(runbook->now, "history"), out);
	buffer_append_str(out, "\n\n");
}

/* ---- tables ---- */

static void write_partition(const json_t *partition, struct buffer *out)
{
	buffer_append_str(out, "| ");
	runbook_append_code(out, figures_text(partition, "topic"));
	buffer_append_str(out, " | ");
	append_number(out, partition, "partition");
	buffer_append_str(out, " | ");
	append_number(out, partition, "worker");
	buffer_append_str(out, " | ");
	runbook_append_text(out, figures_text(partition, "state"));
	buffer_append_str(out, " | ");
	append_number(out, partition, "committed");
	buffer_append_str(out, " | ");
	append_number(out, partition, "lag");
	buffer_printf(out, " | %" PRId64 " | ",
		figures_number(partition, "parked") + figures_number(partition, "held"));
	runbook_append_text(out, figures_text(partition, "reason"));
	buffer_append_str(out, " |\n");
}

static void write_partitions(const json_t *partitions, struct buffer *out)
{
	buffer_printf(out,
		"%zu partitions, of workers here and of nobody:\n\n"
		"| topic | partition | worker | state | committed | lag | waiting | why |\n"
		"|---|---|---|---|---|---|---|---|\n",
		json_array_size(partitions));
	for (size_t i = 0; i < json_array_size(partitions); i++) {
		write_partition(json_array_get(partitions, i), out);
	}
	buffer_append_char(out, '\n');
}

static void write_worker(const json_t *worker, struct buffer *out)
{
	const json_t *uptime = json_object_get(worker, "uptime_seconds");
	const json_t *last = json_object_get(worker, "last_exit");

	buffer_append_str(out, "| ");
	append_number(out, worker, "slot");
	buffer_append_str(out, " | ");
	runbook_append_text(out, figures_text(worker, "state"));
	buffer_append_str(out, " | ");
	if (json_is_number(uptime)) {
		append_seconds(out, json_number_value(uptime));
	}
	buffer_append_str(out, " | ");
	append_number(out, worker, "restarts");
	buffer_append_str(out, " | ");
	if (json_is_object(last)) {
		append_moment(out, figures_number(last, "at_ms"));
		buffer_append_str(out, ": ");
		runbook_append_text(out, figures_text(last, "text"));
	}
	buffer_append_str(out, " |\n");
}

static void write_workers(const json_t *workers, struct buffer *out)
{
	buffer_append_str(
		out, "| worker | state | up for | restarts | last end |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < json_array_size(workers); i++) {
		write_worker(json_array_get(workers, i), out);
	}
	buffer_append_char(out, '\n');
}

/* Nothing of what is paused on purpose may look like a fault. */
static void write_pauses(const json_t *pauses, struct buffer *out)
{
	for (size_t i = 0; i < json_array_size(pauses); i++) {
		const json_t *pause = json_array_get(pauses, i);

		buffer_append_str(out, "- **Paused on purpose**");
		if (figures_text(pause, "topic")[0]) {
			buffer_append_str(out, ", ");
			runbook_append_code(out, figures_text(pause, "topic"));
			if (json_is_integer(json_object_get(pause, "partition"))) {
				buffer_printf(out, " partition %" PRId64,
					figures_number(pause, "partition"));
			}
		}
		buffer_append_str(out, ", by ");
		runbook_append_text(out, figures_text(pause, "who"));
		buffer_append_str(out, " since ");
		append_moment(out, figures_number(pause, "since_ms"));
		if (json_is_integer(json_object_get(pause, "until_ms"))) {
			buffer_append_str(out, " until ");
			append_moment(out, figures_number(pause, "until_ms"));
		}
		buffer_append_str(out, ": ");
		runbook_append_text(out, figures_text(pause, "reason"));
		buffer_append_char(out, '\n');
	}
	if (json_array_size(pauses) > 0) {
		buffer_append_char(out, '\n');
	}
}

void runbook_write_live(const struct runbook *runbook, struct buffer *out)
{
	buffer_append_str(out, "## How it is\n\n");
	if (!runbook->now) {
		buffer_append_str(out, "No figures of the daemon on ");
		runbook_append_code(out, runbook->socket_path);
		buffer_append_str(out, ": ");
		runbook_append_text(out, runbook->silence ? runbook->silence : "no answer");
		buffer_append_str(out, "\n\nWhat follows is what the configuration says.\n\n");
		return;
	}
	write_state(runbook, out);
	write_pauses(json_object_get(runbook->now, "pauses"), out);
	write_partitions(json_object_get(runbook->now, "partitions"), out);
	write_workers(json_object_get(runbook->now, "workers"), out);
}
