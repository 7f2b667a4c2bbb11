/*
 * query_rows - the rows that a query answers, gathered value by value
 *
 * Runs in: the session's thread. Owns the values until the next query. What would be more than a
 * query may answer is not kept.
 */
#pragma once

#include "base/arena.h"
#include "core/store.h"

struct query_rows {
	struct arena arena;
	struct slice *values;
	size_t count, capacity;
	size_t row_count, column_count, bytes;
	bool is_too_large; /* nothing more is kept */
};

void query_rows_fini(struct query_rows *rows);

/* Forget what there is. */
void query_rows_clear(struct query_rows *rows);

/* One more row of `columns` values, which are then added from left to right. False: too large. */
bool query_rows_begin_row(struct query_rows *rows, size_t columns);
/* Copied. */
void query_rows_add(struct query_rows *rows, struct slice value);

/* 0 and what there is; STORE_ROWS with code and sentence when it was too large. */
enum store_failure query_rows_get(
	const struct query_rows *rows, struct store_rows *ret, struct err *err);
