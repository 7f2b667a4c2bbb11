/*
 * table - text in columns
 *
 * Pure. Cells are copied; control characters in them are shown as '?', so that nothing a record or
 * a server said can write to a terminal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct table {
	const char *const *heads; /* borrowed; a head that begins with '>' is a column of numbers */
	size_t columns;
	char **cells; /* row by row */
	size_t count, capacity;
	bool is_painted; /* heads, and columns called STATE; table_init() asks paint.h */
};

void table_init(struct table *table, const char *const *heads, size_t columns);
void table_fini(struct table *table);

/* The next cell; a row is as many as there are columns. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t table_rows(const struct table *table);
/* Heads and rows; nothing for a table without rows. */
void table_write(const struct table *table, struct buffer *out);
