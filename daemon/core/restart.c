/*
 * restart - when a dead worker is started again
 */
#include "core/restart.h"

/* Enough for a record that kills alone every two seconds of the default window. */
enum { SUSPECTS_FACTOR = 10 };

void restart_init(struct restart *restart, const struct restart_policy *policy)
{
	restart->policy = *policy;
	restart->throttle_us = 0;
	rate_init(&restart->rate, policy->intensity, policy->window_us);
	rate_init(&restart->suspects, SUSPECTS_FACTOR * policy->intensity, policy->window_us);
}

void restart_fini(struct restart *restart)
{
	if (restart) {
		rate_fini(&restart->rate);
		rate_fini(&restart->suspects);
	}
}

static int64_t restart_throttle(struct restart *restart)
{
	const struct restart_policy *policy = &restart->policy;
	int64_t delay_us = restart->throttle_us > 0 ? restart->throttle_us : policy->throttle_us;
	if (delay_us > policy->throttle_max_us) {
		delay_us = policy->throttle_max_us;
	}
	restart->throttle_us =
		delay_us > policy->throttle_max_us / 2 ? policy->throttle_max_us : 2 * delay_us;
	return delay_us;
}

int64_t restart_next_delay(struct restart *restart, enum restart_cause cause, int64_t now_us)
{
	switch (cause) {
	case RESTART_RECYCLED:
		return 0;
	case RESTART_FENCED:
		return restart->policy.fenced_us;
	case RESTART_CONFIG:
		return restart_throttle(restart);
	case RESTART_SUSPECT:
		if (!rate_hit(&restart->suspects, now_us)) {
			return 0;
		}
		break;
	case RESTART_CRASH:
		break;
	}
	/* Once throttled, only restart_reset() ends it: slow crashes must not look like health. */
	bool is_exceeded = rate_hit(&restart->rate, now_us);
	return is_exceeded || restart->throttle_us > 0 ? restart_throttle(restart) : 0;
}

void restart_reset(struct restart *restart)
{
	restart->throttle_us = 0;
	rate_reset(&restart->rate);
}

void restart_set_policy(struct restart *restart, const struct restart_policy *policy)
{
	bool is_bounded_alike = restart->policy.intensity == policy->intensity &&
		restart->policy.window_us == policy->window_us;
	int64_t throttle_us = restart->throttle_us;

	if (!is_bounded_alike) {
		restart_fini(restart);
		restart_init(restart, policy);
		restart->throttle_us = throttle_us;
	}
	restart->policy = *policy;
}
