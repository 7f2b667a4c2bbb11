/*
 * migration - bring the configured store's schema up to date
 *
 * Runs in: the supervisor's migration child, oncectl.
 */
#pragma once

#include "config/config.h"
#include "core/store.h"

/* The consumer's store, for what is done beside the work. -EINVAL with the sentence. */
int migration_open(const struct config *config, const struct config_consumer *consumer,
	unsigned partitions, struct store **ret, struct err *err);

/* 0 and the number of migrations applied, or negative with err (-EINVAL: an operator must act). */
int migration_run(const struct config *config, const struct config_consumer *consumer,
	unsigned partitions, unsigned *ret_applied, struct err *err);
