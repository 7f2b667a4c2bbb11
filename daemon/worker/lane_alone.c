/*
 * lane_alone - a record that is worked while nothing else is
 *
 * Runs in: worker, lanes, under the lock. A record under suspicion of killing workers must not take
 * others with it, and nobody else may be taken for it: its lane waits until all others gave back
 * what they had, and they take nothing until it is through.
 */
#include "worker/worker_private.h"

/* What a crash may have to do with, should it come. */
static void note_taken(struct lane *lane, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct sched_item *item = &lane->batch[i]->item;
		struct page_partition *page = lane->worker->partitions[item->slot]->page;

		if (item->offset >= page_get(&page->taken_below)) {
			page_set(&page->taken_below, item->offset + 1);
		}
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

static void leave_alone(struct lane *lane)
{
	struct worker *worker = lane->worker;

	worker->alone_lane = NULL;
	atomic_store(&lane->unit.options.page_lane->is_alone, PAGE_NOT_ALONE);
	pthread_cond_broadcast(&worker->work_ready);
}

bool lane_enter(struct lane *lane, unsigned count)
{
	struct worker *worker = lane->worker;

	if (lane->batch[0]->item.is_alone) {
		worker->alone_lane = lane;
		while (worker->busy_lanes && !worker->lanes_stop) {
			pthread_cond_wait(&worker->returned, &worker->lock);
		}
		if (worker->busy_lanes) {
			give_back(lane);
			leave_alone(lane);
			return false;
		}
		atomic_store(&lane->unit.options.page_lane->is_alone, PAGE_ALONE);
	}
	worker->busy_lanes++;
	if (worker->is_in_process) {
		note_taken(lane, count);
	}
	return true;
}

void lane_leave(struct lane *lane)
{
	lane->worker->busy_lanes--;
	if (lane->worker->alone_lane == lane) {
		leave_alone(lane);
	}
}
