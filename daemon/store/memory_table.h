/*
 * memory_table - rows of events in memory, the least recently used of them forgotten first
 *
 * Pure but for memory; the caller has the lock. A row that is leased is not forgotten.
 */
#pragma once

#include "core/store.h"

struct memory_row {
	struct memory_row *next_in_bucket;
	struct memory_row *newer, *older; /* by use */
	uint8_t key[STORE_KEY_SIZE];
	uint8_t owner[STORE_OWNER_SIZE]; /* RUNNING */
	enum store_outcome outcome;
	int64_t until_us; /* RUNNING: monotonic */
	int64_t ended_us; /* else */
	bool has_digest;
	uint8_t digest[STORE_DIGEST_SIZE];
	uint64_t position; /* store_position_digest() */
	bool is_replay; /* RUNNING: a dead letter again, should nothing come of it */
	char *decision; /* DLQ, or a replay of one */
	size_t decision_len;
};

struct memory_table {
	struct memory_row **buckets;
	size_t bucket_count; /* a power of two */
	struct memory_row *newest, *oldest;
	size_t count, count_max;
	int64_t keep_us; /* 0: for ever */
};

void memory_table_init(struct memory_table *table, size_t count_max, int64_t keep_us);
void memory_table_fini(struct memory_table *table);

/* The row, now the newest; NULL. */
struct memory_row *memory_table_find(
	struct memory_table *table, const uint8_t *key, int64_t now_us);
/* A new row for a key that has none; others may be forgotten for it. */
struct memory_row *memory_table_add(struct memory_table *table, const uint8_t *key, int64_t now_us);
void memory_table_remove(struct memory_table *table, struct memory_row *row);
