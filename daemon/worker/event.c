#include "worker/event.h"

static const struct event_header *id_headers(struct onced_event *event, int *ret_count)
{
	const struct source_header *headers;
	struct event_header *copy;
	int count = record_headers(event->record, &headers);

	*ret_count = count;
	if (count <= 0) {
		return NULL;
	}
	copy = arena_alloc(event->arena, (size_t)count * sizeof(*copy));
	for (int i = 0; i < count; i++) {
		copy[i] = (struct event_header){ headers[i].name, headers[i].value };
	}
	return copy;
}

static bool wants_headers(const struct roster *roster)
{
	for (size_t i = 0; i < roster->id_source_count; i++) {
		if (roster->id_sources[i].kind == EVENT_ID_HEADER) {
			return true;
		}
	}
	return false;
}

/* The value's paths. A null value has none; that is no fault of its own. */
static const char *scan(struct onced_event *event, const struct roster *roster)
{
	unsigned count = path_set_count(roster->paths);
	struct json_ref *refs = arena_alloc(event->arena, (count + 1) * sizeof(*refs));
	enum scan_result result;
	size_t offset = 0;

	memset(refs, 0, (count + 1) * sizeof(*refs));
	event->refs = refs;
	if (count == 0 || slice_is_null(event->record->value)) {
		return NULL;
	}
	result = scan_json(roster->paths, event->record->value, refs, &offset);
	if (result == SCAN_OK) {
		return NULL;
	}
	memset(refs, 0, (count + 1) * sizeof(*refs));
	return arena_printf(
		event->arena, "the value %s (byte %zu)", scan_result_text(result), offset);
}

static struct slice type_of(struct onced_event *event, const struct roster *roster)
{
	const struct json_ref *ref =
		roster->type_path >= 0 ? &event->refs[roster->type_path] : NULL;
	struct buffer text = BUFFER_INIT;
	struct slice type;

	if (!ref || ref->kind != JSON_KIND_STRING) {
		return SLICE_NULL;
	}
	if (!ref->has_escapes) {
		return ref->text;
	}
	scan_unescape(ref->text, &text);
	type = arena_copy(event->arena, slice_from(text.data, text.len));
	buffer_fini(&text);
	return type;
}

/* What the policy for events without an id is asked about. */
static enum event_problem find_id(struct onced_event *event, const struct roster *roster,
	const char *fault, const char **ret_text)
{
	const struct event_header *headers = NULL;
	enum event_id_result result;
	char scratch[EVENT_ID_MAX];
	int header_count = 0;

	if (wants_headers(roster)) {
		headers = id_headers(event, &header_count);
	}
	if (header_count < 0) {
		*ret_text = "the headers cannot be parsed";
		return EVENT_UNDECODABLE;
	}
	result = event_id_find(roster->id_sources, roster->id_source_count, headers,
		(size_t)header_count, event->refs, scratch, &event->id);
	if (result == EVENT_ID_FOUND) {
		if (event->id.data == scratch) {
			event->id = arena_copy(event->arena, event->id);
		}
		return EVENT_OK;
	}
	event->id = SLICE_NULL;
	if (result == EVENT_ID_MISSING && !fault) {
		return EVENT_NO_ID;
	}
	*ret_text = fault ? fault : event_id_result_text(result);
	return EVENT_UNDECODABLE;
}

enum event_problem event_decode(
	struct onced_event *event, const struct roster *roster, const char **ret_text)
{
	const char *fault = scan(event, roster);
	const struct source_header *headers;
	enum event_problem problem;

	event->type = type_of(event, roster);
	if (!filter_passes(&roster->filter, event, !fault)) {
		return EVENT_FILTERED;
	}
	if (roster->filter.wants_headers && record_headers(event->record, &headers) < 0) {
		*ret_text = "the headers cannot be parsed";
		return EVENT_UNDECODABLE;
	}
	if (roster->publishing.topic_count && record_headers(event->record, &headers) < 0) {
		*ret_text =
			"the headers cannot be parsed, and would be lost where it is written to";
		return EVENT_UNDECODABLE;
	}
	if (fault && roster->needs_json) {
		*ret_text = fault;
		return EVENT_UNDECODABLE;
	}
	if (roster->id_source_count == 0) {
		return EVENT_OK;
	}
	problem = find_id(event, roster, fault, ret_text);
	return roster->are_ids_optional ? EVENT_OK : problem;
}
