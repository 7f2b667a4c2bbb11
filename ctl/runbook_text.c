/*
 * runbook_text - the pages of `oncectl runbook`
 *
 * Pure. Names come from a file and from a daemon: none of them may end a table, start a link or
 * run as a command when it is pasted.
 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/shown.h"
#include "config/deployment.h"
#include "config/mask.h"
#include "config/value.h"
#include "runbook.h"

/* Some make links of what begins with a scheme or with www, without any brackets. */
static bool is_in_link(const char *text, const char *at)
{
	return strncmp(at, "://", 3) == 0 ||
		(*at == '.' && at - text >= 3 && strncasecmp(at - 3, "www", 3) == 0);
}

void runbook_append_text(struct buffer *out, const char *text)
{
	const char *end = text + strlen(text);

	for (const char *p = text; *p; p++) {
		size_t length = shown_length(p, (size_t)(end - p));

		if (length != 1) {
			buffer_append(out, length > 0 ? p : " ", length > 0 ? length : 1);
			p += length > 0 ? length - 1 : 0;
			continue;
		}
		if (strchr("\\`*_{}[]<>()#+!|~&@", *p) || is_in_link(text, p)) {
			buffer_append_char(out, '\\');
		}
		buffer_append_char(out, *p);
	}
}

/* Nothing escapes in code, but a bar ends a cell and a backtick the code. */
void runbook_append_code(struct buffer *out, const char *text)
{
	_cleanup_(buffer_fini) struct buffer plain = BUFFER_INIT;

	shown_append(&plain, slice_from_str(text));
	buffer_append_char(out, '`');
	for (const char *p = buffer_str(&plain); *p; p++) {
		bool is_odd = *p == '`' || *p == '|';

		buffer_append_char(out, is_odd ? '?' : *p);
	}
	buffer_append_char(out, '`');
}

/* A word for a shell: in quotes where it is not plain. */
static void append_word(struct buffer *out, const char *text)
{
	_cleanup_(buffer_fini) struct buffer shown = BUFFER_INIT;
	const char *word;
	bool is_plain = text[0] != '\0';

	shown_append(&shown, slice_from_str(text)); /* nothing that looks like another command */
	word = buffer_str(&shown);

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
			buffer_append_char(out, *p);
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

void runbook_append_time(struct buffer *out, int64_t us)
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
	runbook_append_time(out, handler->timeout_us);
	row_end(out);
}

static void write_owner(const struct runbook *runbook, struct buffer *out)
{
	const char *owner = runbook->owner ? runbook->owner : runbook->consumer->owner;

	runbook_append_text(
		out, owner ? owner : "nobody is named (owner of the consumer, or --owner NAME)");
}

/* The file may have changed since the daemon read it. */
static void write_origin(const struct runbook *runbook, struct buffer *out)
{
	row_begin(out, "configuration");
	runbook_append_code(out, runbook->config_path);
	if (runbook->is_in_use) {
		buffer_append_str(out, ", as the daemon uses it");
	} else if (runbook->now) {
		buffer_append_str(out, ", as the file is: the daemon does not tell what it uses");
	}
	if (runbook->change_count > 0) {
		buffer_printf(out,
			"; **%u keys of the file are not in use**: `oncectl show config --diff`",
			runbook->change_count);
	}
	row_end(out);
}

static void write_what(const struct runbook *runbook, struct buffer *out)
{
	const struct config_consumer *consumer = runbook->consumer;
	_cleanup_(buffer_fini) struct buffer store = BUFFER_INIT;

	buffer_append_str(out, "## What it is\n\n| | |\n|---|---|\n");
	row_begin(out, "owner");
	write_owner(runbook, out);
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
	write_origin(runbook, out);
	buffer_append_char(out, '\n');
}

/* ---- failure ---- */

static void write_attempts(const struct config_retry *retry, struct buffer *out)
{
	if (retry->attempts) {
		buffer_printf(out, "It is tried %u times", retry->attempts);
	} else {
		buffer_append_str(out, "It is tried without end of attempts");
	}
	buffer_append_str(out, ", first after ");
	runbook_append_time(out, retry->delay_us);
	buffer_append_str(out, ", each pause ");
	value_write_factor(out, retry->factor);
	buffer_append_str(out, " times the one before, ");
	runbook_append_time(out, retry->delay_max_us);
	buffer_append_str(out, " at most");
	if (retry->deadline_us) {
		buffer_append_str(out, ", and not later than ");
		runbook_append_time(out, retry->deadline_us);
		buffer_append_str(out, " after the first failure");
	}
}

/* Where retries wait in topics, nothing else of [retry] counts. */
static void write_tiers(const struct config_tiers *tiers, struct buffer *out)
{
	buffer_append_str(out, "It is tried again out of topics, in which it waits:");
	for (size_t i = 0; i < tiers->count; i++) {
		buffer_append_str(out, i ? ", then " : " ");
		runbook_append_time(out, tiers->items[i].delay_us);
		buffer_append_str(out, " in ");
		runbook_append_code(out, tiers->items[i].topic);
	}
}

static const char *what_it_holds(const struct config_consumer *consumer)
{
	static const char *const held[] = {
		[ORDERING_PARTITION] = "its partition",
		[ORDERING_KEY] = "the records of its key",
		[ORDERING_NONE] = "nothing but itself",
	};

	return held[consumer->ordering];
}

static void write_retries(const struct config_consumer *consumer, struct buffer *out)
{
	int64_t worst_us = deployment_retry_us(consumer);

	buffer_append_str(out, "## When a record fails\n\n");
	if (consumer->tiers.count > 0) {
		write_tiers(&consumer->tiers, out);
	} else {
		write_attempts(consumer->retry, out);
	}
	buffer_append_str(out, ". **Worst case**: ");
	if (worst_us) {
		buffer_append_str(out, "given up ");
		runbook_append_time(out, worst_us);
		buffer_append_str(out, " after it was first tried, outages and pauses not counted");
	} else {
		buffer_append_str(out, "never given up");
	}
	buffer_printf(out, "; meanwhile it holds %s.\n\n", what_it_holds(consumer));
}

static void write_letters(const struct runbook *runbook, struct buffer *out)
{
	const struct config_consumer *consumer = runbook->consumer;

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
	buffer_append_str(out, ". Who says what becomes of it: ");
	write_owner(runbook, out);
	buffer_append_str(out, ".\n\n");
}

/* ---- what to do ---- */

#define SOCKET_DEFAULT "/run/onced/control.sock"

/* The consumer's name stands between; CONFIG is the file. */
static const struct step {
	const char *what, *before, *behind;
	bool needs_letters;
} steps[] = {
	{ "Look", "oncectl status; oncectl show partitions ", "", false },
	{ "See what was last said of its records", "oncectl show verdicts ", "", false },
	{ "Pause: begin nothing more", "oncectl pause ", " --reason 'WHY' --for 30m", false },
	{ "Drain: finish, commit, stay paused", "oncectl drain ", " --wait --reason 'WHY'", false },
	{ "Resume, after either", "oncectl resume ", "", false },
	{ "Try what waits at once", "oncectl retry-now ", "", false },
	{ "Replace its workers, one at a time", "oncectl restart ", " --wait", false },
	{ "Pass one record that blocks", "oncectl skip ", " TOPIC:PARTITION:OFFSET --reason 'WHY'",
		false },
	{ "Look at dead letters", "oncectl -c CONFIG dlq list ", "", true },
	{ "Replay them, once the cause is gone: what would be sent, then all of it",
		"oncectl -c CONFIG dlq replay ", "", true },
	{ NULL, "oncectl -c CONFIG dlq replay ", " --yes --why 'WHY'", true },
	{ "Give up what nobody will repair", "oncectl -c CONFIG dlq discard ",
		" --reason REASON --yes --why 'WHY'", true },
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
	buffer_append_str(out, "## What to do\n\nA drain ends within ");
	runbook_append_time(out, runbook->config->drain_timeout_us);
	buffer_append_str(
		out, " (`drain.timeout`); what takes longer is cut off, and comes again.\n\n");
	if (strcmp(runbook->socket_path, SOCKET_DEFAULT) != 0) {
		buffer_append_str(
			out, "Where its socket is, before all else:\n\n    export ONCED_SOCKET=");
		append_word(out, runbook->socket_path);
		buffer_append_str(out, "\n\n");
	}
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].needs_letters && !runbook->consumer->dlq_topic) {
			continue;
		}
		if (steps[i].what) {
			buffer_printf(out, "%s:\n\n", steps[i].what);
		}
		buffer_append_str(out, "    ");
		write_command(runbook, steps[i].before, out);
		append_word(out, runbook->consumer->name);
		buffer_printf(out, "%s\n\n", steps[i].behind);
	}
	buffer_append_str(out,
		"Stopping or killing onced loses nothing: what was not committed comes again, and "
		"is known as far as its store promises (`oncectl guarantees`).\n");
}

void runbook_write(const struct runbook *runbook, struct buffer *out)
{
	buffer_append_str(out, "# Runbook of consumer ");
	runbook_append_text(out, runbook->consumer->name);
	buffer_append_str(out, "\n\n");
	write_what(runbook, out);
	runbook_write_live(runbook, out);
	write_retries(runbook->consumer, out);
	write_letters(runbook, out);
	runbook_write_alarms(runbook, out);
	write_steps(runbook, out);
}
