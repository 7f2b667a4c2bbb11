/*
 * host - the event as handlers see it
 *
 * Runs in: worker, lanes. The accessors of onced/handler.h over struct onced_event.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "worker/event.h"
#include "worker/trace.h"

/* What a handler relays, a line of a child's perhaps; the log cuts at 4,096. */
enum { LOG_LINE_TEXT_MAX = 2048 };

static struct onced_bytes bytes(struct slice s)
{
	return (struct onced_bytes){ s.data, s.len };
}

void onced_outcome_set(struct onced_outcome *outcome, enum onced_result result, const char *code,
	const char *reason_format, ...)
{
	va_list args;

	outcome->result = result;
	snprintf(outcome->code, sizeof(outcome->code), "%s", code ? code : "");
	va_start(args, reason_format);
	vsnprintf(outcome->reason, sizeof(outcome->reason), reason_format, args);
	va_end(args);
}

struct onced_bytes onced_event_topic(const struct onced_event *event)
{
	return bytes(event->topic);
}

int32_t onced_event_partition(const struct onced_event *event)
{
	return event->partition;
}

int64_t onced_event_offset(const struct onced_event *event)
{
	return record_offset(event->record);
}

int64_t onced_event_timestamp_ms(const struct onced_event *event)
{
	return event->record->timestamp_ms;
}

struct onced_bytes onced_event_key(const struct onced_event *event)
{
	return bytes(event->record->key);
}

struct onced_bytes onced_event_value(const struct onced_event *event)
{
	return bytes(event->record->value);
}

struct onced_bytes onced_event_json(const struct onced_event *event)
{
	struct path_set *none = path_set_new();
	struct json_ref refs[1];
	enum scan_result result = scan_json(none, event->record->value, refs, NULL);

	path_set_free(none);
	return result == SCAN_OK ? bytes(event->record->value) : (struct onced_bytes){ NULL, 0 };
}

struct onced_bytes onced_event_id(const struct onced_event *event)
{
	return bytes(event->id);
}

struct onced_bytes onced_event_type(const struct onced_event *event)
{
	/* what is found is the host's part of an event that is const for the handler */
	return bytes(event_type((struct onced_event *)event));
}

struct json_t *onced_event_tree(const struct onced_event *event, const char **ret_why)
{
	return event_tree((struct onced_event *)event, ret_why);
}

struct onced_bytes onced_event_source(const struct onced_event *event)
{
	return bytes(slice_is_null(event->source) ? event->topic : event->source);
}

unsigned onced_event_attempt(const struct onced_event *event)
{
	return event->attempt;
}

size_t onced_event_header_count(const struct onced_event *event)
{
	const struct source_header *headers;
	int count = record_headers(event->record, &headers);

	return count < 0 ? 0 : (size_t)count;
}

bool onced_event_header_at(const struct onced_event *event, size_t i, struct onced_bytes *ret_name,
	struct onced_bytes *ret_value)
{
	const struct source_header *headers;
	int count = record_headers(event->record, &headers);

	if (count < 0 || i >= (size_t)count) {
		return false;
	}
	*ret_name = bytes(headers[i].name);
	*ret_value = bytes(headers[i].value);
	return true;
}

bool onced_event_header(
	const struct onced_event *event, const char *name, struct onced_bytes *ret_value)
{
	const struct source_header *headers;

	for (int i = record_headers(event->record, &headers) - 1; i >= 0; i--) {
		if (slice_equal_str(headers[i].name, name)) {
			*ret_value = bytes(headers[i].value);
			return true;
		}
	}
	return false;
}

static struct onced_bytes unescaped(const struct onced_event *event, struct slice text)
{
	struct buffer buffer = BUFFER_INIT;
	struct slice copy;

	buffer_reserve(&buffer, text.len + 1);
	scan_unescape(text, &buffer);
	copy = arena_copy(event->arena, slice_from(buffer.data, buffer.len));
	buffer_fini(&buffer);
	return bytes(copy);
}

enum onced_kind onced_event_path(
	const struct onced_event *event, int path, struct onced_bytes *ret_text)
{
	static const enum onced_kind kinds[] = {
		[JSON_KIND_ABSENT] = ONCED_ABSENT,
		[JSON_KIND_NULL] = ONCED_NULL,
		[JSON_KIND_TRUE] = ONCED_TRUE,
		[JSON_KIND_FALSE] = ONCED_FALSE,
		[JSON_KIND_NUMBER] = ONCED_NUMBER,
		[JSON_KIND_STRING] = ONCED_STRING,
		[JSON_KIND_OBJECT] = ONCED_OBJECT,
		[JSON_KIND_ARRAY] = ONCED_ARRAY,
	};
	const struct json_ref *ref = &event->refs[path];

	*ret_text = ref->kind == JSON_KIND_STRING && ref->has_escapes ? unescaped(event, ref->text)
								      : bytes(ref->text);
	return kinds[ref->kind];
}

void onced_log(const struct onced_event *event, const char *format, ...)
{
	char text[512];
	va_list args;

	if (!log_is_wanted(LOG_MODULE_HANDLER, LOG_LEVEL_INFO)) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_from(LOG_MODULE_HANDLER, LOG_LEVEL_INFO, "handler says", LOG_ID(HANDLER_SAYS),
		LOG_STR("text", text), LOG_SLICE("topic", event->topic),
		LOG_INT("partition", event->partition),
		LOG_INT("offset", record_offset(event->record)), LOG_SLICE("event_id", event->id),
		LOG_INT("attempt", event->attempt),
		LOG_SLICE("traceparent", trace_of(event->record)));
}

void onced_log_line(const char *handler, const char *format, ...)
{
	char text[LOG_LINE_TEXT_MAX];
	va_list args;

	if (!log_is_wanted(LOG_MODULE_HANDLER, LOG_LEVEL_INFO)) {
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_from(LOG_MODULE_HANDLER, LOG_LEVEL_INFO, "handler says", LOG_ID(HANDLER_SAYS),
		LOG_STR("handler", handler), LOG_STR("text", text));
}
