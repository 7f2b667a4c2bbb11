/*
 * runner - a thread that makes effects elsewhere, one event at a time
 *
 * Runs in: worker. Takes claimed errands from the ledger and gives them back handled. It waits for
 * the handler and for nothing else: claims and marks are the ledger's.
 */
#pragma once

#include <pthread.h>

struct worker;

struct runner {
	struct worker *worker;
	unsigned lane; /* of the handlers' states and the scoreboard */
	pthread_t thread;
};

/* 0 or -errno. */
int runner_start(struct runner *runner, struct worker *worker, unsigned lane);
void runner_join(struct runner *runner);
