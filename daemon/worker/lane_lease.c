/*
 * lane_lease - what a lane does more where its batches are leased
 *
 * Runs in: worker, lanes. Effects that were made and that the store does not know of keep their
 * records in hand until it does, or they would be made again.
 */
#include "base/log.h"
#include "worker/leases.h"
#include "worker/store_state.h"
#include "worker/worker_private.h"

static bool are_lanes_stopping(struct worker *worker)
{
	bool is_stopping;

	pthread_mutex_lock(&worker->lock);
	is_stopping = worker->lanes_stop;
	pthread_mutex_unlock(&worker->lock);
	return is_stopping;
}

void lane_mark_again(struct lane *lane)
{
	struct unit *unit = &lane->unit;
	struct err err = unit->store_err;

	while (unit->marks) {
		unit_stage(unit, PAGE_STAGE_STORE_DOWN, NULL);
		store_state_down(lane->worker, PAGE_STORE_OF_LANES, &err);
		lane_back_off(lane);
		if (are_lanes_stopping(lane->worker)) {
			unit_give_up_marks(unit);
		} else if (lane->worker->wiring->store->session_ready(lane->session, &err) == 0 &&
			!unit_mark(unit)) {
			err = unit->store_err;
		}
	}
}

void leases_tell_taken_over(struct worker *worker, unsigned count)
{
	if (count) {
		page_add(&worker->page->leases_taken_over, count);
		log_notice("leases were taken over from a worker that died or was too slow: what "
			   "it had in hand is done again",
			LOG_STR("consumer", worker->consumer->name), LOG_INT("events", count));
	}
}

void lane_tell_leases(struct lane *lane)
{
	struct page *page = lane->worker->page;
	const struct unit *unit = &lane->unit;

	leases_tell_taken_over(lane->worker, unit->taken_over);
	page_add(&page->leases_lost, unit->lost);
	page_add(&page->leases_forgotten, unit->forgotten);
	finish_hear_store(lane->worker, lane->session);
}
