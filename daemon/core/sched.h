/*
 * sched - which records a lane works next
 *
 * Runs in: worker (pure: no locks, no time of its own; the caller serialises). Records enter by
 * partition in offset order, each belongs to a strand (partition, key or the record alone). A lane
 * takes a batch of whole runs of strands; until it gives the batch back no other lane gets a record
 * of these strands. A parked strand waits for its due time and blocks only itself; a held strand
 * waits for sched_release().
 *
 * Invariants (the simulator checks them after every step): the records of one strand are given out
 * in offset order, one batch at a time; a record is given out again only after it came back
 * unsettled; nothing of a dead epoch is given out; a strand of a new epoch waits while a lane still
 * holds it from an old one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pace.h"

struct sched;
struct sched_strand;

enum sched_order { SCHED_ORDER_PARTITION, SCHED_ORDER_KEY, SCHED_ORDER_NONE };

/* Embedded at the start of the worker's record. Fields are the scheduler's, but those marked in. */
struct sched_item {
	struct sched_item *next;
	struct sched_strand *strand;
	/* in: partition slot of this worker, small and stable for (topic, partition) */
	uint32_t slot;
	uint32_t epoch; /* in */
	int64_t offset; /* in */
	/* in: hash of the record key; a null key orders by partition like an own key */
	uint64_t key_hash;
	uint32_t bytes; /* in: memory held, for in_flight.bytes */
	bool is_alone; /* in: given out by itself, a batch of one */
};

struct sched_limits {
	unsigned batch_max;
	uint64_t in_flight_max; /* records known to the scheduler, queued and given out */
	uint64_t in_flight_bytes;
};

struct sched *sched_new(enum sched_order order, const struct sched_limits *limits);
/*
 * Give out no more than `all` says, and of each key (with SCHED_ORDER_KEY) than `each`; what was
 * given out before counts again. The clock is that of sched_tick().
 */
void sched_limit(struct sched *sched, const struct pace *all, const struct pace *each);
/* Items still inside are the caller's (drop the epochs first). */
void sched_free(struct sched *sched);

/* Is there room for one more record? (One record larger than in_flight_bytes is let in alone.) */
bool sched_has_room(const struct sched *sched);

/* Start of an epoch of a partition slot: the former one has ended, epoch numbers of a slot rise. */
void sched_epoch_begin(struct sched *sched, uint32_t slot, uint32_t epoch);

/*
 * The epoch is dead: its queued items leave (a list by `next`, now the caller's, NULL when none);
 * those given out come back by sched_give_back() as always and are then handed to the caller too.
 */
struct sched_item *sched_epoch_end(struct sched *sched, uint32_t slot, uint32_t epoch);

/* May work on an item still begin that was given out? Not when its epoch ended, or while paused. */
bool sched_may_begin(const struct sched *sched, uint32_t slot, uint32_t epoch);

/* Items of the epoch that lanes hold now. */
unsigned sched_epoch_given_out(const struct sched *sched, uint32_t slot, uint32_t epoch);

/*
 * Items of one slot and epoch in offset order. The epoch is live: the caller drops records of
 * others.
 */
void sched_put(struct sched *sched, struct sched_item *item);

/*
 * Up to `max` (and batch_max) items for one lane, whole runs of a strand at a time, oldest ready
 * strand first; a batch ends before an item that is to be alone. Returns the count, 0 when nothing
 * is ready. `items` are in order inside each strand.
 */
unsigned sched_take(struct sched *sched, struct sched_item **items, unsigned max);

/* What became of an item that was given out. */
enum sched_verdict {
	SCHED_SETTLED, /* leaves the scheduler; the caller owns it again */
	SCHED_AGAIN, /* back to the head of its strand, at once */
	SCHED_PARK, /* back, and the strand waits until `due_us` */
	SCHED_HOLD, /* back, and the strand waits for sched_release() */
};
struct sched_return {
	struct sched_item *item;
	enum sched_verdict verdict;
	int64_t due_us; /* PARK */
};

/*
 * Give back a whole batch taken by sched_take(), in its order. Where a strand has more than one
 * verdict, the first that is not SETTLED rules the strand; items behind it return to the queue (the
 * unit of work never settles behind one, but for dead letters whose decision stood before).
 * `ret_dead` receives the unsettled items of dead epochs.
 */
void sched_give_back(struct sched *sched, const struct sched_return *returns, unsigned count,
	struct sched_item **ret_dead);

/*
 * It is now so late: wake parked strands whose time has come (INT64_MAX: all). Returns how many
 * became ready.
 */
unsigned sched_tick(struct sched *sched, int64_t now_us);

/* When the next parked strand is due, or a limit lets something through; INT64_MAX for never. */
int64_t sched_next_due_us(const struct sched *sched);

/* A strand is ready or not: is there something to take right now? */
bool sched_is_ready(const struct sched *sched);

/*
 * Hold the strand of an item that is no longer in it (a dead letter that is not acknowledged), and
 * release it. Holds are counted, and end with their epoch. Nothing for a dead epoch, or with
 * SCHED_ORDER_NONE, where that strand is gone.
 */
void sched_hold(struct sched *sched, uint32_t slot, uint32_t epoch, uint64_t key_hash);
void sched_release(struct sched *sched, uint32_t slot, uint32_t epoch, uint64_t key_hash);
/* All holds of verdict SCHED_HOLD end (an operator's retry-now, a store that came back). */
void sched_release_all(struct sched *sched);

/*
 * Parked and held strands of a slot (SCHED_ALL_SLOTS: of all) are due at once, but for those of
 * sched_hold(). Returns how many became ready.
 */
enum { SCHED_ALL_SLOTS = -1 };
unsigned sched_retry(struct sched *sched, int64_t slot);

/* A queued item; NULL when there is none, or a lane has it. */
struct sched_item *sched_find(struct sched *sched, uint32_t slot, int64_t offset);

/* Nothing of this slot is given out while it is paused. Nothing for a slot never used. */
void sched_pause_slot(struct sched *sched, uint32_t slot, bool is_paused);

/* Nothing is given out while paused (operator, breaker). */
void sched_pause_all(struct sched *sched, bool is_paused);

struct sched_stats {
	uint64_t in_flight, in_flight_bytes;
	uint64_t queued, given_out;
	uint64_t parked_strands, held_strands;
	uint64_t parked_records, held_records;
};
void sched_get_stats(const struct sched *sched, struct sched_stats *ret);
