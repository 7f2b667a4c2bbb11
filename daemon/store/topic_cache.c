/*
 * topic_cache - the numbers that topics have in the store's tables
 *
 * Runs in: the thread of one session. A consumer has few topics: a list is enough.
 */
#include "store/topic_cache.h"

#include <stdlib.h>

#include "base/memory.h"

static bool entry_is(const struct topic_entry *entry, struct slice topic)
{
	return slice_equal(slice_from(entry->name, entry->len), topic);
}

int topic_cache_find(struct topic_cache *cache, struct slice topic)
{
	if (cache->last < cache->count && entry_is(&cache->entries[cache->last], topic)) {
		return cache->entries[cache->last].id;
	}
	for (size_t i = 0; i < cache->count; i++) {
		if (entry_is(&cache->entries[i], topic)) {
			cache->last = i;
			return cache->entries[i].id;
		}
	}
	return -1;
}

void topic_cache_add(struct topic_cache *cache, struct slice topic, int id, bool is_uncommitted)
{
	ARRAY_GROW(cache->entries, cache->count, cache->capacity);
	cache->entries[cache->count++] = (struct topic_entry){
		.name = xstrndup(topic.data, topic.len),
		.len = topic.len,
		.id = id,
		.is_uncommitted = is_uncommitted,
	};
}

void topic_cache_transaction_ended(struct topic_cache *cache, bool has_committed)
{
	size_t kept = 0;

	for (size_t i = 0; i < cache->count; i++) {
		struct topic_entry entry = cache->entries[i];

		if (entry.is_uncommitted && !has_committed) {
			free(entry.name);
			continue;
		}
		entry.is_uncommitted = false;
		cache->entries[kept++] = entry;
	}
	cache->count = kept;
}

void topic_cache_fini(struct topic_cache *cache)
{
	for (size_t i = 0; i < cache->count; i++) {
		free(cache->entries[i].name);
	}
	free(cache->entries);
	*cache = TOPIC_CACHE_INIT;
}
