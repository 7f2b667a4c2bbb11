/*
 * retention - how often what is old is looked for
 *
 * Pure.
 */
#pragma once

#include <stdint.h>

/*
 * How often a sweep looks at everything: rows live a twentieth longer than they must, or a day. At
 * least a second, for those who try it out.
 */
static inline int64_t store_sweep_interval_us(int64_t retention_us)
{
	int64_t second_us = 1000000, day_us = 86400 * second_us, interval_us = retention_us / 20;

	return interval_us < second_us ? second_us : interval_us > day_us ? day_us : interval_us;
}
