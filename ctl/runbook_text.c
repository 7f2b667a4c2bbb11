/*
 * runbook_text - the pages of `oncectl runbook`
 *
 * Pure. Names come from a file and from a daemon: none of them may end a table, start a link or
 * run as a command when it is pasted.
 */
#include <inttypes.h>
#include <string.h>

#include "config/deployment.h"
#include "config/mask.h"
#include "config/value.h"
#include "runbook.h"

void runbook_append_text(struct buffer *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			buffer_append_char(out, ' ');
			continue;
		}
		if (strchr("\\`*_{}[]<>()#+!|~&", *p)) {
			buffer_append_char(out, '\\');
		}
		buffer_append_char(out, *p);
	}
}

/* Nothing escapes in code, but a bar ends a cell and a backtick the code. */
void runbook_append_code(struct buffer *out, const char *text)
{
	buffer_append_char(out, '`');
	for (const char *p = text; *p; p++) {
		bool is_odd = (unsigned char)*p < 0x20 || *p == 0x7f || *p == '`' || *p == '|';

		buffer_append_char(out, is_odd ? '?' : *p);
	}
	buffer_append_char(out, '`');
}

/* A word for a shell: in quotes where it is not plain. */
static void append_word(struct buffer *out, const char *word)
{
	bool is_plain = word[0] != '\0';

	for (const char *p = word; *p; p++) {
		is_plain &= strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "._-/:",
				    *p) != NULL;
	}
	if (is_plain) {
		buffer_append_str(out, word);
		return;
	}
	buffer_append_char(out, '\'');
	for (const char *p = word; *p; p++) {
		if (*p == '\'') {
			buffer_append_str(out, "'\\''");
		} else {
			buffer_append_char(out, (unsigned char)*p < 0x20 ? '?' : *p);
		}
	}
	buffer_append_char(out, '\'');
}

/* ---- tables ---- */

static void row_begin(struct buffer *out, const char *name)
{
	buffer_printf(out, "| %s | ", name);
}

static void row_end(struct buffer *out)
{
	buffer_append_str(out, " |\n");
}

static void row_code(struct buffer *out, const char *name, const char *value)
{
	row_begin(out, name);
	runbook_append_code(out, value);
	row_end(out);
}

static void append_time(struct buffer *out, int64_t us)
{
	int64_t second_us = 1000000;

	value_write_duration(out, us > second_us ? us / second_us * second_us : us);
}

/* ---- what it is ---- */

static void write_handler(struct buffer *out, const char *of, const struct config_handler *handler)
{
	if (!handler) {
		return;
	}
	row_begin(out, of);
	runbook_append_code(out, handler->name);
	buffer_append_str(out, ", type ");
	runbook_append_code(out, handler->type);
	buffer_append_str(out, ", at most ");
	append_time(out, handler->timeout_us);
	row_end(out);
}

static void write_what(const struct runbook *runbook, struct buffer *out)
{
	const struct config_consumer *consumer = runbook->consumer;
	_cleanup_(buffer_fini) struct buffer store = BUFFER_INIT;

	buffer_append_str(out, "## What it is\n\n| | |\n|---|---|\n");
	row_begin(out, "owner");
	runbook_append_text(out,
		runbook->owner ? runbook->owner : "nobody is named (oncectl runbook --owner NAME)");
	row_end(out);
	row_begin(out, "topics");
	for (size_t i = 0; i < consumer->topics.count; i++) {
		buffer_append_str(out, i ? ", " : "");
		runbook_append_code(out, consumer->topics.items[i]);
	}
	row_end(out);
	row_code(out, "group", consumer->group_id);
	row_begin(out, "workers");
	buffer_printf(
		out, "%u in each of %u replicas", consumer->workers, runbook->config->replicas);
	row_end(out);
	write_handler(out, "handler", consumer->handler);
	for (size_t i = 0; i < consumer->route_count; i++) {
		write_handler(out, "handler of a route", consumer->routes[i].handler);
	}
	mask_url(config_store_of(runbook->config, consumer), &store);
	row_code(out, "store", buffer_str(&store));
	row_code(out, "configuration", runbook->config_path);
	buffer_append_char(out, '\n');
}

/* ---- how it is ---- */

static int64_t settled(const json_t *consumer)
{
	const json_t *partitions = json_object_get(consumer, "partitions");
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(partitions); i++) {
		json_t *counts = json_object_get(json_array_get(partitions, i), "settled"), *count;
		const char *name;

		json_object_foreach(counts, name, count)
		{
			sum += json_integer_value(count);
		}
	}
	return sum;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void append_number(struct buffer *out, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_integer(value)) {
		buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		buffer_append_str(out, "unknown");
	}
}

static void write_partitions(const json_t *partitions, struct buffer *out)
{
	buffer_append_str(out,
		"| topic | partition | worker | state | committed | lag | why |\n"
		"|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < json_array_size(partitions); i++) {
		const json_t *partition = json_array_get(partitions, i);

		buffer_append_str(out, "| ");
		runbook_append_code(out, text_of(partition, "topic"));
		buffer_append_str(out, " | ");
		append_number(out, partition, "partition");
		buffer_append_str(out, " | ");
		append_number(out, partition, "worker");
		buffer_append_str(out, " | ");
		runbook_append_text(out, text_of(partition, "state"));
		buffer_append_str(out, " | ");
		append_number(out, partition, "committed");
		buffer_append_str(out, " | ");
		append_number(out, partition, "lag");
		buffer_append_str(out, " | ");
		runbook_append_text(out, text_of(partition, "reason"));
		row_end(out);
	}
	buffer_append_char(out, '\n');
}

static void write_now(const struct runbook *runbook, struct buffer *out)
{
	int64_t more;

	buffer_append_str(out, "## How it is\n\n");
	if (!runbook->now) {
		buffer_append_str(out, "The daemon did not answer on ");
		runbook_append_code(out, runbook->socket_path);
		buffer_append_str(out, ": no figures.\n\n");
		return;
	}
	buffer_append_str(out, "State: ");
	runbook_append_text(out, text_of(runbook->now, "state"));
	if (text_of(runbook->now, "reason")[0]) {
		buffer_append_str(out, " – ");
		runbook_append_text(out, text_of(runbook->now, "reason"));
	}
	buffer_append_str(out, ". Lag: ");
	append_number(out, runbook->now, "lag");
	buffer_append_str(out, " records.");
	more = runbook->before ? settled(runbook->now) - settled(runbook->before) : -1;
	if (more >= 0 && runbook->seconds > 0) {
		buffer_printf(out, " Throughput: %.1f records/s (over %.0f s).",
			(double)more / runbook->seconds, runbook->seconds);
	}
	buffer_append_str(out, "\n\n");
	write_partitions(json_object_get(runbook->now, "partitions"), out);
}

/* ---- failure ---- */

static void write_retries(const struct config_consumer *consumer, struct buffer *out)
{
	const struct config_retry *retry = consumer->retry;
	int64_t worst_us = deployment_retry_us(consumer);

	buffer_append_str(out, "## When a record fails\n\n");
	if (retry->attempts) {
		buffer_printf(out, "It is tried %u times", retry->attempts);
	} else {
		buffer_append_str(out, "It is tried without end of attempts");
	}
	buffer_append_str(out, ", first after ");
	append_time(out, retry->delay_us);
	buffer_append_str(out, ", each pause ");
	value_write_factor(out, retry->factor);
	buffer_append_str(out, " times the one before, ");
	append_time(out, retry->delay_max_us);
	buffer_append_str(out, " at most");
	if (retry->deadline_us) {
		buffer_append_str(out, ", and not later than ");
		append_time(out, retry->deadline_us);
		buffer_append_str(out, " after the first failure");
	}
	buffer_append_str(out, ". **Worst case**: ");
	if (worst_us) {
		buffer_append_str(out, "given up ");
		append_time(out, worst_us);
		buffer_append_str(out, " after it was first tried, outages and pauses not counted");
	} else {
		buffer_append_str(out, "never given up");
	}
	buffer_append_str(out, "; meanwhile it holds ");
	buffer_append_str(out,
		consumer->ordering == ORDERING_PARTITION     ? "its partition"
			: consumer->ordering == ORDERING_KEY ? "the records of its key"
							     : "nothing but itself");
	buffer_append_str(out, ".\n\n");
}

static void write_letters(const struct config_consumer *consumer, struct buffer *out)
{
	buffer_append_str(out, "Then it is a dead letter in ");
	if (!consumer->dlq_topic) {
		buffer_append_str(out,
			"no topic (`dlq.topic = none`): it holds what is behind it until somebody "
			"runs `oncectl skip`.\n\n");
		return;
	}
	runbook_append_code(out, consumer->dlq_topic);
	if (consumer->dlq_breaker.count) {
		buffer_append_str(out, "; more than ");
		value_write_rate(out, &consumer->dlq_breaker);
		buffer_append_str(out, " pause the consumer");
	}
	buffer_append_str(out, ".\n\n");
}

/* The names are those of docs/monitoring/alerts.yaml; a test compares. */
static const struct alarm {
	const char *name, *meaning;
} alarms[] = {
	{ "OncedDown", "onced does not answer: see its service" },
	{ "OncedWorkersDie", "workers end again and again: `oncectl show workers`, the log" },
	{ "OncedWorkerMissing", "a worker does not get to work: `oncectl show workers`" },
	{ "OncedBrokerDown", "Kafka cannot be reached, or refuses: `oncectl status` says what" },
	{ "OncedStoreDown", "the store cannot be reached; nothing is applied, nothing is lost" },
	{ "OncedOutage", "what a handler depends on is down; it goes on by itself" },
	{ "OncedHeld", "records wait for something outside: `oncectl show partitions`" },
	{ "OncedLagGrows", "it does not keep up: `oncectl top`" },
	{ "OncedNothingSettled", "records wait and none ends: `oncectl show partitions`" },
	{ "OncedOldestUnsettled", "one record is not done with for long" },
	{ "OncedDeadLetters", "records are given up: `oncectl dlq list`" },
	{ "OncedDeadLettersCannotBeWritten", "the dead-letter topic refuses: `oncectl doctor`" },
	{ "OncedPausedTooLong", "somebody paused it and did not come back" },
	{ "OncedDedupNotSwept", "old event ids are not forgotten; the table grows" },
};

static void write_alarms(struct buffer *out)
{
	buffer_append_str(out, "## Alarms\n\n| alarm | means |\n|---|---|\n");
	for (size_t i = 0; i < sizeof(alarms) / sizeof(alarms[0]); i++) {
		buffer_printf(out, "| `%s` | %s |\n", alarms[i].name, alarms[i].meaning);
	}
	buffer_append_char(out, '\n');
}

/* ---- what to do ---- */

/* The consumer's name stands between; CONFIG is the file. */
static const struct step {
	const char *what, *before, *behind;
	bool needs_letters;
} steps[] = {
	{ "Look", "oncectl status; oncectl show partitions ", "", false },
	{ "Pause: begin nothing more", "oncectl pause ", " --reason 'WHY' --for 30m", false },
	{ "Drain: finish, commit, stay paused", "oncectl drain ", " --wait --reason 'WHY'", false },
	{ "Resume", "oncectl resume ", "", false },
	{ "Try what waits at once", "oncectl retry-now ", "", false },
	{ "Replace its workers, one at a time", "oncectl restart ", " --wait", false },
	{ "Look at dead letters", "oncectl -c CONFIG dlq list ", "", true },
	{ "Replay them, once the cause is gone", "oncectl -c CONFIG dlq replay ", " --dry-run",
		true },
	{ "Check it against its surroundings", "oncectl -c CONFIG doctor --consumer ", "", false },
};

static void write_command(const struct runbook *runbook, const char *text, struct buffer *out)
{
	const char *config = strstr(text, "CONFIG");

	if (!config) {
		buffer_append_str(out, text);
		return;
	}
	buffer_append(out, text, (size_t)(config - text));
	append_word(out, runbook->config_path);
	buffer_append_str(out, config + strlen("CONFIG"));
}

static void write_steps(const struct runbook *runbook, struct buffer *out)
{
	buffer_append_str(out, "## What to do\n\n");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].needs_letters && !runbook->consumer->dlq_topic) {
			continue;
		}
		buffer_printf(out, "%s:\n\n    ", steps[i].what);
		write_command(runbook, steps[i].before, out);
		append_word(out, runbook->consumer->name);
		buffer_printf(out, "%s\n\n", steps[i].behind);
	}
	buffer_append_str(out,
		"Stopping or killing onced loses nothing: what was not committed comes again, and "
		"what took effect is known.\n");
}

void runbook_write(const struct runbook *runbook, struct buffer *out)
{
	buffer_append_str(out, "# Runbook of consumer ");
	runbook_append_text(out, runbook->consumer->name);
	buffer_append_str(out, "\n\n");
	write_what(runbook, out);
	write_now(runbook, out);
	write_retries(runbook->consumer, out);
	write_letters(runbook->consumer, out);
	write_alarms(out);
	write_steps(runbook, out);
}
