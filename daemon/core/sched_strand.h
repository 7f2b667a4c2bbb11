/*
 * sched_strand - strands of the scheduler: the table that finds them, the queues they stand in
 *
 * Inside core only; sched.c decides, here nothing does. A strand exists while it holds records, is
 * given out or is held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/sched.h"

enum strand_state {
	STRAND_IDLE, /* nothing to give out */
	STRAND_READY, /* in the ready queue */
	STRAND_GIVEN_OUT, /* a lane works on it */
	STRAND_PARKED, /* in the heap, waits for due_us */
	STRAND_HELD, /* waits for a release */
	STRAND_STATES,
};

struct sched_strand {
	struct sched_strand *chain; /* next in the table's bucket, or in the list of free ones */
	struct sched_item *head, *tail; /* queued records in offset order */
	uint64_t key;
	union {
		struct { /* READY: the queue */
			struct sched_strand *ready_next, *ready_prev;
		};
		struct { /* PARKED: the heap */
			int64_t due_us;
			size_t heap_index;
		};
	};
	uint32_t slot;
	uint32_t count; /* queued records */
	uint32_t given_out;
	uint16_t holds; /* by sched_hold() */
	uint8_t state; /* enum strand_state */
	bool is_held; /* by a verdict */
};
/* A busy worker touches strands at random: each costs one line of the cache. */
_Static_assert(sizeof(struct sched_strand) <= 64, "a strand is one cache line");

/* ---- the table by (slot, key); owns all strands ---- */

struct strand_block;

struct strand_table {
	struct sched_strand **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	struct sched_strand *free;
	struct strand_block *blocks; /* memory of all strands */
};

void strand_table_init(struct strand_table *table);
void strand_table_fini(struct strand_table *table);
/* NULL when there is none. */
struct sched_strand *strand_table_find(
	const struct strand_table *table, uint32_t slot, uint64_t key);
/* Found or made; a new one is IDLE and empty. */
struct sched_strand *strand_table_get(
	struct strand_table *table, uint32_t slot, uint64_t key, bool *ret_is_new);
void strand_table_remove(struct strand_table *table, struct sched_strand *strand);
/* Call `visit` for every strand; it may remove that strand, but not add any. */
void strand_table_each(struct strand_table *table,
	void (*visit)(struct sched_strand *strand, void *context), void *context);

/* ---- the ready queue, oldest first ---- */

struct strand_queue {
	struct sched_strand *head, *tail;
};

void strand_queue_push(struct strand_queue *queue, struct sched_strand *strand);
void strand_queue_remove(struct strand_queue *queue, struct sched_strand *strand);

/* ---- parked strands by due time ---- */

struct strand_heap {
	struct sched_strand **strands;
	size_t count, capacity;
};

void strand_heap_push(struct strand_heap *heap, struct sched_strand *strand);
void strand_heap_remove(struct strand_heap *heap, struct sched_strand *strand);
void strand_heap_fini(struct strand_heap *heap);
