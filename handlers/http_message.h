/*
 * http_message - headers and body of the request for one event
 */
#pragma once

#include "http_settings.h"
#include "compose.h"

/* How the lines are handed on: "Name: value", or "Name;" where the value is empty. */
typedef void http_line_function(void *context, const char *line);

/* Room for one message, used again and again. */
struct http_message {
	struct compose path, body, line, value;
};
void http_message_fini(struct http_message *message);

/*
 * Make path and body, and call `on_line` for each header. `ret_body` lives in the event or in
 * `message`. 0; -1 with the outcome set.
 */
int http_message_make(struct http_message *message, const struct http_settings *settings,
	const struct onced_event *event, http_line_function *on_line, void *context,
	struct onced_bytes *ret_body, struct onced_outcome *outcome);
