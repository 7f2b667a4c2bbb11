/*
 * check_tiers - retry topics: whose they are, and what is lost with them
 *
 * Private to check.
 */
#pragma once

#include "config/check_consumer.h"

void check_tiers(const struct checking *checking, const struct config_consumer *consumer);

/* `later` stands behind `earlier` in the file; problems are told of it. */
void check_tiers_pair(const struct checking *checking, const struct config_consumer *earlier,
	const struct config_consumer *later);
