/*
 * arena - many small allocations, freed together
 *
 * Blocks double up to a cap, so that a round that needs much settles on one block after a few
 * resets. What does not fit the current block and is large gets a block of its own behind it.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { ARENA_BLOCK_MIN = 4096, ARENA_BLOCK_MAX = 1 << 20, ARENA_ALIGN = alignof(max_align_t) };

struct arena_block {
	struct arena_block *next;
	size_t size;
	alignas(max_align_t) char data[];
};

static struct arena_block *arena_block_new(size_t size)
{
	struct arena_block *block = xmalloc(sizeof(*block) + size);
	block->next = NULL;
	block->size = size;
	return block;
}

static size_t arena_next_size(const struct arena *arena)
{
	if (!arena->blocks) {
		return ARENA_BLOCK_MIN;
	}
	return arena->blocks->size < ARENA_BLOCK_MAX / 2 ? arena->blocks->size * 2
							 : ARENA_BLOCK_MAX;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	assert(size < SIZE_MAX / 4);
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	struct arena_block *block = arena->blocks;
	if (block && block->size - arena->used >= size) {
		void *pointer = block->data + arena->used;
		arena->used += size;
		return pointer;
	}

	size_t next_size = arena_next_size(arena);
	if (block && size > next_size / 2) {
		struct arena_block *own = arena_block_new(size);
		own->next = block->next;
		block->next = own;
		return own->data;
	}
	struct arena_block *fresh = arena_block_new(size > next_size ? size : next_size);
	fresh->next = block;
	arena->blocks = fresh;
	arena->used = size;
	return fresh->data;
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
	if (slice_is_null(s)) {
		return SLICE_NULL;
	}
	char *data = arena_alloc(arena, s.len > 0 ? s.len : 1);
	if (s.len > 0) {
		memcpy(data, s.data, s.len);
	}
	return slice_from(data, s.len);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	assert(format);
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(len >= 0);
	char *text = arena_alloc(arena, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

/* The largest block worth keeping; one oversized round must not pin its memory for ever. */
static struct arena_block *arena_pick_kept(struct arena *arena)
{
	struct arena_block *kept = NULL;
	for (struct arena_block *block = arena->blocks; block; block = block->next) {
		if (block->size <= ARENA_BLOCK_MAX && (!kept || block->size > kept->size)) {
			kept = block;
		}
	}
	return kept;
}

static void arena_free_except(struct arena *arena, struct arena_block *kept)
{
	struct arena_block *block = arena->blocks;
	while (block) {
		struct arena_block *next = block->next;
		if (block != kept) {
			free(block);
		}
		block = next;
	}
	if (kept) {
		kept->next = NULL;
	}
	arena->blocks = kept;
	arena->used = 0;
}

void arena_reset(struct arena *arena)
{
	arena_free_except(arena, arena_pick_kept(arena));
}

void arena_fini(struct arena *arena)
{
	if (arena) {
		arena_free_except(arena, NULL);
	}
}
