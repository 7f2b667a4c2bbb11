/*
 * orders - order envelopes as the benchmark's workload has them, always the same
 */
#pragma once

#include "base/slice.h"

enum { ORDERS = 2000, ORDER_PARTITIONS = 4 };

/* Order `number` below ORDERS; stays until the program ends. */
struct slice order_value(unsigned number);
struct slice order_key(unsigned number);

/* How many rounds to make, from the command line; ends the program when it does not say. */
unsigned rounds_of(int argc, char **argv);
