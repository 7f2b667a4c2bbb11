/*
 * dlq_letter - what a dead letter tells, whoever wrote it
 *
 * Pure. onced's headers are text; Spring's positions are big-endian integers, Kafka Connect's
 * decimal text; hand-written consumers use x-original-… . A header that says nonsense is left out
 * and named in `fault`; a letter without any such header is one of unknown origin.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "kafka/reader.h"

enum dlq_format {
	DLQ_FORMAT_ONCED,
	DLQ_FORMAT_SPRING,
	DLQ_FORMAT_CONNECT,
	DLQ_FORMAT_PLAIN,
	DLQ_FORMAT_UNKNOWN,
};

/* Slices are borrowed from the record, null where it does not say; numbers are -1 then. */
struct dlq_letter {
	const struct kafka_reader_record *record;
	enum dlq_format format;
	struct slice reason, code, error;
	struct slice topic; /* where it came from */
	int64_t partition, offset, timestamp_ms;
	int64_t attempts, first_failure_ms, last_failure_ms;
	struct slice consumer, handler, event_id, host;
	struct slice replay; /* id of the replay that it failed again in */
	int64_t replays; /* how often it was replayed; 0 for never */
	struct slice oversized; /* not null: its value was too large for the topic, and left out */
	const char *fault; /* name of a header that is malformed; NULL */
};

enum { DLQ_EVENT_ID_MAX = 512 };

void dlq_letter_read(const struct kafka_reader_record *record, struct dlq_letter *ret);

/* "onced", "spring", … */
const char *dlq_format_name(enum dlq_format format);

/* When it became a dead letter, as far as it says; else the record's own time. */
int64_t dlq_letter_when(const struct dlq_letter *letter);

/*
 * Its event id: as it says, else by the default rules of event.id; null when there is none.
 * `scratch` may be what the slice points to.
 */
struct slice dlq_letter_event_id(
	const struct dlq_letter *letter, char scratch[static DLQ_EVENT_ID_MAX]);

/*
 * Is header `i` the dead-lettering's addition, not the record's own? What a record of this format
 * had before it became a dead letter.
 */
bool dlq_letter_adds(const struct dlq_letter *letter, size_t i);

/* "<id> n=<count>" of the header onced-replay; the count is 0 where there is none. */
struct slice dlq_replay_read(struct slice value, int64_t *ret_count);
