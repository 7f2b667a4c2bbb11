/*
 * log_ring - lines that wait until their descriptor takes them
 *
 * A ring of bytes; each line is preceded by its length. One thread at a time. Inside base and its
 * tests only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { LOG_RING_SIZE = 1 << 18 };

struct log_ring {
	size_t head, used; /* bytes */
	char data[LOG_RING_SIZE];
};

/* False when it does not fit. 0 < len <= 65535. */
bool log_ring_push(struct log_ring *ring, const char *line, size_t len);

/*
 * Copy the oldest line out and remove it. Its length, 0 when empty; `size` is at least every length
 * pushed.
 */
size_t log_ring_pop(struct log_ring *ring, char *ret_line, size_t size);
