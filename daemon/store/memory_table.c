#include "store/memory_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { BUCKETS_MIN = 1024, BUCKETS_MAX = 1 << 20, LOOKED_AT_MAX = 64 };

void memory_table_init(struct memory_table *table, size_t count_max, int64_t keep_us)
{
	size_t buckets = BUCKETS_MIN;

	while (buckets < count_max && buckets < BUCKETS_MAX) {
		buckets *= 2;
	}
	*table = (struct memory_table){
		.bucket_count = buckets, .count_max = count_max, .keep_us = keep_us
	};
	table->buckets = xcalloc(buckets, sizeof(struct memory_row *));
}

void memory_table_fini(struct memory_table *table)
{
	while (table->oldest) {
		memory_table_remove(table, table->oldest);
	}
	free(table->buckets);
	*table = (struct memory_table){ NULL };
}

/* Keys are digests: any of their bytes spread well. */
static struct memory_row **bucket_of(const struct memory_table *table, const uint8_t *key)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < STORE_KEY_SIZE; i++) {
		hash = hash * 0x100000001b3u + key[i];
	}
	return &table->buckets[(hash ^ hash >> 29) & (table->bucket_count - 1)];
}

/* ---- by use ---- */

static void unlink_row(struct memory_table *table, struct memory_row *row)
{
	*(row->newer ? &row->newer->older : &table->newest) = row->older;
	*(row->older ? &row->older->newer : &table->oldest) = row->newer;
	row->newer = row->older = NULL;
}

static void link_newest(struct memory_table *table, struct memory_row *row)
{
	row->older = table->newest;
	*(table->newest ? &table->newest->newer : &table->oldest) = row;
	table->newest = row;
}

/* Somebody is at work: its lease must not be forgotten. A few are looked at, not all. */
static void forget_oldest(struct memory_table *table, int64_t now_us)
{
	struct memory_row *row = table->oldest;

	for (int i = 0; row && i < LOOKED_AT_MAX; i++, row = row->newer) {
		if (row->outcome != STORE_OUTCOME_RUNNING || row->until_us <= now_us) {
			memory_table_remove(table, row);
			return;
		}
	}
}

/* ---- rows ---- */

static bool has_expired(
	const struct memory_table *table, const struct memory_row *row, int64_t now_us)
{
	return table->keep_us && row->outcome != STORE_OUTCOME_RUNNING &&
		now_us - row->ended_us >= table->keep_us;
}

struct memory_row *memory_table_find(struct memory_table *table, const uint8_t *key, int64_t now_us)
{
	struct memory_row *row = *bucket_of(table, key);

	while (row && memcmp(row->key, key, STORE_KEY_SIZE) != 0) {
		row = row->next_in_bucket;
	}
	if (row && has_expired(table, row, now_us)) {
		memory_table_remove(table, row);
		return NULL;
	}
	if (row) {
		unlink_row(table, row);
		link_newest(table, row);
	}
	return row;
}

struct memory_row *memory_table_add(struct memory_table *table, const uint8_t *key, int64_t now_us)
{
	struct memory_row **bucket = bucket_of(table, key);
	struct memory_row *row;

	if (table->count >= table->count_max) {
		forget_oldest(table, now_us);
	}
	row = NEW(struct memory_row);
	memcpy(row->key, key, STORE_KEY_SIZE);
	row->next_in_bucket = *bucket;
	*bucket = row;
	link_newest(table, row);
	table->count++;
	return row;
}

void memory_table_remove(struct memory_table *table, struct memory_row *row)
{
	struct memory_row **at = bucket_of(table, row->key);

	while (*at != row) {
		at = &(*at)->next_in_bucket;
	}
	*at = row->next_in_bucket;
	unlink_row(table, row);
	table->count--;
	free(row->decision);
	free(row);
}
