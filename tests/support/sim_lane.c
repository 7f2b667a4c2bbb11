/*
 * sim_lane - a model lane: take, claim, handle, commit, give back
 *
 * One transaction a batch. Claims are taken all at once, which is what sorted claims amount to; a
 * claim that another open transaction holds makes the lane wait.
 */
#include "sim_worker.h"

static struct sim_item *sim_item_of(const struct sim_lane *lane, unsigned i)
{
	return (struct sim_item *)lane->items[i];
}

static struct sim_event *sim_event_of(
	const struct sim_worker *worker, const struct sim_lane *lane, unsigned i)
{
	struct sim_world *world = worker->world;
	return &world->events[world->partitions[lane->items[i]->slot]
				      .records[sim_item_of(lane, i)->index]
				      .event];
}

void sim_lane_rollback(struct sim_worker *worker, struct sim_lane *lane)
{
	for (unsigned i = 0; i < lane->count; i++) {
		struct sim_event *event = sim_event_of(worker, lane, i);
		if (event->locked_by == lane->transaction) {
			event->locked_by = 0;
		}
	}
}

/* The whole batch leaves without having happened. */
static void sim_lane_undo(
	struct sim_worker *worker, struct sim_lane *lane, enum sim_outcome outcome)
{
	sim_lane_rollback(worker, lane);
	for (unsigned i = 0; i < lane->count; i++) {
		lane->outcomes[i] = outcome;
	}
}

/* Nothing of a strand is given out while it is parked, or while a dead letter of it is refused. */
static void sim_check_waits(struct sim_worker *worker, const struct sim_item *item)
{
	struct sim_world *world = worker->world;
	if (item->due_us > world->now_us) {
		sim_violate(world, "I4: record %u of partition %u given out before it is due",
			item->index, item->sched.slot);
	}
	for (unsigned i = 0;
		i < worker->dead_letter_count && world->config.order != SCHED_ORDER_NONE; i++) {
		const struct sim_dead_letter *letter = &worker->dead_letters[i];
		bool is_same = world->config.order == SCHED_ORDER_PARTITION ||
			letter->key_hash == item->sched.key_hash;
		if (letter->is_holding && is_same && letter->partition == item->sched.slot &&
			letter->epoch == item->sched.epoch) {
			sim_violate(world,
				"I4: record %u of partition %u given out while its strand is held",
				item->index, item->sched.slot);
		}
	}
}

static void sim_lane_take(struct sim_worker *worker, struct sim_lane *lane)
{
	lane->count = sched_take(worker->sched, lane->items, SIM_BATCH_MAX);
	for (unsigned i = 0; i < lane->count; i++) {
		const struct sched_item *item = lane->items[i];
		sim_world_take(worker->world, worker->number, lane->number, item->slot, item->epoch,
			sim_item_of(lane, i)->index);
		sim_check_waits(worker, sim_item_of(lane, i));
		if (worker->mutant == SIM_MUTANT_SETTLE_BEFORE_COMMIT) {
			sim_worker_settle(
				worker, item->slot, sim_item_of(lane, i)->index, item->epoch);
		}
	}
	lane->is_killed = false;
	lane->phase = lane->count > 0 ? SIM_LANE_TAKEN : SIM_LANE_IDLE;
}

static void sim_lane_claim(struct sim_worker *worker, struct sim_lane *lane)
{
	for (unsigned i = 0; i < lane->count; i++) {
		int locked_by = sim_event_of(worker, lane, i)->locked_by;
		if (locked_by != 0 && locked_by != lane->transaction) {
			worker->world->stats.blocked_claims++;
			return;
		}
	}
	for (unsigned i = 0; i < lane->count; i++) {
		sim_event_of(worker, lane, i)->locked_by = lane->transaction;
	}
	lane->phase = SIM_LANE_CLAIMED;
}

/* ---- one record ---- */

static enum sim_outcome sim_retry(struct sim_worker *worker, struct sim_lane *lane, unsigned i)
{
	struct sim_world *world = worker->world;
	const struct sim_item *item = sim_item_of(lane, i);
	bool is_first = item->attempts == 0;
	struct retry_state state = {
		.attempts = item->attempts + 1,
		.elapsed_us = is_first ? 0 : world->now_us - item->first_failure_us,
		.has_witness = !is_first && worker->successes > item->successes_before,
		.is_first_after_hold = item->is_first_after_hold,
	};
	int64_t delay_us = retry_next_delay(&world->config.retry, &state, sim_random(world));
	world->stats.retries++;
	lane->due_us[i] = world->now_us + delay_us;
	return delay_us < 0 ? SIM_DEAD : SIM_RETRY;
}

static enum sim_outcome sim_call_handler(
	struct sim_worker *worker, struct sim_lane *lane, unsigned i)
{
	struct sim_event *event = sim_event_of(worker, lane, i);
	if (worker->is_outage) {
		return worker->mutant == SIM_MUTANT_FAIL_OPEN ? SIM_DUPLICATE : SIM_UNAVAILABLE;
	}
	if (event->is_poison) {
		return SIM_DEAD;
	}
	if (event->failures_left > 0) {
		event->failures_left--;
		return sim_retry(worker, lane, i);
	}
	return SIM_DONE;
}

static bool sim_has_row(const struct sim_worker *worker, const struct sim_event *event)
{
	return worker->mutant == SIM_MUTANT_SKIP_DEDUP              ? false
		: worker->mutant == SIM_MUTANT_RETRY_AFTER_DECISION ? event->row == SIM_ROW_DONE
								    : event->row != SIM_ROW_NONE;
}

/* An earlier record of the batch with the same event: -1 when there is none. */
static int sim_find_same_event(
	const struct sim_worker *worker, const struct sim_lane *lane, unsigned i)
{
	const struct sim_event *event = sim_event_of(worker, lane, i);
	for (unsigned k = 0; k < i; k++) {
		if (sim_event_of(worker, lane, k) == event) {
			return (int)k;
		}
	}
	return -1;
}

static enum sim_outcome sim_handle_record(
	struct sim_worker *worker, struct sim_lane *lane, unsigned i)
{
	const struct sim_event *event = sim_event_of(worker, lane, i);
	if (sim_has_row(worker, event)) {
		bool is_here = event->row == SIM_ROW_DLQ &&
			event->row_partition == lane->items[i]->slot &&
			event->row_index == sim_item_of(lane, i)->index;
		return is_here ? SIM_DEAD : SIM_DUPLICATE;
	}
	int same =
		worker->mutant == SIM_MUTANT_SKIP_DEDUP ? -1 : sim_find_same_event(worker, lane, i);
	if (same >= 0) {
		/* The later one waits for the end of the first. */
		worker->world->stats.same_id_in_batch++;
		enum sim_outcome first = lane->outcomes[same];
		return first == SIM_DONE || first == SIM_DEAD || first == SIM_DUPLICATE
			? SIM_DUPLICATE
			: SIM_AGAIN;
	}
	enum sim_outcome outcome = sim_call_handler(worker, lane, i);
	lane->is_decided[i] = outcome == SIM_DEAD;
	return outcome;
}

static bool sim_is_ended(enum sim_outcome outcome)
{
	return outcome == SIM_DONE || outcome == SIM_DUPLICATE || outcome == SIM_DEAD;
}

/* Behind a record that did not end, its strand leaves the batch. */
static bool sim_is_behind_unended(
	const struct sim_worker *worker, const struct sim_lane *lane, unsigned i)
{
	if (worker->mutant == SIM_MUTANT_RETRY_LETS_PASS) {
		return false;
	}
	return i > 0 && lane->items[i - 1]->strand == lane->items[i]->strand &&
		!sim_is_ended(lane->outcomes[i - 1]);
}

static void sim_lane_handle(struct sim_worker *worker, struct sim_lane *lane)
{
	struct sim_world *world = worker->world;
	for (unsigned i = 0; i < lane->count; i++) {
		lane->is_decided[i] = false;
		lane->outcomes[i] = sim_is_behind_unended(worker, lane, i)
			? SIM_AGAIN
			: sim_handle_record(worker, lane, i);
		if (lane->outcomes[i] == SIM_DONE &&
			worker->mutant == SIM_MUTANT_EFFECT_OUTSIDE_TRANSACTION) {
			sim_world_effect(world, lane->items[i]->slot, sim_item_of(lane, i)->index);
			sim_event_of(worker, lane, i)->row = SIM_ROW_NONE;
		}
		if (lane->is_decided[i] &&
			worker->mutant == SIM_MUTANT_DEAD_LETTER_BEFORE_DECISION) {
			sim_world_dead_letter(
				world, lane->items[i]->slot, sim_item_of(lane, i)->index);
		}
	}
	lane->phase = SIM_LANE_HANDLED;
}

/* ---- the end of the batch ---- */

static void sim_lane_apply(struct sim_worker *worker, struct sim_lane *lane)
{
	for (unsigned i = 0; i < lane->count; i++) {
		const struct sched_item *item = lane->items[i];
		uint32_t index = sim_item_of(lane, i)->index;
		if (lane->outcomes[i] == SIM_DONE &&
			worker->mutant == SIM_MUTANT_EFFECT_OUTSIDE_TRANSACTION) {
			sim_event_of(worker, lane, i)->row = SIM_ROW_DONE;
		} else if (lane->outcomes[i] == SIM_DONE) {
			sim_world_effect(worker->world, item->slot, index);
		} else if (lane->is_decided[i]) {
			sim_world_decide(worker->world, item->slot, index);
		}
	}
	sim_lane_rollback(worker, lane);
}

static void sim_lane_commit(struct sim_worker *worker, struct sim_lane *lane)
{
	struct sim_world *world = worker->world;
	lane->phase = SIM_LANE_COMMITTED;
	if (lane->is_killed || sim_once_in(world, 12)) {
		world->stats.lost_before_commit++;
		if (worker->mutant == SIM_MUTANT_TRUST_LOST_COMMIT) {
			sim_lane_rollback(worker, lane);
			return;
		}
		sim_lane_undo(worker, lane, sim_once_in(world, 2) ? SIM_AGAIN : SIM_UNAVAILABLE);
		return;
	}
	if (sim_once_in(world, 16)) {
		world->stats.redos++;
		sim_lane_undo(worker, lane, SIM_AGAIN);
		return;
	}
	sim_lane_apply(worker, lane);
	if (sim_once_in(world, 16)) {
		world->stats.lost_after_commit++;
		sim_lane_undo(worker, lane, SIM_AGAIN);
	}
}

/* Remember a failed attempt; a batch that did not happen burns nobody's. */
static void sim_note_outcome(struct sim_worker *worker, struct sim_lane *lane, unsigned i)
{
	struct sim_item *item = sim_item_of(lane, i);
	switch (lane->outcomes[i]) {
	case SIM_DONE:
		worker->successes++;
		break;
	case SIM_DUPLICATE:
		worker->world->stats.duplicates++;
		break;
	case SIM_UNAVAILABLE:
		worker->world->stats.holds++;
		item->is_first_after_hold = true;
		break;
	case SIM_RETRY:
		if (item->attempts++ == 0) {
			item->first_failure_us = worker->world->now_us;
			item->successes_before = worker->successes;
		}
		item->is_first_after_hold = false;
		item->due_us = lane->due_us[i];
		break;
	case SIM_AGAIN:
	case SIM_DEAD:
		break;
	}
}

static struct sched_return sim_lane_return(
	struct sim_worker *worker, struct sim_lane *lane, unsigned i)
{
	static const enum sched_verdict verdicts[] = {
		[SIM_AGAIN] = SCHED_AGAIN,
		[SIM_DONE] = SCHED_SETTLED,
		[SIM_DUPLICATE] = SCHED_SETTLED,
		[SIM_DEAD] = SCHED_SETTLED,
		[SIM_RETRY] = SCHED_PARK,
		[SIM_UNAVAILABLE] = SCHED_HOLD,
	};
	struct sched_item *item = lane->items[i];
	uint32_t index = sim_item_of(lane, i)->index;
	enum sim_outcome outcome = lane->outcomes[i];
	sim_note_outcome(worker, lane, i);
	sim_world_lay_down(worker->world, worker->number, item->slot, index);
	if (outcome == SIM_DONE || outcome == SIM_DUPLICATE) {
		sim_worker_settle(worker, item->slot, index, item->epoch);
	} else if (outcome == SIM_DEAD && worker->assigned[item->slot].epoch == item->epoch) {
		sim_worker_queue_dead_letter(worker, item);
	}
	return (struct sched_return){
		.item = item, .verdict = verdicts[outcome], .due_us = lane->due_us[i]
	};
}

static void sim_lane_give_back(struct sim_worker *worker, struct sim_lane *lane)
{
	struct sched_return returns[SIM_BATCH_MAX];
	for (unsigned i = 0; i < lane->count; i++) {
		returns[i] = sim_lane_return(worker, lane, i);
	}
	struct sched_item *dead;
	sched_give_back(worker->sched, returns, lane->count, &dead);
	while (dead) {
		struct sched_item *next = dead->next;
		worker->world->stats.late_results++;
		sim_worker_free_item(worker, dead);
		dead = next;
	}
	for (unsigned i = 0; i < lane->count; i++) {
		if (returns[i].verdict == SCHED_SETTLED) {
			sim_worker_free_item(worker, returns[i].item);
		}
	}
	lane->count = 0;
	lane->phase = SIM_LANE_IDLE;
}

void sim_worker_lane(struct sim_worker *worker, uint32_t number)
{
	static void (*const steps[])(struct sim_worker *, struct sim_lane *) = {
		[SIM_LANE_IDLE] = sim_lane_take,
		[SIM_LANE_TAKEN] = sim_lane_claim,
		[SIM_LANE_CLAIMED] = sim_lane_handle,
		[SIM_LANE_HANDLED] = sim_lane_commit,
		[SIM_LANE_COMMITTED] = sim_lane_give_back,
	};
	struct sim_lane *lane = &worker->lanes[number];
	steps[lane->phase](worker, lane);
}
