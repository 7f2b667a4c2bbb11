#include "store/position.h"

static uint64_t add(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

/* Each input bit reaches each output bit. */
static uint64_t stir(uint64_t hash)
{
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

uint64_t store_position_digest(const char *cluster_id, const struct store_position *position)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = add(hash, cluster_id, strlen(cluster_id) + 1);
	hash = stir(add(hash, position->topic.data, position->topic.len));
	hash = stir(hash + (uint32_t)position->partition);
	hash = stir(hash + (uint64_t)position->offset);
	return stir(hash + (uint64_t)position->timestamp_ms);
}
