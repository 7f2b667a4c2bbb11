/*
 * lane_alone - a record that is worked while nothing else is
 *
 * Runs in: worker, lanes and runners, under the lock. A record under suspicion of killing workers
 * must not take others with it, and nobody else may be taken for it: its lane waits until all
 * others gave back what they had, and they take nothing until it is through.
 */
#include "worker/ledger.h"
#include "worker/worker_private.h"

/* What a crash may have to do with, should it come. */
static void note_taken(struct worker *worker, const struct record *record)
{
	struct page_partition *page = worker->partitions[record->item.slot]->page;

	if (record->item.offset >= page_get(&page->taken_below)) {
		page_set(&page->taken_below, record->item.offset + 1);
	}
}

/* The lanes end, and its turn has not come. */
static void give_back(struct lane *lane)
{
	struct sched_item *dead;

	lane->returns[0] =
		(struct sched_return){ .item = &lane->batch[0]->item, .verdict = SCHED_AGAIN };
	sched_give_back(lane->worker->sched, lane->returns, 1, &dead);
	if (dead) {
		record_free((struct record *)dead);
	}
}

static void leave_alone(struct worker *worker, struct page_lane *page_lane)
{
	worker->alone_lane = NULL;
	atomic_store(&page_lane->is_alone, PAGE_NOT_ALONE);
	pthread_cond_broadcast(&worker->work_ready);
	if (worker->ledger) {
		ledger_wake_runners(worker);
	}
}

/* False: the lanes stop. */
static bool be_alone(struct worker *worker, struct page_lane *page_lane)
{
	worker->alone_lane = page_lane;
	while (worker->busy_lanes && !worker->lanes_stop) {
		pthread_cond_wait(&worker->returned, &worker->lock);
	}
	if (worker->busy_lanes) {
		leave_alone(worker, page_lane);
		return false;
	}
	atomic_store(&page_lane->is_alone, PAGE_ALONE);
	return true;
}

static void leave(struct worker *worker, struct page_lane *page_lane)
{
	worker->busy_lanes--;
	if (worker->alone_lane == page_lane) {
		leave_alone(worker, page_lane);
	}
}

bool lane_enter(struct lane *lane, unsigned count)
{
	struct worker *worker = lane->worker;

	if (lane->batch[0]->item.is_alone && !be_alone(worker, lane->unit.options.page_lane)) {
		give_back(lane);
		return false;
	}
	worker->busy_lanes++;
	for (unsigned i = 0; worker->is_in_process && i < count; i++) {
		note_taken(worker, lane->batch[i]);
	}
	return true;
}

void lane_leave(struct lane *lane)
{
	leave(lane->worker, lane->unit.options.page_lane);
}

bool runner_enter(struct worker *worker, struct page_lane *page_lane, const struct record *record)
{
	if (record->item.is_alone && !be_alone(worker, page_lane)) {
		return false;
	}
	worker->busy_lanes++;
	if (worker->is_in_process) {
		note_taken(worker, record);
	}
	return true;
}

void runner_leave(struct worker *worker, struct page_lane *page_lane)
{
	leave(worker, page_lane);
	pthread_cond_broadcast(&worker->returned);
}
