/*
 * sched_private - what the files of the scheduler share
 *
 * sched.c gives out and takes back, sched_epoch.c begins and ends epochs, sched_state.c moves
 * strands between their states, sched_strand.c finds and queues them.
 */
#pragma once

#include "core/sched_strand.h"

/* An epoch that ended while lanes still held items of it. */
struct dead_epoch {
	uint32_t epoch;
	unsigned given_out;
};

struct sched_slot {
	bool is_live, was_used, is_paused;
	uint32_t epoch; /* the live or the last one */
	unsigned given_out; /* of the live epoch */
	int64_t last_offset; /* put last in the live epoch */
	struct dead_epoch *dead;
	size_t dead_count, dead_capacity;
};

struct sched {
	enum sched_order order;
	struct sched_limits limits;
	struct sched_slot *slots;
	size_t slot_count;
	struct strand_table table;
	struct strand_queue ready;
	struct strand_heap parked;
	struct pace pace_all, pace_each;
	pace_mark_ns mark;
	struct pace_keys marks; /* by key and slot */
	int64_t now_us; /* as of the last tick */
	bool is_paused;
	bool has_alone; /* an item that is to be alone was put in once */
	uint64_t queued, given_out, bytes;
	uint64_t strands_in[STRAND_STATES];
	uint64_t records_in[STRAND_STATES]; /* queued records by their strand's state */
};

/* ---- states of strands: leave, change what must change, then enter or settle ---- */

/* The strand of a record, by the scheduler's order. */
uint64_t sched_key(const struct sched *sched, uint64_t key_hash, int64_t offset);
/* Found, or made IDLE: then it must leave that state for another. */
struct sched_strand *sched_strand_get(struct sched *sched, uint32_t slot_index, uint64_t key);
void sched_strand_leave_state(struct sched *sched, struct sched_strand *strand);
void sched_strand_enter_state(struct sched *sched, struct sched_strand *strand,
	enum strand_state state);
/* Enter the state it belongs to now; with nothing in it and nothing to wait for it is gone. */
void sched_strand_settle_state(struct sched *sched, struct sched_strand *strand, bool is_parked);

/* ---- epochs ---- */

/* NULL for a slot that was never used. */
struct sched_slot *sched_slot(const struct sched *sched, uint32_t slot);
bool sched_slot_has_live(const struct sched_slot *slot, uint32_t epoch);
/* `count` items of an epoch came back. */
void sched_slot_returned(struct sched_slot *slot, uint32_t epoch, unsigned count);
