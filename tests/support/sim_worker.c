/*
 * sim_worker - a model worker: assignment, polls, commits and dead letters (its main thread)
 */
#include "sim_worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void sim_worker_init(
	struct sim_worker *worker, struct sim_world *world, enum sim_mutant mutant, uint32_t number)
{
	memset(worker, 0, sizeof(*worker));
	worker->world = world;
	worker->mutant = mutant;
	worker->number = number;
	worker->sched = sched_new(world->config.order, &world->config.limits);
	for (uint32_t i = 0; i < world->config.lanes; i++) {
		worker->lanes[i].number = i;
		worker->lanes[i].transaction = (int)(number * SIM_LANES_MAX + i + 1);
	}
}

void sim_worker_free_item(struct sim_worker *worker, struct sched_item *item)
{
	worker->inside--;
	free((struct sim_item *)item);
}

static void sim_free_list(struct sim_worker *worker, struct sched_item *list)
{
	while (list) {
		struct sched_item *next = list->next;
		sim_worker_free_item(worker, list);
		list = next;
	}
}

static void sim_forget_partition(struct sim_worker *worker, uint32_t partition)
{
	struct sim_assigned *assigned = &worker->assigned[partition];
	sim_free_list(worker, sched_epoch_end(worker->sched, partition, assigned->epoch));
	tracker_free(assigned->tracker);
	assigned->tracker = NULL;
	assigned->epoch = 0;
}

void sim_worker_kill(struct sim_worker *worker)
{
	for (uint32_t p = 0; p < worker->world->config.partitions; p++) {
		sim_forget_partition(worker, p);
	}
	for (uint32_t i = 0; i < worker->world->config.lanes; i++) {
		struct sim_lane *lane = &worker->lanes[i];
		sim_lane_rollback(worker, lane);
		for (unsigned k = 0; k < lane->count; k++) {
			sim_world_lay_down(worker->world, worker->number, lane->items[k]->slot,
				((struct sim_item *)lane->items[k])->index);
			sim_worker_free_item(worker, lane->items[k]);
		}
	}
	assert(worker->inside == 0);
	sched_free(worker->sched);
}

/* ---- rebalance ---- */

void sim_worker_assign(struct sim_worker *worker, uint32_t partition, uint32_t epoch)
{
	struct sim_assigned *assigned = &worker->assigned[partition];
	const struct sim_partition *log = &worker->world->partitions[partition];
	uint32_t remembered = assigned->next;
	if (sched_epoch_given_out(worker->sched, partition, assigned->last_epoch) > 0) {
		worker->world->stats.waits_for_old_epoch++;
	}
	sim_forget_partition(worker, partition);
	sched_epoch_begin(worker->sched, partition, epoch);
	*assigned = (struct sim_assigned){
		.epoch = epoch,
		.last_epoch = epoch,
		.tracker = tracker_new(log->committed, worker->world->config.ahead_max),
		.next = sim_partition_find(log, log->committed),
		.handed_over = log->committed,
		.acknowledged = log->committed,
	};
	if (worker->mutant == SIM_MUTANT_RESUME_FROM_MEMORY && remembered > assigned->next) {
		assigned->next = remembered;
	}
}

static int64_t sim_committable(const struct sim_worker *worker, uint32_t partition)
{
	const struct sim_assigned *assigned = &worker->assigned[partition];
	if (worker->mutant == SIM_MUTANT_COMMIT_ON_POLL && assigned->next > 0) {
		return worker->world->partitions[partition].records[assigned->next - 1].offset + 1;
	}
	return tracker_committable(assigned->tracker);
}

void sim_worker_revoke(struct sim_worker *worker, uint32_t partition, bool may_commit)
{
	struct sim_assigned *assigned = &worker->assigned[partition];
	struct sim_world *world = worker->world;
	if (assigned->epoch == 0) {
		return;
	}
	int64_t offset = sim_committable(worker, partition);
	if (may_commit && offset > assigned->acknowledged) {
		sim_world_hand_over(world, worker->number, partition, assigned->epoch, offset);
		sim_world_land(world, partition, offset);
	}
	sim_world_tell(world, worker->number, partition, 0);
	if (worker->mutant == SIM_MUTANT_COMMIT_STALE_EPOCH && offset > assigned->handed_over) {
		sim_world_hand_over(world, worker->number, partition, assigned->epoch, offset);
	}
	if (worker->mutant == SIM_MUTANT_GIVE_OUT_DEAD_EPOCH) {
		return;
	}
	sim_forget_partition(worker, partition);
}

/* ---- polls and time ---- */

void sim_worker_poll(struct sim_worker *worker, uint32_t partition, unsigned max)
{
	struct sim_assigned *assigned = &worker->assigned[partition];
	const struct sim_partition *log = &worker->world->partitions[partition];
	for (unsigned i = 0; i < max && assigned->epoch > 0 && assigned->next < log->count; i++) {
		const struct sim_record *record = &log->records[assigned->next];
		if (!sched_has_room(worker->sched) ||
			!tracker_has_room(assigned->tracker, record->offset)) {
			return;
		}
		struct sim_item *item = NEW(struct sim_item);
		item->index = assigned->next++;
		bool is_split = worker->mutant == SIM_MUTANT_SPLIT_STRAND;
		item->sched = (struct sched_item){
			.slot = partition,
			.epoch = assigned->epoch,
			.offset = record->offset,
			.key_hash = is_split ? (uint64_t)record->offset : record->key,
			.bytes = 100,
		};
		worker->inside++;
		int result = tracker_add(assigned->tracker, record->offset);
		assert(result == 0);
		sched_put(worker->sched, &item->sched);
		sim_trace(worker->world, "poll", worker->number, partition, record->offset);
	}
}

void sim_worker_tick(struct sim_worker *worker)
{
	sched_tick(worker->sched, worker->world->now_us);
	/* What holds ended may have ended before the batch that was held came back. */
	if (!worker->is_outage && worker->mutant != SIM_MUTANT_FORGET_RELEASE) {
		sched_release_all(worker->sched);
	}
}

/* ---- commits ---- */

void sim_worker_settle(
	struct sim_worker *worker, uint32_t partition, uint32_t index, uint32_t epoch)
{
	struct sim_assigned *assigned = &worker->assigned[partition];
	bool is_live = assigned->epoch == epoch && epoch > 0;
	if (!is_live) {
		worker->world->stats.late_results++;
	}
	if (!assigned->tracker || (!is_live && worker->mutant != SIM_MUTANT_LATE_RESULT_SETTLES)) {
		return;
	}
	int64_t offset = worker->world->partitions[partition].records[index].offset;
	if (tracker_settle(assigned->tracker, offset) < 0 &&
		worker->mutant != SIM_MUTANT_SETTLE_BEFORE_COMMIT) {
		sim_violate(worker->world,
			"I6: record %u of partition %u settled twice or by a dead epoch", index,
			partition);
	}
}

void sim_worker_commit(struct sim_worker *worker)
{
	struct sim_world *world = worker->world;
	if (worker->commit.is_in_flight) {
		return;
	}
	for (uint32_t p = 0; p < world->config.partitions; p++) {
		struct sim_assigned *assigned = &worker->assigned[p];
		worker->commit.offsets[p] = -1;
		if (assigned->epoch == 0) {
			continue;
		}
		int64_t offset = sim_committable(worker, p);
		if (worker->mutant == SIM_MUTANT_COMMIT_GOES_BACK && assigned->handed_over > 0 &&
			sim_once_in(world, 4)) {
			offset = assigned->handed_over - 1;
		} else if (offset <= assigned->acknowledged) {
			continue;
		}
		sim_world_hand_over(world, worker->number, p, assigned->epoch, offset);
		assigned->handed_over = offset;
		worker->commit.offsets[p] = offset;
		worker->commit.epochs[p] = assigned->epoch;
		worker->commit.is_in_flight = true;
	}
}

void sim_worker_commit_answer(struct sim_worker *worker, bool is_ok)
{
	struct sim_commit *commit = &worker->commit;
	for (uint32_t p = 0; commit->is_in_flight && p < worker->world->config.partitions; p++) {
		struct sim_assigned *assigned = &worker->assigned[p];
		if (is_ok && commit->offsets[p] >= 0 && commit->epochs[p] == assigned->epoch) {
			assigned->acknowledged = commit->offsets[p];
		}
	}
	commit->is_in_flight = false;
}

/* ---- dead letters ---- */

void sim_worker_queue_dead_letter(struct sim_worker *worker, const struct sched_item *item)
{
	uint32_t index = ((const struct sim_item *)item)->index;
	if (worker->mutant == SIM_MUTANT_COMMIT_BEFORE_ACK) {
		sim_worker_settle(worker, item->slot, index, item->epoch);
	}
	assert(worker->dead_letter_count <
		sizeof(worker->dead_letters) / sizeof(worker->dead_letters[0]));
	worker->dead_letters[worker->dead_letter_count++] = (struct sim_dead_letter){
		.partition = item->slot,
		.epoch = item->epoch,
		.index = index,
		.key_hash = item->key_hash,
	};
}

/* The topic refuses: the strand waits with its dead letter. */
static void sim_dead_letter_failed(struct sim_worker *worker, struct sim_dead_letter *letter)
{
	worker->world->stats.failed_dead_letters++;
	letter->is_sent = false;
	if (!letter->is_holding) {
		letter->is_holding = true;
		sched_hold(worker->sched, letter->partition, letter->epoch, letter->key_hash);
	}
}

static void sim_dead_letter_acked(struct sim_worker *worker, struct sim_dead_letter *letter)
{
	bool is_late = worker->assigned[letter->partition].epoch != letter->epoch;
	worker->world->stats.late_acks += is_late;
	sim_world_dead_letter(worker->world, letter->partition, letter->index);
	if (letter->is_holding) {
		sched_release(worker->sched, letter->partition, letter->epoch, letter->key_hash);
	}
	if (!is_late && worker->mutant != SIM_MUTANT_COMMIT_BEFORE_ACK) {
		sim_worker_settle(worker, letter->partition, letter->index, letter->epoch);
	}
	*letter = worker->dead_letters[--worker->dead_letter_count];
}

void sim_worker_dead_letter(struct sim_worker *worker, bool is_ok)
{
	if (worker->dead_letter_count == 0) {
		return;
	}
	struct sim_dead_letter *letter =
		&worker->dead_letters[sim_below(worker->world, worker->dead_letter_count)];
	if (!letter->is_sent) {
		letter->is_sent = true;
	} else if (is_ok) {
		sim_dead_letter_acked(worker, letter);
	} else {
		sim_dead_letter_failed(worker, letter);
	}
}

void sim_worker_check(struct sim_worker *worker)
{
	struct sched_stats stats;
	sched_get_stats(worker->sched, &stats);
	if (stats.in_flight != worker->inside || stats.in_flight_bytes != 100 * worker->inside ||
		stats.parked_records + stats.held_records > stats.queued) {
		sim_violate(worker->world, "I1: the scheduler knows %llu records of %llu",
			(unsigned long long)stats.in_flight, (unsigned long long)worker->inside);
	}
}
