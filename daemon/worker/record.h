/*
 * record - one polled record while this process holds it
 *
 * Runs in: worker. Owned by exactly one of: the scheduler, a lane (with its batch), the dead
 * letters. Its bytes lie in the library's fetch buffer until record_detach() copies them, so that a
 * record that stays long does not pin a buffer full of others.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/outage.h"
#include "core/sched.h"
#include "core/source.h"

struct proto_condemn;
struct skip;

/* Where a record of a retry topic was first. */
struct record_origin {
	char *topic;
	int32_t partition;
	int64_t offset;
};

enum record_wait { RECORD_WAIT_NONE, RECORD_WAIT_PARKED, RECORD_WAIT_HELD };

struct record {
	struct sched_item item; /* first: the scheduler hands back its items as records */
	const struct source_ops *source_ops;
	struct source *source;
	void *handle; /* NULL when detached */
	struct slice key, value;
	int64_t timestamp_ms; /* -1 none; of a retry topic's: that of its origin */
	struct record_origin *origin; /* ours; NULL: it is where it was written */
	const char *fault; /* of a retry topic, and does not say what it should; NULL: none */
	int64_t ripe_us; /* monotonic; of a retry topic: not to be worked before */

	struct source_header *headers; /* ours; slices into the message or the copy */
	int header_count; /* -1: not parsed yet, -2: not parsable */
	char *copy; /* detached bytes */

	/* failures so far */
	unsigned attempts;
	int64_t first_failure_ms, last_failure_ms; /* wall clock, for people and for the store */
	int64_t first_failure_us, last_failure_us; /* monotonic; first 0: before this process */
	int64_t elapsed_us; /* runnable or parked by its own retry since the first failure */
	enum record_wait wait; /* what its strand waits for; the worker's lock */
	bool is_after_hold; /* no attempt since the last hold or restart */
	/* it killed workers: no handler sees it again; NULL: it did not. The worker's. */
	const struct proto_condemn *condemned;
	const struct skip *skip; /* an operator has it skipped; NULL: not. The worker's lock. */
	struct outage_mark outage; /* the thread's that has it */
	bool has_collided; /* its id is another event's: it becomes a dead letter of its position */
	bool has_stored_attempts; /* the store may know of failures: they end with the record */
};

struct record *record_new(const struct source_ops *ops, struct source *source,
	const struct source_record *polled, uint64_t key_hash);

/* Also gives the message back to the source. Accepts NULL. */
void record_free(struct record *record);

/*
 * The memory of ended records, for the next ones: put by any thread, taken by one. Never more than
 * were in hand at a time.
 */
struct record_pool {
	_Atomic(struct sched_item *) put;
	struct sched_item *ready; /* the taker's */
};

struct record *record_pool_new(struct record_pool *pool, const struct source_ops *ops,
	struct source *source, const struct source_record *polled, uint64_t key_hash);
/* As record_free() for each; none is NULL. */
void record_pool_put(struct record_pool *pool, struct record *const *records, unsigned count);
void record_pool_fini(struct record_pool *pool);

/* Headers, parsed at the first call. Count, or -1 when they cannot be parsed. */
int record_headers(struct record *record, const struct source_header **ret);

/* Copy what is still in the fetch buffer and let that go. */
void record_detach(struct record *record);

/* The offset by which people know it: that of its origin. */
static inline int64_t record_offset(const struct record *record)
{
	return record->origin ? record->origin->offset : record->item.offset;
}

/* Hash of a record key for ordering; a null key has one of its own. */
uint64_t record_key_hash(struct slice key);
