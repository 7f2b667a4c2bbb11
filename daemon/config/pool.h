/*
 * pool - the memory of one configuration
 *
 * Everything a configuration owns is allocated here and freed together. All of it is overwritten
 * first: passwords lie among the other strings. One thread.
 */
#pragma once

#include <stddef.h>

struct pool_block;

struct pool {
	struct pool_block *blocks;
};

#define POOL_INIT ((struct pool){ NULL })

/* Zeroed, aligned for any type. */
void *pool_alloc(struct pool *pool, size_t size);

/* A copy of `len` bytes, followed by a NUL. */
char *pool_copy(struct pool *pool, const char *data, size_t len);
char *pool_strdup(struct pool *pool, const char *s);
char *pool_printf(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));

void pool_fini(struct pool *pool);
