/*
 * errand - one event whose effect is made elsewhere, on its way from claim to mark
 *
 * Runs in: worker. Belongs to one thread at a time: ledger, runner, ledger. It has a unit of work
 * of its own for its one record, so that the rules about claims, failures and ends are those of all
 * units.
 */
#pragma once

#include <stdatomic.h>

#include "worker/unit.h"

struct errand {
	struct errand *next;
	struct unit unit;
	struct record *record;
	/* the run of its strand behind it, which goes back with it; a lane's batch only */
	struct record **behind;
	unsigned behind_count;
	bool is_leased; /* its row is ours, or may be: a commit's answer was lost */
	bool is_in_hand; /* of the worker: no lane takes its event */
	bool is_uncertain; /* the answer to the end of its lease was lost */
	bool is_lost; /* the effect was made, and the lease was not ours any more */
	bool was_claimed; /* it came out of the book to be begun */
	/* monotonic, by our clock and on the safe side; 0: lost. For runners: may it be begun? */
	_Atomic int64_t lease_until_us;
};

struct errand_list {
	struct errand *head, *tail;
};

void errand_push(struct errand_list *list, struct errand *errand);
struct errand *errand_pop(struct errand_list *list); /* NULL: empty */
/* All of `from`, behind what is in `list`. */
void errand_append(struct errand_list *list, struct errand_list *from);

struct errand *errand_new(const struct unit_options *options, struct store_session *session);
void errand_free(struct errand *errand);

/* Decode a record: the errand is as new. */
void errand_begin(struct errand *errand, struct record *record);

/* Call the handler in `lane`, of the handlers' states and the scoreboard. */
void errand_run(struct errand *errand, unsigned lane, struct page_lane *page_lane);

/* It is not to be begun, or not any more: back to its queue as it came. */
void errand_withdraw(struct errand *errand);

static inline struct unit_work *errand_work(struct errand *errand)
{
	return &errand->unit.works[0];
}
