/*
 * standstill - why a partition does not move, in one sentence, where its worker did not say it
 *
 * Runs in: supervisor. Trusts nothing in the page.
 */
#pragma once

#include <stdint.h>

#include "supervisor/merge.h"
#include "supervisor/slot.h"

/* A partition whose first unsettled record stays the same for so long stands still. */
#define STANDSTILL_SECONDS 10

/*
 * Fills in `row->reason`, unless it says something already, or nothing is the matter. The row has
 * its other gauges; `partition` is of the slot's page.
 */
void standstill_tell(const struct slot *slot, const struct page_partition *partition,
	int64_t wall_ms, struct merged *row);
