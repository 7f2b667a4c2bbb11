#include "worker/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What one record costs beyond its bytes: our struct and the library's message. */
enum { RECORD_OVERHEAD_BYTES = 512 };

struct record *record_new(const struct source_ops *ops, struct source *source,
	const struct source_record *polled, uint64_t key_hash)
{
	struct record *record = NEW(struct record);

	record->item.slot = polled->slot;
	record->item.epoch = polled->epoch;
	record->item.offset = polled->offset;
	record->item.key_hash = key_hash;
	record->item.bytes =
		(uint32_t)(polled->key.len + polled->value.len + RECORD_OVERHEAD_BYTES);
	record->source_ops = ops;
	record->source = source;
	record->handle = polled->handle;
	record->key = polled->key;
	record->value = polled->value;
	record->timestamp_ms = polled->timestamp_ms;
	record->header_count = -1;
	return record;
}

static void release_handle(struct record *record)
{
	if (record->handle) {
		record->source_ops->release(record->source, record->handle);
		record->handle = NULL;
	}
}

void record_free(struct record *record)
{
	if (!record) {
		return;
	}
	release_handle(record);
	free(record->headers);
	free(record->copy);
	free(record);
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
