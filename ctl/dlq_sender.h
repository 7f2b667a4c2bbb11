/*
 * dlq_sender - the producer of a replay, and what was acknowledged to it
 *
 * Runs in: oncectl, one thread. An idempotent producer: its own retries repeat nothing.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "config/config.h"
#include "core/sink.h"

/* Dead letters, by the offsets at which they lie. */
struct dlq_offsets {
	int64_t *items;
	size_t count, capacity;
};

struct dlq_sender {
	struct sink *sink;
	struct dlq_offsets *done; /* by partition of the letters: acknowledged, unmarked */
	size_t partition_count;
	size_t waiting; /* sent, not acknowledged */
	size_t done_count; /* in all of `done` */
	bool has_failed; /* one was refused; `failure` says which and why */
	struct err failure;
	/* NULL, or to be told where each record lies that was acknowledged; offset -1: unknown */
	void (*on_stored)(void *arg, const char *topic, int32_t partition, int64_t offset);
	void *on_stored_arg;
};

#define DLQ_SENDER_INIT ((struct dlq_sender){ 0 })

/* `partition_count` is the dead-letter topic's. -EINVAL with the sentence. */
int dlq_sender_open(struct dlq_sender *sender, const struct config *config,
	size_t partition_count, struct err *err);
/* Gives up what is not acknowledged. Accepts one that was refused. */
void dlq_sender_close(struct dlq_sender *sender);

/*
 * Send for the letter at `offset` of `partition`, which is done when the broker acknowledges;
 * partition -1: for nothing. Waits while the client's queue is full. -EIO: refused.
 */
int dlq_sender_send(struct dlq_sender *sender, const struct sink_message *message,
	int32_t partition, int64_t offset, struct err *err);

/* A letter is done that needed no sending. */
void dlq_sender_done(struct dlq_sender *sender, int32_t partition, int64_t offset);

/* Serve acknowledgements; -EIO when one was refused, told once. */
int dlq_sender_poll(struct dlq_sender *sender, struct err *err);
/* Wait until every record is answered; -EIO when one was refused, which is then told. */
int dlq_sender_wait(struct dlq_sender *sender, struct err *err);
