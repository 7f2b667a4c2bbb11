/*
 * exec_request - an event as the line that a command reads
 *
 * Runs in: worker, lane threads.
 */
#include "exec_request.h"

static void write_name(struct compose *text, const char *name)
{
	compose_literal(text, ",\"");
	compose_literal(text, name);
	compose_literal(text, "\":");
}

static void write_number(struct compose *text, const char *name, int64_t number)
{
	write_name(text, name);
	compose_number(text, number);
}

static void write_bytes(struct compose *text, const char *name, struct onced_bytes bytes)
{
	write_name(text, name);
	compose_bytes(text, bytes);
}

static void write_headers(struct compose *text, const struct onced_event *event)
{
	struct onced_bytes name, value;

	write_name(text, "headers");
	compose_literal(text, "[");
	for (size_t i = 0; onced_event_header_at(event, i, &name, &value); i++) {
		compose_literal(text, i ? ",[" : "[");
		compose_bytes(text, name);
		compose_literal(text, ",");
		compose_bytes(text, value);
		compose_literal(text, "]");
	}
	compose_literal(text, "]");
}

/* The last member: exactly one of "value" and "value_base64". */
static void write_value(struct compose *text, const struct onced_event *event)
{
	struct onced_bytes value = onced_event_value(event), json;

	if (!value.data) {
		write_name(text, "value");
		compose_literal(text, "null");
		return;
	}
	json = onced_event_json(event);
	if (json.data) {
		write_name(text, "value");
		compose_json(text, json);
		return;
	}
	write_name(text, "value_base64");
	compose_base64(text, value);
}

void exec_request_write(struct compose *text, uint64_t sequence, const struct onced_event *event)
{
	compose_clear(text);
	compose_literal(text, "{\"seq\":");
	compose_number(text, (int64_t)sequence);
	write_bytes(text, "event_id", onced_event_id(event));
	write_bytes(text, "event_type", onced_event_type(event));
	write_bytes(text, "source", onced_event_source(event));
	write_bytes(text, "topic", onced_event_topic(event));
	write_number(text, "partition", onced_event_partition(event));
	write_number(text, "offset", onced_event_offset(event));
	if (onced_event_timestamp_ms(event) >= 0) {
		write_number(text, "timestamp_ms", onced_event_timestamp_ms(event));
	}
	write_number(text, "attempt", onced_event_attempt(event));
	write_bytes(text, "key", onced_event_key(event));
	write_name(text, "is_tombstone");
	compose_literal(text, onced_event_value(event).data ? "false" : "true");
	write_headers(text, event);
	write_value(text, event);
	compose_literal(text, "}\n");
}
