/*
 * rebuild_state - what a rebuild that was stopped is taken up by: a file in state.dir
 *
 * Runs in: oncectl. rebuild-CONSUMER.json, replaced as a whole and on disk before a step begins;
 * one oncectl at a time has it, by a lock on a file beside it.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "core/store.h"
#include "rebuild_step.h"

/* One partition: where the rebuild begins, and where its log ended at that time. */
struct rebuild_place {
	char topic[256];
	int32_t partition;
	int64_t start, end, committed; /* committed: as last seen, not kept */
	int64_t before; /* what the group had committed when its offsets went back; -1 nothing */
};

struct rebuild_state {
	const struct config *config;
	const struct config_consumer *consumer;
	int lock_fd; /* -1 none */
	bool is_there; /* the file */
	enum rebuild_step step; /* what comes next */
	struct store_generation next; /* number 0: the store knows none */
	char from[64]; /* as it was said */
	int64_t from_ms; /* -1: earliest */
	char reason[256];
	struct rebuild_place *places;
	size_t place_count;
};

/*
 * Lock, and read the file if it is there. 0; -EBUSY when another oncectl works on it, or another
 * -errno, with err.
 */
int rebuild_state_open(struct rebuild_state *state, struct err *err);
void rebuild_state_close(struct rebuild_state *state);

int rebuild_state_save(struct rebuild_state *state, struct err *err);
int rebuild_state_remove(struct rebuild_state *state, struct err *err);
