/*
 * http - a handler that sends each event to an HTTP service
 *
 * Runs in: worker, lane threads. One state a lane, with a connection of its own. The effect is made
 * elsewhere: the service is given the event id as Idempotency-Key, because a lost answer means that
 * the same event comes again.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "builtins.h"
#include "http_client.h"
#include "http_excerpt.h"
#include "http_message.h"
#include "http_settings.h"
#include "http_verdict.h"
#include "template_use.h"

struct http_state {
	struct http_settings settings;
	struct http_secrets secrets;
	struct http_client *client;
	struct http_message message;
	struct http_reply reply;
};

static int http_check(struct onced_setup *setup)
{
	struct http_settings settings;
	int r = http_settings_read(setup, &settings);

	http_settings_fini(&settings);
	return r;
}

static void http_close(void *data)
{
	struct http_state *state = data;

	if (!state) {
		return;
	}
	http_client_free(state->client);
	http_message_fini(&state->message);
	http_secrets_fini(&state->secrets);
	http_settings_fini(&state->settings);
	free(state);
}

static int need_all_paths(struct onced_setup *setup, struct http_settings *settings)
{
	if (template_need_paths(setup, &settings->url.path) < 0) {
		return -1;
	}
	for (size_t i = 0; i < settings->header_count; i++) {
		if (template_need_paths(setup, &settings->headers[i].value) < 0) {
			return -1;
		}
	}
	if (settings->format == HTTP_FORMAT_RAW) {
		return 0;
	}
	return template_need_paths(setup, &settings->ce_source) < 0
		? -1
		: template_need_paths(setup, &settings->ce_type);
}

/* Files that libcurl would only miss at the first event. */
static int check_files(struct onced_setup *setup, const struct http_settings *settings)
{
	const struct {
		const char *name, *path;
	} files[] = {
		{ "tls.ca", settings->tls_ca },
		{ "tls.cert", settings->tls_cert },
		{ "tls.key", settings->tls_key },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i].path && access(files[i].path, R_OK) < 0) {
			return onced_setup_fail(
				setup, "%s: cannot read %s", files[i].name, files[i].path);
		}
	}
	return 0;
}

static int open_client(struct onced_setup *setup, struct http_state *state)
{
	const char *text = "";
	int r = http_client_new(&state->settings, &state->client, &text);

	if (r < 0) {
		(void)onced_setup_fail(setup, "libcurl cannot start: %s", text);
	}
	return r;
}

static int http_open(struct onced_setup *setup, void **ret_state)
{
	struct http_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state) {
		(void)onced_setup_fail(setup, "out of memory");
		return -ENOMEM;
	}
	if (http_settings_read(setup, &state->settings) < 0 ||
		need_all_paths(setup, &state->settings) < 0 ||
		check_files(setup, &state->settings) < 0) {
		http_close(state);
		return -1;
	}
	r = open_client(setup, state);
	if (r < 0) {
		http_close(state);
		return r;
	}
	http_secrets_collect(&state->settings, &state->secrets);
	*ret_state = state;
	return 0;
}

static void on_line(void *context, const char *line)
{
	http_client_add_header(context, line);
}

static void http_handle(void *data, const struct onced_event *event, struct onced_outcome *outcome)
{
	struct http_state *state = data;
	struct onced_bytes body;

	http_client_begin(state->client);
	if (http_message_make(&state->message, &state->settings, event, on_line, state->client,
		    &body, outcome) < 0) {
		return;
	}
	http_client_send(state->client, compose_str(&state->message.path), body, &state->reply);
	http_verdict(&state->settings, &state->secrets, &state->reply, outcome);
}

const struct onced_handler http_handler = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "http",
	.help = "Send each event to an HTTP service; the effect is made there.",
	.params = http_params,
	.effect = ONCED_EFFECT_ELSEWHERE,
	.check = http_check,
	.open = http_open,
	.handle = http_handle,
	.close = http_close,
};
