/*
 * restart - when a dead worker is started again
 *
 * Pure. Named after OTP: at once, until more than N deaths in T; then throttled with a delay that
 * doubles to a cap. A death that one record stands for brings its dead letter closer: no reason to
 * wait until there are ten times as many. One worker that became ready and stayed so for a window
 * resets it.
 */
#pragma once

#include <stdint.h>

#include "core/rate.h"

enum restart_cause {
	RESTART_CRASH, /* signal, unexpected exit */
	RESTART_SUSPECT, /* likewise, and a record stands for it: at once, within wide bounds */
	RESTART_FENCED, /* another holder of the instance id: wait one session timeout, loudly */
	RESTART_RECYCLED, /* asked for: at once, counts as nothing */
	RESTART_CONFIG, /* exit 78: throttled at once, the same configuration fails the same way */
};

struct restart_policy {
	unsigned intensity;
	int64_t window_us;
	int64_t throttle_us, throttle_max_us; /* 1 s doubling to 60 s */
	int64_t fenced_us; /* session timeout */
};

struct restart {
	struct restart_policy policy;
	struct rate rate, suspects;
	int64_t throttle_us; /* next delay, 0 while not throttled */
};

void restart_init(struct restart *restart, const struct restart_policy *policy);
void restart_fini(struct restart *restart);
/* A worker died: microseconds to wait before the next start (0: at once). */
int64_t restart_next_delay(struct restart *restart, enum restart_cause cause, int64_t now_us);
/* From now on another one; when its bounds differ, deaths so far are forgotten. */
void restart_set_policy(struct restart *restart, const struct restart_policy *policy);
/* A worker was ready for a whole window. */
void restart_reset(struct restart *restart);
