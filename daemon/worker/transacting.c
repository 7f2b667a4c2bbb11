/*
 * transacting - what the main thread has to do with Kafka transactions
 *
 * Runs in: worker, main thread. It opens the producer, keeps who the group took us for when it
 * assigned, and hears from the lane what was committed; it commits nothing itself.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "worker/hand.h"
#include "worker/worker_private.h"

enum { ID_MAX = 512 };
#define LOOK_US ((int64_t)20 * 1000)

/*
 * One living producer has it at a time, and the slot's next worker takes it over: a static member
 * has its own name, a dynamic one the token that its page keeps.
 */
static void make_id(struct worker *worker, char ret[ID_MAX])
{
	int len = snprintf(
		ret, ID_MAX, "%s-%s", worker->consumer->group_id, worker->start.instance_id);

	if (worker->start.instance_id[0]) {
		return;
	}
	hand_make_owner(worker->page);
	for (size_t i = 0; i < sizeof(worker->page->lease_owner) && len < ID_MAX - 2; i++) {
		len += snprintf(
			ret + len, ID_MAX - (size_t)len, "%02x", worker->page->lease_owner[i]);
	}
}

int transacting_open(struct worker *worker, struct err *err)
{
	const struct worker_wiring *wiring = worker->wiring;
	char id[ID_MAX];

	make_id(worker, id);
	return publishing_open_transactor(&worker->roster.publishing, wiring->transactor,
		wiring->config, worker->consumer, worker->start.client_id, id, err);
}

void transacting_assigned(struct worker *worker)
{
	const struct source_ops *source = worker->wiring->source;
	struct source_membership *before, *now;

	if (!worker->consumer->is_transactional) {
		return;
	}
	now = source->membership(worker->source);
	pthread_mutex_lock(&worker->lock);
	before = worker->membership;
	worker->membership = now;
	pthread_mutex_unlock(&worker->lock);
	source->membership_drop(before);
}

/* Under the lock. */
static bool is_behind(const struct partition *p)
{
	return p->tracker && tracker_committable(p->tracker) > p->transacted;
}

static void hear(struct worker *worker, struct partition *p)
{
	int64_t offset;

	pthread_mutex_lock(&worker->lock);
	offset = p->tracker ? p->transacted : -1;
	pthread_mutex_unlock(&worker->lock);
	if (offset > p->committed) {
		commit_note(worker, p, offset);
	}
}

static void ask_for_offsets(struct worker *worker)
{
	worker->are_offsets_due = true;
	pthread_cond_signal(&worker->work_ready);
}

void transacting_tick(struct worker *worker, int64_t now_us)
{
	bool is_due = false, is_lost;

	for (uint32_t i = 0; i < worker->partition_count; i++) {
		hear(worker, worker->partitions[i]);
	}
	pthread_mutex_lock(&worker->lock);
	is_lost = worker->has_lost_transactor;
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		is_due |= is_behind(worker->partitions[i]);
	}
	if (is_due && now_us >= worker->next_commit_us) {
		worker->next_commit_us = now_us + worker->consumer->commit_interval_us;
		ask_for_offsets(worker);
	}
	pthread_mutex_unlock(&worker->lock);
	if (is_lost) {
		worker_fail(worker, WORKER_EXIT_FAILURE, &worker->lost_why);
	}
}

bool transacting_has_unwritten(struct worker *worker)
{
	bool has_one = false;

	pthread_mutex_lock(&worker->lock);
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		const struct partition *p = worker->partitions[i];

		has_one |= p->tracker && tracker_has_unsettled(p->tracker, p->unwritten);
	}
	pthread_mutex_unlock(&worker->lock);
	return has_one;
}

/* Under the lock. */
static bool is_any_behind(
	const struct worker *worker, const struct source_partition *partitions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_behind(worker->partitions[partitions ? partitions[i].slot : i])) {
			return true;
		}
	}
	return false;
}

void transacting_wait(struct worker *worker, const struct source_partition *partitions,
	size_t count, int timeout_ms)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
	size_t all = partitions ? count : worker->partition_count;

	pthread_mutex_lock(&worker->lock);
	while (is_any_behind(worker, partitions, all) && worker->lanes && !worker->lanes_stop &&
		!worker->has_lost_transactor && clock_mono_us() < deadline_us) {
		page_set(&worker->page->heartbeat_us, clock_mono_us());
		ask_for_offsets(worker);
		lane_wait_us(worker, &worker->returned, LOOK_US);
	}
	pthread_mutex_unlock(&worker->lock);
	for (size_t i = 0; i < all; i++) {
		hear(worker, worker->partitions[partitions ? partitions[i].slot : i]);
	}
}
