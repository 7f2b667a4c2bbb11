/*
 * levels - what each part of the program logs
 *
 * Runs in: supervisor. log.level of the configuration counts, but for modules that an operator
 * asked for more or less of, until he takes it back, the time he named is over, or the supervisor
 * ends. Workers hear of it by PROTO_LOG_LEVEL.
 */
#pragma once

#include <jansson.h>

#include "base/log_level.h"

struct supervisor;

/* What an operator asked for; all zero: nothing. */
struct levels_asked {
	uint8_t of[LOG_MODULES]; /* enum log_level, 0: as configured */
	int64_t until_us[LOG_MODULES]; /* monotonic, 0: no end */
};

/* Module LOG_MODULES is all of them, level 0 takes back what was asked; seconds 0: no end. */
void levels_ask(struct supervisor *supervisor, enum log_module module, unsigned level,
	int64_t seconds);

/* Log by what counts now. */
void levels_apply(struct supervisor *supervisor);

/* End what is over, and tell workers that do not know yet. */
void levels_tick(struct supervisor *supervisor, int64_t now_us);

/*
 * {"configured": "info", "modules": [{"module", "level", "is_asked", "seconds_left"}]}; the
 * caller's.
 */
json_t *levels_json(const struct supervisor *supervisor);
