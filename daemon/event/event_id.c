/*
 * event_id - who an event is: id, source, type, and the key under which it is deduplicated
 *
 * Runs in: worker, any thread (pure).
 */
#include "event/event_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/sha256.h"
#include "event/unescape.h"
#include "event/utf8.h"

/* Is the id found fit to be a key? Emptiness is the caller's question. */
static enum event_id_result check_id(struct slice id)
{
	if (id.len > EVENT_ID_MAX) {
		return EVENT_ID_TOO_LONG;
	}
	if (memchr(id.data, '\0', id.len) || !utf8_is_valid(id)) {
		return EVENT_ID_BAD_BYTES;
	}
	return EVENT_ID_FOUND;
}

/* All headers of that name must say the same: consumers disagree on which of them counts. */
static enum event_id_result find_in_headers(
	struct slice name, const struct event_header *headers, size_t count, struct slice *ret_id)
{
	const struct event_header *found = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!slice_equal(headers[i].name, name)) {
			continue;
		}
		if (found && !slice_equal(found->value, headers[i].value)) {
			return EVENT_ID_AMBIGUOUS;
		}
		found = &headers[i];
	}
	if (!found || slice_is_null(found->value) || found->value.len == 0) {
		return EVENT_ID_MISSING;
	}
	*ret_id = found->value;
	return check_id(*ret_id);
}

static enum event_id_result find_in_string(
	const struct json_ref *ref, char *scratch, struct slice *ret_id)
{
	size_t len;

	if (ref->text.len == 0) {
		return EVENT_ID_MISSING;
	}
	if (!ref->has_escapes) {
		*ret_id = ref->text;
		return check_id(*ret_id);
	}
	len = unescape(ref->text, scratch, EVENT_ID_MAX);
	if (len == UNESCAPE_TOO_LONG) {
		return EVENT_ID_TOO_LONG;
	}
	*ret_id = slice_from(scratch, len);
	return check_id(*ret_id);
}

static enum event_id_result find_in_json(
	const struct json_ref *ref, char *scratch, struct slice *ret_id)
{
	switch (ref->kind) {
	case JSON_KIND_ABSENT:
	case JSON_KIND_NULL:
		return EVENT_ID_MISSING;
	case JSON_KIND_STRING:
		return find_in_string(ref, scratch, ret_id);
	case JSON_KIND_NUMBER:
		*ret_id = ref->text;
		return check_id(*ret_id);
	default:
		return EVENT_ID_NOT_A_SCALAR;
	}
}

/* Does the record say that its value is a CloudEvent? */
static bool is_structured(const struct event_place *place, const struct event_view *view)
{
	static const char media_type[] = "application/cloudevents+json";

	if (view->refs[place->mark_path].kind == JSON_KIND_STRING) {
		return true;
	}
	for (size_t i = 0; i < view->header_count; i++) {
		const struct event_header *header = &view->headers[i];

		if (slice_equal_str(header->name, "content-type") &&
			header->value.len >= strlen(media_type) &&
			strncasecmp(header->value.data, media_type, strlen(media_type)) == 0) {
			return true;
		}
	}
	return false;
}

static enum event_id_result find_at(const struct event_place *place, const struct event_view *view,
	char *scratch, struct slice *ret)
{
	switch (place->kind) {
	case EVENT_AT_HEADER:
		return find_in_headers(place->header, view->headers, view->header_count, ret);
	case EVENT_AT_JSON:
		return find_in_json(&view->refs[place->path], scratch, ret);
	case EVENT_AT_BINARY:
		return find_in_headers(
			SLICE_LITERAL("ce_id"), view->headers, view->header_count, ret);
	case EVENT_AT_STRUCTURED:
		return is_structured(place, view)
			? find_in_json(&view->refs[place->path], scratch, ret)
			: EVENT_ID_MISSING;
	case EVENT_AT_TOPIC:
		*ret = view->topic;
		return EVENT_ID_FOUND;
	case EVENT_AT_CLOUDEVENTS:
		break;
	}
	return EVENT_ID_MISSING;
}

/* The source beside an id that was found at `id`, NULL: at none of the places. */
static enum event_id_result find_beside(const struct event_place *id, const struct event_view *view,
	char *scratch, struct slice *ret)
{
	if (id && id->kind == EVENT_AT_BINARY) {
		return find_in_headers(
			SLICE_LITERAL("ce_source"), view->headers, view->header_count, ret);
	}
	if (id && id->kind == EVENT_AT_STRUCTURED) {
		return find_in_json(&view->refs[id->source_path], scratch, ret);
	}
	return EVENT_ID_MISSING;
}

/* `ret_place`: where it is; NULL when it is nowhere. */
static enum event_id_result find_id(const struct event_places *ids, const struct event_view *view,
	char *scratch, struct slice *ret, const struct event_place **ret_place)
{
	*ret_place = NULL;
	for (size_t i = 0; i < ids->count; i++) {
		enum event_id_result result = find_at(&ids->items[i], view, scratch, ret);

		if (result != EVENT_ID_MISSING) {
			*ret_place = &ids->items[i];
			return result;
		}
	}
	return EVENT_ID_MISSING;
}

static enum event_id_result find_source(const struct event_places *sources,
	const struct event_place *id, const struct event_view *view, char *scratch,
	struct slice *ret)
{
	for (size_t i = 0; i < sources->count; i++) {
		const struct event_place *place = &sources->items[i];
		enum event_id_result result = place->kind == EVENT_AT_CLOUDEVENTS
			? find_beside(id, view, scratch, ret)
			: find_at(place, view, scratch, ret);

		if (result != EVENT_ID_MISSING) {
			return result;
		}
	}
	return EVENT_ID_MISSING;
}

static bool has_header(const struct event_view *view, const char *name)
{
	for (size_t i = 0; i < view->header_count; i++) {
		if (slice_equal_str(view->headers[i].name, name)) {
			return true;
		}
	}
	return false;
}

#define FAULTS(what)                                                                               \
	{                                                                                          \
		[EVENT_ID_MISSING] = what " is missing",                                           \
		[EVENT_ID_TOO_LONG] = what " is longer than 512 bytes",                            \
		[EVENT_ID_NOT_A_SCALAR] = what " is neither a string nor a number",                \
		[EVENT_ID_BAD_BYTES] = what " holds a NUL or invalid UTF-8",                       \
		[EVENT_ID_AMBIGUOUS] = what " header is there twice with different values",        \
	}

static const char *const id_faults[] = FAULTS("event id");
static const char *const source_faults[] = FAULTS("event source");

enum event_id_result event_identify(const struct event_places *ids,
	const struct event_places *sources, const struct event_view *view,
	struct event_scratch *scratch, struct event_identity *ret)
{
	const struct event_place *place;
	struct slice kept = SLICE_NULL;
	enum event_id_result result, kept_result = EVENT_ID_MISSING;

	*ret = (struct event_identity){ .is_replay = has_header(view, "onced-replay") };
	result = find_id(ids, view, scratch->id, &ret->id, &place);
	ret->is_structured = place && place->kind == EVENT_AT_STRUCTURED;
	if (ret->is_replay) {
		kept_result = find_in_headers(
			SLICE_LITERAL("onced-event-id"), view->headers, view->header_count, &kept);
	}
	if (kept_result != EVENT_ID_MISSING) {
		result = kept_result;
		ret->id = kept;
	}
	if (result != EVENT_ID_FOUND) {
		ret->id = SLICE_NULL;
		ret->fault = result == EVENT_ID_MISSING ? NULL : id_faults[result];
		return result;
	}
	result = find_source(sources, place, view, scratch->source, &ret->source);
	if (result != EVENT_ID_FOUND) {
		ret->fault = source_faults[result];
		ret->id = ret->source = SLICE_NULL;
		return result == EVENT_ID_MISSING ? EVENT_ID_NO_SOURCE : result;
	}
	return EVENT_ID_FOUND;
}

static void hash_length(struct sha256 *ctx, size_t len)
{
	const uint8_t bytes[4] = {
		(uint8_t)(len >> 24),
		(uint8_t)(len >> 16),
		(uint8_t)(len >> 8),
		(uint8_t)len,
	};

	sha256_update(ctx, bytes, sizeof(bytes));
}

static void hash_bytes(struct sha256 *ctx, struct slice s)
{
	if (s.len > 0) {
		sha256_update(ctx, s.data, s.len);
	}
}

static void hash_with_length(struct sha256 *ctx, struct slice s)
{
	hash_length(ctx, s.len);
	hash_bytes(ctx, s);
}

static struct dedup_key key_of(struct sha256 *ctx)
{
	struct dedup_key key;
	uint8_t digest[32];

	sha256_final(ctx, digest);
	memcpy(key.bytes, digest, sizeof(key.bytes));
	return key;
}

struct dedup_key event_dedup_key(struct slice scope, struct slice source, struct slice id)
{
	struct sha256 ctx;

	sha256_init(&ctx);
	hash_with_length(&ctx, scope);
	hash_with_length(&ctx, source);
	hash_with_length(&ctx, id);
	return key_of(&ctx);
}

struct dedup_key event_position_key(struct slice scope, struct slice topic, int32_t partition,
	int64_t offset, int64_t timestamp_ms)
{
	static const struct slice marker = { "\0position", 9 };
	struct sha256 ctx;
	char id[80];
	int id_len = snprintf(id, sizeof(id), "%" PRId32 ":%" PRId64 ":%" PRId64, partition, offset,
		timestamp_ms);

	sha256_init(&ctx);
	hash_with_length(&ctx, scope);
	hash_length(&ctx, marker.len + topic.len);
	hash_bytes(&ctx, marker);
	hash_bytes(&ctx, topic);
	hash_with_length(&ctx, slice_from(id, (size_t)id_len));
	return key_of(&ctx);
}
