/*
 * ledger_life - start and end of the ledger and its runners
 *
 * Runs in: worker, main thread.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "worker/hand.h"
#include "worker/ledger_private.h"

/* At the end: how long the last flight may take. */
#define LAST_FLIGHT_US ((int64_t)1500 * 1000)
/* A lock that another transaction holds on an event's row must not hold up the others. */
#define LOCK_US ((int64_t)250 * 1000)

/* A session of its own kind: it never waits long for one event. */
static int open_session(struct worker *worker, struct err *err)
{
	const struct store_ops *ops = worker->wiring->store;
	struct store_options options = worker_store_options(worker);
	int r;

	if (ops->is_transactional && !ops->is_single_writer && options.lock_timeout_us > LOCK_US) {
		options.lock_timeout_us = LOCK_US;
	}
	options.statements = NULL;
	options.statement_count = 0;
	r = ops->open(&options, &worker->ledger->store, err);
	return r < 0 ? r : ops->session_open(worker->ledger->store, &worker->ledger->session, err);
}

static int start_runners(struct worker *worker, struct err *err)
{
	struct ledger *ledger = worker->ledger;

	ledger->runners = xcalloc(worker->runner_count, sizeof(*ledger->runners));
	while (ledger->running < worker->runner_count) {
		int r = runner_start(&ledger->runners[ledger->running], worker,
			worker->lane_count + ledger->running);
		if (r < 0) {
			return err_set(err, r, "cannot start a lane's thread");
		}
		ledger->running++;
	}
	return 0;
}

int ledger_start(struct worker *worker, struct err *err)
{
	struct ledger *ledger;
	pthread_condattr_t monotonic;
	int r;

	if (worker->runner_count == 0) {
		return 0;
	}
	ledger = NEW(struct ledger);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ledger->wake, &monotonic);
	pthread_cond_init(&ledger->ready_wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	worker->ledger = ledger;
	hand_make_owner(worker->page);
	r = open_session(worker, err);
	if (r < 0) {
		return r;
	}
	book_init(&ledger->book, worker->wiring->store, ledger->session, worker->page->lease_owner,
		worker->consumer->claim_lease_us);
	ledger->book.hand = worker->hand;
	r = -pthread_create(&ledger->thread, NULL, ledger_main, worker);
	if (r < 0) {
		return err_set(err, r, "cannot start the ledger's thread");
	}
	pthread_setname_np(ledger->thread, "ledger");
	ledger->is_started = true;
	return start_runners(worker, err);
}

static void join_ledger(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	int64_t now_us = clock_mono_us(), until_us = now_us + LAST_FLIGHT_US;
	bool is_over;

	pthread_mutex_lock(&worker->lock);
	ledger->is_last = true;
	pthread_cond_signal(&ledger->wake);
	pthread_cond_broadcast(&worker->lanes_end);
	while (!ledger->is_over && now_us < until_us) {
		lane_wait_us(worker, &ledger->ready_wake, until_us - now_us);
		now_us = clock_mono_us();
	}
	is_over = ledger->is_over;
	pthread_mutex_unlock(&worker->lock);
	if (!is_over) {
		worker->wiring->store->session_interrupt(ledger->session);
	}
	pthread_join(ledger->thread, NULL);
}

void ledger_stop(struct worker *worker)
{
	struct ledger *ledger = worker->ledger;
	struct errand *errand;

	if (!ledger) {
		return;
	}
	pthread_mutex_lock(&worker->lock);
	pthread_cond_broadcast(&ledger->ready_wake);
	pthread_mutex_unlock(&worker->lock);
	for (unsigned i = 0; i < ledger->running; i++) {
		runner_join(&ledger->runners[i]);
	}
	if (ledger->is_started) {
		join_ledger(worker);
	}
	while ((errand = errand_pop(&ledger->idle))) {
		errand_free(errand);
	}
	book_fini(&ledger->book);
	if (ledger->store) {
		worker->wiring->store->session_close(ledger->session);
		worker->wiring->store->close(ledger->store);
	}
	free(ledger->runners);
	free(ledger->returns);
	free(ledger);
	worker->ledger = NULL;
}
