/*
 * http_message - headers and body of the request for one event
 *
 * Runs in: worker, lane threads.
 */
#include "http_message.h"

#include <string.h>

#include "field_bind.h"
#include "http_render.h"
#include "http_text.h"
#include "http_trace.h"
#include "text.h"

/* A message in the making. */
struct making {
	struct http_message *message;
	const struct http_settings *settings;
	const struct onced_event *event;
	http_line_function *on_line;
	void *context;
	struct onced_outcome *outcome;
	bool is_structured; /* attributes are members of the body, not headers */
};

void http_message_fini(struct http_message *message)
{
	compose_fini(&message->path);
	compose_fini(&message->body);
	compose_fini(&message->line);
	compose_fini(&message->value);
}

static struct onced_bytes bytes_of(const struct compose *text)
{
	return (struct onced_bytes){ compose_str(text), text->len };
}

/* ---- headers ---- */

/* message->line is begun with the name and a colon. */
static void end_line(const struct making *making, const char *name)
{
	struct compose *line = &making->message->line;

	if (line->len == strlen(name) + 2) {
		/* libcurl's way to write a header without a value */
		compose_clear(line);
		compose_literal(line, name);
		compose_literal(line, ";");
	}
	making->on_line(making->context, compose_str(line));
}

static struct compose *begin_line(const struct making *making, const char *name)
{
	struct compose *line = &making->message->line;

	compose_clear(line);
	compose_literal(line, name);
	compose_literal(line, ": ");
	return line;
}

static void put_header(const struct making *making, const char *name, const char *value)
{
	compose_literal(begin_line(making, name), value);
	end_line(making, name);
}

static int put_configured_headers(const struct making *making)
{
	const struct http_settings *settings = making->settings;

	for (size_t i = 0; i < settings->header_count; i++) {
		const struct http_header *header = &settings->headers[i];

		if (http_render_header(header->name, &header->value, making->event,
			    begin_line(making, header->name), making->outcome) < 0) {
			return -1;
		}
		end_line(making, header->name);
	}
	return 0;
}

/* The event's id; its position where it has none. Into message->value. */
static struct onced_bytes put_id(const struct making *making)
{
	struct compose *value = &making->message->value;
	struct onced_bytes id = onced_event_id(making->event),
			   topic = onced_event_topic(making->event);

	if (id.data) {
		return id;
	}
	compose_clear(value);
	compose_append(value, topic.data, topic.len);
	compose_literal(value, "/");
	compose_number(value, onced_event_partition(making->event));
	compose_literal(value, "/");
	compose_number(value, onced_event_offset(making->event));
	return bytes_of(value);
}

static void put_idempotency_key(const struct making *making)
{
	struct onced_bytes id = put_id(making);

	http_text_put_for_header(begin_line(making, "Idempotency-Key"), id);
	end_line(making, "Idempotency-Key");
}

/* The service's work is a part of the event's trace, unless the configuration says another. */
static void put_trace(const struct making *making)
{
	struct onced_bytes parent, state;

	if (http_settings_has_header(making->settings, "traceparent") ||
		!http_trace_parent(making->event, &parent)) {
		return;
	}
	compose_append(begin_line(making, "traceparent"), parent.data, parent.len);
	end_line(making, "traceparent");
	if (!http_settings_has_header(making->settings, "tracestate") &&
		http_trace_state(making->event, &state)) {
		compose_append(begin_line(making, "tracestate"), state.data, state.len);
		end_line(making, "tracestate");
	}
}

static void put_content_type(const struct making *making)
{
	if (making->is_structured) {
		put_header(making, "Content-Type", "application/cloudevents+json; charset=utf-8");
	} else if (!http_settings_has_header(making->settings, "content-type")) {
		put_header(making, "Content-Type", "application/json");
	}
}

/* ---- CloudEvents ---- */

static void put_attribute(const struct making *making, const char *name, struct onced_bytes value)
{
	struct compose *body = &making->message->body, *line = &making->message->line;

	if (making->is_structured) {
		compose_literal(body, body->len > 1 ? ",\"" : "\"");
		compose_literal(body, name);
		compose_literal(body, "\":");
		compose_string(body, value);
		return;
	}
	compose_clear(line);
	compose_literal(line, "ce-");
	compose_literal(line, name);
	compose_literal(line, ": ");
	http_text_put_for_header(line, value);
	making->on_line(making->context, compose_str(line));
}

/* A required attribute: it must not be empty. */
static int put_templated(
	const struct making *making, const char *name, const struct template *template)
{
	struct compose *value = &making->message->value;

	compose_clear(value);
	if (http_render_header(name, template, making->event, value, making->outcome) < 0) {
		return -1;
	}
	if (value->len == 0) {
		onced_outcome_set(making->outcome, ONCED_REJECT, "missing",
			"cloudevents.%s is empty for this event; a CloudEvent needs it", name);
		return -1;
	}
	put_attribute(making, name, bytes_of(value));
	return 0;
}

static int put_time(const struct making *making)
{
	static const struct field time = {
		.root = FIELD_TIMESTAMP, .is_optional = true, .written = (char *)"{timestamp}"
	};
	struct field_binding binding;

	if (field_bind(making->event, &time, -1, false, &binding, making->outcome) < 0) {
		return -1;
	}
	if (binding.value.kind != ONCED_VALUE_NULL) {
		put_attribute(making, "time", binding.value.text);
	}
	return 0;
}

static int put_attributes(const struct making *making)
{
	struct onced_bytes key = onced_event_key(making->event);

	put_attribute(making, "specversion", (struct onced_bytes){ "1.0", 3 });
	put_attribute(making, "id", put_id(making));
	if (put_templated(making, "source", &making->settings->ce_source) < 0 ||
		put_templated(making, "type", &making->settings->ce_type) < 0 ||
		put_time(making) < 0) {
		return -1;
	}
	if (key.data && key.len > 0 && text_is_storable(key)) {
		put_attribute(making, "partitionkey", key);
	}
	return 0;
}

static void put_data(const struct making *making)
{
	struct compose *body = &making->message->body;
	struct onced_bytes value = onced_event_value(making->event),
			   json = onced_event_json(making->event);

	if (json.data) {
		compose_literal(body, ",\"datacontenttype\":\"application/json\",\"data\":");
		compose_append(body, json.data, json.len);
	} else if (value.data) {
		compose_literal(
			body, ",\"datacontenttype\":\"application/octet-stream\",\"data_base64\":");
		compose_base64(body, value);
	}
}

static int make_structured_body(const struct making *making)
{
	struct compose *body = &making->message->body;

	compose_clear(body);
	compose_literal(body, "{");
	if (put_attributes(making) < 0) {
		return -1;
	}
	put_data(making);
	compose_literal(body, "}");
	return 0;
}

static int put_format(const struct making *making, struct onced_bytes *ret_body)
{
	*ret_body = onced_event_value(making->event);
	if (making->settings->format == HTTP_FORMAT_RAW) {
		return 0;
	}
	if (!making->is_structured) {
		return put_attributes(making);
	}
	if (make_structured_body(making) < 0) {
		return -1;
	}
	*ret_body = bytes_of(&making->message->body);
	return 0;
}

/* ---- all of it ---- */

int http_message_make(struct http_message *message, const struct http_settings *settings,
	const struct onced_event *event, http_line_function *on_line, void *context,
	struct onced_bytes *ret_body, struct onced_outcome *outcome)
{
	const struct making making = {
		.message = message,
		.settings = settings,
		.event = event,
		.on_line = on_line,
		.context = context,
		.outcome = outcome,
		.is_structured = settings->format == HTTP_FORMAT_CLOUDEVENTS_STRUCTURED,
	};

	compose_clear(&message->path);
	if (http_render_path(&settings->url.path, event, &message->path, outcome) < 0 ||
		put_configured_headers(&making) < 0) {
		return -1;
	}
	put_idempotency_key(&making);
	put_trace(&making);
	put_content_type(&making);
	return put_format(&making, ret_body);
}
