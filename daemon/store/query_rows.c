#include "store/query_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void query_rows_fini(struct query_rows *rows)
{
	free(rows->values);
	arena_fini(&rows->arena);
	*rows = (struct query_rows){ .arena = ARENA_INIT };
}

void query_rows_clear(struct query_rows *rows)
{
	arena_reset(&rows->arena);
	rows->count = rows->row_count = rows->column_count = rows->bytes = 0;
	rows->is_too_large = false;
}

bool query_rows_begin_row(struct query_rows *rows, size_t columns)
{
	rows->is_too_large = rows->is_too_large || rows->row_count == STORE_QUERY_ROWS_MAX;
	if (!rows->is_too_large) {
		rows->row_count++;
		rows->column_count = columns;
	}
	return !rows->is_too_large;
}

void query_rows_add(struct query_rows *rows, struct slice value)
{
	struct slice copy = SLICE_NULL;
	char *data;

	rows->bytes += value.len + STORE_QUERY_VALUE_BYTES;
	rows->is_too_large = rows->is_too_large || rows->bytes > STORE_QUERY_BYTES_MAX;
	if (rows->is_too_large) {
		return;
	}
	if (!slice_is_null(value)) {
		data = arena_alloc(&rows->arena, value.len + 1);
		memcpy(data, value.data, value.len);
		data[value.len] = '\0';
		copy = slice_from(data, value.len);
	}
	ARRAY_GROW(rows->values, rows->count, rows->capacity);
	rows->values[rows->count++] = copy;
}

enum store_failure query_rows_get(
	const struct query_rows *rows, struct store_rows *ret, struct err *err)
{
	*ret = (struct store_rows){ 0 };
	if (!rows->is_too_large) {
		*ret = (struct store_rows){ rows->row_count, rows->column_count, rows->values };
		return STORE_OK;
	}
	err_set(err, 0, "the query answered more than %d rows or %d bytes", STORE_QUERY_ROWS_MAX,
		STORE_QUERY_BYTES_MAX);
	snprintf(err->code, sizeof(err->code), "%s", STORE_CODE_TOO_LARGE);
	return STORE_ROWS;
}
