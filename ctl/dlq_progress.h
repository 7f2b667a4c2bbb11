/*
 * dlq_progress - how far a long work has come, on standard error
 *
 * Runs in: oncectl. A bar where standard error is a terminal, else a line now and then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dlq_progress {
	bool is_terminal, is_shown;
	int64_t next_us;
};

void dlq_progress_init(struct dlq_progress *progress);

/* "done of total", and a note (may be ""); shown at most a few times a second. */
void dlq_progress_tell(
	struct dlq_progress *progress, size_t done, size_t total, const char *note);

/* Before anything else is written: the bar goes. */
void dlq_progress_end(struct dlq_progress *progress);
