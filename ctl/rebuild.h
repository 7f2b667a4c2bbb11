/*
 * rebuild - `oncectl rebuild`, for the table of verbs
 */
#pragma once

#include "arguments.h"

extern const struct verb_option rebuild_options[];

int verb_rebuild(const struct ctl *ctl);
