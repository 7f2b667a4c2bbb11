/*
 * examine - ask a cluster whether a consumer could work with it, and leave no trace
 *
 * Runs in: oncectl, one thread. Joins no group, commits nothing, writes nothing: rights are found
 * out by requests that the brokers refuse for another reason once the right is there. Every
 * question ends by the deadline that it was opened with.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "config/config.h"
#include "core/sink.h"

struct kafka_examiner;

/*
 * Clients for the consumer's group and for what it writes; `deadline_us` (CLOCK_MONOTONIC) bounds
 * all that follows. -EINVAL: a property of [kafka] is refused.
 */
int kafka_examiner_open(const struct config *config, const struct config_consumer *consumer,
	int64_t deadline_us, struct kafka_examiner **ret, struct err *err);
/* Accepts NULL. */
void kafka_examiner_close(struct kafka_examiner *examiner);
CLEANUP_DEFINE(struct kafka_examiner, kafka_examiner_close)

enum { KAFKA_EXAMINE_BROKERS = 64 };

struct kafka_cluster {
	int32_t brokers[KAFKA_EXAMINE_BROKERS]; /* their ids */
	size_t broker_count;
};

/*
 * Who is there. 0; -EINVAL: somebody, and nothing but a change by a person makes it work (a wrong
 * password, an unknown authority); -EAGAIN: nobody, now. Both with a sentence.
 */
int kafka_examine_cluster(
	struct kafka_examiner *examiner, struct kafka_cluster *ret, struct err *err);

/* One broker, by its own advertised name. As above. */
int kafka_examine_broker(struct kafka_examiner *examiner, int32_t broker, struct err *err);

/*
 * Do all that were examined offer what the consumer's assignment needs? 0, or -EINVAL with the
 * sentence.
 */
int kafka_examine_offers(struct kafka_examiner *examiner, struct err *err);

struct kafka_topic {
	int partitions;
	int leaderless; /* partitions without a leader */
	int replicas; /* the fewest of a partition */
};

/* 0; -ENOENT no such topic; -EACCES no right to see it; -EAGAIN. */
int kafka_examine_topic(struct kafka_examiner *examiner, const char *topic, bool is_written,
	struct kafka_topic *ret, struct err *err);

/* What is configured for a topic; -1 where the broker does not tell. */
struct kafka_topic_settings {
	int64_t message_bytes_max, retention_ms, replicas_min;
	bool is_compacted;
};

/* 0; -EACCES: reading configurations needs the right DescribeConfigs; -EAGAIN. */
int kafka_examine_settings(struct kafka_examiner *examiner, const char *topic, bool is_written,
	struct kafka_topic_settings *ret, struct err *err);

/* How long a topic (NULL: the offsets of groups) is kept; as sink.h says. */
void kafka_examine_keeping(struct kafka_examiner *examiner, struct sink_keeping *keeping);

/*
 * May the group commit offsets of this topic? Asked with a partition that does not exist. 0;
 * -EACCES with the right that is missing; -EAGAIN.
 */
int kafka_examine_reading(struct kafka_examiner *examiner, const char *topic, struct err *err);

/*
 * May the producer write to this topic? Asked with a record one byte larger than the topic takes,
 * which is refused either way. 0; -EACCES; -ENOTSUP: larger than could be asked with; -EAGAIN.
 */
int kafka_examine_writing(struct kafka_examiner *examiner, const char *topic,
	int64_t message_bytes_max, struct err *err);
