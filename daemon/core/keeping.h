/*
 * keeping - does the broker keep what is needed, and no longer than we remember it?
 *
 * Runs in: worker, any thread (pure). The broker's word about a topic, or about the offsets of
 * groups, is held against dedup.retention; about dead letters, against the topics that they come
 * from; about a retry topic, against its delay.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/sink.h"

enum keeping_verdict {
	KEEPING_LONG_ENOUGH,
	KEEPING_TOPIC_LONGER, /* records are kept longer than ids */
	KEEPING_TOPIC_FOR_EVER,
	KEEPING_TOPIC_COMPACTED, /* the last record of each key is kept for ever */
	KEEPING_OFFSETS_LONGER, /* a group may come back after its ids were forgotten */
	KEEPING_OFFSETS_FOR_EVER,
	KEEPING_DLQ_SHORTER, /* a letter may be too old the moment it is written */
	KEEPING_DLQ_COMPACTED, /* letters of one key replace each other */
	KEEPING_TIER_SHORTER, /* a record may be gone before it is due */
	KEEPING_TIER_COMPACTED,
	KEEPING_UNKNOWN, /* for good: no right to ask, or the broker cannot tell */
	KEEPING_ASK_AGAIN, /* nobody answered now */
};

/* `retention_us`: dedup.retention; 0 is for ever, as in `keeping`. */
enum keeping_verdict keeping_judge(int64_t retention_us, const struct sink_keeping *keeping);

/* The dead-letter topic. `source_us`: of the topics, the longest; 0: for ever, -1: not known. */
enum keeping_verdict keeping_judge_dlq(int64_t source_us, const struct sink_keeping *keeping);

/* A retry topic whose records wait so long. */
enum keeping_verdict keeping_judge_tier(int64_t delay_us, const struct sink_keeping *keeping);

/* What follows and what to change; NULL where there is nothing to say. */
const char *keeping_sentence(enum keeping_verdict verdict);
