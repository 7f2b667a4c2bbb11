/*
 * log_ring - lines that wait until their descriptor takes them
 */
#include "base/log_ring.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

static void ring_write(struct log_ring *ring, const void *data, size_t len)
{
	size_t at = (ring->head + ring->used) % LOG_RING_SIZE;
	size_t first = len < LOG_RING_SIZE - at ? len : LOG_RING_SIZE - at;
	memcpy(ring->data + at, data, first);
	memcpy(ring->data, (const char *)data + first, len - first);
	ring->used += len;
}

static void ring_read(struct log_ring *ring, void *ret_data, size_t len)
{
	size_t first = len < LOG_RING_SIZE - ring->head ? len : LOG_RING_SIZE - ring->head;
	memcpy(ret_data, ring->data + ring->head, first);
	memcpy((char *)ret_data + first, ring->data, len - first);
	ring->head = (ring->head + len) % LOG_RING_SIZE;
	ring->used -= len;
}

bool log_ring_push(struct log_ring *ring, const char *line, size_t len)
{
	assert(len > 0 && len <= UINT16_MAX);
	uint16_t length = (uint16_t)len;
	if (LOG_RING_SIZE - ring->used < sizeof(length) + len) {
		return false;
	}
	ring_write(ring, &length, sizeof(length));
	ring_write(ring, line, len);
	return true;
}

size_t log_ring_pop(struct log_ring *ring, char *ret_line, size_t size)
{
	if (ring->used == 0) {
		return 0;
	}
	uint16_t length;
	ring_read(ring, &length, sizeof(length));
	assert(length <= size);
	ring_read(ring, ret_line, length);
	return length;
}
