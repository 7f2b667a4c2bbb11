#include "worker/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What one record costs beyond its bytes: our struct and the library's message. */
enum { RECORD_OVERHEAD_BYTES = 512 };

static void fill(struct record *record, const struct source_ops *ops, struct source *source,
	const struct source_record *polled, uint64_t key_hash)
{
	*record = (struct record){ .source_ops = ops,
		.source = source,
		.handle = polled->handle,
		.key = polled->key,
		.value = polled->value,
		.timestamp_ms = polled->timestamp_ms,
		.header_count = -1 };
	record->item.slot = polled->slot;
	record->item.epoch = polled->epoch;
	record->item.offset = polled->offset;
	record->item.key_hash = key_hash;
	record->item.bytes =
		(uint32_t)(polled->key.len + polled->value.len + RECORD_OVERHEAD_BYTES);
}

struct record *record_new(const struct source_ops *ops, struct source *source,
	const struct source_record *polled, uint64_t key_hash)
{
	struct record *record = xmalloc(sizeof(*record));

	fill(record, ops, source, polled, key_hash);
	return record;
}

static void release_handle(struct record *record)
{
	if (record->handle) {
		record->source_ops->release(record->source, record->handle);
		record->handle = NULL;
	}
}

/* All but its own memory. */
static void empty(struct record *record)
{
	release_handle(record);
	free(record->headers);
	free(record->copy);
	if (record->origin) {
		free(record->origin->topic);
		free(record->origin);
	}
}

void record_free(struct record *record)
{
	if (!record) {
		return;
	}
	empty(record);
	free(record);
}

/* ---- the pool ---- */

/* What is kept must look freed to a sanitizer, all but the link to the next. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define PUT_AWAY(record)                                                                           \
	ASAN_POISON_MEMORY_REGION(&(record)->item + 1, sizeof(*(record)) - sizeof((record)->item))
#define TAKE_OUT(record) ASAN_UNPOISON_MEMORY_REGION(record, sizeof(*(record)))
#else
#define PUT_AWAY(record) ((void)(record))
#define TAKE_OUT(record) ((void)(record))
#endif

struct record *record_pool_new(struct record_pool *pool, const struct source_ops *ops,
	struct source *source, const struct source_record *polled, uint64_t key_hash)
{
	struct record *record;

	if (!pool->ready) {
		pool->ready = atomic_exchange_explicit(&pool->put, NULL, memory_order_acquire);
	}
	if (!pool->ready) {
		return record_new(ops, source, polled, key_hash);
	}
	record = (struct record *)pool->ready;
	pool->ready = record->item.next;
	TAKE_OUT(record);
	fill(record, ops, source, polled, key_hash);
	return record;
}

void record_pool_put(struct record_pool *pool, struct record *const *records, unsigned count)
{
	struct sched_item *first = NULL, *seen;

	if (count == 0) {
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		empty(records[i]);
		records[i]->item.next = first;
		first = &records[i]->item;
		PUT_AWAY(records[i]);
	}
	/* the taker takes all at once, so that no item is met twice on the way */
	seen = atomic_load_explicit(&pool->put, memory_order_relaxed);
	do {
		records[0]->item.next = seen;
	} while (!atomic_compare_exchange_weak_explicit(
		&pool->put, &seen, first, memory_order_release, memory_order_relaxed));
}

static void free_items(struct sched_item *items)
{
	while (items) {
		struct sched_item *next = items->next;
		free(items);
		items = next;
	}
}

void record_pool_fini(struct record_pool *pool)
{
	free_items(pool->ready);
	free_items(atomic_load(&pool->put));
}

int record_headers(struct record *record, const struct source_header **ret)
{
	int count;

	if (record->header_count == -1) {
		count = record->source_ops->headers(record->handle, NULL, 0);
		if (count > 0) {
			record->headers = xcalloc((size_t)count, sizeof(*record->headers));
			count = record->source_ops->headers(
				record->handle, record->headers, (size_t)count);
		}
		record->header_count = count < 0 ? -2 : count;
	}
	*ret = record->headers;
	return record->header_count < 0 ? -1 : record->header_count;
}

static struct slice move(char **at, struct slice from)
{
	struct slice to = from;

	if (from.data) {
		/* an empty value stays different from a null one */
		to.data = memcpy(*at, from.len ? from.data : "", from.len);
		*at += from.len;
	}
	return to;
}

void record_detach(struct record *record)
{
	const struct source_header *headers;
	size_t size = record->key.len + record->value.len + 1;
	char *at;
	int count;

	if (!record->handle) {
		return;
	}
	count = record_headers(record, &headers);
	for (int i = 0; i < count; i++) {
		size += headers[i].name.len + headers[i].value.len;
	}
	at = record->copy = xmalloc(size);
	record->key = move(&at, record->key);
	record->value = move(&at, record->value);
	for (int i = 0; i < count; i++) {
		record->headers[i].name = move(&at, record->headers[i].name);
		record->headers[i].value = move(&at, record->headers[i].value);
	}
	release_handle(record);
}

/* FNV-1a with a final mix: keys are short, and equal hashes only share a strand. */
uint64_t record_key_hash(struct slice key)
{
	uint64_t hash = 0xcbf29ce484222325u;

	if (!key.data) {
		return 1;
	}
	for (size_t i = 0; i < key.len; i++) {
		hash = (hash ^ (unsigned char)key.data[i]) * 0x100000001b3u;
	}
	hash ^= hash >> 32;
	return hash * 0x9e3779b97f4a7c15u;
}
