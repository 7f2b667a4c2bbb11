/*
 * memory - allocation that does not fail halfway
 *
 * Out of memory aborts the process with a line that says so: a worker is restarted by its
 * supervisor and nothing it held was settled. The supervisor uses the same functions and has a
 * reserve (base/reserve.h) to go on with.
 */
#pragma once

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *pointer, size_t size);
/* `alignment` is a power of two, `size` a multiple of it; free() takes it back. */
void *xaligned_alloc(size_t alignment, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t max);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define NEW(type) ((type *)xcalloc(1, sizeof(type)))

/* Make room for one more element at `array[count]`: doubles `capacity`, keeps the contents. */
#define ARRAY_GROW(array, count, capacity) \
	do { \
		if ((count) == (capacity)) { \
			(capacity) = (capacity) ? 2 * (capacity) : 8; \
			(array) = xrealloc((array), (capacity) * sizeof(*(array))); \
		} \
	} while (0)
