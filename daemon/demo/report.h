/*
 * report - the table at the end
 *
 * Pure. Says where each number comes from, so that anyone can check the sums.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "demo/audit.h"
#include "demo/scrape.h"

struct report {
	const struct audit *audit;
	const struct scrape_counters *counters;
	unsigned kills; /* of workers, by us */
	double seconds;
};

/* Do onced's own counters agree with what was found? */
bool report_counters_hold(const struct report *report);

void report_write(const struct report *report, struct buffer *out);
