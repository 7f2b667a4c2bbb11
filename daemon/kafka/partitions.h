/*
 * partitions - the partitions this process has met, and the queue of each
 *
 * Runs in: worker, main thread. A slot is given once to a (topic, partition) and kept, so that the
 * worker can use it as an index. Each started partition has a queue of its own; a restart replaces
 * the queue, so that nothing fetched before it can be read after it.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/source.h"

/* source_refill.c: where it stood when its leader was last asked, and when that may be again */
struct kafka_refill {
	int64_t next, wait_us, due_us;
};

struct kafka_partition {
	struct source_partition id;
	rd_kafka_queue_t *queue; /* ours; NULL while not started */
	int64_t next; /* the offset to deliver next */
	bool is_assigned, is_started, is_paused;
	struct kafka_refill refill;
};

struct kafka_partitions {
	struct kafka_partition **items; /* by slot; pointers stay valid */
	size_t count, capacity;
	uint32_t last_epoch;
};

void kafka_partitions_fini(struct kafka_partitions *all);

/* The partition's entry, made at first sight. */
struct kafka_partition *kafka_partitions_get(
	struct kafka_partitions *all, const char *topic, int32_t partition);

/* NULL when never met. */
struct kafka_partition *kafka_partitions_find(
	const struct kafka_partitions *all, const char *topic, int32_t partition);

/* A new epoch begins: assigned, not started. */
void kafka_partition_assign(struct kafka_partitions *all, struct kafka_partition *partition);

/*
 * A fresh queue, forwarded to from the library's own, waking `wake_fd` when it gets its first
 * entry. Before rd_kafka_assign(), and nothing may be read until that returned.
 */
int kafka_partition_open_queue(struct kafka_partition *partition, rd_kafka_t *rk, int wake_fd);

/* Back to the library's queue; ours is destroyed with what is in it. */
void kafka_partition_close_queue(struct kafka_partition *partition, rd_kafka_t *rk);

/* Not ours any more. */
void kafka_partition_revoke(struct kafka_partition *partition, rd_kafka_t *rk);
