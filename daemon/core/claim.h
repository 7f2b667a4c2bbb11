/*
 * claim - what the row that is there says about a claim
 *
 * Pure. Every store finds the row in its own way, and asks here for the verdict, so that all of
 * them agree.
 */
#pragma once

#include "core/store.h"

/* A row of the dedup table, as far as a verdict needs it. */
struct claim_row {
	enum store_outcome outcome;
	bool is_same_position; /* topic, partition, offset and timestamp are the claim's */
	struct slice digest; /* null: none was kept */
	int64_t left_us; /* RUNNING: until the lease ends; 0 or less: it is over */
	/* RUNNING: of a replay; until the lease is ended the row stands for a dead letter */
	bool is_replay;
};

/*
 * Both digests are there, of the same kind, and not the same. `digest` is a row's, or null.
 */
bool claim_differs(const struct store_claim *claim, struct slice digest);

/*
 * Set the claim's verdict, busy_us and is_dead_elsewhere. CLAIM_UNKNOWN: nothing of the row counts
 * any more, its lease is over and it may be replaced. CLAIM_REPLAYED: the row may be taken over.
 * `decision` is left to the caller.
 */
void claim_judge(struct store_claim *claim, const struct claim_row *row);
