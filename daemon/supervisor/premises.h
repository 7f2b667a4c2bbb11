/*
 * premises - say at start whether times and numbers fit where this runs
 *
 * Runs in: supervisor.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"

/* One line with the figures, and one for each that does not fit. Changes nothing. */
void premises_tell(const struct config *config, bool has_stable_host);
