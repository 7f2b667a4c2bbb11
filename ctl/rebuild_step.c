#include "rebuild_step.h"

#include <stddef.h>
#include <string.h>

const char *const rebuild_step_names[REBUILD_STEPS] = {
	[REBUILD_DRAIN] = "drain",
	[REBUILD_REWIND] = "rewind",
	[REBUILD_SWITCH] = "switch",
	[REBUILD_CHECK] = "check",
	[REBUILD_RESUME] = "resume",
	[REBUILD_WATCH] = "watch",
};

enum rebuild_step rebuild_step_of(const char *name)
{
	size_t i = 0;

	while (i < REBUILD_STEPS && (!name || strcmp(name, rebuild_step_names[i]) != 0)) {
		i++;
	}
	return (enum rebuild_step)i;
}

enum rebuild_step rebuild_step_again(enum rebuild_step saved, bool is_switched)
{
	if (!is_switched) {
		return REBUILD_DRAIN;
	}
	return saved <= REBUILD_SWITCH ? REBUILD_CHECK : saved;
}

bool rebuild_may_abort(bool is_switched)
{
	return !is_switched;
}

long long rebuild_left_us(long long done, long long left, long long took_us)
{
	return done > 0 && took_us > 0 ? (long long)((double)left * (double)took_us / (double)done)
				       : -1;
}
