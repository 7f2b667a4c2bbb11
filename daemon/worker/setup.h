/*
 * setup - what a handler's check() and open() are given
 */
#pragma once

#include "worker/roster.h"

struct onced_setup {
	struct roster *roster; /* NULL while only parameters are checked */
	const struct config_handler *config;
	const struct onced_handler *ops;
	struct err *err;
};

/* Ask the handler whether its parameters make sense; -EINVAL with its sentence. */
int setup_check(
	const struct config_handler *config, const struct onced_handler *ops, struct err *err);
