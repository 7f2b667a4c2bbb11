/*
 * source_private - what the files of the source share
 *
 *	source.c         life, and the table of the port
 *	source_leave.c   leaving the group, for good or to join it again
 *	source_event.c   what the library tells
 *	source_assign.c  which partitions are fetched, and from where
 *	source_read.c    records and headers
 *	source_refill.c  keeps the fetcher of an older library awake
 *	source_commit.c  offsets
 */
#pragma once

#include "kafka/conf.h"
#include "kafka/offer.h"
#include "kafka/partitions.h"
#include "kafka/trouble.h"

/* The one commit that the library has, or what came of the last. */
struct source_committing {
	rd_kafka_queue_t *answers;
	bool is_under_way;
	bool is_told; /* its answer is an event */
	rd_kafka_resp_err_t code;
};

struct source {
	rd_kafka_t *rk;
	rd_kafka_queue_t *events; /* the consumer queue: rebalances, answers, errors */
	struct source_options options;
	struct source_listener listener;
	struct kafka_partitions partitions;
	size_t next_turn;
	int wake_fd;
	size_t refill_below; /* records in a queue; 0: the library looks by itself */
	int64_t refilled_us, refill_interval_us;
	bool is_explicit; /* partitions are listed, the group only keeps offsets */
	bool is_listed; /* those were given out, at the first poll */
	bool needs_restart; /* start() was called since the last assignment */
	bool is_over; /* fenced or fatal */
	int64_t rejoin_until_us; /* has left to join again, and waits that long; 0: has not */
	struct source_committing committing;
	struct kafka_witness witness;
	struct kafka_offers offers; /* with assignment = consumer */
};

/* source_event.c */
void source_emit(struct source *source, const struct source_event *event);
void source_emit_error(struct source *source, enum source_event_kind kind,
	const struct kafka_partition *partition, const struct err *err);
void source_on_fatal(struct source *source);
void source_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque);
/* Any thread of the library. */
void source_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text);
/* At every poll: the coordinator lacks what this consumer needs. */
void source_tell_offers(struct source *source);
/* Of any kind but fatal; `topic` NULL: not known. */
void source_tell(struct source *source, const struct kafka_partition *partition,
	rd_kafka_resp_err_t code, const char *topic, const char *text);
void source_tell_commit(struct source *source, rd_kafka_resp_err_t code);

/* source_assign.c */
void source_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
	rd_kafka_topic_partition_list_t *list, void *opaque);
void source_restart(struct source *source);
int source_start(
	struct source *source, uint32_t slot, int64_t offset, uint32_t *ret_epoch, struct err *err);
int source_pause(struct source *source, uint32_t slot, bool is_paused);
void source_give_listed(struct source *source);
void source_revoke_listed(struct source *source);

/* source.c */
int source_subscribe(struct source *source, struct err *err);

/* source_leave.c */
void source_leave(struct source *source);
void source_rejoin(struct source *source);
/* At every poll. */
void source_rejoin_tick(struct source *source);

/* source_read.c */
unsigned source_poll(struct source *source, struct source_record *records, unsigned max,
	int timeout_ms, bool (*is_open)(void *context, uint32_t slot), void *context);
void source_release(struct source *source, void *handle);
int source_headers(void *handle, struct source_header *headers, size_t max);

/*
 * source_refill.c: at every poll; `has_read`: it gave records. Returns for how long the poll may
 * wait, at most timeout_ms.
 */
int source_refill(struct source *source, bool has_read, int timeout_ms);

/* source_commit.c */
/* As the library takes them; the caller's. */
rd_kafka_topic_partition_list_t *source_commit_list(
	const struct source_commit *commits, size_t count);
/* At every poll; whether there was one. */
bool source_take_answers(struct source *source, int timeout_ms);
int source_commit_wait(struct source *source, int timeout_ms, struct err *err);
int source_commit(
	struct source *source, const struct source_commit *commits, size_t count, struct err *err);
int source_commit_sync(struct source *source, const struct source_commit *commits, size_t count,
	int timeout_ms, struct err *err);
int source_committed(struct source *source, struct source_offset *offsets, size_t count,
	int timeout_ms, struct err *err);
