/*
 * keeping - is an id kept as long as its record may come again?
 *
 * Runs in: worker, any thread (pure). The broker's word about a topic, or about the offsets of
 * groups, is held against dedup.retention.
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
	KEEPING_UNKNOWN, /* for good: no right to ask, or the broker cannot tell */
	KEEPING_ASK_AGAIN, /* nobody answered now */
};

/* `retention_us`: dedup.retention; 0 is for ever, as in `keeping`. */
enum keeping_verdict keeping_judge(int64_t retention_us, const struct sink_keeping *keeping);

/* What follows and what to change; NULL where there is nothing to say. */
const char *keeping_sentence(enum keeping_verdict verdict);
