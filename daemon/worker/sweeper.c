/*
 * sweeper - a thread that has the store forget ids that are older than dedup.retention
 *
 * Runs in: worker, a thread of its own with its own store session, open only while there is
 * something to do. The store decides what may go and who of many workers is at it; here is the
 * pace: a step, then a pause of several times its length, so that a busy store is left in peace.
 * It may be stopped, frozen or killed at any moment: a step is one transaction.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/worker_private.h"

/* Rows a step looks at: some ten milliseconds. A single writer holds up all others meanwhile. */
enum { STEP_ROWS = 16384, STEP_ROWS_SINGLE_WRITER = 512 };

/* A step of length t is followed by a pause of 4 t: a fifth of one connection's time. */
enum { PAUSE_FACTOR = 4, PAUSE_FACTOR_LATE = 1 };

#define SECOND_US ((int64_t)1000 * 1000)
#define PAUSE_MAX_US (2 * SECOND_US)
#define RETRY_US (5 * SECOND_US)
/* Whose turn it is may change before a long wait is over. */
#define WAIT_MAX_US (60 * SECOND_US)
/* A connection is not kept for a longer wait. */
#define KEEP_OPEN_US (5 * SECOND_US)
/* A lock of somebody else on a row must not hold up anything. */
#define LOCK_US ((int64_t)250 * 1000)

struct sweeper {
	struct worker *worker;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool is_started, is_stopping;
	struct store *store;
	struct store_session *session; /* NULL while there is nothing to do; changed under `lock` */

	/* the thread's own */
	struct store_sweep step;
	uint64_t swept; /* in this pass */
	int64_t pass_since_us; /* 0: none is under way */
};

static void close_session(struct sweeper *sweeper)
{
	pthread_mutex_lock(&sweeper->lock);
	sweeper->worker->wiring->store->session_close(sweeper->session);
	sweeper->session = NULL;
	pthread_mutex_unlock(&sweeper->lock);
}

static bool is_ready(struct sweeper *sweeper)
{
	const struct store_ops *ops = sweeper->worker->wiring->store;
	struct err err = ERR_INIT;
	int r = 0;

	pthread_mutex_lock(&sweeper->lock);
	if (!sweeper->session && !sweeper->is_stopping) {
		r = ops->session_open(sweeper->store, &sweeper->session, &err);
	}
	pthread_mutex_unlock(&sweeper->lock);
	return r == 0 && sweeper->session && ops->session_ready(sweeper->session, &err) == 0;
}

static void note_step(struct sweeper *sweeper, int64_t began_us)
{
	if (sweeper->step.wait_us > 0) {
		return;
	}
	if (sweeper->pass_since_us == 0) {
		sweeper->pass_since_us = began_us;
	}
	sweeper->swept += sweeper->step.deleted;
	page_add(&sweeper->worker->page->swept, sweeper->step.deleted);
	if (!sweeper->step.is_pass_over) {
		return;
	}
	if (sweeper->swept > 0) {
		log_info("event ids older than dedup.retention were forgotten",
			LOG_INT("count", (int64_t)sweeper->swept));
	}
	sweeper->swept = 0;
	sweeper->pass_since_us = 0;
}

/* A pass that takes longer than the time between two would never catch up. */
static bool is_late(const struct sweeper *sweeper, int64_t now_us)
{
	int64_t retention_us = sweeper->worker->consumer->dedup_retention_us;

	return sweeper->pass_since_us &&
		now_us - sweeper->pass_since_us > store_sweep_interval_us(retention_us);
}

/* One step; how long to wait before the next. */
static int64_t step(struct sweeper *sweeper)
{
	int64_t began_us = clock_mono_us(), now_us, pause_us;
	struct err err = ERR_INIT;

	if (!is_ready(sweeper)) {
		return RETRY_US;
	}
	FAILPOINT("before_sweep");
	if (sweeper->worker->wiring->store->sweep(sweeper->session, &sweeper->step, &err)) {
		return RETRY_US; /* it is the lanes that say what is wrong with a store */
	}
	FAILPOINT("after_sweep");
	page_set(&sweeper->worker->page->swept_ms, clock_wall_ms());
	now_us = clock_mono_us();
	note_step(sweeper, began_us);
	if (sweeper->step.wait_us > 0) {
		return sweeper->step.wait_us < WAIT_MAX_US ? sweeper->step.wait_us : WAIT_MAX_US;
	}
	pause_us =
		(now_us - began_us) * (is_late(sweeper, now_us) ? PAUSE_FACTOR_LATE : PAUSE_FACTOR);
	return pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
}

/* False: the worker ends. */
static bool wait_us(struct sweeper *sweeper, int64_t us)
{
	struct timespec until;
	bool is_stopping;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += us / SECOND_US;
	until.tv_nsec += us % SECOND_US * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&sweeper->lock);
	while (!sweeper->is_stopping && r == 0) {
		r = pthread_cond_timedwait(&sweeper->wake, &sweeper->lock, &until);
	}
	is_stopping = sweeper->is_stopping;
	pthread_mutex_unlock(&sweeper->lock);
	return !is_stopping;
}

static void *sweeper_main(void *argument)
{
	struct sweeper *sweeper = argument;
	int64_t us = SECOND_US; /* what waits to be applied comes first */

	while (wait_us(sweeper, us)) {
		us = step(sweeper);
		if (us > KEEP_OPEN_US) {
			close_session(sweeper);
		}
	}
	return NULL;
}

/* ---- life ---- */

static bool is_wanted(const struct worker *worker)
{
	return worker->is_deduplicated && worker->wiring->store->sweep &&
		worker->consumer->dedup_retention_us > 0;
}

static int open_store(struct sweeper *sweeper, struct err *err)
{
	struct store_options options = worker_store_options(sweeper->worker);

	options.statements = NULL;
	options.statement_count = 0;
	if (options.lock_timeout_us > LOCK_US) {
		options.lock_timeout_us = LOCK_US;
	}
	return sweeper->worker->wiring->store->open(&options, &sweeper->store, err);
}

static void init(struct sweeper *sweeper, struct worker *worker)
{
	pthread_condattr_t monotonic;

	sweeper->worker = worker;
	pthread_mutex_init(&sweeper->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&sweeper->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sweeper->step.rows =
		worker->wiring->store->is_single_writer ? STEP_ROWS_SINGLE_WRITER : STEP_ROWS;
	while (getrandom(sweeper->step.owner, sizeof(sweeper->step.owner), 0) < 0 &&
		errno == EINTR) {
	}
}

int sweeper_start(struct worker *worker, struct err *err)
{
	struct sweeper *sweeper;
	int r;

	if (!is_wanted(worker)) {
		page_set(&worker->page->swept_ms, 0);
		return 0;
	}
	if (page_get(&worker->page->swept_ms) == 0) {
		page_set(&worker->page->swept_ms, clock_wall_ms());
	}
	sweeper = worker->sweeper = NEW(struct sweeper);
	init(sweeper, worker);
	r = open_store(sweeper, err);
	if (r < 0) {
		return r;
	}
	r = -pthread_create(&sweeper->thread, NULL, sweeper_main, sweeper);
	if (r < 0) {
		return err_set(err, r, "cannot start the sweeper's thread");
	}
	pthread_setname_np(sweeper->thread, "sweeper");
	sweeper->is_started = true;
	return 0;
}

/* What it has in hand is broken off: it comes again. */
void sweeper_stop(struct worker *worker)
{
	const struct store_ops *ops = worker->wiring->store;
	struct sweeper *sweeper = worker->sweeper;

	if (!sweeper) {
		return;
	}
	pthread_mutex_lock(&sweeper->lock);
	sweeper->is_stopping = true;
	pthread_cond_signal(&sweeper->wake);
	if (sweeper->session) {
		ops->session_interrupt(sweeper->session);
	}
	pthread_mutex_unlock(&sweeper->lock);
	if (sweeper->is_started) {
		pthread_join(sweeper->thread, NULL);
	}
	if (sweeper->store) {
		ops->session_close(sweeper->session);
		ops->close(sweeper->store);
	}
	pthread_mutex_destroy(&sweeper->lock);
	pthread_cond_destroy(&sweeper->wake);
	free(sweeper);
	worker->sweeper = NULL;
}
