/*
 * nth_failure - the n-th call for memory, a descriptor or a byte fails, once
 *
 * For tests in C that are linked with the library. The plan is shared with the processes that the
 * test forks, which is how it learns what happened to them.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { NTH_DEPTH_MAX = 8, NTH_PLACES_MAX = 1 << 15, NTH_NAME_SIZE = 32 };

struct nth_plan {
	_Atomic uint64_t is_armed;
	uint64_t by_place; /* count a call only where none came from before */
	uint64_t at; /* this one fails; 0 none */
	char role[NTH_NAME_SIZE]; /* worker, probe, migrate, main; "" all */
	_Atomic uint64_t count;
	_Atomic uint64_t fired; /* process id */
	char what[NTH_NAME_SIZE]; /* the function that failed */
	uint64_t stack[NTH_DEPTH_MAX]; /* where it was called, in the program */
	_Atomic uint64_t places[NTH_PLACES_MAX];
};

/* From now on this program's calls are looked at. Once; not armed yet. NULL: no memory. */
struct nth_plan *nth_failure_begin(void);
/* Count from 1; the call `at` fails, 0: none. */
void nth_failure_arm(uint64_t at);

/*
 * Blocks that the program itself got since nth_blocks_watch(), and did not free. What a library
 * frees for it counts as not freed. Any thread.
 */
void nth_blocks_watch(void);
size_t nth_blocks_left(void);

/* Of the stand-ins; the first returns the block. */
void *nth_block_made(void *block);
void nth_block_freed(uintptr_t block);
