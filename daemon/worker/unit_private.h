/*
 * unit_private - what the files of the unit of work share
 *
 *	unit.c         the batch: decode, transaction, halves
 *	unit_claim.c   dedup: keys, claims, verdicts
 *	unit_effect.c  handlers and savepoint groups
 *	unit_fate.c    whose fault, how often, and what follows
 */
#pragma once

#include "worker/unit.h"

/* Savepoint groups of a transaction: more than 64 subtransactions overflow a Postgres backend's cache. */
enum { UNIT_GROUPS_MAX = 50 };

/* A held strand looks again after this. */
#define UNIT_HOLD_US ((int64_t)2 * 1000 * 1000)
/* A claim whose row somebody holds looks again after this. */
#define UNIT_BUSY_US ((int64_t)500 * 1000)

struct unit_range {
	unsigned first, end;
};

static inline bool unit_is_same_strand(const struct unit_work *a, const struct unit_work *b)
{
	return a->record->item.strand == b->record->item.strand;
}

static inline bool unit_is_cutting(enum unit_end fate)
{
	return fate == UNIT_RETRY || fate == UNIT_HELD || fate == UNIT_AGAIN;
}

/* ---- unit_claim.c ---- */

/* Give each work its key, or none. */
void unit_find_key(struct unit *unit, struct unit_work *work, enum event_problem problem);
/* Queue the claims of the open works of a range, sorted, one per key. */
void unit_queue_claims(struct unit *unit, struct unit_range range);
/* After the flush: what the claims alone decide. */
void unit_apply_claims(struct unit *unit, struct unit_range range);
/* Queue what the transaction must say about claims and attempts before COMMIT. */
void unit_queue_decisions(struct unit *unit, struct unit_range range);

/* ---- unit_effect.c ---- */

/* Call the handlers of a range, in order; those of a cut strand stay untouched. */
void unit_call_handlers(struct unit *unit, struct unit_range range);
/*
 * Send effects in savepoint groups, decisions and COMMIT; redo groups without what failed. STORE_OK: committed, the fates stand.
 * Else the transaction is rolled back or lost, and `flight` says where it failed: by anything but one record's own statement.
 */
enum store_failure unit_send_effects(
	struct unit *unit, struct unit_range range, struct store_flight *flight);

/* ---- unit_fate.c ---- */

/* A record's own failure: charge, dead-letter or hold; then its strand is cut. `text` is copied. */
void unit_blame(struct unit *unit, struct unit_range range, struct unit_work *work,
	enum verdict verdict, const char *code, const char *text, int64_t retry_after_ms);
/* Nobody's failure: the strand waits. */
void unit_hold(struct unit *unit, struct unit_range range, struct unit_work *work, const char *code,
	const char *text, int64_t delay_us);
/* Dead letter, or a hold where there is none. */
void unit_condemn(struct unit *unit, struct unit_range range, struct unit_work *work,
	enum page_reason reason, const char *code, const char *text);
/* Nothing of the strand behind `work` may end in this transaction; nor may what follows it by key. */
void unit_cut(struct unit *unit, struct unit_range range, const struct unit_work *work);
/* The transaction is committed: fates become ends. */
void unit_settle_fates(struct unit *unit, struct unit_range range);
