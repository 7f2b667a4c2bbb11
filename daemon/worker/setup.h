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

/* What a handler's own negative result means here: a shortage stays one, all else is -EINVAL. */
int setup_failure(int result);

/*
 * Ask the handler whether its parameters make sense; -EINVAL with its sentence, or a shortage
 * (err_is_shortage()).
 */
int setup_check(
	const struct config_handler *config, const struct onced_handler *ops, struct err *err);
