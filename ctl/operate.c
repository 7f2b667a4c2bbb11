/*
 * operate - ask the daemon for something, and see how far it gets
 *
 * Runs in: oncectl. A POST starts an operation, and its resource is asked until it is over.
 */
#include "operate.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/shown.h"
#include "client.h"
#include "config/value.h"

/* A sentence that may quote what a record or a service said. */
static void print_foreign(FILE *out, const char *before, const json_t *sentence)
{
	const char *text = json_string_value(sentence);
	_cleanup_(buffer_fini) struct buffer plain = BUFFER_INIT;

	shown_append(&plain, slice_from_str(text ? text : "?"));
	fprintf(out, "%s%s\n", before, buffer_str(&plain));
}

enum { LOOK_MS = 100 };
#define ANSWER_US ((int64_t)10 * 1000 * 1000)

/* ---- what is meant ---- */

/* The text up to the next colon; moves past it. False: empty, or too long. */
static bool take_word(const char **at, char *ret, size_t size)
{
	size_t length = strcspn(*at, ":");

	if (length == 0 || length >= size) {
		return false;
	}
	memcpy(ret, *at, length);
	ret[length] = '\0';
	*at += length + ((*at)[length] == ':');
	return true;
}

static bool take_number(const char **at, int64_t *ret)
{
	char word[24], *end;

	if (!take_word(at, word, sizeof(word)) || word[0] < '0' || word[0] > '9') {
		return false;
	}
	errno = 0;
	*ret = strtoll(word, &end, 10);
	return *end == '\0' && errno == 0;
}

bool scope_parse(const char *text, struct scope *ret)
{
	const char *at = text;

	*ret = (struct scope){ .partition = -1 };
	if (take_word(&at, ret->consumer, sizeof(ret->consumer)) &&
		(*at == '\0' || take_word(&at, ret->topic, sizeof(ret->topic))) &&
		(*at == '\0' || take_number(&at, &ret->partition)) && *at == '\0' &&
		text[strlen(text) - 1] != ':') {
		return true;
	}
	fprintf(stderr, "oncectl: %s is no CONSUMER[:TOPIC[:PARTITION]]\n", text);
	return false;
}

bool scope_parse_position(const char *text, struct scope *scope, int64_t *ret_offset)
{
	const char *at = text;

	if (take_word(&at, scope->topic, sizeof(scope->topic)) &&
		take_number(&at, &scope->partition) &&
		(!ret_offset || take_number(&at, ret_offset)) && *at == '\0') {
		return true;
	}
	fprintf(stderr, "oncectl: %s is no TOPIC:PARTITION%s\n", text, ret_offset ? ":OFFSET" : "");
	return false;
}

static const char *own_name(void)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *entry = sudo ? NULL : getpwuid(getuid());

	return sudo ? sudo : entry ? entry->pw_name : NULL;
}

static void set(json_t *object, const char *key, json_t *take_value)
{
	(void)json_object_set_new(object, key, take_value);
}

json_t *operate_body(const struct ctl *ctl, const struct scope *scope)
{
	json_t *body = json_object();
	const char *owner = ctl_option(ctl, "--owner");

	owner = owner ? owner : own_name();
	if (owner) {
		set(body, "owner", json_string(owner));
	}
	if (scope->topic[0]) {
		set(body, "topic", json_string(scope->topic));
	}
	if (scope->partition >= 0) {
		set(body, "partition", json_integer(scope->partition));
	}
	return body;
}

/* ---- asking ---- */

static int complain(int r, const struct err *err)
{
	fprintf(stderr, "oncectl: %s\n", err->text);
	return r > 0 ? CTL_NOT_REACHABLE : CTL_FAILED;
}

/* Numbers of operations begin anew with the daemon: what the first answer says of it must stay. */
static bool is_same(const json_t *first, const json_t *now)
{
	static const char *const keys[] = { "operation", "verb", "target", "started_ms" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *was = json_object_get(first, keys[i]), *is = json_object_get(now, keys[i]);

		if (was && is && !json_equal(was, is)) {
			return false;
		}
	}
	return true;
}

static int read_operation(const char *socket_path, const struct buffer *body, json_t **operation)
{
	json_t *root = json_loadb(buffer_str(body), body->len, 0, NULL);

	if (!json_is_integer(json_object_get(root, "operation")) ||
		!json_is_string(json_object_get(root, "state"))) {
		fprintf(stderr, "oncectl: %s: the answer is no operation of onced\n", socket_path);
		json_decref(root);
		return CTL_FAILED;
	}
	if (!is_same(*operation, root)) {
		fputs("oncectl: onced was started anew meanwhile, and does not know what became of "
		      "this; see `oncectl status`\n",
			stderr);
		json_decref(root);
		return CTL_FAILED;
	}
	json_object_update_missing(root, *operation); /* what only the first answer tells */
	json_decref(*operation);
	*operation = root;
	return CTL_OK;
}

static int start(const struct ctl *ctl, const struct scope *scope, const char *verb,
	json_t *take_body, json_t **operation)
{
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT, answer = BUFFER_INIT;
	_cleanup_free_ char *body = json_dumps(take_body, JSON_COMPACT);
	struct err err = ERR_INIT;
	int r;

	json_decref(take_body);
	if (!body) {
		fputs("oncectl: not all of that is UTF-8\n", stderr);
		return CTL_USAGE;
	}
	buffer_append_str(&target, "/v1/consumers/");
	client_append_name(&target, scope->consumer);
	buffer_printf(&target, "/%s", verb);
	r = client_post(ctl->socket_path, buffer_str(&target), body, &answer, &err);
	return r ? complain(r, &err) : read_operation(ctl->socket_path, &answer, operation);
}

static bool is_state(const json_t *operation, const char *state)
{
	return strcmp(json_string_value(json_object_get(operation, "state")), state) == 0;
}

/* The end of what was waited for. Only a state that this program knows is a success. */
static int judge(const json_t *operation)
{
	if (is_state(operation, "done") || is_state(operation, "running")) {
		return CTL_OK;
	}
	print_foreign(stderr, "oncectl: ",
		json_object_get(operation, is_state(operation, "failed") ? "error" : "state"));
	return CTL_FAILED;
}

static int look(const struct ctl *ctl, json_t **operation)
{
	_cleanup_(buffer_fini) struct buffer target = BUFFER_INIT, answer = BUFFER_INIT;
	struct err err = ERR_INIT;
	int r;

	buffer_printf(&target, "/v1/operations/%" JSON_INTEGER_FORMAT,
		json_integer_value(json_object_get(*operation, "operation")));
	r = client_get(ctl->socket_path, buffer_str(&target), &answer, &err);
	return r ? complain(r, &err) : read_operation(ctl->socket_path, &answer, operation);
}

static int follow(const struct ctl *ctl, int64_t limit_us, json_t **operation)
{
	int64_t until_us = clock_mono_us() + limit_us;
	struct timespec nap = { 0, LOOK_MS * 1000000 };

	while (is_state(*operation, "running")) {
		int status;

		if (clock_mono_us() >= until_us) {
			return CTL_TIMED_OUT;
		}
		nanosleep(&nap, NULL);
		status = look(ctl, operation);
		if (status != CTL_OK) {
			return status;
		}
	}
	return CTL_OK;
}

static bool read_limit(enum operate_wait wait, const char *timeout, int64_t *ret_us)
{
	*ret_us = wait == OPERATE_START ? 0 : wait == OPERATE_ANSWER ? ANSWER_US : INT64_MAX / 2;
	if (!timeout || wait == OPERATE_START) {
		return true;
	}
	if (value_parse_duration(timeout, ret_us) < 0) {
		fprintf(stderr, "oncectl: %s is no time span (like 30s or 5m)\n", timeout);
		return false;
	}
	return true;
}

int operate_follow(const struct ctl *ctl, int64_t limit_us, json_t **operation)
{
	int status = follow(ctl, limit_us, operation);

	return status == CTL_OK ? judge(*operation) : status;
}

int operate(const struct ctl *ctl, const struct scope *scope, const char *verb, json_t *take_body,
	enum operate_wait wait, const char *timeout, json_t **ret)
{
	int64_t limit_us;
	int status;

	*ret = NULL;
	if (!read_limit(wait, timeout, &limit_us)) {
		json_decref(take_body);
		return CTL_USAGE;
	}
	status = start(ctl, scope, verb, take_body, ret);
	if (status == CTL_OK && wait != OPERATE_START) {
		status = follow(ctl, limit_us, ret);
	}
	if (ctl->is_json && *ret) {
		json_dumpf(*ret, stdout, JSON_COMPACT);
		putchar('\n');
	}
	return status == CTL_OK ? judge(*ret) : status;
}

/* ---- what holds it up ---- */

static void show_record(int64_t worker, const json_t *lane)
{
	const char *topic = json_string_value(json_object_get(lane, "topic"));

	printf("  worker %" PRId64 ": %s[%" JSON_INTEGER_FORMAT "] at offset %" JSON_INTEGER_FORMAT
	       " since %.1f s (%s)\n",
		worker, topic ? topic : "?", json_integer_value(json_object_get(lane, "partition")),
		json_integer_value(json_object_get(lane, "offset")),
		json_number_value(json_object_get(lane, "seconds")),
		json_string_value(json_object_get(lane, "stage")));
}

void operate_show_waiting(const json_t *operation)
{
	const json_t *workers = json_object_get(operation, "workers");

	for (size_t i = 0; i < json_array_size(workers); i++) {
		const json_t *part = json_array_get(workers, i);
		const char *state = json_string_value(json_object_get(part, "state"));
		const json_t *lanes = json_object_get(part, "in_hand");
		const char *obstacle = json_string_value(json_object_get(part, "obstacle"));
		int64_t worker = json_integer_value(json_object_get(part, "worker"));

		if (!state || strcmp(state, "waiting") != 0) {
			continue;
		}
		for (size_t j = 0; j < json_array_size(lanes); j++) {
			show_record(worker, json_array_get(lanes, j));
		}
		if (obstacle && obstacle[0]) {
			printf("  worker %" PRId64 ": ", worker);
			print_foreign(stdout, "", json_object_get(part, "obstacle"));
		} else if (json_array_size(lanes) == 0) {
			const char *is = json_string_value(json_object_get(part, "worker_state"));

			printf("  worker %" PRId64 " (%s) has not answered\n", worker,
				is ? is : "?");
		}
	}
}
