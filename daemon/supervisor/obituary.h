/*
 * obituary - one sentence that says who died of what, holding which records
 *
 * Pure: reads the scoreboard of a dead worker's page and believes none of its indexes.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/log.h"
#include "os/loop.h"
#include "supervisor/tree.h"

struct obituary {
	const char *consumer;
	unsigned slot;
	pid_t pid;
	enum exit_cause cause;
	struct loop_exit end;
	const char *last_words; /* "" when it said nothing */
	int64_t now_us, spawned_us; /* monotonic */
	const struct page *page; /* before page_bury() */
	const char *follows; /* what follows for the records, "" nothing */
};

void obituary_write(const struct obituary *obituary, struct buffer *out);

/* How loud: a wanted end is information, everything else an error or a warning. */
enum log_level obituary_level(enum exit_cause cause);
