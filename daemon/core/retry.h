/*
 * retry - decide when a failed record is tried again, or that it is not
 *
 * Runs in: worker, any thread (pure). Time and randomness are arguments. The caller keeps the
 * record; see sched for parking.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum retry_jitter { RETRY_JITTER_FULL, RETRY_JITTER_NONE };

struct retry_policy {
	unsigned attempts; /* 0 = for ever */
	int64_t delay_us, delay_max_us, deadline_us; /* deadline 0 = none */
	double factor;
	enum retry_jitter jitter;
};

struct retry_state {
	unsigned attempts; /* made so far, this failure included */
	int64_t elapsed_us; /* since the first failure, time in holds and pauses not counted */
	int64_t retry_after_us; /* asked for by the handler, 0 none */
	bool has_witness; /* another record of the handler succeeded since the first failure */
	/* no attempt yet since the last hold, pause or restart: the deadline does not end it */
	bool is_first_after_hold;
};

/*
 * Delay until the next attempt in microseconds, or -1: exhausted, dead letter. Used-up attempts
 * need a witness: without one the record goes on at delay_max until the deadline. `random` is
 * uniform over 64 bits.
 */
int64_t retry_next_delay(
	const struct retry_policy *policy, const struct retry_state *state, uint64_t random);
