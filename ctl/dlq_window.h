/*
 * dlq_window - how many records a replay may have out before the consumer has settled them
 *
 * Pure. It begins small, so that a cause that is not gone costs few records, doubles while all goes
 * well, and begins anew after a failure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { DLQ_WINDOW_FIRST = 100, DLQ_WINDOW_LAST = 10000 };

struct dlq_window {
	size_t size, out; /* how many may be out; are out */
	size_t failed, failures_max; /* when last settled; how many end the replay */
};

void dlq_window_init(struct dlq_window *window, size_t failures_max);

/* One more is out. True: no more before dlq_window_settled(). */
bool dlq_window_sent(struct dlq_window *window);

/* Are so many, in all, too many to have failed again? */
bool dlq_window_failed(const struct dlq_window *window, size_t failed);

/* All that were out are settled; so many, in all, have failed again. */
void dlq_window_settled(struct dlq_window *window, size_t failed);
