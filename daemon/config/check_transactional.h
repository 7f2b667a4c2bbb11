/*
 * check_transactional - what a consumer must be for Kafka transactions to hold
 *
 * Private to check.
 */
#pragma once

#include "config/check_consumer.h"

/* Tell of each key that a consumer with transactional = yes cannot have. */
void check_transactional(
	const struct checking *checking, const struct config_consumer *consumer);
