/*
 * sim_worker - a model worker: the real scheduler, tracker and retry policy between polls, lanes
 * and commits
 *
 * What the worker's threads do is cut into steps that the schedule interleaves. A mutant is a
 * worker with one planted bug; the world must notice it.
 */
#pragma once

#include "core/sched.h"
#include "core/tracker.h"
#include "sim_world.h"

enum sim_mutant {
	SIM_MUTANT_NONE,
	SIM_MUTANT_COMMIT_ON_POLL,
	SIM_MUTANT_COMMIT_BEFORE_ACK,
	SIM_MUTANT_SKIP_DEDUP,
	SIM_MUTANT_GIVE_OUT_DEAD_EPOCH,
	SIM_MUTANT_SPLIT_STRAND,
	SIM_MUTANT_RETRY_LETS_PASS,
	SIM_MUTANT_COMMIT_STALE_EPOCH,
	SIM_MUTANT_SETTLE_BEFORE_COMMIT,
	SIM_MUTANT_COMMIT_GOES_BACK,
	SIM_MUTANT_RESUME_FROM_MEMORY,
	SIM_MUTANT_DEAD_LETTER_BEFORE_DECISION,
	SIM_MUTANT_LATE_RESULT_SETTLES,
	SIM_MUTANT_FAIL_OPEN,
	SIM_MUTANT_EFFECT_OUTSIDE_TRANSACTION,
	SIM_MUTANT_TRUST_LOST_COMMIT,
	SIM_MUTANT_RETRY_AFTER_DECISION,
	SIM_MUTANT_FORGET_RELEASE,
	SIM_MUTANTS,
};

/* A record in the worker. */
struct sim_item {
	struct sched_item sched;
	uint32_t index; /* in its partition's log */
	unsigned attempts;
	int64_t first_failure_us;
	int64_t due_us; /* parked until then */
	uint64_t successes_before; /* the worker's at the first failure */
	bool is_first_after_hold;
};

enum sim_outcome {
	SIM_AGAIN, /* left the batch, nothing happened to it */
	SIM_DONE,
	SIM_DUPLICATE,
	SIM_DEAD, /* decided for the dead letter, now or before */
	SIM_RETRY,
	SIM_UNAVAILABLE,
};

enum sim_phase {
	SIM_LANE_IDLE,
	SIM_LANE_TAKEN,
	SIM_LANE_CLAIMED,
	SIM_LANE_HANDLED,
	SIM_LANE_COMMITTED
};

/* One lane and the batch in its hand. */
struct sim_lane {
	enum sim_phase phase;
	uint32_t number;
	int transaction; /* its number in the world */
	bool is_killed; /* the database ended the transaction */
	unsigned count;
	struct sched_item *items[SIM_BATCH_MAX];
	enum sim_outcome outcomes[SIM_BATCH_MAX];
	int64_t due_us[SIM_BATCH_MAX];
	bool is_decided[SIM_BATCH_MAX]; /* DEAD: by this transaction */
};

struct sim_dead_letter {
	uint32_t partition, epoch, index;
	uint64_t key_hash;
	bool is_sent, is_holding;
};

struct sim_assigned {
	uint32_t epoch, last_epoch; /* epoch 0: not ours */
	struct tracker *tracker;
	uint32_t next; /* index of the next record to poll */
	int64_t handed_over, acknowledged; /* commits */
};

/* One asynchronous commit. */
struct sim_commit {
	bool is_in_flight;
	int64_t offsets[SIM_PARTITIONS_MAX]; /* -1: not in it */
	uint32_t epochs[SIM_PARTITIONS_MAX];
};

struct sim_worker {
	struct sim_world *world;
	enum sim_mutant mutant;
	uint32_t number;
	bool is_outage; /* what the handlers depend on is down */
	struct sched *sched;
	uint64_t inside; /* records that the scheduler should know */
	uint64_t successes;
	struct sim_assigned assigned[SIM_PARTITIONS_MAX];
	struct sim_lane lanes[SIM_LANES_MAX];
	struct sim_commit commit;
	struct sim_dead_letter dead_letters[SIM_EVENTS_MAX * 8];
	unsigned dead_letter_count;
};

void sim_worker_init(struct sim_worker *worker, struct sim_world *world, enum sim_mutant mutant,
	uint32_t number);
/* Killed: nothing is finished. Open transactions are rolled back. */
void sim_worker_kill(struct sim_worker *worker);

/* Rebalance callbacks. With `may_commit` a revoke, else the partition is lost already. */
void sim_worker_assign(struct sim_worker *worker, uint32_t partition, uint32_t epoch);
void sim_worker_revoke(struct sim_worker *worker, uint32_t partition, bool may_commit);

/* Steps. Each does nothing when there is nothing to do. */
void sim_worker_poll(struct sim_worker *worker, uint32_t partition, unsigned max);
void sim_worker_tick(struct sim_worker *worker);
void sim_worker_commit(struct sim_worker *worker);
/* The broker's answer to the commit in flight. */
void sim_worker_commit_answer(struct sim_worker *worker, bool is_ok);
/* Send one dead letter, or receive its answer. */
void sim_worker_dead_letter(struct sim_worker *worker, bool is_ok);
void sim_worker_lane(struct sim_worker *worker, uint32_t lane);
/* Does the scheduler account for every record? Part of I1. */
void sim_worker_check(struct sim_worker *worker);

/* Shared by the two files of the worker. */
void sim_worker_settle(
	struct sim_worker *worker, uint32_t partition, uint32_t index, uint32_t epoch);
void sim_worker_queue_dead_letter(struct sim_worker *worker, const struct sched_item *item);
void sim_worker_free_item(struct sim_worker *worker, struct sched_item *item);
void sim_lane_rollback(struct sim_worker *worker, struct sim_lane *lane);
