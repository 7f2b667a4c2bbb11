/*
 * dlq_target - the topics that a replay writes to, and how far their consumer has come in them
 *
 * Runs in: oncectl.
 */
#pragma once

#include <stdbool.h>

#include "dlq_sender.h"
#include "kafka/reader.h"

struct dlq_target {
	char *topic;
	int partition_count; /* 0: there is no such topic */
	bool is_awaited; /* the consumer reads it */
	bool is_unsure; /* of something that was written there it is not known where it lies */
	int64_t *ends; /* by partition: what the consumer has to reach; 0: nothing of ours */
};

struct dlq_targets {
	struct kafka_reader *reader; /* of the consumer's group; NULL: nobody to wait for */
	const struct config_consumer *consumer; /* NULL likewise */
	struct dlq_target *items;
	size_t count, capacity;
};

#define DLQ_TARGETS_INIT ((struct dlq_targets){ 0 })

/* `consumer` may be NULL. */
int dlq_targets_open(struct dlq_targets *targets, const struct config *config,
	const struct config_consumer *consumer, struct err *err);
/* Accepts one that was refused. */
void dlq_targets_close(struct dlq_targets *targets);

/* Valid until the next one is found. -EAGAIN when the brokers do not say. */
int dlq_targets_find(struct dlq_targets *targets, struct sink *sink, struct slice topic,
	struct dlq_target **ret, struct err *err);

/* A record was acknowledged: a dlq_sender's on_stored, `arg` the targets. */
void dlq_targets_stored(void *arg, const char *topic, int32_t partition, int64_t offset);
/* Ask for the ends of what is unsure: everything acknowledged so far lies before them. */
int dlq_targets_note_ends(struct dlq_targets *targets, struct err *err);

/*
 * How many records the consumer has before it until it has settled what lies before the noted ends;
 * -errno.
 */
int64_t dlq_targets_behind(struct dlq_targets *targets, struct err *err);

/*
 * The groups, other than the consumer's, that have read from these topics, separated by commas;
 * `out` stays empty when there are none.
 */
int dlq_targets_other_groups(struct dlq_targets *targets, const struct config *config,
	struct kafka_reader *any, struct buffer *out, struct err *err);
