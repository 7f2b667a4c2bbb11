/*
 * source - the port through which records arrive and offsets are committed
 *
 * Implemented by kafka/source.c. One thread (the worker's main thread) calls everything but what is
 * marked. The source hands out records of each partition in offset order from the start the worker
 * chose, and never decides about offsets itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "config/config.h"

enum { SOURCE_OFFSET_NONE = -1001, SOURCE_OFFSET_EARLIEST = -2, SOURCE_OFFSET_LATEST = -1 };

struct source;

/* Who a process was to its group at one assignment: member and generation. Counts its holders. */
struct source_membership;

struct source_header {
	struct slice name, value;
};

/* One record. Slices are valid until source_release(handle). */
struct source_record {
	void *handle;
	uint32_t slot; /* partition slot as given in SOURCE_ASSIGNED */
	uint32_t epoch;
	int64_t offset, timestamp_ms; /* -1: none */
	struct slice key, value;
};

/*
 * One partition of an assignment. `slot` is small and stable for (topic, partition) in this
 * process.
 */
struct source_partition {
	const char *topic; /* lives as long as the source */
	int32_t partition;
	uint32_t slot;
	uint32_t epoch; /* a new number for every assignment or restart of the partition */
};

enum source_event_kind {
	SOURCE_ASSIGNED, /* `partitions` are ours; none is read before source_start() */
	SOURCE_REVOKED, /* inside the call the worker may still commit; is_lost: it may not */
	SOURCE_COMMITTED, /* answer of an asynchronous commit */
	/* the partition's offset is out of range or unknown: it stands until source_start() */
	SOURCE_RANGE,
	SOURCE_ERROR, /* something a person should see; the source goes on by itself */
	SOURCE_FENCED, /* another holder of the instance id; every epoch is over */
	SOURCE_FATAL, /* the client cannot go on */
};

struct source_event {
	enum source_event_kind kind;
	const struct source_partition *partitions; /* ASSIGNED, REVOKED, RANGE */
	size_t partition_count;
	bool is_lost;
	/* COMMITTED: 0, or -errno: -ESTALE not our generation, -EAGAIN try again */
	int commit_result;
	bool is_broker_down; /* ERROR: all brokers are away */
	bool needs_person; /* ERROR: a change by a person ends it, not time */
	struct err err;
};

/* Called from inside source_poll(), source_commit_wait() and source_close(). */
struct source_listener {
	void *context;
	void (*on_event)(void *context, const struct source_event *event);
};

struct source_options {
	const struct config *config;
	const struct config_consumer *consumer;
	const char *instance_id; /* "" = dynamic */
	const char *client_id;
	uint32_t slot; /* which of consumer->groups, where there are groups */
	/* how many are likely to be ours at once; shares the prefetch budget. 0 = 1 */
	unsigned expected_partitions;
	const struct source_listener *listener;
};

struct source_commit {
	const struct source_partition *partition;
	int64_t offset;
	const char *metadata;
};

/* An offset asked for: where a group stands, or where a log begins and ends. */
struct source_offset {
	const char *topic;
	int32_t partition;
	int64_t offset; /* answer; SOURCE_OFFSET_NONE: no commit */
	int result; /* answer: 0, or -errno where nothing could be found out of this one */
	const char
		*metadata; /* answer of committed(): owned by the caller after, free(); NULL none */
};

struct source_ops {
	/* Check [kafka] values without a connection. */
	int (*check)(const struct source_options *options, struct err *err);
	int (*open)(const struct source_options *options, struct source **ret, struct err *err);

	/*
	 * Wait up to timeout_ms for the first record or event, then take what is there without
	 * waiting, up to `max` records in all. Partitions for which `is_open(context, slot)` says
	 * no are not read. Returns the count.
	 */
	unsigned (*poll)(struct source *source, struct source_record *records, unsigned max,
		int timeout_ms, bool (*is_open)(void *context, uint32_t slot), void *context);

	/* Wake a poll that waits. Any thread. */
	void (*wake)(struct source *source);

	/*
	 * Read the partition from `offset` under a new epoch. Several between two polls cost one
	 * re-assignment.
	 */
	int (*start)(struct source *source, uint32_t slot, int64_t offset, uint32_t *ret_epoch,
		struct err *err);

	/* Stop and restart fetching (a hold of more than seconds). Purges what was prefetched. */
	int (*pause)(struct source *source, uint32_t slot, bool is_paused);

	void (*release)(struct source *source, void *handle); /* any thread */
	/*
	 * Headers of a record, parsed at the first call; count, or -errno. Any thread, one at a
	 * time per record.
	 */
	int (*headers)(void *handle, struct source_header *headers, size_t max);

	/*
	 * Wait until whatever was handed over to be committed is answered: 0, or -ETIMEDOUT. A
	 * commit that is tried again could overtake the one behind it, and take the group back.
	 * The answer of commit() is told inside.
	 */
	int (*commit_wait)(struct source *source, int timeout_ms, struct err *err);
	/*
	 * Refused while an earlier one is not answered: commit_wait() comes first. The answer of
	 * commit() is SOURCE_COMMITTED; the other waits for its own, at most timeout_ms.
	 */
	int (*commit)(struct source *source, const struct source_commit *commits, size_t count,
		struct err *err);
	int (*commit_sync)(struct source *source, const struct source_commit *commits, size_t count,
		int timeout_ms, struct err *err);

	/* Any thread, blocks up to timeout_ms. */
	int (*committed)(struct source *source, struct source_offset *offsets, size_t count,
		int timeout_ms, struct err *err);
	/*
	 * Who we are by the assignment that is being told, for a transaction; inside
	 * SOURCE_ASSIGNED only, for what comes later is another generation. The first hold is the
	 * caller's. NULL: we are nobody any more, a new assignment comes.
	 */
	struct source_membership *(*membership)(struct source *source);
	struct source_membership *(*membership_hold)(struct source_membership *membership);
	void (*membership_drop)(struct source_membership *membership); /* accepts NULL */
	unsigned (*assigned_count)(const struct source *source);
	/* What the queues of the present assignment may hold at most, bytes. */
	int64_t (*prefetch_bound_bytes)(const struct source *source);

	/*
	 * Leave the group and join it again, a static membership too: it gives out all partitions
	 * anew. poll() does it, and tells of both.
	 */
	void (*rejoin)(struct source *source);
	/* Have close() leave the group for good, a static membership too. */
	void (*leave)(struct source *source);
	/*
	 * Leave (or keep a static membership) and free. Records must be released before. Blocks;
	 * the caller has a deadline.
	 */
	void (*close)(struct source *source);
};
