/*
 * pace - at most N in T, spread evenly
 *
 * Pure. A bucket of tokens as one number: the time at which all that was let through would be
 * through at an even pace. Bursts are up to a tenth of N, at least one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
	int64_t step_ns; /* between two; 0: no limit */
	int64_t slack_ns; /* so far may the mark be ahead of the clock */
};

/* Where one that is paced stands; 0 at first. */
typedef int64_t pace_mark_ns;

/* count 0: no limit. */
struct pace pace_of(unsigned count, int64_t window_us);
static inline bool pace_is_limited(const struct pace *pace)
{
	return pace->step_ns > 0;
}

/* How many may go now. */
unsigned pace_allows(const struct pace *pace, pace_mark_ns mark, int64_t now_us);
/* So many go: where it stands then. */
pace_mark_ns pace_spend(
	const struct pace *pace, pace_mark_ns mark, int64_t now_us, unsigned count);
/* When the next may go. */
int64_t pace_due_us(const struct pace *pace, pace_mark_ns mark);

/* Marks by key; those whose key may go as if it never had are forgotten. */
struct pace_keys {
	struct pace_key *slots; /* open addressing */
	size_t capacity, used;
};

void pace_keys_fini(struct pace_keys *keys);
/* The mark of a key, made 0 when there is none. Valid until the next call. */
pace_mark_ns *pace_keys_get(struct pace_keys *keys, uint64_t key, int64_t now_us);
