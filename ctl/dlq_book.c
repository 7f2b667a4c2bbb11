#include "dlq_book.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { STATES_AT_FIRST = 1024 };

void dlq_book_init(
	struct dlq_book *book, const int64_t *from, const int64_t *committed, size_t count)
{
	book->partitions = xcalloc(count ? count : 1, sizeof(*book->partitions));
	book->count = count;
	for (size_t i = 0; i < count; i++) {
		book->partitions[i] = (struct dlq_book_partition){ .from = from[i],
			.next = from[i],
			.floor = from[i],
			.committed = committed[i] };
	}
}

void dlq_book_fini(struct dlq_book *book)
{
	for (size_t i = 0; i < book->count; i++) {
		free(book->partitions[i].states);
	}
	free(book->partitions);
	*book = (struct dlq_book){ 0 };
}

void dlq_book_pass(struct dlq_book *book, size_t partition, int64_t next)
{
	struct dlq_book_partition *p = &book->partitions[partition];
	size_t wanted, capacity = p->capacity ? p->capacity : STATES_AT_FIRST;

	if (next <= p->next) {
		return;
	}
	wanted = (size_t)(next - p->from);
	while (capacity < wanted) {
		capacity *= 2;
	}
	if (capacity > p->capacity) {
		p->states = xrealloc(p->states, capacity);
		memset(p->states + p->capacity, DLQ_NOTHING, capacity - p->capacity);
		p->capacity = capacity;
	}
	p->next = next;
}

void dlq_book_add(struct dlq_book *book, size_t partition, int64_t offset)
{
	struct dlq_book_partition *p = &book->partitions[partition];

	if (offset < p->next) {
		return; /* read before */
	}
	dlq_book_pass(book, partition, offset + 1);
	p->states[offset - p->from] = offset < p->committed ? DLQ_SETTLED : DLQ_OPEN;
}

void dlq_book_set(
	struct dlq_book *book, size_t partition, int64_t first, int64_t last, enum dlq_state state)
{
	const struct dlq_book_partition *p = &book->partitions[partition];

	first = first < p->from ? p->from : first;
	last = last >= p->next ? p->next - 1 : last;
	for (int64_t offset = first; offset <= last; offset++) {
		if (p->states[offset - p->from] != DLQ_NOTHING) {
			p->states[offset - p->from] = (uint8_t)state;
		}
	}
}

enum dlq_state dlq_book_get(const struct dlq_book *book, size_t partition, int64_t offset)
{
	const struct dlq_book_partition *p = &book->partitions[partition];

	if (offset < p->from || offset >= p->next) {
		return DLQ_NOTHING;
	}
	return (enum dlq_state)p->states[offset - p->from];
}

int64_t dlq_book_first_open(struct dlq_book *book, size_t partition)
{
	struct dlq_book_partition *p = &book->partitions[partition];

	while (p->floor < p->next && p->states[p->floor - p->from] != DLQ_OPEN) {
		p->floor++;
	}
	return p->floor;
}

size_t dlq_book_count(const struct dlq_book *book, enum dlq_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < book->count; i++) {
		const struct dlq_book_partition *p = &book->partitions[i];

		for (int64_t offset = p->from; offset < p->next; offset++) {
			count += p->states[offset - p->from] == state;
		}
	}
	return count;
}

const char *dlq_state_name(enum dlq_state state)
{
	static const char *const names[] = {
		[DLQ_NOTHING] = "nothing",
		[DLQ_OPEN] = "open",
		[DLQ_REPLAYED] = "replayed",
		[DLQ_DISCARDED] = "discarded",
		[DLQ_SETTLED] = "settled",
	};

	return names[state];
}
