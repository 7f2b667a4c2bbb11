/*
 * fake_store - a store in memory whose failures are scripted
 *
 * One thread. Transactions and savepoints work as a database's do: changes are seen by others at
 * COMMIT, a failed operation ends the flight and leaves the transaction aborted until ROLLBACK or
 * ROLLBACK TO, a lost connection takes the transaction with it. A claim of a key that another
 * session's open transaction holds cannot wait here: it is a CONFLICT (lock timeout).
 *
 * A statement does nothing but leave an effect, its number and its values; to make it fail, script
 * it. A query leaves nothing. It answers one row: how many effects it sees that have its first
 * value (of all, when it has no values), and a null.
 */
#pragma once

#include "core/store.h"
#include "fake_rows.h"

extern const struct store_ops fake_store_ops;

/* One scripted failure. The first that matches an operation decides. */
struct fake_fault {
	enum store_op op;
	/*
	 * STATEMENT, QUERY: only one that has this value, or a set with it; SET: likewise; COMMIT:
	 * only with such an effect. NULL: any
	 */
	const char *value;
	unsigned skip; /* so many pass first */
	unsigned times; /* then so many fail; 0: all */
	enum store_failure failure;
	const char *code; /* NULL: "" */
	bool is_after; /* it happens, then the failure comes: a connection lost behind COMMIT */
	bool is_outdated; /* as the flight says it */
};

/* Add a fault (strings borrowed), or forget all. */
void fake_store_fail(struct store *store, const struct fake_fault *fault);
void fake_store_heal(struct store *store);

/* The store's clock, by which leases end, goes on. */
void fake_store_advance(struct store *store, int64_t us);

/* While down, session_ready() answers 1 and connections are lost at their next flush. */
void fake_store_set_down(struct store *store, bool is_down);

/* Sets are possible for every statement, or for none: so it begins. */
void fake_store_allow_sets(struct store *store, bool is_allowed);

/* What is committed; borrowed until the next flush. */
const struct fake_rows *fake_store_rows(const struct store *store);

/* How often an effect with this value was committed. */
size_t fake_store_count_value(const struct store *store, const char *value);

/*
 * Everything that was sent: "begin claim:2 | savepoint:1 statement:0 release:1 commit | ", a bar
 * for the end of each flight, "!" behind the operation that failed. statement:TAG, query:TAG,
 * claim:COUNT, set:COUNT, else the group.
 */
const char *fake_store_journal(const struct store *store);
void fake_store_clear_journal(struct store *store);

/*
 * The first breach of the port's contract by its user ("claim outside a transaction"), "" when
 * there is none.
 */
const char *fake_store_misuse(const struct store *store);
