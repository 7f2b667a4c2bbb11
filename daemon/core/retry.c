/*
 * retry - decide when a failed record is tried again, or that it is not
 */
#include "core/retry.h"

/* The delay before jitter: delay * factor^(attempts - 1), at most delay_max. */
static int64_t retry_backoff(const struct retry_policy *policy, unsigned attempts)
{
	double delay_us = (double)policy->delay_us;
	for (unsigned i = 1;
		i < attempts && delay_us < (double)policy->delay_max_us && policy->factor > 1;
		i++) {
		delay_us *= policy->factor;
	}
	return delay_us < (double)policy->delay_max_us ? (int64_t)delay_us : policy->delay_max_us;
}

/* Uniform in [0, delay_us]; the product of two 64-bit numbers keeps every value equally likely. */
static int64_t retry_jitter(const struct retry_policy *policy, int64_t delay_us, uint64_t random)
{
	if (policy->jitter == RETRY_JITTER_NONE || delay_us <= 0) {
		return delay_us;
	}
	return (int64_t)((unsigned __int128)random * ((uint64_t)delay_us + 1) >> 64);
}

int64_t retry_next_delay(
	const struct retry_policy *policy, const struct retry_state *state, uint64_t random)
{
	bool has_deadline = policy->deadline_us > 0 && !state->is_first_after_hold;
	if (has_deadline && state->elapsed_us >= policy->deadline_us) {
		return -1;
	}
	bool is_used_up = policy->attempts > 0 && state->attempts >= policy->attempts;
	if (is_used_up && state->has_witness) {
		return -1;
	}

	int64_t delay_us = is_used_up
		? policy->delay_max_us
		: retry_jitter(policy, retry_backoff(policy, state->attempts), random);
	/* The last attempt falls on the deadline, not a delay_max behind it. */
	if (has_deadline && delay_us > policy->deadline_us - state->elapsed_us) {
		delay_us = policy->deadline_us - state->elapsed_us;
	}
	return delay_us > state->retry_after_us ? delay_us : state->retry_after_us;
}
