/*
 * set_text - a user's INSERT of one row, written once more for many rows
 *
 * Pure. Understood is only what means the same for many records at once as for one after the other:
 *
 *	INSERT INTO name [(column, ...)] VALUES (item, ...) [ON CONFLICT ... DO NOTHING]
 *
 * where an item is a parameter, perhaps with a cast, a literal, or the time of the transaction.
 * What else may make a difference (triggers, functions in defaults) is the catalogue's to tell.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum { PG_SET_ITEMS_MAX = 100 };

struct pg_set_item {
	unsigned param; /* from 1; 0: `text` is all there is */
	struct slice text; /* behind a parameter: its cast, perhaps empty */
};

/* Slices lie in the statement that was read. */
struct pg_set_text {
	struct slice head; /* up to VALUES */
	struct slice table;
	struct pg_set_item items[PG_SET_ITEMS_MAX];
	size_t item_count;
	struct slice tail; /* ON CONFLICT ..., or empty */
};

/* False: another kind of statement, which is no fault. */
bool pg_set_text_read(const char *sql, unsigned param_count, struct pg_set_text *ret);

/*
 * The statement over arrays of text, one for each parameter; types[i] is that of $i+1. It does
 * nothing where the condition `guard` does not hold. free() it.
 */
char *pg_set_text_write(
	const struct pg_set_text *text, const char *const *types, const char *guard);
