/*
 * summary - a consumer in a few figures
 *
 * Pure. For the status line, systemd's STATUS and the head of /v1/status.
 */
#pragma once

#include <stdint.h>

#include "os/page.h"
#include "supervisor/tree.h"

struct summary {
	/*
	 * One of: draining, stopped, starting, degraded (a worker is missing), paused, held,
	 * running.
	 */
	const char *state;
	char reason[PAGE_TEXT_MAX]; /* of paused and held; "" */
	unsigned ready; /* workers */
	int64_t assigned; /* partitions somebody has */
	int64_t unassigned; /* nobody of the group */
	int64_t unassigned_lag; /* of those, as far as it is known */
	int64_t in_flight, parked, held;
	int64_t lag; /* sum of what is known; -1 when nothing is */
	uint64_t consumed, settled[PAGE_RESULTS], abandoned, retries;
};

void summary_of_consumer(const struct consumer *consumer, int64_t wall_ms, struct summary *ret);

/* All consumers in one line: "2/2 workers ready, lag 0, 1 held: orders: ...". */
enum { SUMMARY_LINE_MAX = 512 };
void summary_line(const struct tree *tree, int64_t wall_ms, char ret[SUMMARY_LINE_MAX]);
