/*
 * tier - retries that wait in topics: which one is next, and when its record is due
 *
 * Runs in: worker, any thread (pure). Times are arguments.
 *
 * A tier is a topic whose records all wait equally long, so that the first one not yet due says
 * that none behind it is. What is promised: no record is due before its delay has passed since the
 * time it was stamped with when it was written, by a clock that a step forward of the wall clock
 * does not move (tier_clock). None waits longer than its delay once it has been read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { TIERS_MAX = 16 };

struct tier_policy {
	int64_t delays_us[TIERS_MAX]; /* rising */
	unsigned count; /* 0: retries wait in place */
	int64_t deadline_us; /* 0: none */
};

struct tier_state {
	unsigned attempts; /* made so far, this failure included */
	int64_t retry_after_us; /* asked for by the handler, 0 none */
	bool has_witness; /* another record of the handler succeeded since the first failure */
};

/*
 * The tier where the record waits next, or -1: it has been through all of them. The n-th failure
 * leads to the n-th tier, or to a later one where the handler asks for more time than that one
 * takes. After the last tier it ends if there is a witness; without one it goes there again, until
 * what it waited is more than the deadline, or than all tiers together where the deadline is
 * shorter.
 */
int tier_next(const struct tier_policy *policy, const struct tier_state *state);

/*
 * The wall clock as far as it is believed. A step back counts at once: it makes records late. A
 * step forward would make them early, and counts only when the longest delay has passed since: what
 * was written before the step is due by then.
 */
struct tier_clock {
	int64_t longest_us;
	int64_t ahead_us; /* of the wall clock to the monotonic one, as it is believed */
	int64_t doubted_since_us; /* monotonic; 0: nothing is doubted */
	bool is_set;
};

/* The believed wall clock, milliseconds. To be asked at least as often as once a second. */
int64_t tier_clock_ms(struct tier_clock *clock, int64_t wall_ms, int64_t mono_us);

/* What a record in a tier says of its time; wall clock, 0 or less: nothing. */
struct tier_stamp {
	int64_t due_ms; /* by the clock of who wrote it */
	int64_t written_ms; /* the record's own timestamp */
};

/* Monotonic: when a record that was read at `mono_us` is due; not later than a delay from now. */
int64_t tier_due_us(
	const struct tier_stamp *stamp, int64_t delay_us, int64_t believed_ms, int64_t mono_us);
