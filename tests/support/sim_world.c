/*
 * sim_world - the world around a simulated worker: log, dedup store, dead-letter topic, broker
 */
#include "sim_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint64_t sim_random(struct sim_world *world)
{
	/* splitmix64 */
	uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t sim_below(struct sim_world *world, uint32_t bound)
{
	return (uint32_t)((sim_random(world) >> 32) * bound >> 32);
}

bool sim_once_in(struct sim_world *world, uint32_t n)
{
	return n > 0 && sim_below(world, n) == 0;
}

void sim_violate(struct sim_world *world, const char *format, ...)
{
	if (world->violation[0]) {
		return;
	}
	va_list args;
	va_start(args, format);
	vsnprintf(world->violation, sizeof(world->violation), format, args);
	va_end(args);
}

void sim_trace(struct sim_world *world, const char *what, uint64_t a, uint64_t b, int64_t c)
{
	world->trace_hash =
		(world->trace_hash ^ a ^ b << 16 ^ (uint64_t)c << 32 ^ (uint8_t)what[0]) *
		UINT64_C(0x100000001b3);
	if (world->is_tracing) {
		fprintf(stderr, "%8" PRId64 " %-16s %" PRIu64 " %" PRIu64 " %" PRId64 "\n",
			world->now_us, what, a, b, c);
	}
}

/* ---- set-up ---- */

static void sim_draw_config(struct sim_world *world)
{
	struct sim_config *config = &world->config;
	config->order = sim_below(world, 3);
	config->partitions = 1 + sim_below(world, SIM_PARTITIONS_MAX);
	config->workers = 1 + sim_below(world, SIM_WORKERS_MAX);
	config->lanes = 1 + sim_below(world, SIM_LANES_MAX);
	config->limits.batch_max = 1 + sim_below(world, SIM_BATCH_MAX);
	config->limits.in_flight_max = 1 + sim_below(world, 40);
	config->limits.in_flight_bytes = 100 + sim_below(world, 10000);
	config->ahead_max = 1 + sim_below(world, 60);
	config->retry = (struct retry_policy){
		.attempts = sim_below(world, 5),
		.delay_us = 1 + sim_below(world, 100),
		.delay_max_us = 100 + sim_below(world, 1000),
		.deadline_us = 1000 + sim_below(world, 10000),
		.factor = 1 + sim_below(world, 3),
		.jitter = sim_once_in(world, 2) ? RETRY_JITTER_FULL : RETRY_JITTER_NONE,
	};
}

static void sim_draw_event(struct sim_world *world, struct sim_event *event)
{
	uint32_t kind = sim_below(world, 20);
	event->is_poison = kind == 0;
	event->failures_left = kind == 1 ? 1000000 : kind < 5 ? 1 + sim_below(world, 5) : 0;
}

/* Some records repeat an event that is there already, in this partition or another. */
static void sim_draw_partition(struct sim_world *world, struct sim_partition *partition)
{
	int64_t offset = sim_once_in(world, 2) ? 0 : sim_below(world, 100);
	partition->committed = offset;
	partition->count = 1 + sim_below(world, SIM_RECORDS_MAX);
	for (uint32_t i = 0; i < partition->count; i++) {
		offset += sim_once_in(world, 8) ? sim_below(world, 20) : 0;
		bool is_repeat = world->event_count > 0 && sim_once_in(world, 8);
		uint32_t event =
			is_repeat ? sim_below(world, world->event_count) : world->event_count;
		if (!is_repeat) {
			sim_draw_event(world, &world->events[world->event_count++]);
		}
		partition->records[i] =
			(struct sim_record){ offset++, event, sim_below(world, SIM_KEYS) };
	}
}

void sim_world_init(struct sim_world *world, uint64_t seed)
{
	memset(world, 0, sizeof(*world));
	world->random = seed;
	sim_draw_config(world);
	for (uint32_t p = 0; p < world->config.partitions; p++) {
		sim_draw_partition(world, &world->partitions[p]);
	}
}

int64_t sim_partition_end(const struct sim_partition *partition)
{
	return partition->records[partition->count - 1].offset + 1;
}

uint32_t sim_partition_find(const struct sim_partition *partition, int64_t offset)
{
	uint32_t index = 0;
	while (index < partition->count && partition->records[index].offset < offset) {
		index++;
	}
	return index;
}

/* ---- epochs and lanes ---- */

void sim_world_tell(struct sim_world *world, uint32_t worker, uint32_t partition, uint32_t epoch)
{
	sim_trace(world, "told", worker, partition, epoch);
	world->told[worker][partition] = epoch;
	world->handed_over[worker][partition] = -1;
}

static uint32_t sim_strand(const struct sim_world *world, uint32_t partition, uint32_t index)
{
	switch (world->config.order) {
	case SCHED_ORDER_KEY:
		return world->partitions[partition].records[index].key;
	case SCHED_ORDER_NONE:
		return index;
	case SCHED_ORDER_PARTITION:
		break;
	}
	return 0;
}

void sim_world_take(struct sim_world *world, uint32_t worker, uint32_t lane, uint32_t partition,
	uint32_t epoch, uint32_t index)
{
	sim_trace(world, "take", (uint64_t)worker << 8 | lane, partition, index);
	if (world->told[worker][partition] != epoch) {
		sim_violate(world,
			"I6: record %u of partition %u given out in epoch %u, live is %u", index,
			partition, epoch, world->told[worker][partition]);
	}
	uint8_t *held_by = &world->held_by[worker][partition][sim_strand(world, partition, index)];
	if (*held_by != 0 && *held_by != lane + 1) {
		sim_violate(world,
			"I4: record %u of partition %u given to lane %u while lane %u works on its "
			"strand",
			index, partition, lane, *held_by - 1U);
	}
	*held_by = (uint8_t)(lane + 1);
}

void sim_world_lay_down(
	struct sim_world *world, uint32_t worker, uint32_t partition, uint32_t index)
{
	world->held_by[worker][partition][sim_strand(world, partition, index)] = 0;
}

/* ---- effects and dead letters ---- */

/* Every earlier record of the strand has ended: its event has a row. */
static void sim_check_order(struct sim_world *world, uint32_t partition, uint32_t index)
{
	if (world->config.order == SCHED_ORDER_NONE) {
		return;
	}
	const struct sim_record *records = world->partitions[partition].records;
	uint32_t strand = sim_strand(world, partition, index);
	for (uint32_t i = 0; i < index; i++) {
		bool is_same = sim_strand(world, partition, i) == strand;
		if (is_same && world->events[records[i].event].row == SIM_ROW_NONE) {
			sim_violate(world,
				"I4: record %u of partition %u took effect before record %u of its "
				"strand ended",
				index, partition, i);
		}
	}
}

void sim_world_effect(struct sim_world *world, uint32_t partition, uint32_t index)
{
	sim_trace(world, "effect", partition, index, 0);
	world->stats.effects++;
	sim_check_order(world, partition, index);
	struct sim_event *event = &world->events[world->partitions[partition].records[index].event];
	if (event->row == SIM_ROW_DLQ || event->dead_letters > 0) {
		sim_violate(world,
			"I3: record %u of partition %u took effect after its dead letter", index,
			partition);
	}
	if (event->effects > 0) {
		sim_violate(
			world, "I2: record %u of partition %u took effect twice", index, partition);
	}
	event->effects++;
	event->row = SIM_ROW_DONE;
}

void sim_world_decide(struct sim_world *world, uint32_t partition, uint32_t index)
{
	sim_trace(world, "decide", partition, index, 0);
	sim_check_order(world, partition, index);
	struct sim_event *event = &world->events[world->partitions[partition].records[index].event];
	if (event->row == SIM_ROW_DONE) {
		sim_violate(world,
			"I3: record %u of partition %u decided for the dead letter after its "
			"effect",
			index, partition);
	}
	event->row = SIM_ROW_DLQ;
	event->row_partition = partition;
	event->row_index = index;
}

static bool sim_is_dlq_position(const struct sim_event *event, uint32_t partition, uint32_t index)
{
	return event->row == SIM_ROW_DLQ && event->row_partition == partition &&
		event->row_index == index;
}

void sim_world_dead_letter(struct sim_world *world, uint32_t partition, uint32_t index)
{
	sim_trace(world, "dead letter", partition, index, 0);
	struct sim_event *event = &world->events[world->partitions[partition].records[index].event];
	if (!sim_is_dlq_position(event, partition, index)) {
		sim_violate(world,
			"I3: dead letter of record %u of partition %u without a durable decision",
			index, partition);
	}
	world->stats.dead_letters++;
	world->stats.repeated_dead_letters += event->dead_letters > 0;
	event->dead_letters++;
}

/* ---- commits ---- */

static bool sim_is_settled(const struct sim_world *world, uint32_t partition, uint32_t index)
{
	const struct sim_event *event =
		&world->events[world->partitions[partition].records[index].event];
	if (sim_is_dlq_position(event, partition, index)) {
		return event->dead_letters > 0;
	}
	return event->row != SIM_ROW_NONE;
}

/* Everything below a commit is settled, also while it is still on its way. */
static void sim_check_commit(struct sim_world *world, uint32_t partition, int64_t offset)
{
	uint32_t below = sim_partition_find(&world->partitions[partition], offset);
	for (uint32_t i = 0; i < below; i++) {
		if (!sim_is_settled(world, partition, i)) {
			sim_violate(world,
				"I5: offset %" PRId64
				" of partition %u committed over record %u, which is unsettled",
				offset, partition, i);
		}
	}
}

void sim_world_hand_over(struct sim_world *world, uint32_t worker, uint32_t partition,
	uint32_t epoch, int64_t offset)
{
	sim_trace(world, "hand over", worker, partition, offset);
	if (world->told[worker][partition] != epoch) {
		sim_violate(world, "I6: commit of partition %u in epoch %u, live is %u", partition,
			epoch, world->told[worker][partition]);
	}
	if (offset < world->handed_over[worker][partition]) {
		sim_violate(world,
			"I7: commit of partition %u goes back from %" PRId64 " to %" PRId64,
			partition, world->handed_over[worker][partition], offset);
	}
	sim_check_commit(world, partition, offset);
	world->handed_over[worker][partition] = offset;
}

void sim_world_land(struct sim_world *world, uint32_t partition, int64_t offset)
{
	sim_trace(world, "land", partition, 0, offset);
	sim_check_commit(world, partition, offset);
	world->partitions[partition].committed = offset;
}

bool sim_world_is_finished(struct sim_world *world)
{
	for (uint32_t p = 0; p < world->config.partitions; p++) {
		if (world->partitions[p].committed < sim_partition_end(&world->partitions[p])) {
			return false;
		}
	}
	for (uint32_t i = 0; i < world->event_count; i++) {
		const struct sim_event *event = &world->events[i];
		if (event->effects + event->dead_letters == 0) {
			sim_violate(world, "I1: event %u has neither effect nor dead letter", i);
		}
	}
	return true;
}
