/*
 * nth_blocks - which blocks the program has, for tests that count what is left
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "nth_failure.h"

enum { BLOCKS_MAX = 1 << 18 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_watching;
static size_t count;
/* Open addressing; a gap that a block left is no end of a search. */
enum { GAP = 1 };
static uintptr_t blocks[BLOCKS_MAX];

static size_t place_of(uintptr_t block)
{
	return (block >> 4) * 0x9e3779b97f4a7c15u % BLOCKS_MAX;
}

static void add(uintptr_t block)
{
	size_t at = place_of(block);

	if (count + 1 == BLOCKS_MAX) {
		abort();
	}
	while (blocks[at] && blocks[at] != GAP) {
		at = (at + 1) % BLOCKS_MAX;
	}
	blocks[at] = block;
	count++;
}

static void take_out(uintptr_t block)
{
	size_t at = place_of(block);

	for (size_t looked = 0; blocks[at] && looked < BLOCKS_MAX; looked++) {
		if (blocks[at] == block) {
			blocks[at] = GAP;
			count--;
			return;
		}
		at = (at + 1) % BLOCKS_MAX;
	}
}

static void change(uintptr_t freed, uintptr_t made)
{
	if (!is_watching) {
		return;
	}
	pthread_mutex_lock(&lock);
	if (freed) {
		take_out(freed);
	}
	if (made) {
		add(made);
	}
	pthread_mutex_unlock(&lock);
}

void *nth_block_made(void *block)
{
	change(0, (uintptr_t)block);
	return block;
}

void nth_block_freed(uintptr_t block)
{
	change(block, 0);
}

void nth_blocks_watch(void)
{
	is_watching = true;
}

size_t nth_blocks_left(void)
{
	return count;
}
