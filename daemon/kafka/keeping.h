/*
 * keeping - ask the broker how long it keeps a topic's records, or the offsets of groups
 *
 * Runs in: worker, the clerk's thread; waits for the answer.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "core/sink.h"

/* Fills the answers of `keeping`; `asked->topic` NULL asks about offsets. */
void kafka_ask_keeping(rd_kafka_t *rk, struct sink_keeping *keeping, int timeout_ms);

/* The answer in the broker's words: text of retention.ms, cleanup.policy; NULL where missing. */
void kafka_read_topic_keeping(
	struct sink_keeping *keeping, const char *retention_ms, const char *cleanup_policy);
/* Of message.timestamp.type; NULL where missing. */
void kafka_read_topic_clock(struct sink_keeping *keeping, const char *timestamp_type);
