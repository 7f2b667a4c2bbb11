/*
 * log - a handler that writes a line for each event and does nothing else
 *
 * Runs in: worker, lane threads. For a first look at a topic, and for trying out routes.
 */
#include "builtins.h"

static const struct onced_param_spec params[] = { { .name = NULL } };

static void log_handle(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
	struct onced_bytes key = onced_event_key(event), value = onced_event_value(event);

	onced_log(event, "event with %zu bytes of key and %zu bytes of value", key.len, value.len);
}

const struct onced_handler log_handler = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "log",
	.help = "Write a line to the log for each event: where it stood, its id and its size.",
	.params = params,
	.handle = log_handle,
};
