/*
 * fake_rows - the tables of the fake store: committed rows, and the changes of open transactions
 *
 * A transaction is a list of changes over the committed state: a savepoint is a length of that
 * list, rolling back cuts it, committing applies it. Other transactions see only what is committed,
 * and which keys are taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "core/store.h"

/* A dedup row. */
struct fake_row {
	uint8_t key[STORE_KEY_SIZE];
	enum store_outcome outcome;
	struct store_position position;
	struct slice event_id;
	struct slice decision; /* RUNNING: of the dead letter that is replayed */
	bool has_digest;
	uint8_t digest[STORE_DIGEST_SIZE];
	/* RUNNING */
	uint8_t owner[STORE_OWNER_SIZE];
	int64_t until_us; /* by the store's clock */
};

/* What one statement did: its number and its values, as text. */
struct fake_effect {
	size_t statement;
	size_t value_count;
	struct slice *values;
};

enum fake_change_kind {
	FAKE_PUT_ROW,
	FAKE_DELETE_ROW,
	FAKE_ADD_EFFECT,
	FAKE_PUT_ATTEMPTS,
	FAKE_DELETE_ATTEMPTS
};

struct fake_change {
	enum fake_change_kind kind;
	union {
		struct fake_row row; /* DELETE_ROW: its key counts */
		struct fake_effect effect;
		struct store_attempts attempts; /* DELETE_ATTEMPTS: its position counts */
	};
};

/* The changes of one open transaction. */
struct fake_transaction {
	struct fake_change *changes;
	size_t count, capacity;
};

/* What is committed. Slices in it live in `arena`. */
struct fake_rows {
	struct arena arena;
	struct fake_row *rows;
	size_t row_count, row_capacity;
	struct fake_effect *effects; /* in the order of their commits */
	size_t effect_count, effect_capacity;
	struct store_attempts *attempts;
	size_t attempt_count, attempt_capacity;
};

void fake_rows_fini(struct fake_rows *rows);
void fake_transaction_fini(struct fake_transaction *transaction);

/* Remember a change; its slices are copied. */
void fake_rows_change(struct fake_rows *rows, struct fake_transaction *transaction,
	const struct fake_change *change);
/* Make all changes permanent; the transaction is empty then. */
void fake_rows_apply(struct fake_rows *rows, struct fake_transaction *transaction);

/* The committed row of a key; NULL when there is none. */
const struct fake_row *fake_rows_find(
	const struct fake_rows *rows, const uint8_t key[STORE_KEY_SIZE]);
/* As the transaction sees it. */
const struct fake_row *fake_rows_see(const struct fake_rows *rows,
	const struct fake_transaction *transaction, const uint8_t key[STORE_KEY_SIZE]);
/* Has an open transaction touched this key? */
bool fake_transaction_holds(
	const struct fake_transaction *transaction, const uint8_t key[STORE_KEY_SIZE]);

/*
 * How many effects have `value` first (NULL: how many there are), committed or of the transaction.
 */
size_t fake_rows_count_effects(const struct fake_rows *rows,
	const struct fake_transaction *transaction, const struct slice *value);

/* Does any effect of the transaction have this value? */
bool fake_transaction_has_value(const struct fake_transaction *transaction, const char *value);

bool fake_position_equal(const struct store_position *a, const struct store_position *b);
