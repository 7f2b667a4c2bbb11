/*
 * override - ONCED__SECTION__NAME__KEY of the environment
 *
 * Sets keys of sections that the files declare, and of [onced], [kafka], [kafka producer] and
 * [retry]. Names are in upper case with `.` and `-` as `_`. Values are taken as they are: whoever
 * set the variable has had the means of the environment to compose them.
 */
#pragma once

#include "config/internal.h"

/* `types` as for config_load(). */
void override_apply(struct config *config, char *const *environment,
	const struct config_handler_type *types, struct problems *problems);
