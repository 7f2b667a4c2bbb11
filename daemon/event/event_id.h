/*
 * event_id - who an event is: id, source, type, and the key under which it is deduplicated
 *
 * Runs in: worker, any thread (pure).
 */
#pragma once

#include <stdbool.h>
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

/* A place where an id, or its source, may be. */
enum event_place_kind {
	EVENT_AT_HEADER,
	EVENT_AT_JSON,
	EVENT_AT_BINARY, /* id: header ce_id; its source: ce_source */
	EVENT_AT_STRUCTURED, /* id: member of a CloudEvent as JSON; its source: another */
	EVENT_AT_CLOUDEVENTS, /* source: that of the place where the id was found */
	EVENT_AT_TOPIC, /* source: every record has it */
};
struct event_place {
	enum event_place_kind kind;
	struct slice header; /* HEADER */
	int path; /* JSON, STRUCTURED: index into the refs of the record */
	int source_path, mark_path; /* STRUCTURED: of `source` and `specversion` */
};

/* The first place that has it decides. */
struct event_places {
	struct event_place *items;
	size_t count;
};

/* What is known of a record. */
struct event_view {
	const struct event_header *headers;
	size_t header_count;
	const struct json_ref *refs;
	struct slice topic;
};

enum event_id_result {
	EVENT_ID_FOUND = 0,
	EVENT_ID_MISSING,
	EVENT_ID_TOO_LONG, /* over EVENT_ID_MAX bytes */
	EVENT_ID_NOT_A_SCALAR, /* object, array, true, false; numbers are taken as their text */
	EVENT_ID_BAD_BYTES, /* NUL or invalid UTF-8 */
	EVENT_ID_AMBIGUOUS, /* the header is there twice with different values */
	EVENT_ID_NO_SOURCE, /* an id, but no source: none of the places has one */
};

struct event_identity {
	struct slice id, source;
	bool is_replay; /* sent again out of the dead letters: header onced-replay */
	bool is_structured; /* the id is a structured CloudEvent's */
	const char *fault; /* a sentence, unless FOUND or MISSING */
};

/* For escapes of id and source. */
struct event_scratch {
	char id[EVENT_ID_MAX], source[EVENT_ID_MAX];
};

/*
 * Look for the id and, where there is one, for its source. An empty string, a null header and JSON
 * null count as missing; anything else decides, be it good or a fault. A replay's id is the header
 * onced-event-id, where it has one. What is found are slices of headers and value, or, where
 * there were escapes, of `scratch`. An id without a source is a fault; a source is asked for only
 * with an id.
 */
enum event_id_result event_identify(const struct event_places *ids,
	const struct event_places *sources, const struct event_view *view,
	struct event_scratch *scratch, struct event_identity *ret);

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
