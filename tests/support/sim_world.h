/*
 * sim_world - the world around a simulated worker: log, dedup store, dead-letter topic, broker
 *
 * The world knows what really happened and judges it: every function here that a worker calls
 * checks the invariants which that call could break. It knows nothing about schedulers and
 * trackers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/retry.h"
#include "core/sched.h"

enum {
	SIM_PARTITIONS_MAX = 6,
	SIM_RECORDS_MAX = 40,
	SIM_EVENTS_MAX = SIM_PARTITIONS_MAX * SIM_RECORDS_MAX,
	SIM_WORKERS_MAX = 2,
	SIM_LANES_MAX = 4,
	SIM_BATCH_MAX = 8,
	SIM_KEYS = 4,
	SIM_TEXT_MAX = 200,
};

/* What was drawn from the seed before the first step. */
struct sim_config {
	enum sched_order order;
	uint32_t partitions, workers, lanes;
	struct sched_limits limits;
	int64_t ahead_max;
	struct retry_policy retry;
};

struct sim_record {
	int64_t offset;
	uint32_t event, key;
};

enum sim_row { SIM_ROW_NONE, SIM_ROW_DONE, SIM_ROW_DLQ };

/* An event: how its handler will behave, its dedup row, and what became of it. */
struct sim_event {
	unsigned failures_left; /* the handler says RETRY this often */
	bool is_poison; /* the handler says REJECT */
	enum sim_row row;
	uint32_t row_partition, row_index; /* position of a DLQ row */
	int locked_by; /* open transaction that claims it, 0 none */
	unsigned effects, dead_letters;
};

struct sim_partition {
	struct sim_record records[SIM_RECORDS_MAX];
	uint32_t count;
	int64_t committed;
};

/* How often schedules reached what they are meant to reach. */
struct sim_stats {
	uint64_t steps, effects, duplicates, dead_letters, repeated_dead_letters, retries, holds,
		redos;
	uint64_t lost_before_commit, lost_after_commit, blocked_claims, killed_transactions;
	uint64_t crashes, revokes, losses, freezes, late_results, late_commits, refused_commits;
	uint64_t failed_dead_letters, late_acks, waits_for_old_epoch, same_id_in_batch;
};

struct sim_world {
	uint64_t random;
	struct sim_config config;
	int64_t now_us;
	struct sim_partition partitions[SIM_PARTITIONS_MAX];
	struct sim_event events[SIM_EVENTS_MAX];
	uint32_t event_count;
	/* The epoch that each worker was last told about, 0 none. */
	uint32_t told[SIM_WORKERS_MAX][SIM_PARTITIONS_MAX];
	int64_t handed_over[SIM_WORKERS_MAX][SIM_PARTITIONS_MAX];
	/* Which lane (+1) of a worker holds a strand. */
	uint8_t held_by[SIM_WORKERS_MAX][SIM_PARTITIONS_MAX][SIM_RECORDS_MAX];
	struct sim_stats stats;
	uint64_t trace_hash;
	bool is_tracing; /* print every event */
	char violation[SIM_TEXT_MAX]; /* "I5: ...", "" while all is well; the first one stays */
};

void sim_world_init(struct sim_world *world, uint64_t seed);

uint64_t sim_random(struct sim_world *world);
/* Uniform below `bound` (> 0). */
uint32_t sim_below(struct sim_world *world, uint32_t bound);
/* True once in `n` times; never for 0. */
bool sim_once_in(struct sim_world *world, uint32_t n);

void sim_violate(struct sim_world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void sim_trace(struct sim_world *world, const char *what, uint64_t a, uint64_t b, int64_t c);

/* One past the last record. */
int64_t sim_partition_end(const struct sim_partition *partition);
/* The first record at or above an offset. */
uint32_t sim_partition_find(const struct sim_partition *partition, int64_t offset);

/* The worker is told: the partition is its in this epoch; 0: no longer. */
void sim_world_tell(struct sim_world *world, uint32_t worker, uint32_t partition, uint32_t epoch);

/* A lane takes a record, or lays it down. Checks I6 and that a strand has one lane (I4). */
void sim_world_take(struct sim_world *world, uint32_t worker, uint32_t lane, uint32_t partition,
	uint32_t epoch, uint32_t index);
void sim_world_lay_down(
	struct sim_world *world, uint32_t worker, uint32_t partition, uint32_t index);

/* A transaction committed an effect, or the decision for the dead letter. Checks I2, I3 and I4. */
void sim_world_effect(struct sim_world *world, uint32_t partition, uint32_t index);
void sim_world_decide(struct sim_world *world, uint32_t partition, uint32_t index);

/* A dead letter was written. Checks I3. */
void sim_world_dead_letter(struct sim_world *world, uint32_t partition, uint32_t index);

/*
 * The worker hands a commit to its client library: checks I6 and I7. It lands at the broker: checks
 * I5.
 */
void sim_world_hand_over(struct sim_world *world, uint32_t worker, uint32_t partition,
	uint32_t epoch, int64_t offset);
void sim_world_land(struct sim_world *world, uint32_t partition, int64_t offset);

/* All partitions are committed to their end; checks I1 then. */
bool sim_world_is_finished(struct sim_world *world);
