/*
 * sched_strand - strands of the scheduler: the table that finds them, the queues they stand in
 *
 * Strands come and go with almost every record when keys are many, so freed ones are kept for
 * reuse; there are never more than records in flight and holds.
 */
#include "core/sched_strand.h"

#include <stdlib.h>

#include "base/memory.h"

enum { STRAND_BUCKETS_MIN = 256, STRAND_BLOCK_COUNT = 63 };

/* Strands are made by the block, each on a cache line of its own. */
struct strand_block {
	struct strand_block *next;
	_Alignas(64) struct sched_strand strands[STRAND_BLOCK_COUNT];
};

/* key is a hash already for SCHED_ORDER_KEY, but an offset for SCHED_ORDER_NONE: mix it. */
static size_t strand_bucket(const struct strand_table *table, uint32_t slot, uint64_t key)
{
	uint64_t mixed = (key ^ (uint64_t)slot << 40) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(mixed ^ mixed >> 32) & (table->bucket_count - 1);
}

void strand_table_init(struct strand_table *table)
{
	*table = (struct strand_table){ .bucket_count = STRAND_BUCKETS_MIN };
	table->buckets = xcalloc(table->bucket_count, sizeof(struct sched_strand *));
}

void strand_table_fini(struct strand_table *table)
{
	while (table->blocks) {
		struct strand_block *next = table->blocks->next;
		free(table->blocks);
		table->blocks = next;
	}
	free(table->buckets);
	*table = (struct strand_table){ 0 };
}

static void strand_table_add_block(struct strand_table *table)
{
	struct strand_block *block = xaligned_alloc(_Alignof(struct strand_block), sizeof(*block));
	block->next = table->blocks;
	table->blocks = block;
	for (size_t i = 0; i < STRAND_BLOCK_COUNT; i++) {
		block->strands[i].chain = table->free;
		table->free = &block->strands[i];
	}
}

struct sched_strand *strand_table_find(
	const struct strand_table *table, uint32_t slot, uint64_t key)
{
	struct sched_strand *strand = table->buckets[strand_bucket(table, slot, key)];
	while (strand && (strand->key != key || strand->slot != slot)) {
		strand = strand->chain;
	}
	return strand;
}

static void strand_table_grow(struct strand_table *table)
{
	struct sched_strand **old = table->buckets;
	size_t old_count = table->bucket_count;
	table->bucket_count *= 2;
	table->buckets = xcalloc(table->bucket_count, sizeof(struct sched_strand *));
	for (size_t i = 0; i < old_count; i++) {
		struct sched_strand *strand = old[i];
		while (strand) {
			struct sched_strand *next = strand->chain;
			size_t bucket = strand_bucket(table, strand->slot, strand->key);
			strand->chain = table->buckets[bucket];
			table->buckets[bucket] = strand;
			strand = next;
		}
	}
	free(old);
}

struct sched_strand *strand_table_get(
	struct strand_table *table, uint32_t slot, uint64_t key, bool *ret_is_new)
{
	struct sched_strand *strand = strand_table_find(table, slot, key);
	*ret_is_new = strand == NULL;
	if (strand) {
		return strand;
	}
	if (table->count == table->bucket_count) {
		strand_table_grow(table);
	}
	if (!table->free) {
		strand_table_add_block(table);
	}
	strand = table->free;
	table->free = strand->chain;
	size_t bucket = strand_bucket(table, slot, key);
	*strand =
		(struct sched_strand){ .chain = table->buckets[bucket], .key = key, .slot = slot };
	table->buckets[bucket] = strand;
	table->count++;
	return strand;
}

void strand_table_remove(struct strand_table *table, struct sched_strand *strand)
{
	struct sched_strand **link =
		&table->buckets[strand_bucket(table, strand->slot, strand->key)];
	while (*link != strand) {
		link = &(*link)->chain;
	}
	*link = strand->chain;
	table->count--;
	strand->chain = table->free;
	table->free = strand;
}

void strand_table_each(struct strand_table *table,
	void (*visit)(struct sched_strand *strand, void *context), void *context)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		for (struct sched_strand *strand = table->buckets[i]; strand;) {
			struct sched_strand *next = strand->chain;
			visit(strand, context);
			strand = next;
		}
	}
}

void strand_queue_push(struct strand_queue *queue, struct sched_strand *strand)
{
	strand->ready_next = NULL;
	strand->ready_prev = queue->tail;
	if (queue->tail) {
		queue->tail->ready_next = strand;
	} else {
		queue->head = strand;
	}
	queue->tail = strand;
}

void strand_queue_remove(struct strand_queue *queue, struct sched_strand *strand)
{
	struct sched_strand *next = strand->ready_next, *prev = strand->ready_prev;
	*(prev ? &prev->ready_next : &queue->head) = next;
	*(next ? &next->ready_prev : &queue->tail) = prev;
}

static void strand_heap_place(struct strand_heap *heap, size_t index, struct sched_strand *strand)
{
	heap->strands[index] = strand;
	strand->heap_index = index;
}

/* Move `strand` up from the hole at `index`. */
static void strand_heap_up(struct strand_heap *heap, size_t index, struct sched_strand *strand)
{
	while (index > 0 && heap->strands[(index - 1) / 2]->due_us > strand->due_us) {
		strand_heap_place(heap, index, heap->strands[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	strand_heap_place(heap, index, strand);
}

/* Move the hole at `index` down until `strand` fits. */
static void strand_heap_down(struct strand_heap *heap, size_t index, struct sched_strand *strand)
{
	for (;;) {
		size_t child = 2 * index + 1;
		if (child >= heap->count) {
			break;
		}
		if (child + 1 < heap->count &&
			heap->strands[child + 1]->due_us < heap->strands[child]->due_us) {
			child++;
		}
		if (heap->strands[child]->due_us >= strand->due_us) {
			break;
		}
		strand_heap_place(heap, index, heap->strands[child]);
		index = child;
	}
	strand_heap_up(heap, index, strand);
}

void strand_heap_push(struct strand_heap *heap, struct sched_strand *strand)
{
	ARRAY_GROW(heap->strands, heap->count, heap->capacity);
	heap->count++;
	strand_heap_up(heap, heap->count - 1, strand);
}

void strand_heap_remove(struct strand_heap *heap, struct sched_strand *strand)
{
	heap->count--;
	struct sched_strand *last = heap->strands[heap->count];
	if (last != strand) {
		strand_heap_down(heap, strand->heap_index, last);
	}
}

void strand_heap_fini(struct strand_heap *heap)
{
	free(heap->strands);
	*heap = (struct strand_heap){ 0 };
}
