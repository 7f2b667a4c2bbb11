/*
 * log_level - what a running daemon logs, and more or less of it
 *
 * Runs in: oncectl.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "client.h"
#include "config/value.h"
#include "operate.h"
#include "table.h"
#include "verbs.h"

#define TARGET "/v1/log-level"

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

/* ---- asking ---- */

/* NULL after a sentence: nothing was asked yet. */
static json_t *make_body(const struct ctl *ctl)
{
	static const struct scope nothing = { .partition = -1 };
	const char *span = ctl_option(ctl, "--for");
	json_t *body = operate_body(ctl, &nothing);
	int64_t span_us = 0;

	if (span && (value_parse_duration(span, &span_us) < 0 || span_us < 1000000)) {
		fprintf(stderr, "oncectl: %s is no time span of a second or more (like 10m)\n",
			span);
		json_decref(body);
		return NULL;
	}
	(void)json_object_set_new(body, "level", json_string(ctl->arguments[0]));
	if (ctl->argument_count > 1) {
		(void)json_object_set_new(body, "module", json_string(ctl->arguments[1]));
	}
	if (span_us > 0) {
		(void)json_object_set_new(body, "seconds", json_integer(span_us / 1000000));
	}
	return body;
}

static int change(const struct ctl *ctl, struct buffer *answer)
{
	_cleanup_(json_cleanup) json_t *object = make_body(ctl);
	_cleanup_free_ char *body = object ? json_dumps(object, JSON_COMPACT) : NULL;
	struct err err = ERR_INIT;
	int r;

	if (!body) {
		return CTL_USAGE;
	}
	r = client_post(ctl->socket_path, TARGET, body, answer, &err);
	if (r) {
		fprintf(stderr, "oncectl: %s\n", err.text);
	}
	return r > 0 ? CTL_NOT_REACHABLE : r < 0 ? CTL_FAILED : CTL_OK;
}

static int look(const struct ctl *ctl, struct buffer *answer)
{
	struct err err = ERR_INIT;
	int r = client_get(ctl->socket_path, TARGET, answer, &err);

	if (r) {
		fprintf(stderr, "oncectl: %s\n", err.text);
	}
	return r > 0 ? CTL_NOT_REACHABLE : r < 0 ? CTL_FAILED : CTL_OK;
}

/* ---- showing ---- */

static void add_module(struct table *table, const json_t *module)
{
	const json_t *left = json_object_get(module, "seconds_left");

	table_add(table, "%s", text_of(module, "module"));
	table_add(table, "%s", text_of(module, "level"));
	if (left) {
		table_add(table, "for %" PRId64 " s more", (int64_t)json_integer_value(left));
	} else {
		table_add(table, "%s",
			json_is_true(json_object_get(module, "is_asked")) ? "until it is taken back"
									  : "log.level");
	}
}

static void show(const json_t *modules)
{
	static const char *const heads[] = { "MODULE", "LEVEL", "BY" };
	_cleanup_(table_cleanup) struct table table;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	table_init(&table, heads, 3);
	for (size_t i = 0; i < json_array_size(modules); i++) {
		add_module(&table, json_array_get(modules, i));
	}
	table_write(&table, &out);
	fputs(buffer_str(&out), stdout);
}

int verb_log_level(const struct ctl *ctl)
{
	_cleanup_(buffer_fini) struct buffer answer = BUFFER_INIT;
	_cleanup_(json_cleanup) json_t *levels = NULL;
	int status = ctl->argument_count > 0 ? change(ctl, &answer) : look(ctl, &answer);

	if (status != CTL_OK) {
		return status;
	}
	levels = json_loadb(buffer_str(&answer), answer.len, 0, NULL);
	if (!json_object_get(levels, "modules")) {
		fputs("oncectl: the answer is none of onced's\n", stderr);
		return CTL_FAILED;
	}
	if (ctl->is_json) {
		json_dumpf(levels, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		show(json_object_get(levels, "modules"));
	}
	return CTL_OK;
}
