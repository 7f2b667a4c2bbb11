/*
 * examination - what a doctor learns from a store beside its schema
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct store_examination {
	char missing[1024]; /* rights that a worker needs and has not; "" none */
	char group_id[256]; /* whom the scope is bound to; "" nobody yet */
	bool has_clock;
	int64_t ahead_ms; /* of the store's clock to ours */
};
