/*
 * lines - at most so many log lines of one kind a second
 *
 * Runs in: worker; one state is one thread's. A flood of failing records must not push everything
 * else out of the log; what is left out is counted by the metrics, and its number told.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lines {
	int64_t since_us;
	unsigned used;
	uint64_t left_out;
};

/* May one more line be written now? Tells how many were left out before, as `kind`. */
bool lines_take(struct lines *lines, int64_t now_us, unsigned per_second, const char *kind);
