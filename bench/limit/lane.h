/*
 * lane - a thread of the bare loop: one connection, one batch after the other
 *
 * The poller gives it messages of its partitions in order; it claims their ids and applies their
 * effects in one transaction, with the SQL that onced uses, then publishes how far each partition
 * is done. Whatever goes wrong ends the program: there is no framework here, that is the point.
 */
#pragma once

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { BATCH_MAX = 500, LANE_QUEUE_MAX = 4 * BATCH_MAX, PARTITIONS_MAX = 1024 };

struct lane {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	rd_kafka_message_t *queue[LANE_QUEUE_MAX]; /* a ring */
	unsigned head, count;
	bool is_closed;

	PGconn *conn;
	bool as_set; /* the effects of a batch are one statement */
	/* one past the last offset done, by partition; each lane writes those of its own */
	_Atomic int64_t *done;
};

void lane_start(struct lane *lane, const char *database, bool as_set, _Atomic int64_t *done);

/* Waits while the queue is full. The message is the lane's now. */
void lane_put(struct lane *lane, rd_kafka_message_t *message);

/* Everything given to it is done when this returns. */
void lane_stop(struct lane *lane);
