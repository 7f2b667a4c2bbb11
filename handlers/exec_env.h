/*
 * exec_env - the environment that a command gets
 *
 * Pure but for memory. PATH, LANG and TZ as the daemon has them, and what the configuration adds;
 * nothing else of the daemon's environment, which may hold secrets.
 */
#pragma once

#include <stddef.h>

#include "onced/handler.h"

/*
 * "NAME=value" entries, NULL at the end; entries and list are the caller's to free. NULL after
 * onced_setup_fail(). `inherited` is the daemon's environment.
 */
char **exec_env_build(struct onced_setup *setup, char *const *inherited);
