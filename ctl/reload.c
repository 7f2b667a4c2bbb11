/*
 * reload - have the daemon read its configuration again, and see how far it gets
 *
 * Runs in: oncectl. The daemon loads, checks and applies; here its answer is shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "client.h"
#include "config/value.h"
#include "operate.h"
#include "table.h"
#include "verbs.h"

enum { LOOK_MS = 100 };

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

static void table_cleanup(struct table *table)
{
	table_fini(table);
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

static bool is_state(const json_t *reload, const char *state)
{
	return strcmp(text_of(reload, "state"), state) == 0;
}

/* ---- asking ---- */

static int complain(int r, const struct err *err)
{
	fprintf(stderr, "oncectl: %s\n", err->text);
	return r > 0 ? CTL_NOT_REACHABLE : CTL_FAILED;
}

static int parse(const struct buffer *body, const char *key, json_t **ret)
{
	json_decref(*ret);
	*ret = json_loadb(buffer_str(body), body->len, 0, NULL);
	if (!json_object_get(*ret, key)) {
		fputs("oncectl: the answer is none of onced's\n", stderr);
		return CTL_FAILED;
	}
	return CTL_OK;
}

static int ask(const struct ctl *ctl, const char *target, const char *key, json_t **ret)
{
	_cleanup_(buffer_fini) struct buffer answer = BUFFER_INIT;
	struct err err = ERR_INIT;
	int r = client_get(ctl->socket_path, target, &answer, &err);

	return r ? complain(r, &err) : parse(&answer, key, ret);
}

/* It says how far it is, in a word that this program knows. */
static bool is_told(const json_t *reload)
{
	static const char *const states[] = { "checking", "applying", "done", "refused" };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (is_state(reload, states[i])) {
			return true;
		}
	}
	return false;
}

static int start(const struct ctl *ctl, json_t **ret)
{
	static const struct scope nothing = { .partition = -1 };
	_cleanup_(json_cleanup) json_t *object = operate_body(ctl, &nothing);
	_cleanup_free_ char *body = json_dumps(object, JSON_COMPACT);
	_cleanup_(buffer_fini) struct buffer answer = BUFFER_INIT;
	struct err err = ERR_INIT;
	int r;

	if (!body) {
		fputs("oncectl: not all of that is UTF-8\n", stderr);
		return CTL_USAGE;
	}
	r = client_post(ctl->socket_path, "/v1/reload", body, &answer, &err);
	return r ? complain(r, &err) : parse(&answer, "reload", ret);
}

/* A check ends by itself, within seconds; workers take as long as what they have in hand. */
static bool is_to_follow(const json_t *reload, bool is_waiting, int64_t until_us)
{
	return is_state(reload, "checking") ||
		(is_state(reload, "applying") && is_waiting && clock_mono_us() < until_us);
}

static int follow(const struct ctl *ctl, int64_t limit_us, json_t **reload)
{
	int64_t number = integer_of(*reload, "reload");
	int64_t started_ms = integer_of(*reload, "started_ms");
	int64_t until_us = clock_mono_us() + limit_us;
	bool is_waiting = ctl_option(ctl, "--wait") != NULL;
	struct timespec nap = { 0, LOOK_MS * 1000000 };

	while (is_to_follow(*reload, is_waiting, until_us)) {
		int status;

		nanosleep(&nap, NULL);
		status = ask(ctl, "/v1/reload", "reload", reload);
		if (status != CTL_OK) {
			return status;
		}
		if (integer_of(*reload, "reload") != number ||
			integer_of(*reload, "started_ms") != started_ms) {
			fputs(integer_of(*reload, "reload") > number
					? "oncectl: another reload came after this one and took "
					  "over\n"
					: "oncectl: onced was started anew meanwhile; it read the "
					  "file then, see `oncectl show config --diff`\n",
				stderr);
			return CTL_FAILED;
		}
	}
	if (!is_told(*reload)) {
		fputs("oncectl: the answer is none of onced's\n", stderr);
		return CTL_FAILED;
	}
	return is_state(*reload, "applying") && is_waiting ? CTL_TIMED_OUT : CTL_OK;
}

/* ---- showing ---- */

static void show_errors(const json_t *errors)
{
	for (size_t i = 0; i < json_array_size(errors); i++) {
		fprintf(stderr, "%s\n", json_string_value(json_array_get(errors, i)));
	}
}

static void show_consumers(const json_t *reload)
{
	static const char *const heads[] = { "CONSUMER", "WAS", ">WORKERS", "REMARK" };
	_cleanup_(table_cleanup) struct table table;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	const json_t *consumers = json_object_get(reload, "consumers");

	table_init(&table, heads, 4);
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *consumer = json_array_get(consumers, i);
		int64_t workers = integer_of(consumer, "workers");

		table_add(&table, "%s", text_of(consumer, "name"));
		table_add(&table, "%s", text_of(consumer, "action"));
		if (workers > 0) {
			table_add(&table, "%" PRId64 "/%" PRId64, integer_of(consumer, "done"),
				workers);
		} else {
			table_add(&table, "-");
		}
		table_add(&table, "%s", text_of(consumer, "warning"));
	}
	table_write(&table, &out);
	fputs(buffer_str(&out), stdout);
}

static void show_stuck_keys(const json_t *reload)
{
	const json_t *keys = json_object_get(reload, "needs_restart");

	for (size_t i = 0; i < json_array_size(keys); i++) {
		printf("%s needs a restart of the service; it stays as it was.\n",
			json_string_value(json_array_get(keys, i)));
	}
}

static int show(const struct ctl *ctl, int status, const json_t *reload)
{
	if (!reload || status == CTL_FAILED || status == CTL_NOT_REACHABLE) {
		return status;
	}
	if (ctl->is_json) {
		json_dumpf(reload, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		putchar('\n');
		return is_state(reload, "refused") ? CTL_FAILED : status;
	}
	if (is_state(reload, "refused")) {
		show_errors(json_object_get(reload, "errors"));
		fputs("oncectl: nothing was changed\n", stderr);
		return CTL_FAILED;
	}
	show_consumers(reload);
	show_stuck_keys(reload);
	if (is_state(reload, "applying")) {
		printf("It holds; workers are still on their way. See `oncectl show workers`.\n");
	}
	return status;
}

int verb_reload(const struct ctl *ctl)
{
	_cleanup_(json_cleanup) json_t *reload = NULL;
	const char *timeout = ctl_option(ctl, "--timeout");
	int64_t limit_us = INT64_MAX / 2;
	int status;

	if (timeout && value_parse_duration(timeout, &limit_us) < 0) {
		fprintf(stderr, "oncectl: %s is no time span (like 30s or 5m)\n", timeout);
		return CTL_USAGE;
	}
	status = start(ctl, &reload);
	if (status == CTL_OK) {
		status = follow(ctl, limit_us, &reload);
	}
	return show(ctl, status, reload);
}

static void add_change(struct table *table, const json_t *change)
{
	const json_t *running = json_object_get(change, "running");
	const json_t *file = json_object_get(change, "file");

	table_add(table, "[%s] %s", text_of(change, "section"), text_of(change, "key"));
	table_add(table, "%s", json_is_null(running) ? "-" : json_string_value(running));
	table_add(table, "%s", json_is_null(file) ? "-" : json_string_value(file));
	table_add(table, "%s", text_of(change, "rule"));
	table_add(table, "%s", text_of(change, "origin"));
}

int show_config_changes(const struct ctl *ctl)
{
	static const char *const heads[] = { "KEY", "IN USE", "FILE", "A RELOAD", "WRITTEN AT" };
	_cleanup_(json_cleanup) json_t *preview = NULL;
	_cleanup_(table_cleanup) struct table table;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	int status = ask(ctl, "/v1/config/changes", "changes", &preview);
	const json_t *changes = json_object_get(preview, "changes");
	bool is_wrong = json_array_size(json_object_get(preview, "errors")) > 0;

	table_init(&table, heads, 5);
	if (status != CTL_OK) {
		return status;
	}
	if (ctl->is_json) {
		json_dumpf(preview, stdout, JSON_COMPACT);
		putchar('\n');
		return is_wrong ? CTL_FAILED : CTL_OK;
	}
	if (is_wrong) {
		show_errors(json_object_get(preview, "errors"));
		fputs("oncectl: a reload would be refused\n", stderr);
		return CTL_FAILED;
	}
	for (size_t i = 0; i < json_array_size(changes); i++) {
		add_change(&table, json_array_get(changes, i));
	}
	table_write(&table, &out);
	fputs(json_array_size(changes) > 0 ? buffer_str(&out)
					   : "The configuration in use is that of the file.\n",
		stdout);
	return CTL_OK;
}
