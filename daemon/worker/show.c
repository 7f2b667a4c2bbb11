/*
 * show - the worker's gauges in its page, and its status line
 *
 * Runs in: worker, main thread.
 */
#include "base/clock.h"
#include "base/log.h"
#include "worker/worker_private.h"

#define SHOW_INTERVAL_US ((int64_t)200 * 1000)

static void show_partition(struct partition *p)
{
	uint64_t unsettled = tracker_unsettled(p->tracker);
	int64_t head = tracker_committable(p->tracker);

	if (head != p->head_offset || unsettled == 0) {
		p->head_offset = head;
		p->head_since_ms = clock_wall_ms();
	}
	page_set(&p->page->ahead, tracker_ahead(p->tracker));
	page_set(&p->page->parked, p->parked);
	page_set(&p->page->held, p->held);
	page_set(&p->page->first_unsettled_offset, unsettled ? head : -1);
	page_set(&p->page->first_unsettled_ms, unsettled ? p->head_since_ms : 0);
	atomic_store_explicit(&p->page->state,
		p->is_paused      ? PAGE_PARTITION_PAUSED
			: p->held ? PAGE_PARTITION_HELD
				  : PAGE_PARTITION_RUNNING,
		memory_order_relaxed);
}

void show_tick(struct worker *worker, int64_t now_us)
{
	struct sched_stats stats;

	if (now_us < worker->next_show_us) {
		return;
	}
	worker->next_show_us = now_us + SHOW_INTERVAL_US;
	pthread_mutex_lock(&worker->lock);
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		if (worker->partitions[i]->tracker) {
			show_partition(worker->partitions[i]);
		}
	}
	sched_get_stats(worker->sched, &stats);
	pthread_mutex_unlock(&worker->lock);
	page_set(&worker->page->in_flight_bytes, (int64_t)stats.in_flight_bytes);
	page_set(&worker->page->prefetch_bound_bytes,
		worker->wiring->source->prefetch_bound_bytes(worker->source));
	worker->page->log_dropped = log_dropped();
}

void show_status_line(struct worker *worker)
{
	struct sched_stats stats;

	pthread_mutex_lock(&worker->lock);
	sched_get_stats(worker->sched, &stats);
	pthread_mutex_unlock(&worker->lock);
	log_info("status",
		LOG_INT("assigned",
			worker->source ? worker->wiring->source->assigned_count(worker->source)
				       : 0),
		LOG_INT("in_flight", (int64_t)stats.in_flight),
		LOG_INT("parked_strands", (int64_t)stats.parked_strands),
		LOG_INT("held_strands", (int64_t)stats.held_strands),
		LOG_INT("dead_letters_pending", worker->dead_letter_count),
		LOG_STR("paused", worker->is_paused ? "yes" : "no"));
}
