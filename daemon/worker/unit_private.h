/*
 * unit_private - what the files of the unit of work share
 *
 *	unit.c         the batch: decode, transaction, halves
 *	unit_claim.c   dedup: keys, claims, verdicts
 *	unit_lease.c   the same where no transaction is to be had
 *	unit_handle.c  what the handlers say
 *	unit_group.c   their statements in savepoint groups, or as sets
 *	unit_effect.c  send these, and again without what failed
 *	unit_query.c   answer a handler in between
 *	unit_alone.c   a record whose own transaction the store failed
 *	unit_fate.c    whose fault, how often, and what follows
 *	unit_outage.c  what is held because of an outage, and who probes
 */
#pragma once

#include "core/verdict.h"
#include "worker/unit.h"

/*
 * Savepoint groups of a transaction: more than 64 subtransactions overflow a Postgres backend's
 * cache.
 */
enum { UNIT_GROUPS_MAX = 50 };

/* A held strand looks again after this. */
#define UNIT_HOLD_US ((int64_t)2 * 1000 * 1000)
/* A claim whose row somebody holds looks again after this. */
#define UNIT_BUSY_US ((int64_t)500 * 1000)

/* ---- unit.c ---- */

void unit_roll_back(struct unit *unit, const struct store_flight *flight);
/* True: the store is away, and the batch will come back. */
bool unit_note_store_failure(struct unit *unit, const struct store_flight *flight);

/*
 * Forget what an earlier try of the transaction decided; what the handlers said stays, unless the
 * store told them something before. False: nothing is open.
 */
bool unit_begin_try(struct unit *unit, struct unit_range range);

/* ---- unit_lease.c ---- */

/* The whole batch, as far as the store goes along. */
void unit_run_leased(struct unit *unit);
/* May its handler be called now? Renews where the leases do not last. */
bool unit_may_call(struct unit *unit, const struct unit_work *work);

/* ---- unit_claim.c ---- */

/* Give each work its key, or none. */
void unit_find_key(struct unit *unit, struct unit_work *work, enum event_problem problem);
/* Queue the claims of the open works of a range, sorted, one per key. */
void unit_queue_claims(struct unit *unit, struct unit_range range);
/* After the flush: what the claims alone decide. */
void unit_apply_claims(struct unit *unit, struct unit_range range);
/* What an earlier work with its key, which ends in this transaction, makes of a work. */
void unit_follow(const struct unit *unit, struct unit_work *work);
/* Queue what the transaction must say about claims and attempts before COMMIT. */
void unit_queue_decisions(struct unit *unit, struct unit_range range);
/* Keep the attempts of a work that is tried again, forget those of one that ends. */
void unit_queue_attempts(struct unit *unit, struct unit_work *work);
/* Why it is dead, as it is kept with its row; in the unit's arena. */
struct slice unit_write_decision(struct unit *unit, const struct unit_work *work);

/* ---- unit_handle.c ---- */

/* Call the handlers of a range, in order; what follows an unfinished record stays untouched. */
void unit_call_handlers(struct unit *unit, struct unit_range range);

/* ---- unit_group.c ---- */

/* Does the work's effect belong to the transaction? */
bool unit_has_effect(const struct unit_work *work);
/* A new batch: sets are as large as may be again, unless they kept failing. */
void unit_reset_groups(struct unit *unit);
/* A new transaction: no group is there. */
void unit_begin_groups(struct unit *unit, struct unit_range range);
/* Form groups of the works that are in none, up to `end`. */
void unit_form_groups(struct unit *unit, unsigned end);
/* The work, whose handler asks, is the last group, alone; all before it are in groups. */
void unit_form_asking(struct unit *unit, unsigned i);
/* It is not: what stands before it goes again. */
void unit_unform_asking(struct unit *unit, unsigned i);
/* Forget the groups from `group` on, to be formed again: `group` failed as a set. */
void unit_split_set(struct unit *unit, unsigned group);
/*
 * Queue what is not answered of the groups, each between its savepoint and its release; that of the
 * last is left out where more is to come (`is_asking`).
 */
void unit_queue_groups(struct unit *unit, bool is_asking);

/* ---- unit_effect.c ---- */

/*
 * Send effects in savepoint groups, decisions and COMMIT; redo groups without what failed.
 * STORE_OK: committed, the fates stand. Else the transaction is to be rolled back, or lost, and
 * `unit->flight` says where it failed: by anything but one record's own statement.
 */
enum store_failure unit_send_effects(struct unit *unit);
/*
 * Send what is recorded up to the work, and its handler's query. Not STORE_OK: the work left the
 * batch, and has its fate; or it has not, and the transaction is over as above.
 */
enum store_failure unit_send_query(
	struct unit *unit, struct unit_work *work, const struct event_statement *asked);

/* ---- unit_query.c ---- */

static inline struct unit_work *unit_work_of(struct onced_event *event)
{
	return (struct unit_work *)((char *)event - offsetof(struct unit_work, event));
}

/* event_host.ask of a unit's events. */
bool unit_ask(
	struct event_host *host, struct onced_event *event, const struct event_statement *asked);
/* The transaction begins: a handler that asked in an earlier one is called again. */
void unit_forget_query(struct unit_work *work);
/* A handler that asked says something else than DONE: what it did so far is taken back. */
void unit_undo_query(struct unit *unit, const struct unit_work *work);

/* ---- unit_alone.c ---- */

/* The store failed the transaction of this record alone; it is rolled back. Ends the record. */
void unit_settle_alone(struct unit *unit, unsigned i, const struct store_flight *flight);

/* ---- unit_outage.c ---- */

/*
 * A record's own failure, by RETRY or `is_unavailable`. True: the records of its handler are held
 * now, this one is to be held, too, and nobody is charged.
 */
bool unit_outage_failed(struct unit *unit, struct unit_work *work, bool is_unavailable,
	const char *code, const char *text);
/* So many records of the handler are done; counts, and may end its outage. */
void unit_outage_succeeded(struct unit *unit, struct roster_handler *handler, unsigned count);
/* Before a transaction: hold the open works whose handler's records are held, but for a probe. */
void unit_outage_admit(struct unit *unit, struct unit_range range);
/* Hold a work of a handler whose records are held. */
void unit_outage_hold(struct unit *unit, struct unit_work *work);
/* After the batch: the probe, if there was one, came back. */
void unit_outage_end(struct unit *unit);
/* How many failures the record answers for: not one that was part of an outage. */
unsigned unit_outage_charged(const struct unit_work *work);

/* ---- unit_fate.c: texts are copied ---- */

uint64_t unit_random(struct unit *unit);

/* A record's own failure: charge, dead-letter or hold. */
void unit_blame(struct unit *unit, struct unit_work *work, enum verdict verdict, const char *code,
	const char *text, int64_t retry_after_ms);
/* Nobody's failure: the strand waits. */
void unit_hold(struct unit *unit, struct unit_work *work, const char *code, const char *text,
	int64_t delay_us);
/* Another owner works on its event id: the strand waits until he ends, or his lease does. */
void unit_hold_busy(struct unit *unit, struct unit_work *work);
/* Another lane of this worker does. */
void unit_hold_here(struct unit *unit, struct unit_work *work);
/* Dead letter, or a hold where there is none. */
void unit_condemn(struct unit *unit, struct unit_work *work, enum page_reason reason,
	const char *code, const char *text);
/*
 * Its id belongs to another event: it goes back, and comes again as a dead letter whose decision
 * has a key of its own.
 */
void unit_collide(struct unit_work *work);
/* A dead letter by an earlier decision: it is repeated in its words. */
void unit_condemn_again(struct unit *unit, struct unit_work *work);

/* Nothing of its strand may end behind it, nor what follows it by key. */
static inline bool unit_is_cutting(enum unit_end fate)
{
	return fate == UNIT_DEFERRED || fate == UNIT_RETRY || fate == UNIT_HELD ||
		fate == UNIT_AGAIN;
}
/* Does a work stand behind an unfinished one? All before it have their fates. */
bool unit_is_cut(const struct unit *unit, unsigned i);
/* What stands behind an unfinished work goes back. */
void unit_cut(struct unit *unit, struct unit_range range);
/* The transaction is committed: fates become ends. */
void unit_settle_fates(struct unit *unit, struct unit_range range);
/* Time in a hold, or while the store is away, is not the record's. */
void unit_stop_clock(struct unit_work *work);
