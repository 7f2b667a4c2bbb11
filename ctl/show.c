/*
 * show - tables of one kind: consumers, workers, partitions, offsets, the configuration
 *
 * Runs in: oncectl. Out of GET /v1/status, like status.c, but all of it.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "look.h"
#include "operate.h"
#include "status.h"
#include "verbs.h"

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

static int print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
	putchar('\n');
	return CTL_OK;
}

/* Each consumer's array `key`, in one, with the consumer's name in each entry. */
static json_t *collect(const json_t *consumers, const char *key)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *consumer = json_array_get(consumers, i);
		const json_t *entries = json_object_get(consumer, key);

		for (size_t j = 0; j < json_array_size(entries); j++) {
			json_t *entry = json_array_get(entries, j);

			(void)json_object_set(entry, "consumer", json_object_get(consumer, "name"));
			(void)json_array_append(rows, entry);
		}
	}
	return rows;
}

static int show(const struct ctl *ctl, const char *key,
	void (*write)(const json_t *consumers, struct buffer *out))
{
	_cleanup_(json_cleanup) json_t *consumers = NULL;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	const char *name = ctl->argument_count > 0 ? ctl->arguments[0] : NULL;
	int status = look_at_consumers(ctl, name, &consumers);

	if (status != CTL_OK) {
		return status;
	}
	if (ctl->is_json) {
		_cleanup_(json_cleanup) json_t *rows =
			key ? collect(consumers, key) : json_incref(consumers);

		return print_json(rows);
	}
	write(consumers, &out);
	fputs(buffer_str(&out), stdout);
	return CTL_OK;
}

int verb_show_consumers(const struct ctl *ctl)
{
	return show(ctl, NULL, status_write_consumers);
}

int verb_show_workers(const struct ctl *ctl)
{
	return show(ctl, "workers", status_write_workers);
}

int verb_show_partitions(const struct ctl *ctl)
{
	return show(ctl, "partitions", status_write_all_partitions);
}

int verb_offsets_show(const struct ctl *ctl)
{
	return show(ctl, "partitions", status_write_offsets);
}

int verb_show_config(const struct ctl *ctl)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	int status;

	if (ctl_option(ctl, "--diff")) {
		return show_config_changes(ctl);
	}
	status = look_get(ctl,
		ctl_option(ctl, "--non-default") ? "/v1/config?non_default=true" : "/v1/config",
		&body);
	if (status != CTL_OK) {
		return status;
	}
	if (ctl->is_json) {
		json_t *object = json_object();

		(void)json_object_set_new(
			object, "config", json_stringn(buffer_str(&body), body.len));
		print_json(object);
		json_decref(object);
		return CTL_OK;
	}
	fputs(buffer_str(&body), stdout);
	return CTL_OK;
}
