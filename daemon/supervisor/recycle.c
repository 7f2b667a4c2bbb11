/*
 * recycle - workers that are replaced while they are well
 *
 * Runs in: supervisor. worker.memory.max, worker.max.records, or an operator's word: such a worker
 * is drained and another takes its place. One of a consumer at a time, the next when that one is
 * ready: a static member takes its partitions back without a rebalance.
 */
#include "base/log.h"
#include "os/page.h"
#include "os/procfs.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

/* A limit below what a worker needs would otherwise replace it without end. */
enum { YOUNGEST_US = 10000000 };
/* What a worker has after its deadline to close, as in shutdown.c. */
enum { CLOSE_US = 3000000 };

static bool is_one_under_way(const struct consumer *consumer)
{
	for (size_t i = 0; i < consumer->slot_count; i++) {
		if (consumer->slots[i]->is_recycling) {
			return true;
		}
	}
	return false;
}

static bool is_too_large(
	const struct config *config, const struct slot *slot, int64_t now_us, int64_t *ret_bytes)
{
	*ret_bytes = procfs_resident_bytes(slot->pid);
	return config->worker_memory_max_bytes > 0 &&
		*ret_bytes > config->worker_memory_max_bytes &&
		now_us - slot->ready_us >= YOUNGEST_US;
}

static bool did_enough(const struct config *config, const struct slot *slot, uint64_t *ret_records)
{
	*ret_records = page_settled(slot->page) - slot->settled_at_start;
	return config->worker_max_records > 0 &&
		*ret_records >= (uint64_t)config->worker_max_records;
}

/* What an operator asked for waits until all others are there. */
static bool are_others_ready(const struct slot *slot)
{
	const struct consumer *consumer = slot->consumer;

	for (size_t i = 0; i < consumer->slot_count; i++) {
		if (consumer->slots[i] != slot && consumer->slots[i]->state != SLOT_READY) {
			return false;
		}
	}
	return true;
}

static void consider(struct supervisor *supervisor, struct slot *slot, int64_t now_us)
{
	const struct config *config = supervisor->config;
	int64_t bytes;
	uint64_t records;
	bool is_large = is_too_large(config, slot, now_us, &bytes);
	bool is_used_up = did_enough(config, slot, &records);

	bool is_asked = slot->wants_restart && are_others_ready(slot);

	if (!is_asked && !is_used_up && !is_large) {
		return;
	}
	slot->is_recycling = true;
	slot->recycle_deadline_us = now_us + config->drain_timeout_us;
	log_notice("a worker is replaced", LOG_ID(WORKER_REPLACED),
		LOG_STR("consumer", slot->consumer->config->name), LOG_INT("slot", slot->number),
		LOG_INT("worker_pid", slot->pid),
		LOG_STR("because_of",
			is_large             ? "worker.memory.max"
				: is_used_up ? "worker.max.records"
					     : "an operator"),
		LOG_INT("resident_bytes", bytes), LOG_INT("records", (int64_t)records),
		LOG_SECONDS("age", (double)(now_us - slot->spawned_us) / 1e6));
	slot->wants_restart = false;
	slot_drain(slot, slot->recycle_deadline_us, false);
}

static bool may_go(const struct config *config, const struct slot *slot)
{
	bool is_limited = config->worker_memory_max_bytes > 0 || config->worker_max_records > 0;

	return slot->state == SLOT_READY && !is_one_under_way(slot->consumer) &&
		(is_limited || (slot->wants_restart && are_others_ready(slot)));
}

static void check_consumer(struct supervisor *supervisor, struct consumer *consumer, int64_t now_us)
{
	for (size_t i = 0; i < consumer->slot_total; i++) {
		struct slot *slot = consumer->slots[i];

		if (slot->recycle_deadline_us > 0 &&
			now_us >= slot->recycle_deadline_us + CLOSE_US) {
			slot_kill(slot, EXIT_KILLED);
		}
		if (!slot->is_retired && may_go(supervisor->config, slot)) {
			consider(supervisor, slot, now_us);
		}
	}
}

void recycle_check(struct supervisor *supervisor, int64_t now_us)
{
	if (supervisor->phase != PHASE_RUNNING) {
		return;
	}
	for (size_t i = 0; i < supervisor->tree.consumer_total; i++) {
		check_consumer(supervisor, supervisor->tree.consumers[i], now_us);
	}
}
