/*
 * memory - what the files of this store share
 *
 *	memory.c          the store's table of operations, sessions, the queue
 *	memory_events.c   leases and their ends
 *	memory_records.c  attempts, partitions seen, pauses
 *	memory_table.c    rows, the least recently used forgotten first
 */
#pragma once

#include <pthread.h>

#include "base/arena.h"
#include "store/implementations.h"
#include "store/memory_table.h"

struct memory_seen {
	char *topic;
	int32_t partition;
	int64_t committed;
};

/* What all stores of a process with the same URL, scope and group share. */
struct memory {
	struct memory *next;
	unsigned users;
	char *name;
	pthread_mutex_t lock;
	struct memory_table table;
	struct store_attempts *attempts; /* topics are ours */
	size_t attempt_count, attempt_capacity;
	struct memory_seen *seen;
	size_t seen_count, seen_capacity;
	struct pauses pauses;
	bool is_told; /* what it does not promise */
};

struct memory_store {
	struct store base;
	struct store_options options;
	struct memory *memory;
};

enum memory_kind { MEMORY_LEASE, MEMORY_END, MEMORY_PUT_ATTEMPTS, MEMORY_DELETE_ATTEMPTS };

struct memory_op {
	enum memory_kind kind;
	const struct store_lease *lease;
	enum store_lease_end end;
	struct store_claim *claims;
	size_t count;
	struct store_attempts attempts; /* borrowed until the flush */
};

struct memory_session {
	struct store_session base;
	struct memory_store *store;
	struct memory_op *ops;
	size_t count, capacity;
	size_t begun_count; /* at the last begin */
	bool is_refused; /* it holds an operation that only a transaction could do */
	struct arena decisions; /* of the claims since the last begin */
};

static inline struct memory_session *memory_session(struct store_session *session)
{
	return (struct memory_session *)session;
}

struct memory_op *memory_op_push(struct memory_session *session, enum memory_kind kind);

/* memory_events.c, under the lock */
void memory_run_lease(struct memory_session *session, const struct memory_op *op, int64_t now_us);
void memory_run_end(struct memory_session *session, const struct memory_op *op, int64_t now_us);

/* memory_records.c; the first two under the lock */
void memory_run_put_attempts(struct memory *memory, const struct store_attempts *attempts);
void memory_run_delete_attempts(struct memory *memory, const struct store_position *position);
void memory_records_fini(struct memory *memory);
enum store_failure memory_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err);
enum store_failure memory_get_seen(struct store_session *session, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err);
enum store_failure memory_put_seen(struct store_session *session, struct slice topic,
	int32_t partition, int64_t committed, struct err *err);
enum store_failure memory_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err);
enum store_failure memory_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err);
