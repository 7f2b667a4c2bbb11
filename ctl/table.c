/*
 * table - text in columns
 *
 * Runs in: oncectl.
 */
#include "table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/shown.h"
#include "paint.h"

enum { GAP = 2 };

void table_init(struct table *table, const char *const *heads, size_t columns)
{
	*table = (struct table){
		.heads = heads, .columns = columns, .is_painted = paint_is_wanted()
	};
}

void table_fini(struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->cells[i]);
	}
	free(table->cells);
	*table = (struct table){ 0 };
}

void table_add(struct table *table, const char *format, ...)
{
	struct buffer cell = BUFFER_INIT;
	va_list args;

	va_start(args, format);
	buffer_vprintf(&cell, format, args);
	va_end(args);
	ARRAY_GROW(table->cells, table->count, table->capacity);
	table->cells[table->count] = cell.len > 0 ? buffer_take(&cell) : xstrdup("");
	shown_plain(table->cells[table->count++]);
	buffer_fini(&cell);
}

size_t table_rows(const struct table *table)
{
	return table->columns > 0 ? table->count / table->columns : 0;
}

static bool is_number(const struct table *table, size_t column)
{
	return table->heads[column][0] == '>';
}

static const char *head(const struct table *table, size_t column)
{
	return table->heads[column] + is_number(table, column);
}

static const char *cell(const struct table *table, size_t row, size_t column)
{
	return table->cells[row * table->columns + column];
}

/* In characters, not bytes: continuation bytes of UTF-8 take no place. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++) {
		width += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return width;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = width_of(head(table, column));

	for (size_t row = 0; row < table_rows(table); row++) {
		size_t wanted = width_of(cell(table, row, column));

		width = wanted > width ? wanted : width;
	}
	return width;
}

static void pad(struct buffer *out, size_t count)
{
	while (count-- > 0) {
		buffer_append_char(out, ' ');
	}
}

static void write_text(
	const struct table *table, size_t column, const char *text, struct buffer *out)
{
	if (table->is_painted && text == head(table, column)) {
		paint_head(out, text);
	} else if (table->is_painted && strcmp(head(table, column), "STATE") == 0) {
		paint_state(out, text);
	} else {
		buffer_append_str(out, text);
	}
}

static void write_cell(const struct table *table, size_t column, size_t width, const char *text,
	struct buffer *out)
{
	size_t missing = width - width_of(text);
	bool is_last = column + 1 == table->columns;

	if (is_number(table, column)) {
		pad(out, missing);
	}
	write_text(table, column, text, out);
	if (!is_number(table, column) && !is_last) {
		pad(out, missing);
	}
	if (is_last) {
		while (out->len > 0 && out->data[out->len - 1] == ' ') {
			out->len--; /* an empty last cell */
		}
		buffer_append_char(out, '\n');
	} else {
		pad(out, GAP);
	}
}

void table_write(const struct table *table, struct buffer *out)
{
	_cleanup_free_ size_t *widths = xcalloc(table->columns, sizeof(*widths));

	if (table_rows(table) == 0) {
		return;
	}
	for (size_t column = 0; column < table->columns; column++) {
		widths[column] = column_width(table, column);
	}
	for (size_t column = 0; column < table->columns; column++) {
		write_cell(table, column, widths[column], head(table, column), out);
	}
	for (size_t row = 0; row < table_rows(table); row++) {
		for (size_t column = 0; column < table->columns; column++) {
			write_cell(table, column, widths[column], cell(table, row, column), out);
		}
	}
}
