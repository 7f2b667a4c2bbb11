/*
 * ledger_private - what the files of the ledger share
 *
 *	ledger.c         the thread: what comes in, flights
 *	ledger_finish.c  what goes out: errands that ended, and those to be begun
 *	ledger_life.c    start and end, runners included
 */
#pragma once

#include "worker/book.h"
#include "worker/ledger.h"
#include "worker/runner.h"
#include "worker/worker_private.h"

struct ledger {
	pthread_t thread;
	bool is_started;
	struct store *store;
	struct store_session *session;
	bool is_scope_known; /* the session found out which generation of the scope is in use */
	struct runner *runners;
	unsigned running; /* runners that are there */
	struct lines retry_lines, hold_lines, lost_lines;
	struct errand_list idle; /* for the next records */
	struct book book;
	int64_t backoff_us;
	bool is_refused; /* the store answers, but turned the last flight away */
	struct sched_return *returns;
	size_t return_capacity;
	int64_t next_look_us; /* through what is ready */

	/* under the worker's lock */
	pthread_cond_t wake; /* the ledger waits */
	pthread_cond_t ready_wake; /* runners wait; at the end, main */
	struct errand_list fresh; /* handed over by lanes, to be claimed */
	struct errand_list ready; /* claimed, for runners */
	struct errand_list handled; /* to be ended */
	unsigned ahead; /* being claimed, or ready */
	unsigned idle_runners;
	bool is_last; /* the runners are gone: one more flight, and the end */
	bool is_over; /* the thread has done its last */
};

/* The ledger's thread; `argument` is the worker. */
void *ledger_main(void *argument);

/* What the book has ended goes back to the scheduler, what it has claimed to the runners. */
void ledger_hand_out(struct worker *worker);
