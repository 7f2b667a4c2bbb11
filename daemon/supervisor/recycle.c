/*
 * recycle - workers that are replaced before they are a problem
 *
 * Runs in: supervisor. worker.memory.max and worker.max.records: such a worker is drained and
 * another takes its place. One of a consumer at a time, the next when that one is ready: a static
 * member takes its partitions back without a rebalance.
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
		if (consumer->slots[i].is_recycling) {
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

static void consider(struct supervisor *supervisor, struct slot *slot, int64_t now_us)
{
	const struct config *config = supervisor->config;
	int64_t bytes;
	uint64_t records;
	bool is_large = is_too_large(config, slot, now_us, &bytes);

	if (!did_enough(config, slot, &records) && !is_large) {
		return;
	}
	slot->is_recycling = true;
	slot->recycle_deadline_us = now_us + config->drain_timeout_us;
	log_notice("a worker is replaced", LOG_STR("consumer", slot->consumer->config->name),
		LOG_INT("slot", slot->number), LOG_INT("worker_pid", slot->pid),
		LOG_STR("because_of", is_large ? "worker.memory.max" : "worker.max.records"),
		LOG_INT("resident_bytes", bytes), LOG_INT("records", (int64_t)records),
		LOG_SECONDS("age", (double)(now_us - slot->spawned_us) / 1e6));
	slot_drain(slot, slot->recycle_deadline_us);
}

static void check_consumer(struct supervisor *supervisor, struct consumer *consumer, int64_t now_us)
{
	for (size_t i = 0; i < consumer->slot_count; i++) {
		struct slot *slot = &consumer->slots[i];

		if (slot->recycle_deadline_us > 0 &&
			now_us >= slot->recycle_deadline_us + CLOSE_US) {
			slot_kill(slot, EXIT_KILLED);
		}
		if (slot->state == SLOT_READY && !is_one_under_way(consumer)) {
			consider(supervisor, slot, now_us);
		}
	}
}

void recycle_check(struct supervisor *supervisor, int64_t now_us)
{
	const struct config *config = supervisor->config;

	if (supervisor->phase != PHASE_RUNNING ||
		(config->worker_memory_max_bytes == 0 && config->worker_max_records == 0)) {
		return;
	}
	for (size_t i = 0; i < supervisor->tree.consumer_count; i++) {
		check_consumer(supervisor, &supervisor->tree.consumers[i], now_us);
	}
}
