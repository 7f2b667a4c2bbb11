/*
 * event_id - who an event is: id, source, type, and the key under which it is deduplicated
 *
 * Runs in: worker, any thread (pure).
 */
#include "event/event_id.h"

#include <inttypes.h>
#include <stdio.h>

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

enum event_id_result event_id_find(const struct event_id_source *sources, size_t source_count,
	const struct event_header *headers, size_t header_count, const struct json_ref *refs,
	char *scratch, struct slice *ret_id)
{
	*ret_id = SLICE_NULL;
	for (size_t i = 0; i < source_count; i++) {
		const struct event_id_source *source = &sources[i];
		struct slice id = SLICE_NULL;
		enum event_id_result result;

		if (source->kind == EVENT_ID_HEADER) {
			result = find_in_headers(source->header, headers, header_count, &id);
		} else {
			result = find_in_json(&refs[source->path], scratch, &id);
		}
		if (result == EVENT_ID_FOUND) {
			*ret_id = id;
		}
		if (result != EVENT_ID_MISSING) {
			return result;
		}
	}
	return EVENT_ID_MISSING;
}

const char *event_id_result_text(enum event_id_result result)
{
	static const char *const texts[] = {
		[EVENT_ID_FOUND] = "event id found",
		[EVENT_ID_MISSING] = "event id is missing",
		[EVENT_ID_TOO_LONG] = "event id is longer than 512 bytes",
		[EVENT_ID_NOT_A_SCALAR] = "event id is neither a string nor a number",
		[EVENT_ID_BAD_BYTES] = "event id holds a NUL or invalid UTF-8",
		[EVENT_ID_AMBIGUOUS] = "event id header is there twice with different values",
	};

	return texts[result];
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
