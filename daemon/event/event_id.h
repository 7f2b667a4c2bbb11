/*
 * event_id - who an event is: id, source, type, and the key under which it is deduplicated
 *
 * Runs in: worker, any thread (pure).
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"
#include "event/scan.h"

enum { EVENT_ID_MAX = 512, DEDUP_KEY_SIZE = 16 };

struct dedup_key {
	uint8_t bytes[DEDUP_KEY_SIZE];
};

/* A header of the record, in order. Names are not unique; `value` may be null. */
struct event_header {
	struct slice name, value;
};

/* One place to look for the id; the first that is present decides. */
enum event_id_source_kind { EVENT_ID_HEADER, EVENT_ID_JSON };
struct event_id_source {
	enum event_id_source_kind kind;
	struct slice header; /* EVENT_ID_HEADER */
	int path; /* EVENT_ID_JSON: index into the refs of the record */
};

enum event_id_result {
	EVENT_ID_FOUND = 0,
	EVENT_ID_MISSING,
	EVENT_ID_TOO_LONG, /* over EVENT_ID_MAX bytes */
	EVENT_ID_NOT_A_SCALAR, /* object, array, true, false; numbers are taken as their text */
	EVENT_ID_BAD_BYTES, /* NUL or invalid UTF-8 */
	EVENT_ID_AMBIGUOUS, /* the header is there twice with different values */
};

/*
 * Look through `sources`. An empty string, a null header and JSON null count as missing; anything
 * else decides, be it an id or a fault. The id is a slice of header or value, or, when it had
 * escapes, of `scratch` (at least EVENT_ID_MAX bytes, caller's). `ret_id` is null unless FOUND.
 */
enum event_id_result event_id_find(const struct event_id_source *sources, size_t source_count,
	const struct event_header *headers, size_t header_count, const struct json_ref *refs,
	char *scratch, struct slice *ret_id);

/* "event id is longer than 512 bytes" and the like. */
const char *event_id_result_text(enum event_id_result result);

/*
 * Dedup key: the first 16 bytes of SHA-256 over scope, source and id, each preceded by its length
 * as 4 bytes big-endian. sql/ holds the same function for people.
 */
struct dedup_key event_dedup_key(struct slice scope, struct slice source, struct slice id);

/*
 * The key of a decision about a record without an id of its own: as above with the source
 * "\x00position" + topic and the id "partition:offset:timestamp_ms", which no
 * event can have (ids hold no NUL).
 */
struct dedup_key event_position_key(struct slice scope, struct slice topic, int32_t partition,
	int64_t offset, int64_t timestamp_ms);
