/*
 * sched_strand - strands of the scheduler: the table that finds them, the queues they stand in
 *
 * Inside core only; sched.c decides, here nothing does. A strand exists while it holds records, is given out or is held.
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
	struct sched_strand *ready_next, *ready_prev;
	struct sched_strand *slot_next, *slot_prev; /* all strands of a slot */
	struct sched_item *head, *tail; /* queued records in offset order */
	uint64_t key;
	uint32_t slot;
	unsigned count; /* queued records */
	unsigned given_out;
	unsigned holds; /* by sched_hold() */
	bool is_held; /* by a verdict */
	enum strand_state state;
	size_t heap_index; /* PARKED */
	int64_t due_us; /* PARKED */
};

/* ---- the table by (slot, key); owns all strands ---- */

struct strand_table {
	struct sched_strand **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	struct sched_strand *free;
};

void strand_table_init(struct strand_table *table);
void strand_table_fini(struct strand_table *table);
/* NULL when there is none. */
struct sched_strand *strand_table_find(const struct strand_table *table, uint32_t slot, uint64_t key);
/* Found or made; a new one is IDLE and empty. */
struct sched_strand *strand_table_get(struct strand_table *table, uint32_t slot, uint64_t key, bool *ret_is_new);
void strand_table_remove(struct strand_table *table, struct sched_strand *strand);

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
