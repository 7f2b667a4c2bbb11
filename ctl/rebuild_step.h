/*
 * rebuild_step - the steps of a rebuild, and where one that was stopped goes on
 *
 * Pure. Each step may be repeated; nothing is applied before RESUME, and the store itself sees to
 * it that SWITCH happens once (store.h, begin_generation).
 */
#pragma once

#include <stdbool.h>

enum rebuild_step {
	/* the workers finish and leave the group: the offsets are nobody's */
	REBUILD_DRAIN,
	/* the group's offsets go back; refused while anybody is in the group */
	REBUILD_REWIND,
	/* rebuild.sql and the new generation, in one transaction */
	REBUILD_SWITCH,
	/* somebody resumed meanwhile, and the offsets moved: back again, in the new generation */
	REBUILD_CHECK,
	REBUILD_RESUME,
	REBUILD_WATCH, /* until it caught up with where the logs ended at the start */
	REBUILD_STEPS,
};

/* "drain", as it is written to the file. */
extern const char *const rebuild_step_names[REBUILD_STEPS];

/* REBUILD_STEPS: no such step. */
enum rebuild_step rebuild_step_of(const char *name);

/*
 * Where a rebuild goes on that was last seen before `saved`. `is_switched`: the generation in use
 * is the one it began. Before the switch it begins with the drain again: whatever happened
 * meanwhile, the offsets must stand at the start when the switch comes.
 */
enum rebuild_step rebuild_step_again(enum rebuild_step saved, bool is_switched);

/* May it be given up? Then nothing was undone yet. */
bool rebuild_may_abort(bool is_switched);

/*
 * Microseconds left for `left` more, after `done` in so long; -1: it cannot be said.
 */
long long rebuild_left_us(long long done, long long left, long long took_us);
