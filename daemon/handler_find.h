/*
 * handler_find - the code of a configured handler: a built-in, or a plugin's
 *
 * Runs in: worker, probe and commands; never in the supervisor, which loads no foreign code.
 */
#pragma once

#include "base/err.h"
#include "config/config.h"
#include "onced/handler.h"

/*
 * Load a plugin, and check that it speaks this program's interface and that the configured keys are
 * its. `ret` is a copy whose pointers live as long as the process; what the plugin was built too
 * early to know is zero. 0, or -EINVAL with one sentence or several lines "file:line: what"; or a
 * shortage (err_is_shortage()) with its sentence.
 */
int handler_find(
	const struct config_handler *config, struct onced_handler *ret, struct err *err);
