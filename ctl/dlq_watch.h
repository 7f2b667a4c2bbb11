/*
 * dlq_watch - how many records of a replay failed again
 *
 * Runs in: oncectl. Reads the consumer's dead-letter topic from where it ended when the replay
 * began: a record that fails again comes back with the replay's id in its header onced-replay.
 */
#pragma once

#include "base/err.h"
#include "config/config.h"
#include "kafka/reader.h"

struct dlq_watch {
	struct kafka_reader *reader; /* NULL: nothing is watched */
	const char *topic, *id;
	int64_t *next; /* by partition */
	size_t partition_count;
	size_t failed;
};

#define DLQ_WATCH_INIT ((struct dlq_watch){ 0 })

/* `id` is borrowed. */
int dlq_watch_open(struct dlq_watch *watch, const struct config *config, const char *topic,
	const char *id, struct err *err);
/* Accepts one that was refused. */
void dlq_watch_close(struct dlq_watch *watch);

/* Take what has come, waiting at most `timeout_ms` for the first. 0 or -errno. */
int dlq_watch_look(struct dlq_watch *watch, int timeout_ms, struct err *err);

/* Read to where the topic ends now. */
int dlq_watch_catch_up(struct dlq_watch *watch, struct err *err);
