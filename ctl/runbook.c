/*
 * runbook - `oncectl runbook CONSUMER`: print one from the configuration and what is there now
 *
 * Runs in: oncectl. Without a daemon that answers it has no figures, and says so.
 */
#include "runbook.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client.h"
#include "config_file.h"

enum { SAMPLE_S = 2 };

const struct verb_option runbook_options[] = {
	{ "--owner", "NAME", "whom to ask about it" },
	{ 0 },
};

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

/* A new reference; NULL when nobody answers, or does not know the consumer. */
static json_t *look(const struct ctl *ctl, const char *name)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	_cleanup_(json_cleanup) json_t *root = NULL;
	struct err err = ERR_INIT;
	const json_t *consumers;

	if (client_get(ctl->socket_path, "/v1/status", &body, &err) != 0) {
		return NULL;
	}
	root = json_loadb(buffer_str(&body), body.len, 0, NULL);
	consumers = json_object_get(root, "consumers");
	for (size_t i = 0; i < json_array_size(consumers); i++) {
		json_t *consumer = json_array_get(consumers, i);
		const char *found = json_string_value(json_object_get(consumer, "name"));

		if (found && strcmp(found, name) == 0) {
			return json_incref(consumer);
		}
	}
	return NULL;
}

int verb_runbook(const struct ctl *ctl)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(json_cleanup) json_t *before = NULL, *now = NULL;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	struct runbook runbook = { .config_path = ctl->config_path,
		.socket_path = ctl->socket_path,
		.owner = ctl_option(ctl, "--owner") };
	int64_t began_us;

	if (config_file_load(ctl, &config) < 0) {
		return CTL_FAILED;
	}
	runbook.config = config;
	runbook.consumer = config_file_consumer(config, ctl->arguments[0]);
	if (!runbook.consumer) {
		return CTL_USAGE;
	}
	before = look(ctl, runbook.consumer->name);
	began_us = clock_mono_us();
	if (before) {
		sleep(SAMPLE_S);
		now = look(ctl, runbook.consumer->name);
	}
	runbook.before = before;
	runbook.now = now;
	runbook.seconds = (double)(clock_mono_us() - began_us) / 1e6;
	runbook_write(&runbook, &out);
	fputs(buffer_str(&out), stdout);
	return CTL_OK;
}
