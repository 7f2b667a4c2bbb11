#include "core/tier.h"

/* Between two looks; clocks are adjusted all the time, and read one after the other. */
#define STEP_US ((int64_t)5 * 1000)

/* ---- which ---- */

static int64_t whole_us(const struct tier_policy *policy)
{
	int64_t sum_us = 0;

	for (unsigned i = 0; i < policy->count; i++) {
		sum_us += policy->delays_us[i];
	}
	return sum_us;
}

/* Is there time for the last tier once more? */
static bool has_time(const struct tier_policy *policy, unsigned attempts)
{
	int64_t last_us = policy->delays_us[policy->count - 1], whole = whole_us(policy);
	unsigned repeats = attempts - policy->count; /* the coming one included */

	if (policy->deadline_us == 0) {
		return true;
	}
	/* divided: a header can say any number of attempts */
	return policy->deadline_us > whole && repeats <= (policy->deadline_us - whole) / last_us;
}

int tier_next(const struct tier_policy *policy, const struct tier_state *state)
{
	unsigned last = policy->count - 1, next = state->attempts ? state->attempts - 1 : 0;

	if (next > last) {
		return !state->has_witness && has_time(policy, state->attempts) ? (int)last : -1;
	}
	while (next < last && policy->delays_us[next] < state->retry_after_us) {
		next++;
	}
	return (int)next;
}

/* ---- when ---- */

int64_t tier_clock_ms(struct tier_clock *clock, int64_t wall_ms, int64_t mono_us)
{
	int64_t ahead_us = wall_ms * 1000 - mono_us;

	if (!clock->is_set || ahead_us <= clock->ahead_us + STEP_US) {
		clock->ahead_us = ahead_us;
		clock->doubted_since_us = 0;
		clock->is_set = true;
	} else if (!clock->doubted_since_us) {
		clock->doubted_since_us = mono_us;
	} else if (mono_us - clock->doubted_since_us >= clock->longest_us) {
		clock->ahead_us = ahead_us;
		clock->doubted_since_us = 0;
	}
	return (clock->ahead_us + mono_us) / 1000;
}

int64_t tier_due_us(
	const struct tier_stamp *stamp, int64_t delay_us, int64_t believed_ms, int64_t mono_us)
{
	/* whatever the clocks say, and who wrote it, it was written before it was read */
	int64_t written_ms = stamp->written_ms < believed_ms ? stamp->written_ms : believed_ms;
	int64_t latest_ms = believed_ms + delay_us / 1000, due_ms = stamp->due_ms;

	if (written_ms > 0 && written_ms + delay_us / 1000 > due_ms) {
		due_ms = written_ms + delay_us / 1000;
	}
	if (due_ms > latest_ms) {
		due_ms = latest_ms;
	}
	return due_ms > believed_ms ? mono_us + (due_ms - believed_ms) * 1000 : mono_us;
}
