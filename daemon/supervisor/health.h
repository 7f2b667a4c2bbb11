/*
 * health - what /livez and /readyz answer
 *
 * Pure. Alive is about this process and its workers' main loops: nothing outside can change it, so
 * that whoever ends what is not alive never does so over a broker or a store that is away.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/tree.h"

enum { HEALTH_SENTENCE_MAX = 512 };

/*
 * Is the loop on time, and no worker's heartbeat standing still? `late_us`: since the loop's last
 * once-a-second look. The sentence says why.
 */
bool health_is_live(const struct tree *tree, int64_t late_us, char ret[HEALTH_SENTENCE_MAX]);

/* Has every worker of every consumer joined its group, or is the consumer paused on purpose? */
bool health_has_joined(const struct tree *tree, int64_t wall_ms, char ret[HEALTH_SENTENCE_MAX]);

/*
 * That, nothing is being stopped, and every partition is in some worker's list where there are
 * lists; with `is_strict` also no store and no dead-letter topic is down.
 */
bool health_is_ready(
	const struct tree *tree, bool is_strict, int64_t wall_ms, char ret[HEALTH_SENTENCE_MAX]);
