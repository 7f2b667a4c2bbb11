/*
 * dlq_book - what became of each dead letter of a topic
 *
 * Pure. One byte an offset, from where reading began to where it has come. What lies below the
 * committed offset of the topic's group is settled; above it marks say so (dlq_mark.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum dlq_state {
	DLQ_NOTHING, /* no record, or none that is a letter */
	DLQ_OPEN,
	DLQ_REPLAYED,
	DLQ_DISCARDED,
	DLQ_SETTLED, /* below the committed offset, without a mark */
};

struct dlq_book_partition {
	int64_t from, next; /* first offset held; where reading has come to */
	int64_t committed; /* of the group; at most `next` */
	int64_t floor; /* nothing open below */
	uint8_t *states;
	size_t capacity;
};

struct dlq_book {
	struct dlq_book_partition *partitions;
	size_t count;
};

/* `from[i]` is where partition i begins to be read, `committed[i]` < 0 where nothing is. */
void dlq_book_init(
	struct dlq_book *book, const int64_t *from, const int64_t *committed, size_t count);
void dlq_book_fini(struct dlq_book *book);

/* A letter was read. */
void dlq_book_add(struct dlq_book *book, size_t partition, int64_t offset);
/* Read up to `next`; what was not added is no letter. */
void dlq_book_pass(struct dlq_book *book, size_t partition, int64_t next);
/*
 * The letters from `first` to `last`, both included. What is no letter, was not read or lies before
 * is no matter.
 */
void dlq_book_set(
	struct dlq_book *book, size_t partition, int64_t first, int64_t last, enum dlq_state state);
enum dlq_state dlq_book_get(const struct dlq_book *book, size_t partition, int64_t offset);

/* The first offset that is open, or `next`. */
int64_t dlq_book_first_open(struct dlq_book *book, size_t partition);

/* Letters in this state. */
size_t dlq_book_count(const struct dlq_book *book, enum dlq_state state);

/* "open", "replayed", … */
const char *dlq_state_name(enum dlq_state state);
