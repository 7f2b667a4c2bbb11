/*
 * offsets - `oncectl offsets set`: read a partition from somewhere else
 *
 * Runs in: oncectl. While a worker has the partition it is the worker that commits, between two
 * epochs of its own. When the workers were released nobody of ours is in the group, and it is done
 * here, as a group without members allows; the broker refuses it when others have joined. The
 * daemon puts it on record first: what it refuses to is not done.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "client.h"
#include "config/config.h"
#include "kafka/reader.h"
#include "operate.h"
#include "verbs.h"
#include "when.h"

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

/* One of them. */
struct place {
	const char *word; /* "earliest", "latest" */
	int64_t offset, time_ms; /* -1: not that */
};

static bool parse_place(const char *text, struct place *ret)
{
	char *end;

	*ret = (struct place){ .offset = -1, .time_ms = -1 };
	if (text && (strcmp(text, "earliest") == 0 || strcmp(text, "latest") == 0)) {
		ret->word = text;
		return true;
	}
	if (text && text[0] && text[strspn(text, "0123456789")] == '\0') {
		ret->offset = strtoll(text, &end, 10);
		return true;
	}
	if (text && when_parse(text, clock_wall_ms(), &ret->time_ms) == 0 && ret->time_ms >= 0) {
		return true;
	}
	fputs("oncectl offsets set: needs --to N, earliest, latest or a time like "
	      "2026-11-21T20:00:00Z\n",
		stderr);
	return false;
}

static void show_done(const struct ctl *ctl, const struct scope *scope, int64_t offset)
{
	_cleanup_(json_cleanup) json_t *object = NULL;

	if (ctl->is_json) {
		object = json_pack("{s:s, s:s, s:s, s:I, s:I}", "state", "done", "consumer",
			scope->consumer, "topic", scope->topic, "partition",
			(json_int_t)scope->partition, "number", (json_int_t)offset);
		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		printf("%s of %s is committed at %" PRId64 ", and is read from there.\n",
			ctl->arguments[1], scope->consumer, offset);
	}
}

/* ---- by the worker ---- */

static int set_by_worker(
	const struct ctl *ctl, const struct scope *scope, const struct place *place)
{
	_cleanup_(json_cleanup) json_t *operation = NULL;
	json_t *body = operate_body(ctl, scope);
	int status;

	if (ctl_option(ctl, "--reason")) {
		(void)json_object_set_new(body, "reason", json_string(ctl_option(ctl, "--reason")));
	}
	if (place->word) {
		(void)json_object_set_new(body, "to", json_string(place->word));
	} else if (place->offset >= 0) {
		(void)json_object_set_new(body, "offset", json_integer(place->offset));
	} else {
		(void)json_object_set_new(body, "time_ms", json_integer(place->time_ms));
	}
	status = operate(ctl, scope, "offsets", body, OPERATE_ANSWER, ctl_option(ctl, "--timeout"),
		&operation);
	if (ctl->is_json || !operation) {
		return status;
	}
	if (status == CTL_OK) {
		show_done(ctl, scope, json_integer_value(json_object_get(operation, "number")));
	} else if (status == CTL_TIMED_OUT) {
		printf("Not done yet; it waits for what is in hand:\n");
		operate_show_waiting(operation);
	}
	return status;
}

/* ---- without a worker ---- */

/* Of one partition, where each may be asked for -1: unknown. */
static int ask(struct kafka_reader *reader, const struct scope *scope, int64_t which, size_t count,
	int64_t *ret, struct err *err)
{
	_cleanup_free_ int64_t *all = xcalloc(count, sizeof(*all));
	int r = kafka_reader_log_offsets(reader, scope->topic, which, all, count, err);

	*ret = all[scope->partition];
	return r;
}

static int ask_committed(struct kafka_reader *reader, const struct scope *scope, size_t count,
	int64_t *ret, struct err *err)
{
	_cleanup_free_ int64_t *all = xcalloc(count, sizeof(*all));
	int r = kafka_reader_committed(reader, scope->topic, all, count, err);

	*ret = all[scope->partition];
	return r;
}

static int find_offset(struct kafka_reader *reader, const struct scope *scope,
	const struct place *place, size_t count, int64_t *ret, struct err *err)
{
	int64_t begin, end, at = 0;
	int r = ask(reader, scope, SOURCE_OFFSET_EARLIEST, count, &begin, err);

	r = r < 0 ? r : ask(reader, scope, SOURCE_OFFSET_LATEST, count, &end, err);
	if (r == 0 && place->time_ms >= 0) {
		r = ask(reader, scope, place->time_ms, count, &at, err);
	}
	if (r < 0) {
		return r;
	}
	*ret = place->offset >= 0     ? place->offset
		: place->time_ms >= 0 ? (at >= 0 ? at : end) /* nothing is that new */
		: strcmp(place->word, "earliest") == 0 ? begin
						       : end;
	if (*ret < begin || *ret > end) {
		return err_set(err, -1,
			"offset %" PRId64 " is outside the log, which goes from %" PRId64
			" to %" PRId64,
			*ret, begin, end);
	}
	return 0;
}

static int put_on_record(const struct ctl *ctl, const struct scope *scope, int64_t from,
	int64_t offset, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT, answer = BUFFER_INIT;
	_cleanup_(json_cleanup) json_t *body = operate_body(ctl, scope);
	_cleanup_free_ char *text = NULL;

	if (from >= 0) {
		(void)json_object_set_new(body, "from", json_integer(from));
	}
	(void)json_object_set_new(body, "offset", json_integer(offset));
	if (ctl_option(ctl, "--reason")) {
		(void)json_object_set_new(body, "reason", json_string(ctl_option(ctl, "--reason")));
	}
	text = json_dumps(body, JSON_COMPACT);
	if (!text) {
		return err_set(err, -1, "not all of that is UTF-8");
	}
	buffer_append_str(&target, "/v1/consumers/");
	client_append_name(&target, scope->consumer);
	buffer_append_str(&target, "/offsets/note");
	return client_post(ctl->socket_path, buffer_str(&target), text, &answer, err)
		? err_prefix(err, -1, "not committed, for the daemon must put it on record first")
		: 0;
}

static int commit(struct kafka_reader *reader, const struct scope *scope, size_t count,
	int64_t offset, struct err *err)
{
	_cleanup_free_ int64_t *offsets = xcalloc(count, sizeof(*offsets));

	for (size_t i = 0; i < count; i++) {
		offsets[i] = -1;
	}
	offsets[scope->partition] = offset;
	return kafka_reader_commit(reader, scope->topic, offsets, count, err);
}

static int set_with(const struct ctl *ctl, const struct config *config,
	const struct config_consumer *consumer, const struct scope *scope,
	const struct place *place, int64_t *ret, struct err *err)
{
	_cleanup_(kafka_reader_closep) struct kafka_reader *reader = NULL;
	int count, r = kafka_reader_open(config, consumer->group_id, &reader, err);
	int64_t from = -1;

	if (r < 0) {
		return r;
	}
	count = kafka_reader_partitions(reader, scope->topic, err);
	if (count < 0) {
		return count;
	}
	if (scope->partition >= count) {
		return err_set(err, -1, "topic %s has %d partitions", scope->topic, count);
	}
	r = find_offset(reader, scope, place, (size_t)count, ret, err);
	r = r < 0 ? r : ask_committed(reader, scope, (size_t)count, &from, err);
	r = r < 0 ? r : put_on_record(ctl, scope, from, *ret, err);
	r = r < 0 ? r : commit(reader, scope, (size_t)count, *ret, err);
	return r < 0 ? err_prefix(err, r, "group %s", consumer->group_id) : 0;
}

static const struct config_consumer *find_consumer(
	const struct config *config, const struct scope *scope)
{
	for (size_t i = 0; i < config->consumer_count; i++) {
		if (strcmp(config->consumers[i].name, scope->consumer) == 0) {
			return &config->consumers[i];
		}
	}
	return NULL;
}

static int set_by_ourselves(
	const struct ctl *ctl, const struct scope *scope, const struct place *place)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	_cleanup_(config_freep) struct config *config = NULL;
	const struct config_consumer *consumer;
	struct err err = ERR_INIT;
	int64_t offset = -1;

	if (config_load(ctl->config_path, environ, NULL, &config, &errors) < 0) {
		fputs(buffer_str(&errors.text), stderr);
		return CTL_FAILED;
	}
	consumer = find_consumer(config, scope);
	if (!consumer) {
		fprintf(stderr, "oncectl: %s has no consumer %s\n", ctl->config_path,
			scope->consumer);
		return CTL_FAILED;
	}
	if (set_with(ctl, config, consumer, scope, place, &offset, &err) < 0) {
		fprintf(stderr, "oncectl: %s\n", err.text);
		return CTL_FAILED;
	}
	show_done(ctl, scope, offset);
	return CTL_OK;
}

/* ---- which of them ---- */

/* Does the daemon say that its workers have left? Without an answer the worker's way will tell. */
static bool is_released(const struct ctl *ctl, const struct scope *scope)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	_cleanup_(json_cleanup) json_t *root = NULL;
	struct err err = ERR_INIT;
	const json_t *consumers;
	bool is_so = false;

	if (client_get(ctl->socket_path, "/v1/status", &body, &err) != 0) {
		return false;
	}
	root = json_loadb(buffer_str(&body), body.len, 0, NULL);
	consumers = json_object_get(root, "consumers");
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *consumer = json_array_get(consumers, i);
		const char *name = json_string_value(json_object_get(consumer, "name"));
		const json_t *pauses = json_object_get(consumer, "pauses");

		for (size_t j = 0;
			name && strcmp(name, scope->consumer) == 0 && j < json_array_size(pauses);
			j++) {
			is_so |= json_is_true(
				json_object_get(json_array_get(pauses, j), "released"));
		}
	}
	return is_so;
}

int verb_offsets_set(const struct ctl *ctl)
{
	struct scope scope;
	struct place place;

	if (!scope_parse(ctl->arguments[0], &scope) || scope.topic[0] ||
		!scope_parse_position(ctl->arguments[1], &scope, NULL) ||
		!parse_place(ctl_option(ctl, "--to"), &place)) {
		return CTL_USAGE;
	}
	return is_released(ctl, &scope) ? set_by_ourselves(ctl, &scope, &place)
					: set_by_worker(ctl, &scope, &place);
}
