/*
 * unit - the unit of work: claim, effect and decision of a batch in one transaction
 *
 * Runs in: worker, lanes. Owns nothing but its scratch memory; knows stores and handlers only by
 * their tables. It takes a batch of records and says of each how it ended; scheduler, tracker and
 * dead letters are the lane's business, so that all of it can be tested against a scripted store.
 *
 * Invariants: what ends DONE, DUPLICATE, SKIPPED or DEAD is committed. Nothing of a strand ends
 * behind a record of that strand that did not end. An attempt is charged only to a record that
 * failed by itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/store.h"
#include "os/page.h"
#include "worker/decision.h"
#include "worker/event.h"
#include "worker/record.h"
#include "worker/roster.h"

enum unit_end {
	UNIT_OPEN, /* not ended in this round */
	UNIT_DONE,
	UNIT_DUPLICATE,
	UNIT_SKIPPED,
	/* the decision stands; the dead letter must be produced, then the record is settled */
	UNIT_DEAD,
	/* charged: it must be written to the retry topic `tier`, then the record is settled */
	UNIT_DEFERRED,
	UNIT_RETRY, /* charged: its strand parks until due_us */
	/* nobody's fault, or nowhere to go: its strand waits until due_us, nothing is charged */
	UNIT_HELD,
	UNIT_AGAIN, /* back to its queue as it came */
};

/* The works of one transaction. */
struct unit_range {
	unsigned first, end;
};

/* One record of the batch. */
struct unit_work {
	struct record *record;
	struct onced_event event;
	struct roster_handler *handler; /* NULL: unrouted */
	enum unit_end end;

	/* DEAD, DEFERRED, RETRY, HELD: why */
	enum page_reason reason; /* DEAD */
	char code[DECISION_CODE_MAX];
	const char *text; /* arena */
	int64_t due_us; /* DEFERRED (about), RETRY, HELD */
	int tier; /* DEFERRED */
	/* these and DEAD: the record's failures, this one included; the record takes them over */
	unsigned attempts;
	int64_t first_failure_ms, last_failure_ms;

	/* inside: what the transaction under way would make of it */
	enum unit_end fate;
	struct store_claim claim;
	int claim_index; /* into the batch's claims, -1: none */
	int leader; /* earlier work of the batch with the same key, -1: none */
	bool has_key;
	bool is_lost; /* its lease was not ours any more: the effect may come twice */
	bool is_forgotten; /* its key is given back when it ends, unless it ends dead */
	bool is_written; /* DEAD: its dead letter is there, committed with its offset */
	bool must_die; /* no handler will see it: reason and text say why */
	bool is_filtered; /* settled as skipped, unclaimed */
	bool is_elsewhere; /* no transaction covers its handler's effect: not for a batch */
	bool is_held_with_others; /* HELD: not tried because of others, who are logged */
	/* of the handler; NULL: not called yet in this batch */
	const struct onced_outcome *outcome;
	uint32_t page_index;
	unsigned group; /* into the unit's groups */
	bool is_single; /* a set with it failed */
};

/* Works whose statements stand between a savepoint and its release. */
struct unit_group {
	uint32_t savepoint;
	unsigned first, end; /* works; only those with an effect count */
	bool is_set; /* one statement for all of them */
};

/* What a partition slot stands for. */
struct unit_place {
	const char *topic;
	int32_t partition;
	uint32_t page_index;
};

struct hand;
struct unit_marks;

struct unit_options {
	const struct store_ops *store;
	struct roster *roster;
	struct page *page; /* histograms; NULL in tests */
	struct page_lane *page_lane; /* scoreboard; NULL in tests */
	unsigned lane; /* which of the handlers' states */
	unsigned batch_max;
	const char *scope; /* dedup scope */
	bool is_deduplicated; /* the store keeps claims */
	bool has_dlq; /* else poison holds its strand */
	bool has_runners; /* handlers that make their effects elsewhere are not for a batch */
	/* effects under leases, without a transaction */
	bool is_leased;
	struct store_lease lease;
	int64_t call_us; /* a lease lasts that long when a handler is called */
	struct hand *hand;
	int64_t idle_us; /* so long handlers may compute in one transaction; 0: as they like */
	bool skips_tombstones;
	enum config_event_missing event_missing;
	/* where a slot is; borrowed for the worker's life */
	const struct unit_place *(*place_of)(void *context, uint32_t slot);
	void *context;
};

struct unit {
	struct unit_options options;
	struct store_session *session;
	struct arena arena;
	struct unit_work *works;
	unsigned count;
	struct store_claim *claims; /* of the transaction under way, sorted by key */
	unsigned claim_count;
	int *claim_owner; /* claims[i] belongs to works[claim_owner[i]] */
	struct unit_work *probe; /* the one that tries a held handler in this batch, NULL none */
	bool has_probe_failed;
	int64_t begun_us; /* the transaction under way, or the errand; 0: nothing was begun */
	struct unit_group *groups; /* of the transaction under way, in the order of their works */
	unsigned group_count;
	uint32_t next_savepoint;
	unsigned formed_end; /* works before it are in groups, where they have an effect */
	unsigned group_next; /* the first group that is not answered in whole */
	bool is_group_open; /* its savepoint is there already */
	struct event_host host; /* of the works' events */
	struct unit_range range; /* of the transaction under way */
	struct store_flight *flight; /* its last one; NULL: no transaction is under way */
	/* of one call of handle_batch(); NULL before the first */
	struct onced_outcome *said;
	const struct onced_event **called;
	bool is_calling_batch;
	bool is_broken; /* it failed under a handler's query */
	bool has_asked; /* a handler, in this batch, with a query */
	bool is_in_pieces; /* batches are cut into transactions that have room for queries */
	unsigned set_max; /* works in a set; 0: no sets in this batch */
	unsigned set_failures; /* in this batch */
	/* sets kept failing: so many batches go without, each time more */
	unsigned setless_batches, setless_next;
	int64_t lease_until_us; /* of the batch's leases, by our clock and on the safe side */
	/* effects were made that the store does not know of: unit_mark() again. NULL none */
	struct unit_marks *marks;
	/* for the caller to take */
	unsigned taken_over, lost, forgotten;
	int64_t now_us; /* the clock, read once a handler */
	uint64_t random;
	struct err store_err; /* when `store_failed` */
	bool store_failed; /* connection lost or store not available: the batch comes back */
};

void unit_init(
	struct unit *unit, const struct unit_options *options, struct store_session *session);
void unit_fini(struct unit *unit);

/*
 * Work `count` records (at most batch_max); those of one strand stand together, in their order.
 * Afterwards unit->works[0..count) tell how each ended; none is left UNIT_OPEN. What they point to
 * is valid until the next call.
 */
void unit_run(struct unit *unit, struct record **records, unsigned count);

/* The same in two steps: decode, and work what was decoded. */
void unit_open(struct unit *unit, struct record **records, unsigned count);
void unit_run_opened(struct unit *unit);

/* `marks`: once more, when the store is back. False: it is not. */
bool unit_mark(struct unit *unit);
/* The worker ends: the records come back, and their effects perhaps, too. */
void unit_give_up_marks(struct unit *unit);

/* Write what the lane does now to the scoreboard; `work` (may be NULL) names the record in hand. */
void unit_stage(struct unit *unit, enum page_stage stage, const struct unit_work *work);
