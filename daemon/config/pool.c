/*
 * pool - the memory of one configuration
 */
#include "config/pool.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct pool_block {
	struct pool_block *next;
	size_t size;
	max_align_t data[];
};

void *pool_alloc(struct pool *pool, size_t size)
{
	struct pool_block *block = xcalloc(1, sizeof(*block) + size);

	block->size = size;
	block->next = pool->blocks;
	pool->blocks = block;
	return block->data;
}

char *pool_copy(struct pool *pool, const char *data, size_t len)
{
	char *copy = pool_alloc(pool, len + 1);

	if (len > 0) {
		memcpy(copy, data, len);
	}
	return copy;
}

char *pool_strdup(struct pool *pool, const char *s)
{
	return pool_copy(pool, s, strlen(s));
}

char *pool_printf(struct pool *pool, const char *format, ...)
{
	va_list args, again;
	int len;
	char *text;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = pool_alloc(pool, (size_t)(len < 0 ? 0 : len) + 1);
	if (len > 0) {
		vsnprintf(text, (size_t)len + 1, format, again);
	}
	va_end(again);
	return text;
}

void pool_fini(struct pool *pool)
{
	while (pool->blocks) {
		struct pool_block *block = pool->blocks;

		pool->blocks = block->next;
		explicit_bzero(block->data, block->size);
		free(block);
	}
}
