/*
 * rehearsal - a store's session that does everything and keeps nothing
 *
 * Pure: it stands between the unit of work and a real session. All transactions of a rehearsal are
 * parts of one real transaction, so that each sees what those before it did; at its end all of it
 * is rolled back. What the store checks at COMMIT only (deferred constraints) is not checked. Locks
 * are held to the end. What a session writes for itself outside of transactions (the numbers of
 * topics) stays.
 *
 * Only what a unit of work uses is there; the synchronous operations of the real session (which
 * are no part of a transaction) are not.
 */
#pragma once

#include "core/store.h"

struct rehearsal {
	struct store_session base; /* first: what the unit of work is given */
	struct store_ops ops;
	struct store_session *real;
	bool is_begun; /* the real transaction is open */
	bool wants_commit; /* at the next flush */

	/* statements of the transaction under way, or of the last one; indices, in order */
	size_t *statements;
	size_t statement_count, statement_capacity;
};

/* `real` is borrowed, and ready. Not to be moved afterwards. */
void rehearsal_init(struct rehearsal *rehearsal, struct store_session *real);

/* Take everything back. */
void rehearsal_fini(struct rehearsal *rehearsal);
