/*
 * runbook - `oncectl runbook CONSUMER`: print one from what the daemon says and goes by
 *
 * Runs in: oncectl. The configuration is the one in use, asked of the daemon; without one that
 * answers, or that knows the consumer, it is the file's, and the runbook says why it has no
 * figures.
 */
#include "runbook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client.h"
#include "config_file.h"

enum { SAMPLE_S = 2 };

const struct verb_option runbook_options[] = {
	{ "--owner", "NAME", "whom to ask about it, instead of the owner that is configured" },
	{ 0 },
};

static void json_cleanup(json_t **json)
{
	json_decref(*json);
}

static int ask(const struct ctl *ctl, const char *target, json_t **ret, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	int r = client_get(ctl->socket_path, target, &body, err);

	if (r != 0) {
		return r;
	}
	*ret = json_loadb(buffer_str(&body), body.len, 0, NULL);
	return *ret ? 0 : err_set(err, -EPROTO, "what answers on %s is no onced", ctl->socket_path);
}

/* Borrowed of a status; NULL when it has none of that name. */
static const json_t *find_consumer(const json_t *status, const char *name)
{
	const json_t *consumers = json_object_get(status, "consumers");

	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *consumer = json_array_get(consumers, i);
		const char *found = json_string_value(json_object_get(consumer, "name"));

		if (found && strcmp(found, name) == 0) {
			return consumer;
		}
	}
	return NULL;
}

/* What the daemon goes by; NULL when it does not say, and then the file has to do. */
static struct config *config_in_use(const struct ctl *ctl)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	struct config *config = NULL;
	struct err err = ERR_INIT;

	if (client_get(ctl->socket_path, "/v1/config", &body, &err) != 0 ||
		config_load_dump(&body, &config, &errors) < 0) {
		return NULL;
	}
	return config;
}

/* Where the daemon's file is, and how many of its keys are not in use yet. */
static void look_at_file(const struct ctl *ctl, struct runbook *runbook, json_t **ret_changes)
{
	struct err err = ERR_INIT;

	if (ask(ctl, "/v1/config/changes", ret_changes, &err) == 0) {
		const char *path = json_string_value(json_object_get(*ret_changes, "path"));

		runbook->config_path = path ? path : runbook->config_path;
		runbook->change_count =
			(unsigned)json_array_size(json_object_get(*ret_changes, "changes"));
	}
}

int verb_runbook(const struct ctl *ctl)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(json_cleanup) json_t *before = NULL, *now = NULL, *changes = NULL;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	const char *name = ctl->arguments[0];
	struct err err = ERR_INIT;
	struct runbook runbook = { .config_path = ctl->config_path,
		.socket_path = ctl->socket_path,
		.owner = ctl_option(ctl, "--owner") };
	int64_t began_us = clock_mono_us();

	if (ask(ctl, "/v1/status", &before, &err) == 0 && find_consumer(before, name)) {
		sleep(SAMPLE_S);
		(void)ask(ctl, "/v1/status", &now, &err);
		runbook.seconds = (double)(clock_mono_us() - began_us) / 1e6;
	}
	runbook.before = find_consumer(before, name);
	runbook.now = find_consumer(now, name);
	runbook.daemon = now;
	runbook.wall_ms = clock_wall_ms();
	if (runbook.now) {
		config = config_in_use(ctl);
		runbook.is_in_use = config != NULL;
		look_at_file(ctl, &runbook, &changes);
	} else {
		runbook.silence = err.text[0] ? err.text : "it has no consumer of this name";
	}
	if (!config && config_file_load(ctl, &config) < 0) {
		return CTL_FAILED;
	}
	runbook.config = config;
	runbook.consumer = config_file_consumer(config, name);
	if (!runbook.consumer) {
		return CTL_USAGE;
	}
	runbook_write(&runbook, &out);
	fputs(buffer_str(&out), stdout);
	return CTL_OK;
}
