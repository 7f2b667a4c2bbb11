/*
 * count_sched - scheduler and tracker: records of four partitions in, out in batches, settled
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/sched.h"
#include "core/tracker.h"
#include "orders.h"

enum { BATCH_MAX = 500 };

struct world {
	struct sched *sched;
	struct tracker *trackers[ORDER_PARTITIONS];
	struct sched_item items[ORDERS];
};

static void open_world(struct world *world)
{
	static const struct sched_limits limits = {
		.batch_max = BATCH_MAX, .in_flight_max = 10000, .in_flight_bytes = 32 << 20
	};

	world->sched = sched_new(SCHED_ORDER_PARTITION, &limits);
	for (unsigned p = 0; p < ORDER_PARTITIONS; p++) {
		sched_epoch_begin(world->sched, p, 1);
		world->trackers[p] = tracker_new(0, 1000000);
	}
}

static void put_all(struct world *world, unsigned round)
{
	for (unsigned i = 0; i < ORDERS; i++) {
		unsigned p = i % ORDER_PARTITIONS;
		int64_t offset = ((int64_t)round * ORDERS + i) / ORDER_PARTITIONS;
		world->items[i] = (struct sched_item){
			.slot = p, .epoch = 1, .offset = offset, .bytes = 800
		};
		if (!tracker_has_room(world->trackers[p], offset) ||
			tracker_add(world->trackers[p], offset) != 0) {
			fprintf(stderr, "the tracker has no room\n");
			exit(1);
		}
		sched_put(world->sched, &world->items[i]);
	}
}

/* Returns how many were there. */
static unsigned work_batch(struct world *world)
{
	static struct sched_item *batch[BATCH_MAX];
	static struct sched_return returns[BATCH_MAX];
	unsigned count = sched_take(world->sched, batch, BATCH_MAX);
	struct sched_item *dead = NULL;

	for (unsigned i = 0; i < count; i++) {
		tracker_settle(world->trackers[batch[i]->slot], batch[i]->offset);
		returns[i] = (struct sched_return){ .item = batch[i], .verdict = SCHED_SETTLED };
	}
	if (count) {
		sched_give_back(world->sched, returns, count, &dead);
	}
	return count;
}

int main(int argc, char **argv)
{
	static struct world world;
	unsigned rounds = rounds_of(argc, argv), done = 0;

	open_world(&world);
	for (unsigned round = 0; round < rounds; round++) {
		put_all(&world, round);
		for (unsigned n; (n = work_batch(&world)) > 0;) {
			done += n;
		}
	}
	for (unsigned p = 0; p < ORDER_PARTITIONS; p++) {
		if (tracker_unsettled(world.trackers[p]) != 0) {
			fprintf(stderr, "partition %u is not settled\n", p);
			return 1;
		}
		sched_epoch_end(world.sched, p, 1);
		tracker_free(world.trackers[p]);
	}
	sched_free(world.sched);
	return done == rounds * ORDERS ? 0 : 1;
}
