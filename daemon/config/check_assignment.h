/*
 * check_assignment - what the protocol of a group leaves to its brokers
 *
 * Private to check.
 */
#pragma once

#include "config/check_consumer.h"

/* Tell of each property of [kafka] that a consumer with assignment = consumer cannot have. */
void check_assignment(const struct checking *checking, const struct config_consumer *consumer);
