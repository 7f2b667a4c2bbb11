/*
 * client - a user's side of a broker: write to a topic, read one back, ask how far a group is
 *
 * Runs in: the demonstration's main process, one thread. Never a member of a group.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/source.h"

struct kafka_client;

/* Where the broker put a record. */
struct kafka_place {
	int32_t partition;
	int64_t offset; /* -1 until the broker acknowledged it */
};

struct kafka_client_record {
	struct kafka_place place;
	struct slice key, value;
	const struct source_header *headers;
	size_t header_count;
};

/* `group_id` is the group whose offsets kafka_client_lag() asks for. -EIO with the sentence. */
int kafka_client_open(
	const char *bootstrap, const char *group_id, struct kafka_client **ret, struct err *err);

/* Gives up what is not acknowledged yet. Accepts NULL. */
void kafka_client_close(struct kafka_client *client);
CLEANUP_DEFINE(struct kafka_client, kafka_client_close)

/*
 * Send a copy, to the partition of its key. `place` is filled when the acknowledgement comes,
 * inside a later call on this client, and must live until then.
 */
int kafka_client_produce(struct kafka_client *client, const char *topic, struct slice key,
	struct slice value, struct kafka_place *place, struct err *err);

/* Wait for all acknowledgements. -ETIMEDOUT when some are missing. */
int kafka_client_flush(struct kafka_client *client, int timeout_ms, struct err *err);

/*
 * End offsets minus committed offsets, over partitions 0 to count - 1; -EIO when the broker does
 * not say.
 */
int kafka_client_lag(struct kafka_client *client, const char *topic, int32_t partition_count,
	int64_t *ret, struct err *err);

/*
 * Give every record that lies in the topic now to `on_record`, by partition in offset order; what
 * it is given lives during the call. -ETIMEDOUT when the end is not reached in time.
 */
int kafka_client_read(struct kafka_client *client, const char *topic, int32_t partition_count,
	int timeout_ms, void (*on_record)(void *arg, const struct kafka_client_record *record),
	void *arg, struct err *err);
