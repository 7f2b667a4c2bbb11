/*
 * check_loops - records that would come back to where they were read
 *
 * Private to check.
 */
#pragma once

#include "config/check_consumer.h"

/*
 * Tell of handlers that write to a topic of their own consumer, and of circles of consumers.
 * Nothing is known of what plugins write to, nor of other clusters: where [kafka producer] names
 * brokers of its own nothing is told.
 */
void check_loops(const struct checking *checking);
