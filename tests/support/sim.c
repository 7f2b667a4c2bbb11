/*
 * sim - one seed, one schedule
 *
 * Every schedule draws how often each kind of step comes, so that some are all crashes and others
 * have none.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SIM_FAULTY_STEPS = 2000, SIM_FINAL_STEPS = 200000, SIM_UNOWNED = -1 };

struct sim {
	struct sim_world world;
	struct sim_worker workers[SIM_WORKERS_MAX];
	bool is_frozen[SIM_WORKERS_MAX], is_paused[SIM_WORKERS_MAX];
	int owner[SIM_PARTITIONS_MAX]; /* as the group sees it */
	uint32_t last_epoch;
	enum sim_mutant mutant;
};

static uint32_t sim_pick_partition(struct sim *sim)
{
	return sim_below(&sim->world, sim->world.config.partitions);
}

/* ---- steps of the workers ---- */

static void sim_step_poll(struct sim *sim, uint32_t w)
{
	sim_worker_poll(&sim->workers[w], sim_pick_partition(sim), 1 + sim_below(&sim->world, 8));
}

static void sim_step_lane(struct sim *sim, uint32_t w)
{
	sim_worker_lane(&sim->workers[w], sim_below(&sim->world, sim->world.config.lanes));
}

static void sim_step_tick(struct sim *sim, uint32_t w)
{
	sim->world.now_us += sim_below(&sim->world, 200);
	sim_worker_tick(&sim->workers[w]);
}

static void sim_step_commit(struct sim *sim, uint32_t w)
{
	sim_worker_commit(&sim->workers[w]);
}

/*
 * The commit arrives. One of a member that is no longer the owner is refused, unless it was on its
 * way before.
 */
static void sim_step_land(struct sim *sim, uint32_t w)
{
	const struct sim_commit *commit = &sim->workers[w].commit;
	bool is_lost = sim_once_in(&sim->world, 8);
	for (uint32_t p = 0; commit->is_in_flight && !is_lost && p < sim->world.config.partitions;
		p++) {
		if (commit->offsets[p] < 0) {
			continue;
		}
		bool is_late = sim->owner[p] != (int)w ||
			sim->workers[w].assigned[p].epoch != commit->epochs[p];
		if (is_late && sim_once_in(&sim->world, 2)) {
			sim->world.stats.refused_commits++;
			continue;
		}
		sim->world.stats.late_commits += is_late;
		sim_world_land(&sim->world, p, commit->offsets[p]);
	}
	sim_worker_commit_answer(&sim->workers[w], !is_lost);
}

static void sim_step_dead_letter(struct sim *sim, uint32_t w)
{
	sim_worker_dead_letter(&sim->workers[w], !sim_once_in(&sim->world, 3));
}

/* ---- rebalances ---- */

static void sim_tell_lost(struct sim *sim, uint32_t w, uint32_t p)
{
	if (sim->world.told[w][p] > 0) {
		sim->world.stats.losses++;
		sim_worker_revoke(&sim->workers[w], p, false);
	}
}

static void sim_assign(struct sim *sim, uint32_t w, uint32_t p)
{
	sim_tell_lost(sim, w, p);
	sim->owner[p] = (int)w;
	sim->last_epoch++;
	sim_worker_assign(&sim->workers[w], p, sim->last_epoch);
	sim_world_tell(&sim->world, w, p, sim->last_epoch);
}

static void sim_step_assign(struct sim *sim, uint32_t w)
{
	uint32_t p = sim_pick_partition(sim);
	if (sim->owner[p] == SIM_UNOWNED) {
		sim_assign(sim, w, p);
	}
}

/* The group takes a partition from its owner; a frozen one does not hear of it. */
static void sim_step_revoke(struct sim *sim, uint32_t w)
{
	uint32_t p = sim_pick_partition(sim);
	if (sim->owner[p] == SIM_UNOWNED) {
		return;
	}
	uint32_t owner = (uint32_t)sim->owner[p];
	if (!sim->is_frozen[owner]) {
		sim->world.stats.revokes++;
		sim_worker_revoke(&sim->workers[owner], p, sim_once_in(&sim->world, 2));
	}
	sim->owner[p] = SIM_UNOWNED;
}

/* A worker that was frozen hears what it lost meanwhile. */
static void sim_step_notice(struct sim *sim, uint32_t w)
{
	for (uint32_t p = 0; p < sim->world.config.partitions; p++) {
		if (sim->owner[p] != (int)w) {
			sim_tell_lost(sim, w, p);
		}
	}
}

/* ---- faults ---- */

/* What was on its way may still arrive. */
static void sim_land_after_death(struct sim *sim, uint32_t w)
{
	struct sim_worker *worker = &sim->workers[w];
	if (sim_once_in(&sim->world, 2)) {
		sim_step_land(sim, w);
	}
	for (unsigned i = 0; i < worker->dead_letter_count; i++) {
		const struct sim_dead_letter *letter = &worker->dead_letters[i];
		if (letter->is_sent && sim_once_in(&sim->world, 2)) {
			sim_world_dead_letter(&sim->world, letter->partition, letter->index);
		}
	}
}

static void sim_step_crash(struct sim *sim, uint32_t w)
{
	sim->world.stats.crashes++;
	sim_trace(&sim->world, "crash", w, 0, 0);
	sim_land_after_death(sim, w);
	bool is_outage = sim->workers[w].is_outage;
	sim_worker_kill(&sim->workers[w]);
	sim_worker_init(&sim->workers[w], &sim->world, sim->mutant, w);
	sim->workers[w].is_outage = is_outage;
	sim->is_paused[w] = false;
	for (uint32_t p = 0; p < sim->world.config.partitions; p++) {
		sim_world_tell(&sim->world, w, p, 0);
		if (sim->owner[p] == (int)w) {
			sim->owner[p] = SIM_UNOWNED;
		}
	}
}

static void sim_step_freeze(struct sim *sim, uint32_t w)
{
	sim->world.stats.freezes++;
	sim->is_frozen[w] = true;
}

static void sim_step_pause(struct sim *sim, uint32_t w)
{
	sim->is_paused[w] = !sim->is_paused[w];
	sched_pause_all(sim->workers[w].sched, sim->is_paused[w]);
}

static void sim_step_outage(struct sim *sim, uint32_t w)
{
	sim->workers[w].is_outage = !sim->workers[w].is_outage;
}

/*
 * The database ends a transaction (a frozen worker's, by its idle timeout, is the one that
 * matters).
 */
static void sim_step_kill_transaction(struct sim *sim, uint32_t w)
{
	struct sim_lane *lane =
		&sim->workers[w].lanes[sim_below(&sim->world, sim->world.config.lanes)];
	if (lane->phase == SIM_LANE_CLAIMED || lane->phase == SIM_LANE_HANDLED) {
		sim->world.stats.killed_transactions++;
		lane->is_killed = true;
		sim_lane_rollback(&sim->workers[w], lane);
	}
}

/* ---- the schedule ---- */

struct sim_action {
	void (*step)(struct sim *, uint32_t worker);
	uint32_t weight_min, weight_max; /* drawn for each schedule */
	bool is_possible_frozen; /* also done to a worker that stands still */
};

static const struct sim_action sim_actions[] = {
	{ sim_step_lane, 20, 120, false },
	{ sim_step_poll, 5, 40, false },
	{ sim_step_tick, 1, 30, false },
	{ sim_step_commit, 1, 20, false },
	{ sim_step_land, 1, 8, true },
	{ sim_step_dead_letter, 1, 20, false },
	{ sim_step_assign, 3, 30, false },
	{ sim_step_notice, 1, 10, false },
	{ sim_step_revoke, 0, 16, true },
	{ sim_step_crash, 0, 4, true },
	{ sim_step_freeze, 0, 4, false },
	{ sim_step_pause, 0, 2, false },
	{ sim_step_outage, 0, 3, true },
	{ sim_step_kill_transaction, 0, 4, true },
};
enum { SIM_ACTIONS = sizeof(sim_actions) / sizeof(sim_actions[0]) };

static void sim_step_weighted(struct sim *sim, const uint32_t weights[SIM_ACTIONS], uint32_t total)
{
	uint32_t w = sim_below(&sim->world, sim->world.config.workers);
	uint32_t drawn = sim_below(&sim->world, total);
	size_t i = 0;
	while (drawn >= weights[i]) {
		drawn -= weights[i++];
	}
	if (sim->is_frozen[w] && sim_once_in(&sim->world, 20)) {
		sim->is_frozen[w] = false;
	}
	if (!sim->is_frozen[w] || sim_actions[i].is_possible_frozen) {
		sim_actions[i].step(sim, w);
		sim_worker_check(&sim->workers[w]);
	}
}

static void sim_run_faulty(struct sim *sim)
{
	uint32_t weights[SIM_ACTIONS], total = 0;
	for (size_t i = 0; i < SIM_ACTIONS; i++) {
		const struct sim_action *action = &sim_actions[i];
		weights[i] = action->weight_min +
			sim_below(&sim->world, action->weight_max - action->weight_min + 1);
		total += weights[i];
	}
	uint32_t steps = 50 + sim_below(&sim->world, SIM_FAULTY_STEPS);
	for (uint32_t i = 0; i < steps && !sim->world.violation[0]; i++) {
		sim_step_weighted(sim, weights, total);
		sim->world.stats.steps++;
	}
}

/*
 * A late commit of an old epoch landed over a newer one: nothing is lost, but its owner will not
 * commit again.
 */
static bool sim_is_rewound(const struct sim *sim, uint32_t p)
{
	const struct sim_worker *owner = &sim->workers[sim->owner[p]];
	return owner->assigned[p].acknowledged > sim->world.partitions[p].committed;
}

static void sim_end_faults(struct sim *sim)
{
	for (uint32_t w = 0; w < sim->world.config.workers; w++) {
		sim->is_frozen[w] = false;
		sim->workers[w].is_outage = false;
		sched_pause_all(sim->workers[w].sched, false);
		sim_step_land(sim, w);
		sim_step_notice(sim, w);
	}
	for (uint32_t p = 0; p < sim->world.config.partitions; p++) {
		if (sim->owner[p] == SIM_UNOWNED || sim_is_rewound(sim, p)) {
			sim_assign(sim, sim_below(&sim->world, sim->world.config.workers), p);
		}
	}
}

/* Without faults everything must come to its end; a lost wake-up or record shows here. */
static void sim_run_to_end(struct sim *sim)
{
	static void (*const steps[])(struct sim *, uint32_t) = { sim_step_poll, sim_step_lane,
		sim_step_lane, sim_step_lane, sim_step_tick, sim_step_commit, sim_step_land,
		sim_step_dead_letter };
	for (uint32_t i = 0; i < SIM_FINAL_STEPS && !sim->world.violation[0]; i++) {
		uint32_t w = sim_below(&sim->world, sim->world.config.workers);
		steps[sim_below(&sim->world, sizeof(steps) / sizeof(steps[0]))](sim, w);
		sim_worker_check(&sim->workers[w]);
		sim->world.stats.steps++;
		if (i % 8 == 0 && sim_world_is_finished(&sim->world)) {
			return;
		}
	}
	sim_violate(&sim->world, "I1: records are stuck after the last fault");
}

void sim_run(uint64_t seed, enum sim_mutant mutant, bool is_tracing, struct sim_result *ret)
{
	struct sim *sim = NEW(struct sim);
	sim_world_init(&sim->world, seed);
	sim->world.is_tracing = is_tracing;
	sim->mutant = mutant;
	for (uint32_t p = 0; p < SIM_PARTITIONS_MAX; p++) {
		sim->owner[p] = SIM_UNOWNED;
	}
	for (uint32_t w = 0; w < sim->world.config.workers; w++) {
		sim_worker_init(&sim->workers[w], &sim->world, mutant, w);
	}

	sim_run_faulty(sim);
	sim_end_faults(sim);
	sim_run_to_end(sim);

	for (uint32_t w = 0; w < sim->world.config.workers; w++) {
		sim_worker_kill(&sim->workers[w]);
	}
	memcpy(ret->violation, sim->world.violation, sizeof(ret->violation));
	ret->trace_hash = sim->world.trace_hash;
	ret->stats = sim->world.stats;
	free(sim);
}
