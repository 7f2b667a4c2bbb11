/*
 * dlq_resend - a dead letter as the record that it was, to be sent again
 *
 * Pure. Key, value and own headers byte for byte; without what dead-lettering added, with
 * onced-replay ("<id of the replay> n=<how often>") and the event id under which it was decided.
 * One that was decided without an id is given one by its position, so that all its replays are one
 * event; not one that was undecodable, which may turn out to have an id.
 */
#pragma once

#include "core/sink.h"
#include "dlq_letter.h"

enum { DLQ_REPLAY_VALUE_SIZE = 64, DLQ_POSITION_ID_SIZE = 320 };

/* Slices point into the letter and into `replay`: must not move while it is used. */
struct dlq_resend {
	struct sink_message message;
	struct source_header *headers;
	char replay[DLQ_REPLAY_VALUE_SIZE];
	char position_id[DLQ_POSITION_ID_SIZE]; /* a topic's name has up to 249 bytes */
};

/*
 * To `topic`, which has `partition_count` partitions: to the one it came from where that is one of
 * them, else by key.
 */
void dlq_resend_init(struct dlq_resend *resend, const struct dlq_letter *letter, const char *topic,
	int partition_count, const char *id);
void dlq_resend_fini(struct dlq_resend *resend);
