#include "worker/event.h"

#include "base/siphash.h"
#include "event/tree.h"

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

static struct slice type_of(struct onced_event *event, const struct json_ref *ref)
{
	struct buffer text = BUFFER_INIT;
	struct slice type;

	if (ref->kind != JSON_KIND_STRING) {
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

/* Id and source; what `scratch` holds of them moves to the arena. */
static enum event_id_result identify(struct onced_event *event, const struct roster *roster,
	const struct event_header *headers, int header_count, const char **ret_fault)
{
	const struct event_view view = { headers, (size_t)header_count, event->refs, event->topic };
	struct event_scratch scratch;
	struct event_identity found;
	enum event_id_result result =
		event_identify(&roster->ids, &roster->sources, &view, &scratch, &found);

	event->id = found.id.data == scratch.id ? arena_copy(event->arena, found.id) : found.id;
	event->source = found.source.data == scratch.source ? arena_copy(event->arena, found.source)
							    : found.source;
	event->is_replay = found.is_replay;
	event->is_structured = found.is_structured;
	*ret_fault = found.fault;
	return result;
}

struct slice event_type(struct onced_event *event)
{
	const struct roster *roster = event->roster;
	struct json_ref *refs;

	if (event->has_type || slice_is_null(event->record->value)) {
		return event->type;
	}
	event->has_type = true;
	refs = arena_alloc(event->arena, sizeof(*refs));
	memset(refs, 0, sizeof(*refs));
	if (scan_json(roster->type_alone, event->record->value, refs, NULL) == SCAN_OK) {
		event->type = type_of(event, &refs[0]);
	}
	return event->type;
}

struct json_t *event_tree(struct onced_event *event, const char **ret_why)
{
	if (!event->tree && !event->no_tree) {
		event->tree = tree_new(event->record->value, &event->no_tree);
	}
	if (!event->tree && ret_why) {
		*ret_why = event->no_tree;
	}
	return event->tree;
}

void event_forget_tree(struct onced_event *event)
{
	tree_free(event->tree);
	event->tree = NULL;
}

/* What the policy for events without an id is asked about. */
static enum event_problem find_id(struct onced_event *event, const struct roster *roster,
	const char *fault, const char **ret_text)
{
	const struct event_header *headers;
	const char *id_fault;
	enum event_id_result result;
	int header_count;

	headers = id_headers(event, &header_count);
	if (header_count < 0) {
		*ret_text = "the headers cannot be parsed";
		return EVENT_UNDECODABLE;
	}
	result = identify(event, roster, headers, header_count, &id_fault);
	if (result == EVENT_ID_FOUND) {
		return EVENT_OK;
	}
	if (result == EVENT_ID_MISSING && !(fault && roster->has_json_ids)) {
		return EVENT_NO_ID;
	}
	*ret_text = id_fault ? id_fault : fault;
	return EVENT_UNDECODABLE;
}

enum event_problem event_decode(
	struct onced_event *event, const struct roster *roster, const char **ret_text)
{
	const char *fault = scan(event, roster);
	const struct source_header *headers;
	enum event_problem problem;

	if (roster->type_path >= 0) {
		event->type = type_of(event, &event->refs[roster->type_path]);
		event->has_type = true;
	}
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
	if (roster->ids.count == 0) {
		return EVENT_OK;
	}
	problem = find_id(event, roster, fault, ret_text);
	return roster->are_ids_optional ? EVENT_OK : problem;
}

static bool is_there(const struct onced_event *event, int path)
{
	return path >= 0 && event->refs[path].kind != JSON_KIND_ABSENT;
}

/* The bytes that count: as they are written, escapes and all. */
static struct slice digested(const struct onced_event *event, const struct roster *roster)
{
	if (event->is_structured && is_there(event, roster->data_path)) {
		return event->refs[roster->data_path].text;
	}
	if (event->is_structured && is_there(event, roster->data_base64_path)) {
		return event->refs[roster->data_base64_path].text;
	}
	if (is_there(event, roster->payload_path)) {
		return event->refs[roster->payload_path].text;
	}
	return event->record->value;
}

bool event_digest(const struct onced_event *event, const struct roster *roster,
	uint8_t digest[STORE_DIGEST_SIZE])
{
	/* kept in stores: it never changes */
	static const uint8_t key[16] = "onced: a payload";
	uint8_t full[SIPHASH_SIZE];

	if (!roster->is_digested) {
		return false;
	}
	siphash(key, digested(event, roster), full);
	digest[0] = roster->payload_path >= 0 ? 'p' : 'v';
	memcpy(digest + 1, full, STORE_DIGEST_SIZE - 1);
	return true;
}
