/*
 * fuzz_set_text - inserts that are sent for many records, and what must hold of every one taken
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds of a statement that is taken: its
 * parts follow each other in the text and cover all but VALUES, brackets, commas, blanks and a last
 * semicolon; it holds no comment, backslash or dollar quote outside of a quoted text; every
 * parameter is an item; written back as VALUES it is taken again, with the same parts.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "fuzz_driver.h"
#include "store/postgres/set_text.h"

enum { PARAMS = 2 };

static const struct slice statements[] = {
	SLICE_LITERAL("INSERT INTO orders (id, n) VALUES ($1, $2)"),
	SLICE_LITERAL(
		"insert into s.\"T \"\"x\" values ($1::text[], $2 :: numeric(10, 2), 'it''s', -1.5,"
		" NULL, now(), current_timestamp) on conflict (id, \"n\") do nothing;"),
	SLICE_LITERAL("INSERT INTO t VALUES ($2, $1, $1) ON CONFLICT ON CONSTRAINT k DO NOTHING"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("'"),
	SLICE_LITERAL("''"),
	SLICE_LITERAL("\""),
	SLICE_LITERAL("\\"),
	SLICE_LITERAL("E'"),
	SLICE_LITERAL("$$"),
	SLICE_LITERAL("$1"),
	SLICE_LITERAL("$2"),
	SLICE_LITERAL("$3"),
	SLICE_LITERAL("--"),
	SLICE_LITERAL("/*"),
	SLICE_LITERAL("*/"),
	SLICE_LITERAL("\n"),
	SLICE_LITERAL(";"),
	SLICE_LITERAL(","),
	SLICE_LITERAL("("),
	SLICE_LITERAL(")"),
	SLICE_LITERAL("::int"),
	SLICE_LITERAL("[]"),
	SLICE_LITERAL("now()"),
	SLICE_LITERAL("DEFAULT"),
	SLICE_LITERAL("VALUES"),
	SLICE_LITERAL("ON CONFLICT"),
	SLICE_LITERAL("DO NOTHING"),
	SLICE_LITERAL(" RETURNING 1"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(statements) / sizeof(statements[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return statements[i];
}

/* Nothing outside of quoted texts that a lexer of Postgres's would read otherwise than we do. */
static const char *check_plain(const char *sql)
{
	for (const char *p = sql; *p; p++) {
		if (*p == '\'' || *p == '"') {
			for (char quote = *p++; *p && *p != quote; p++) {
				if (*p == '\\') {
					return "a backslash was taken";
				}
			}
			if (!*p) {
				return "an open quote was taken";
			}
		} else if (strncmp(p, "--", 2) == 0 || strncmp(p, "/*", 2) == 0) {
			return "a comment was taken";
		} else if (strchr("\\+|#%&!@`?{}=<>~^", *p)) {
			return "an operator was taken";
		}
	}
	return NULL;
}

static const char *check_items(const struct pg_set_text *text)
{
	bool is_used[PARAMS + 1] = { false };

	if (text->item_count == 0 || text->item_count > PG_SET_ITEMS_MAX) {
		return "no items, or too many";
	}
	for (size_t i = 0; i < text->item_count; i++) {
		if (text->items[i].param > PARAMS) {
			return "a parameter that is none";
		}
		is_used[text->items[i].param] = true;
	}
	return is_used[1] && is_used[2] ? NULL : "a parameter is missing";
}

static void write_values(const struct pg_set_text *text, struct buffer *out)
{
	buffer_append(out, text->head.data, text->head.len);
	buffer_append_str(out, " VALUES (");
	for (size_t i = 0; i < text->item_count; i++) {
		const struct pg_set_item *item = &text->items[i];
		buffer_append_str(out, i ? "," : "");
		if (item->param) {
			buffer_printf(out, "$%u", item->param);
		}
		buffer_append(out, item->text.data, item->text.len);
	}
	buffer_append_str(out, ")");
	buffer_append(out, text->tail.data, text->tail.len);
}

/* All but blanks and semicolons at the end, leading zeros of parameters aside. */
static size_t count_solid(struct slice text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		count += !isspace((unsigned char)c) && c != ';' && c != '0';
	}
	return count;
}

static const char *check_again(const char *sql, const struct pg_set_text *text)
{
	_cleanup_(buffer_fini) struct buffer again = BUFFER_INIT;
	struct pg_set_text second;

	write_values(text, &again);
	if (!pg_set_text_read(buffer_str(&again), PARAMS, &second)) {
		return "a statement put together from its parts is refused";
	}
	if (second.item_count != text->item_count || !slice_equal(second.head, text->head) ||
		!slice_equal(second.table, text->table) || !slice_equal(second.tail, text->tail)) {
		return "a statement put together from its parts has others";
	}
	if (count_solid(slice_from_str(buffer_str(&again))) != count_solid(slice_from_str(sql))) {
		return "something of the statement is in none of its parts";
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *sql = strndup((const char *)data, size);
	struct pg_set_text text;
	const char *wrong;

	if (!pg_set_text_read(sql, PARAMS, &text)) {
		return 0;
	}
	wrong = check_plain(sql);
	wrong = wrong ? wrong : check_items(&text);
	wrong = wrong ? wrong : check_again(sql, &text);
	if (wrong) {
		fuzz_fail(wrong, slice_from_str(sql));
	}
	return 0;
}
