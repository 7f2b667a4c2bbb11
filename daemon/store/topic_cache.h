/*
 * topic_cache - the numbers that topics have in the store's tables
 *
 * One per session, used by its thread. A number that was given inside a transaction still open is
 * forgotten when that transaction does not commit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct topic_entry {
	char *name;
	size_t len;
	int id;
	bool is_uncommitted;
};

struct topic_cache {
	struct topic_entry *entries;
	size_t count, capacity;
	size_t last; /* where the last search ended: records come in runs of one topic */
};

#define TOPIC_CACHE_INIT ((struct topic_cache){ NULL, 0, 0, 0 })

/* The number, or -1. */
int topic_cache_find(struct topic_cache *cache, struct slice topic);
void topic_cache_add(struct topic_cache *cache, struct slice topic, int id, bool is_uncommitted);

/* The open transaction ended. */
void topic_cache_transaction_ended(struct topic_cache *cache, bool has_committed);

/* Forget everything; usable afterwards. */
void topic_cache_fini(struct topic_cache *cache);
