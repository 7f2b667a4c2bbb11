/*
 * dedup - `oncectl dedup check|forget ID`: what the store knows of an event, and making it forget
 *
 * Runs in: oncectl, on its own session of the store; the daemon need not run. An event that is
 * forgotten takes effect again when its record comes again: that is asked about, and logged.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/shown.h"
#include "config_file.h"
#include "event/event_id.h"
#include "migration.h"

#define COMMON                                                                                     \
	{ "--consumer", "NAME", "whose event (default: the only consumer)" },                      \
	{                                                                                          \
		"--source", "SOURCE", "the event's source (default: the only topic)"               \
	}

const struct verb_option dedup_check_options[] = { COMMON, { 0 } };
const struct verb_option dedup_forget_options[] = { COMMON,
	{ "--reason", "TEXT", "why, for the log; required" }, { "--yes", NULL, "do not ask" },
	{ 0 } };

struct lookup {
	struct config *config;
	const struct config_consumer *consumer;
	const char *id, *source;
	struct dedup_key key;
	struct store *store;
	struct store_session *session;
};

static void lookup_close(struct lookup *lookup)
{
	if (lookup->store) {
		lookup->store->ops->session_close(lookup->session);
		lookup->store->ops->close(lookup->store);
	}
	config_free(lookup->config);
}

static int find_source(struct lookup *lookup, const struct ctl *ctl)
{
	lookup->id = ctl->arguments[0];
	lookup->source = ctl_option(ctl, "--source");
	if (!lookup->source && lookup->consumer->topics.count == 1) {
		lookup->source = lookup->consumer->topics.items[0];
	}
	if (!lookup->source) {
		fprintf(stderr, "oncectl: consumer %s has several topics: say --source TOPIC\n",
			lookup->consumer->name);
		return CTL_USAGE;
	}
	return CTL_OK;
}

/* The session knows which generation of the scope is in use. */
static void make_key(struct lookup *lookup)
{
	char name[STORE_SCOPE_MAX];

	store_scope_name(lookup->consumer->dedup_scope, lookup->session->generation, name);
	lookup->key = event_dedup_key(
		slice_from_str(name), slice_from_str(lookup->source), slice_from_str(lookup->id));
}

static int open_session(struct lookup *lookup)
{
	struct err err = ERR_INIT;
	int r = migration_open(lookup->config, lookup->consumer, 0, &lookup->store, &err);

	if (r == 0 && !lookup->store->ops->peek) {
		fprintf(stderr,
			"oncectl: the store of consumer %s remembers nothing that could be "
			"looked at\n",
			lookup->consumer->name);
		return CTL_FAILED;
	}
	if (r == 0) {
		r = lookup->store->ops->session_open(lookup->store, &lookup->session, &err);
	}
	if (r == 0) {
		r = lookup->store->ops->session_ready(lookup->session, &err);
	}
	if (r == 0) {
		make_key(lookup);
		return CTL_OK;
	}
	fprintf(stderr, "oncectl: %s\n", err.text);
	return r == 1 ? CTL_NOT_REACHABLE : CTL_FAILED;
}

static int lookup_open(struct lookup *lookup, const struct ctl *ctl)
{
	int status;

	if (config_file_load(ctl, &lookup->config) < 0) {
		return CTL_FAILED;
	}
	lookup->consumer = config_file_consumer(lookup->config, ctl_option(ctl, "--consumer"));
	if (!lookup->consumer) {
		return CTL_USAGE;
	}
	status = find_source(lookup, ctl);
	return status ? status : open_session(lookup);
}

static int peek(struct lookup *lookup, struct store_row *ret)
{
	struct err err = ERR_INIT;

	if (lookup->store->ops->peek(lookup->session, lookup->key.bytes, ret, &err)) {
		fprintf(stderr, "oncectl: %s\n", err.text);
		return CTL_FAILED;
	}
	return CTL_OK;
}

/* ---- check ---- */

static const char *outcome_name(const struct store_row *row)
{
	static const char *const names[] = { [STORE_OUTCOME_DONE] = "done",
		[STORE_OUTCOME_DLQ] = "dlq",
		[STORE_OUTCOME_RUNNING] = "running" };

	return row->is_there ? names[row->outcome] : "unknown";
}

static void write_time(int64_t ms, char ret[40])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	ret[0] = '\0';
	if (ms >= 0 && gmtime_r(&seconds, &tm)) {
		strftime(ret, 40, "%Y-%m-%dT%H:%M:%SZ", &tm);
	}
}

static void add(json_t *object, const char *name, const char *text)
{
	if (text[0]) {
		json_object_set_new(object, name, json_string(text));
	}
}

static json_t *row_json(const struct lookup *lookup, const struct store_row *row)
{
	json_t *object = json_object();
	char at[40];

	add(object, "id", lookup->id);
	add(object, "source", lookup->source);
	add(object, "scope", lookup->consumer->dedup_scope);
	add(object, "outcome", outcome_name(row));
	if (!row->is_there) {
		return object;
	}
	add(object, "topic", row->topic);
	if (row->partition >= 0) {
		json_object_set_new(object, "partition", json_integer(row->partition));
		json_object_set_new(object, "offset", json_integer(row->offset));
		json_object_set_new(object, "timestamp_ms", json_integer(row->timestamp_ms));
	}
	write_time(row->at_ms, at);
	add(object, "at", at);
	add(object, "digest", row->digest);
	add(object, "decision", row->decision);
	if (row->outcome == STORE_OUTCOME_RUNNING) {
		json_object_set_new(object, "lease_left_ms", json_integer(row->left_us / 1000));
	}
	return object;
}

/* What a record said must not write to the terminal. */
static void print_shown(const char *text)
{
	_cleanup_(buffer_fini) struct buffer plain = BUFFER_INIT;

	shown_append(&plain, slice_from_str(text));
	fputs(buffer_str(&plain), stdout);
}

static void print_row(json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		printf("%-14s ", name);
		if (json_is_string(value)) {
			print_shown(json_string_value(value));
		} else {
			printf("%lld", (long long)json_integer_value(value));
		}
		putchar('\n');
	}
}

static void print_object(const struct ctl *ctl, json_t *object)
{
	if (ctl->is_json) {
		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_row(object);
	}
	json_decref(object);
}

int verb_dedup_check(const struct ctl *ctl)
{
	_cleanup_(lookup_close) struct lookup lookup = { 0 };
	struct store_row row;
	int status = lookup_open(&lookup, ctl);

	if (status == CTL_OK) {
		status = peek(&lookup, &row);
	}
	if (status == CTL_OK) {
		print_object(ctl, row_json(&lookup, &row));
		status = row.is_there ? CTL_OK : CTL_FAILED;
	}
	return status;
}

/* ---- forget ---- */

static bool is_confirmed(const struct ctl *ctl, const struct lookup *lookup)
{
	char answer[8] = "";

	if (ctl_option(ctl, "--yes")) {
		return true;
	}
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr, "oncectl: nobody to ask: say --yes\n");
		return false;
	}
	fprintf(stderr,
		"Forget %s of consumer %s? When its record comes again it takes effect "
		"again. [y/N] ",
		lookup->id, lookup->consumer->name);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int forget(struct lookup *lookup)
{
	enum store_forgotten forgotten;
	struct err err = ERR_INIT;

	if (lookup->store->ops->forget(lookup->session, lookup->key.bytes, &forgotten, &err)) {
		fprintf(stderr, "oncectl: %s\n", err.text);
		return CTL_FAILED;
	}
	if (forgotten == STORE_STILL_RUNNING) {
		fprintf(stderr, "oncectl: a worker has %s in hand: wait until it ended\n",
			lookup->id);
		return CTL_FAILED;
	}
	if (forgotten == STORE_NOTHING_TO_FORGET) {
		fprintf(stderr, "oncectl: the store does not know %s of source %s\n", lookup->id,
			lookup->source);
		return CTL_FAILED;
	}
	return CTL_OK;
}

int verb_dedup_forget(const struct ctl *ctl)
{
	_cleanup_(lookup_close) struct lookup lookup = { 0 };
	const char *reason = ctl_option(ctl, "--reason");
	struct store_row row;
	int status;

	if (!reason || !reason[0]) {
		fprintf(stderr, "oncectl: say why: --reason TEXT\n");
		return CTL_USAGE;
	}
	status = lookup_open(&lookup, ctl);
	if (status == CTL_OK) {
		status = peek(&lookup, &row);
	}
	if (status == CTL_OK && !is_confirmed(ctl, &lookup)) {
		status = CTL_FAILED;
	}
	if (status == CTL_OK) {
		status = forget(&lookup);
	}
	if (status == CTL_OK) {
		log_init(STDERR_FILENO, lookup.config->log_format, LOG_LEVEL_INFO, "oncectl",
			lookup.consumer->name, -1);
		log_notice("an event was forgotten by a person", LOG_STR("event_id", lookup.id),
			LOG_STR("source", lookup.source), LOG_STR("outcome", outcome_name(&row)),
			LOG_INT("uid", (int64_t)getuid()), LOG_STR("reason", reason));
		log_flush();
		print_object(ctl, row_json(&lookup, &row));
	}
	return status;
}
