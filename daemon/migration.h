/*
 * migration - bring the configured store's schema up to date
 *
 * Runs in: the supervisor's migration child and `oncectl migrate`; never in the supervisor.
 */
#pragma once

#include "base/err.h"
#include "config/config.h"

/*
 * 0 and the number of migrations applied; -EINVAL when an operator must act, else another -errno:
 * try again later.
 */
int migration_run(const struct config *config, const struct config_consumer *consumer,
	unsigned *ret_applied, struct err *err);
