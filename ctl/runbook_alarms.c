/*
 * runbook_alarms - each alarm, what it means, and how what it watches is now
 *
 * Pure, over GET /v1/status. Whether it sounds is Prometheus' to say: that knows for how long.
 */
#include <inttypes.h>
#include <string.h>

#include "figures.h"
#include "runbook.h"

/* What a worker says of itself by a flag, the first that does: "yes: why", or "no". */
static void append_flag(
	const json_t *consumer, const char *flag, const char *why, struct buffer *out)
{
	const json_t *workers = json_object_get(consumer, "workers");

	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *worker = json_array_get(workers, i);

		if (json_is_true(json_object_get(worker, flag))) {
			buffer_append_str(out, "**yes**: ");
			runbook_append_text(out, figures_text(worker, why));
			return;
		}
	}
	buffer_append_str(out, "no");
}

static void is_up(const json_t *consumer, struct buffer *out)
{
	buffer_append_str(out, "it answers");
}

/* Ends that nobody asked for. */
static void deaths(const json_t *consumer, struct buffer *out)
{
	json_t *exits = json_object_get(consumer, "worker_exits");

	buffer_printf(out, "%" PRId64 " died since the start",
		figures_sum(exits) - figures_number(exits, "drained") -
			figures_number(exits, "recycled"));
}

static void missing(const json_t *consumer, struct buffer *out)
{
	const json_t *workers = json_object_get(consumer, "workers");
	size_t ready = 0;

	for (size_t i = 0; i < json_array_size(workers); i++) {
		ready += strcmp(figures_text(json_array_get(workers, i), "state"), "ready") == 0;
	}
	buffer_printf(out, "%zu of %zu are ready", ready, json_array_size(workers));
}

static void broker(const json_t *consumer, struct buffer *out)
{
	append_flag(consumer, "broker_down", "broker", out);
}

static void store(const json_t *consumer, struct buffer *out)
{
	append_flag(consumer, "store_down", "store", out);
}

static void letters_refused(const json_t *consumer, struct buffer *out)
{
	append_flag(consumer, "dlq_down", "dlq", out);
}

static void outage(const json_t *consumer, struct buffer *out)
{
	const json_t *workers = json_object_get(consumer, "workers");

	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *outages = json_object_get(json_array_get(workers, i), "outages");

		if (json_array_size(outages) > 0) {
			buffer_append_str(out, "**yes**: ");
			runbook_append_text(out, figures_text(json_array_get(outages, 0), "text"));
			return;
		}
	}
	buffer_append_str(out, "no");
}

static void held(const json_t *consumer, struct buffer *out)
{
	buffer_printf(out, "%" PRId64 " held", figures_of_partitions(consumer, "held"));
}

static void lag(const json_t *consumer, struct buffer *out)
{
	const json_t *records = json_object_get(consumer, "lag");

	if (json_is_integer(records)) {
		buffer_printf(out, "lag %" JSON_INTEGER_FORMAT, json_integer_value(records));
	} else {
		buffer_append_str(out, "lag unknown");
	}
}

static void oldest(const json_t *consumer, struct buffer *out)
{
	const json_t *partitions = json_object_get(consumer, "partitions");
	double most_s = 0;

	for (size_t i = 0; i < json_array_size(partitions); i++) {
		double age_s = json_number_value(
			json_object_get(json_array_get(partitions, i), "oldest_unsettled_seconds"));

		most_s = age_s > most_s ? age_s : most_s;
	}
	runbook_append_time(out, (int64_t)(most_s * 1e6));
}

static void letters(const json_t *consumer, struct buffer *out)
{
	buffer_printf(out, "%" PRId64 " since the start",
		figures_of_partitions(consumer, "dead_letters"));
}

static void paused(const json_t *consumer, struct buffer *out)
{
	size_t count = json_array_size(json_object_get(consumer, "pauses"));

	buffer_append_str(out, count ? "**yes**" : "no");
}

static void not_told(const json_t *consumer, struct buffer *out)
{
	buffer_append_str(out, "see `onced_dedup_sweep_age_seconds`");
}

/* The names are those of docs/monitoring/alerts.yaml; a test compares. */
static const struct alarm {
	const char *name, *meaning;
	void (*now)(const json_t *consumer, struct buffer *out);
} alarms[] = {
	{ "OncedDown", "onced does not answer: see its service", is_up },
	{ "OncedWorkersDie", "workers end again and again: `oncectl show workers`, the log",
		deaths },
	{ "OncedWorkerMissing", "a worker does not get to work: `oncectl show workers`", missing },
	{ "OncedBrokerDown", "Kafka cannot be reached, or refuses: `oncectl status` says what",
		broker },
	{ "OncedStoreDown", "the store cannot be reached; nothing is applied, nothing is lost",
		store },
	{ "OncedOutage", "what a handler depends on is down; it goes on by itself", outage },
	{ "OncedHeld", "records wait for something outside: `oncectl show partitions`", held },
	{ "OncedLagGrows", "it does not keep up: `oncectl top`", lag },
	{ "OncedNothingSettled", "records wait and none ends: `oncectl show partitions`", lag },
	{ "OncedOldestUnsettled", "one record is not done with for long", oldest },
	{ "OncedDeadLetters", "records are given up: `oncectl dlq list`", letters },
	{ "OncedDeadLettersCannotBeWritten", "the dead-letter topic refuses: `oncectl doctor`",
		letters_refused },
	{ "OncedPausedTooLong", "somebody paused it and did not come back", paused },
	{ "OncedDedupNotSwept", "old event ids are not forgotten; the table grows", not_told },
};

void runbook_write_alarms(const struct runbook *runbook, struct buffer *out)
{
	buffer_printf(out, "## Alarms\n\n| alarm | means |%s\n|---|---|%s\n",
		runbook->now ? " now |" : "", runbook->now ? "---|" : "");
	for (size_t i = 0; i < sizeof(alarms) / sizeof(alarms[0]); i++) {
		buffer_printf(out, "| `%s` | %s |", alarms[i].name, alarms[i].meaning);
		if (runbook->now) {
			buffer_append_char(out, ' ');
			alarms[i].now(runbook->now, out);
			buffer_append_str(out, " |");
		}
		buffer_append_char(out, '\n');
	}
	buffer_append_char(out, '\n');
}
