/*
 * lane - a thread that runs units of work
 *
 * Runs in: worker. Owns its store session and its unit. Takes a batch, works it without the lock,
 * and tells scheduler, tracker and dead letters the result under it. While the store is away it
 * takes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/generation.h"
#include "worker/hand.h"
#include "worker/store_state.h"
#include "worker/worker_private.h"

#define BACKOFF_FIRST_US ((int64_t)20 * 1000)

void lane_wait_us(struct worker *worker, pthread_cond_t *cond, int64_t us)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += us / 1000000;
	until.tv_nsec += (us % 1000000) * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(cond, &worker->lock, &until);
}

/* ---- the store ---- */

static void store_is_down(struct lane *lane, const struct err *err)
{
	unit_stage(&lane->unit, PAGE_STAGE_STORE_DOWN, NULL);
	store_state_down(lane->worker, PAGE_STORE_OF_LANES, err);
}

static void store_is_up(struct lane *lane)
{
	lane->backoff_us = 0;
	lane->is_refused = false;
	unit_stage(&lane->unit, PAGE_STAGE_IDLE, NULL);
	store_state_up(lane->worker, PAGE_STORE_OF_LANES);
}

void lane_back_off(struct lane *lane)
{
	struct worker *worker = lane->worker;
	int64_t max_us = worker->wiring->config->store_reconnect_max_us;

	lane->backoff_us = lane->backoff_us ? 2 * lane->backoff_us : BACKOFF_FIRST_US;
	if (lane->backoff_us > max_us) {
		lane->backoff_us = max_us;
	}
	pthread_mutex_lock(&worker->lock);
	if (!worker->lanes_stop) {
		lane_wait_us(worker, &worker->lanes_end, lane->backoff_us);
	}
	pthread_mutex_unlock(&worker->lock);
}

static bool store_is_ready(struct lane *lane)
{
	struct err err = ERR_INIT;

	if (generation_ready(lane->worker, lane->session, &err) == 0) {
		/*
		 * one that answers and refuses (read-only, out of room) is up when a batch went
		 * through
		 */
		if (lane->backoff_us && !lane->is_refused) {
			store_is_up(lane);
		}
		return true;
	}
	lane->is_refused = false;
	store_is_down(lane, &err);
	lane_back_off(lane);
	return false;
}

/* ---- batches ---- */

static unsigned try_take(struct lane *lane)
{
	struct sched_item **items = (struct sched_item **)lane->batch;

	return sched_take(lane->worker->sched, items, lane->batch_limit);
}

static int64_t until_due_us(const struct worker *worker)
{
	int64_t due_us = worker->is_paced ? sched_next_due_us(worker->sched) : INT64_MAX;

	return due_us == INT64_MAX ? INT64_MAX : due_us - clock_mono_us();
}

int64_t lanes_pace(struct worker *worker)
{
	if (worker->is_paced) {
		sched_tick(worker->sched, clock_mono_us());
	}
	return until_due_us(worker);
}

static void wait_for_work(struct worker *worker, int64_t most_us)
{
	worker->idle_lanes++;
	if (most_us == INT64_MAX) {
		pthread_cond_wait(&worker->work_ready, &worker->lock);
	} else {
		lane_wait_us(worker, &worker->work_ready, most_us);
	}
	worker->idle_lanes--;
}

/* Wait for more, where the user traded latency for larger batches. */
static void linger(struct lane *lane)
{
	struct worker *worker = lane->worker;
	int64_t until_us = clock_mono_us() + worker->consumer->batch_linger_us, now_us;
	struct sched_stats stats;

	while ((now_us = clock_mono_us()) < until_us && !worker->lanes_stop) {
		sched_get_stats(worker->sched, &stats);
		if (stats.queued >= lane->batch_limit) {
			return;
		}
		lane_wait_us(worker, &worker->work_ready, until_us - now_us);
	}
}

void lane_unmark_waiting(struct worker *worker, struct record *record)
{
	struct partition *p;

	if (record->wait == RECORD_WAIT_NONE) {
		return;
	}
	p = partition_if_live(worker, record->item.slot, record->item.epoch);
	if (p && record->wait == RECORD_WAIT_PARKED) {
		p->parked -= p->parked > 0;
	} else if (p) {
		p->held -= p->held > 0;
		page_text_set(&p->page->text, "%s", "");
	}
	record->wait = RECORD_WAIT_NONE;
}

void lanes_wake(struct worker *worker, bool is_much)
{
	if (ledger_takes(worker)) {
		ledger_wake(worker);
	} else if (worker->idle_lanes && is_much) {
		pthread_cond_broadcast(&worker->work_ready);
	} else if (worker->idle_lanes) {
		pthread_cond_signal(&worker->work_ready);
	}
}

static bool may_take(const struct lane *lane)
{
	const struct worker *worker = lane->worker;

	return !worker->lanes_stop && !worker->alone_lane && !lane->transaction.is_lost;
}

/* Blocks until there is a batch; 0: the lanes are to stop, or offsets are due without one. */
static unsigned take(struct lane *lane)
{
	struct worker *worker = lane->worker;
	unsigned count = 0;

	pthread_mutex_lock(&worker->lock);
	while (!worker->lanes_stop) {
		(void)lanes_pace(worker);
		if (worker->consumer->batch_linger_us > 0 && sched_is_ready(worker->sched)) {
			linger(lane);
		}
		count = may_take(lane) ? try_take(lane) : 0;
		if (count || (worker->are_offsets_due && !lane->transaction.is_lost)) {
			break;
		}
		/* a key whose turn has not come was parked by the attempt */
		wait_for_work(worker, until_due_us(worker));
	}
	for (unsigned i = 0; i < count; i++) {
		lane_unmark_waiting(worker, lane->batch[i]);
	}
	if (count && !lane_enter(lane, count)) {
		count = 0;
	}
	/* more than one lane's worth of work: wake the next */
	if (count && worker->idle_lanes && sched_is_ready(worker->sched)) {
		pthread_cond_signal(&worker->work_ready);
	}
	pthread_mutex_unlock(&worker->lock);
	return count;
}

static void before_finish(struct lane *lane, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct unit_work *work = &lane->unit.works[i];
		bool is_staying = work->end == UNIT_RETRY || work->end == UNIT_HELD ||
			work->end == UNIT_DEAD || work->end == UNIT_DEFERRED ||
			(work->end == UNIT_AGAIN && !lane->unit.store_failed);
		finish_log_wait(&lane->retry_lines, &lane->hold_lines, work);
		if (work->is_lost && work->end == UNIT_DONE) {
			finish_log_lost(&lane->lost_lines, work);
		}
		if (is_staying) {
			finish_detach(&lane->unit, work);
		}
	}
}

/* The batch's list is not needed any more: it takes those that go. */
static void free_settled(struct lane *lane, unsigned count)
{
	unsigned settled = 0;

	for (unsigned i = 0; i < count; i++) {
		struct record *record = lane->unit.works[i].record;
		if (record && lane->returns[i].verdict == SCHED_SETTLED) {
			lane->batch[settled++] = record;
		}
	}
	record_pool_put(&lane->worker->pool, lane->batch, settled);
}

void lane_free_dead(struct sched_item *dead)
{
	while (dead) {
		struct sched_item *next = dead->next;
		record_free((struct record *)dead);
		dead = next;
	}
}

static void finish(struct lane *lane, unsigned count)
{
	struct worker *worker = lane->worker;
	struct sched_item *dead = NULL;
	const struct finish_time time = { clock_wall_ms(), clock_mono_us() - lane->taken_us };
	bool wakes_main;

	before_finish(lane, count);
	FAILPOINT("before_settle");
	pthread_mutex_lock(&worker->lock);
	for (unsigned i = 0; i < count; i++) {
		lane->returns[i] = finish_one(worker, &lane->unit.works[i], &time);
	}
	sched_give_back(worker->sched, lane->returns, count, &dead);
	lane_note_transacted(lane);
	lane_leave(lane);
	wakes_main = finish_must_wake_main(worker, count);
	if (sched_is_ready(worker->sched)) {
		lanes_wake(worker, false);
	}
	pthread_cond_broadcast(&worker->returned);
	pthread_mutex_unlock(&worker->lock);
	free_settled(lane, count);
	lane_free_dead(dead);
	if (wakes_main) {
		worker->wiring->source->wake(worker->source);
	}
}

/*
 * Row locks stay short for the user's other traffic: batches shrink when they take long. What the
 * store refuses whole, for want of locks or memory, may go through in parts.
 */
static void adapt(struct lane *lane, int64_t took_us)
{
	unsigned max = lane->worker->batch_max;
	bool is_too_much =
		took_us > lane->worker->consumer->batch_time_us || lane->unit.store_failed;

	if (is_too_much) {
		lane->batch_limit -= lane->batch_limit / 2;
	} else if (lane->batch_limit < max) {
		lane->batch_limit = 2 * lane->batch_limit < max ? 2 * lane->batch_limit : max;
	}
}

/* Broken memory may show only when the handler is through. */
static void note_called(struct lane *lane)
{
	_Atomic uint32_t *is_alone = &lane->unit.options.page_lane->is_alone;

	if (atomic_load_explicit(is_alone, memory_order_relaxed) && lane->unit.works[0].outcome) {
		atomic_store(is_alone, PAGE_ALONE_AFTER);
	}
}

/* Runners are busy: a strand looks again after this. */
#define HAND_OVER_US ((int64_t)5 * 1000)

static void come_again(struct lane *lane, unsigned i, enum sched_verdict verdict)
{
	record_detach(lane->batch[i]);
	lane->returns[i] = (struct sched_return){ .item = &lane->batch[i]->item,
		.verdict = verdict,
		.due_us = clock_mono_us() + HAND_OVER_US };
}

/*
 * The first record is for a runner, and its strand goes with it; the others come again. Where one
 * is elsewhere the next are likely to be.
 */
static void hand_over(struct lane *lane, unsigned count)
{
	struct worker *worker = lane->worker;
	struct sched_item *dead = NULL;
	unsigned run = 1, first;
	bool has_room;

	while (run < count && lane->batch[run]->item.strand == lane->batch[0]->item.strand) {
		run++;
	}
	lane->batch_limit = 1;
	pthread_mutex_lock(&worker->lock);
	has_room = ledger_has_room(worker);
	pthread_mutex_unlock(&worker->lock);
	first = has_room ? run : 0;
	for (unsigned i = first; i < count; i++) {
		come_again(lane, i, i < run ? SCHED_PARK : SCHED_AGAIN);
	}
	if (has_room) {
		ledger_hand_over(worker, lane->batch, run);
	}
	pthread_mutex_lock(&worker->lock);
	lane_leave(lane);
	sched_give_back(worker->sched, lane->returns + first, count - first, &dead);
	if (sched_is_ready(worker->sched)) {
		lanes_wake(worker, false);
	}
	pthread_mutex_unlock(&worker->lock);
	lane_free_dead(dead);
	atomic_store_explicit(&lane->unit.options.page_lane->batch, 0, memory_order_relaxed);
}

static void run_batch(struct lane *lane, unsigned count)
{
	struct worker *worker = lane->worker;

	lane->taken_us = clock_mono_us();
	FAILPOINT("after_take");
	atomic_store_explicit(&lane->unit.options.page_lane->batch, count, memory_order_relaxed);
	unit_open(&lane->unit, lane->batch, count);
	if (lane->unit.works[0].is_elsewhere) {
		hand_over(lane, count);
		return;
	}
	if (worker->consumer->is_transactional) {
		lane_transact(lane, count);
	} else {
		unit_run_opened(&lane->unit);
		lane_mark_again(lane);
		note_called(lane);
		adapt(lane, clock_mono_us() - lane->taken_us);
	}
	if (lane->unit.store_failed) {
		lane->is_refused = true;
		store_is_down(lane, &lane->unit.store_err);
	} else if (lane->backoff_us && lane->unit.begun_us) {
		store_is_up(lane);
	}
	if (lane->unit.options.is_leased) {
		lane_tell_leases(lane);
	}
	finish(lane, count);
	atomic_store_explicit(&lane->unit.options.page_lane->batch, 0, memory_order_relaxed);
	if (lane->unit.store_failed) {
		lane_back_off(lane);
	}
	lane_transaction_back_off(lane);
}

static void *lane_main(void *argument)
{
	struct lane *lane = argument;
	struct worker *worker = lane->worker;
	unsigned count;

	if (worker->is_in_process && crash_enter_lane(lane->index, &lane->crash_stack) < 0) {
		log_warning("a lane has no signal stack: its crashes will name no record");
	}
	if (worker->consumer->is_transactional) {
		lane_transaction_start(lane);
	}
	for (;;) {
		pthread_mutex_lock(&worker->lock);
		bool is_over = worker->lanes_stop;
		pthread_mutex_unlock(&worker->lock);
		if (is_over) {
			crash_leave_lane(&lane->crash_stack);
			return NULL;
		}
		if (!store_is_ready(lane)) {
			continue;
		}
		count = take(lane);
		if (count) {
			run_batch(lane, count);
		} else if (worker->consumer->is_transactional) {
			lane_commit_offsets(lane);
		}
	}
}

/* ---- life ---- */

static int lane_start(struct worker *worker, unsigned index, struct err *err)
{
	struct lane *lane = &worker->lanes[index];
	struct unit_options options = lane_unit_options(worker, index);
	char name[16];
	int r;

	*lane = (struct lane){ .worker = worker, .index = index, .batch_limit = worker->batch_max };
	r = worker->wiring->store->session_open(worker->store, &lane->session, err);
	if (r < 0) {
		return r;
	}
	unit_init(&lane->unit, &options, lane->session);
	lane->batch = xcalloc(worker->batch_max, sizeof(*lane->batch));
	lane->returns = xcalloc(worker->batch_max, sizeof(*lane->returns));
	r = -pthread_create(&lane->thread, NULL, lane_main, lane);
	if (r < 0) {
		return err_set(err, r, "cannot start a lane's thread");
	}
	lane->is_started = true;
	snprintf(name, sizeof(name), "lane %u", index);
	pthread_setname_np(lane->thread, name);
	return 0;
}

int lanes_start(struct worker *worker, struct err *err)
{
	worker->lanes = xcalloc(worker->lane_count, sizeof(*worker->lanes));
	worker->page->lane_count = worker->lane_count + worker->runner_count;
	hand_make_owner(worker->page);
	for (unsigned i = 0; i < worker->lane_count; i++) {
		int r = lane_start(worker, i, err);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

void lanes_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->lanes_stop = true;
	pthread_cond_broadcast(&worker->work_ready);
	pthread_cond_broadcast(&worker->lanes_end);
	pthread_cond_broadcast(&worker->returned);
	pthread_mutex_unlock(&worker->lock);
	for (unsigned i = 0; worker->lanes && i < worker->lane_count; i++) {
		struct lane *lane = &worker->lanes[i];
		if (lane->is_started) {
			worker->wiring->store->session_interrupt(lane->session);
			pthread_join(lane->thread, NULL);
		}
		unit_fini(&lane->unit);
		lane_transaction_fini(lane);
		worker->wiring->store->session_close(lane->session);
		free(lane->batch);
		free(lane->returns);
	}
	free(worker->lanes);
	worker->lanes = NULL;
}
