/*
 * lane_options - what a unit of work of this worker is told
 *
 * Runs in: worker, main thread, before lanes and runners start.
 */
#include <string.h>

#include "worker/worker_private.h"

/* Until a worker over its handler's timeout is killed. */
#define CALL_MARGIN_US ((int64_t)2 * 1000 * 1000)

static const struct unit_place *place_of(void *context, uint32_t slot)
{
	const struct worker *worker = context;

	return &worker->partitions[slot]->place;
}

/* How long a call may take; nobody waits for more than that of what is ours. */
static int64_t call_us(const struct worker *worker)
{
	int64_t longest_us = worker->consumer->claim_lease_us / 3;

	for (size_t i = 0; i < worker->roster.handler_count; i++) {
		const struct config_handler *handler = worker->roster.handlers[i].config;
		int64_t timeout_us = handler->timeout_us + CALL_MARGIN_US;

		if (config_handler_is_in_process(handler) && timeout_us > longest_us) {
			longest_us = timeout_us;
		}
	}
	return longest_us;
}

/* It lasts for the longest call when a call begins. */
static struct store_lease lease_of(const struct worker *worker)
{
	struct store_lease lease = { .lease_us =
					     worker->consumer->claim_lease_us + call_us(worker) };

	memcpy(lease.owner, worker->page->lease_owner, sizeof(lease.owner));
	return lease;
}

struct unit_options lane_unit_options(struct worker *worker, unsigned index)
{
	const struct config_consumer *consumer = worker->consumer;

	return (struct unit_options){ .store = worker->wiring->store,
		.roster = &worker->roster,
		.page = worker->page,
		.page_lane = &worker->page->lanes[index],
		.lane = index,
		.batch_max = worker->batch_max,
		.scope = consumer->dedup_scope,
		.is_deduplicated = worker->is_deduplicated,
		.has_dlq = consumer->dlq_topic != NULL,
		.has_runners = worker->runner_count > 0,
		.is_leased = worker->hand != NULL,
		.lease = lease_of(worker),
		.call_us = call_us(worker),
		.hand = worker->hand,
		.idle_us = worker->hand ? 0 : worker->wiring->config->store_idle_timeout_us / 2,
		.skips_tombstones = consumer->tombstone == TOMBSTONE_SKIP,
		.event_missing = consumer->event_missing,
		.place_of = place_of,
		.context = worker };
}
