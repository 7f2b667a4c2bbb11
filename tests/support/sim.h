/*
 * sim - one seed, one schedule
 *
 * Draws a world and its faults from a seed, interleaves the steps of its workers, then ends the
 * faults and lets the workers finish. The same seed and mutant give the same schedule, always.
 */
#pragma once

#include "sim_worker.h"

struct sim_result {
	char violation[SIM_TEXT_MAX]; /* "" when all invariants held */
	uint64_t trace_hash;
	struct sim_stats stats;
};

void sim_run(uint64_t seed, enum sim_mutant mutant, bool is_tracing, struct sim_result *ret);
