/*
 * sink - the port through which dead letters leave
 *
 * Implemented by kafka/sink.c. send() copies what it is given and never blocks; every send is
 * answered once by on_result, called inside sink_poll() on the worker's main thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/slice.h"
#include "config/config.h"
#include "core/source.h"

struct sink;

struct sink_message {
	const char *topic;
	int32_t partition; /* -1: by key */
	struct slice key, value;
	int64_t timestamp_ms; /* -1: none */
	const struct source_header *headers;
	size_t header_count;
	void *tag; /* comes back in on_result */
};

enum sink_result {
	SINK_ACKED,
	SINK_TOO_LARGE, /* over what client, topic or broker accepts */
	SINK_FAILED, /* anything else: missing topic, no right, timeout; try again later */
};

struct sink_listener {
	void *context;
	void (*on_result)(void *context, void *tag, enum sink_result result, const struct err *err);
	/* Or NULL: where it lies, right before it is told as acked. offset -1: nobody knows. */
	void (*on_stored)(void *context, const char *topic, int32_t partition, int64_t offset);
};

struct sink_options {
	const struct config *config;
	const struct config_consumer *consumer;
	const char *client_id;
	const struct sink_listener *listener;
	bool is_idempotent; /* the client's own retries neither repeat records nor reorder them */
};

/* How long the broker keeps a topic's records, or the offsets of groups. */
struct sink_keeping {
	const char *topic; /* asked for; NULL: the offsets */
	/* answers */
	int64_t us; /* 0: for ever */
	bool is_compacted; /* the last record of each key stays, whatever its age */
	bool counts_from_append; /* its age begins when it is written, whatever its timestamp */
	/* 0; -EAGAIN nobody says now; -EACCES, -ENOTSUP nobody will, with err */
	int result;
	struct err err;
};

/* A partition that a member of a group has. */
struct sink_holding {
	char *topic;
	int32_t partition;
};

struct sink_holdings {
	struct sink_holding *items;
	size_t count;
};

static inline void sink_holdings_fini(struct sink_holdings *holdings)
{
	for (size_t i = 0; i < holdings->count; i++) {
		free(holdings->items[i].topic);
	}
	free(holdings->items);
	*holdings = (struct sink_holdings){ 0 };
}

struct sink_ops {
	int (*check)(const struct sink_options *options, struct err *err);
	int (*open)(const struct sink_options *options, struct sink **ret, struct err *err);
	/*
	 * 0; 1: queue full, try later; 2: too large (no on_result follows a positive answer). Any
	 * thread.
	 */
	int (*send)(struct sink *sink, const struct sink_message *message, struct err *err);
	unsigned (*poll)(struct sink *sink); /* serve answers, no waiting; returns how many */
	unsigned (*pending)(const struct sink *sink);
	/*
	 * Partitions of a topic: count, -ENOENT when the cluster has no such topic, -EAGAIN when it
	 * cannot say now. Blocks up to timeout_ms; any thread.
	 */
	int (*partition_count)(
		struct sink *sink, const char *topic, int timeout_ms, struct err *err);
	/*
	 * The cluster's own id, "" when unknown within timeout_ms; `err` then says what is in the
	 * way, as far as known ("" otherwise). Serves answers, as poll() does.
	 */
	void (*cluster_id)(
		struct sink *sink, char *ret, size_t size, int timeout_ms, struct err *err);
	/*
	 * Begin and end of logs; uses a handle that does not fetch. Blocks up to twice timeout_ms;
	 * any thread. `offset` in: EARLIEST or LATEST. 0 when at least one `result` is 0.
	 */
	int (*log_offsets)(struct sink *sink, struct source_offset *offsets, size_t count,
		int timeout_ms, struct err *err);
	/*
	 * What all members of a group have, the caller's to free. -errno when nobody can say now:
	 * the group is forming, or of a protocol that has no such answer. Blocks; any thread.
	 */
	int (*group_holdings)(struct sink *sink, const char *group, int timeout_ms,
		struct sink_holdings *ret, struct err *err);
	/* Blocks up to about twice timeout_ms; any thread. */
	void (*ask_keeping)(struct sink *sink, struct sink_keeping *keeping, int timeout_ms);
	void (*close)(struct sink *sink, int timeout_ms);
};
