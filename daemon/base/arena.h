/*
 * arena - many small allocations, freed together
 *
 * One thread. What arena_alloc() returns lives until arena_reset() or arena_fini().
 */
#pragma once

#include <stddef.h>

#include "base/slice.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the first is the current one */
	size_t used;
};

#define ARENA_INIT ((struct arena){ NULL, 0 })

/* Aligned for any type, not zeroed. */
void *arena_alloc(struct arena *arena, size_t size);
struct slice arena_copy(struct arena *arena, struct slice s);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Forget everything, keep one block for the next round. */
void arena_reset(struct arena *arena);
void arena_fini(struct arena *arena);
