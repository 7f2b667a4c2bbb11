#include "store/postgres/set_text.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"

/* ---- tokens: each takes what it knows from `*at`, or leaves it there ---- */

static const char *skip_blanks(const char *p)
{
	while (isspace((unsigned char)*p)) {
		p++;
	}
	return p;
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool take_char(const char **at, char c)
{
	const char *p = skip_blanks(*at);

	if (*p != c) {
		return false;
	}
	*at = p + 1;
	return true;
}

static bool take_word(const char **at, const char *word)
{
	const char *p = skip_blanks(*at);
	size_t len = strlen(word);

	if (strncasecmp(p, word, len) != 0 || is_name_char(p[len])) {
		return false;
	}
	*at = p + len;
	return true;
}

/* All of them in a row. */
static bool take_words(const char **at, const char *const *words)
{
	const char *p = *at;

	for (; *words; words++) {
		if (!take_word(&p, *words)) {
			return false;
		}
	}
	*at = p;
	return true;
}

/* Behind the first quote. A quote is written twice inside. */
static bool take_quoted(const char **at, char quote)
{
	const char *p = *at;

	for (; *p && (*p != quote || p[1] == quote); p++) {
		if (*p == '\\') {
			return false; /* means something or nothing, by a setting */
		}
		p += *p == quote;
	}
	if (!*p) {
		return false;
	}
	*at = p + 1;
	return true;
}

static bool take_identifier(const char **at)
{
	const char *p = skip_blanks(*at);

	if (*p == '"') {
		p++;
		if (!take_quoted(&p, '"')) {
			return false;
		}
	} else if (is_name_char(*p) && !isdigit((unsigned char)*p) && *p != '$') {
		while (is_name_char(*p)) {
			p++;
		}
	} else {
		return false;
	}
	*at = p;
	return true;
}

static bool take_name(const char **at)
{
	do {
		if (!take_identifier(at)) {
			return false;
		}
	} while (take_char(at, '.'));
	return true;
}

/* "(a, b)" */
static bool take_columns(const char **at)
{
	if (!take_char(at, '(')) {
		return false;
	}
	do {
		if (!take_identifier(at)) {
			return false;
		}
	} while (take_char(at, ','));
	return take_char(at, ')');
}

/* Digits, as an unsigned number of at most four. */
static bool take_digits(const char **at, unsigned *ret)
{
	const char *p = *at;
	unsigned number = 0;

	for (; isdigit((unsigned char)*p); p++) {
		if (p - *at == 4) {
			return false;
		}
		number = 10 * number + (unsigned)(*p - '0');
	}
	if (p == *at) {
		return false;
	}
	*at = p;
	*ret = number;
	return true;
}

/* ---- items ---- */

/* "::numeric", "::numeric(10, 2)", "::text[]", and further ones behind; none is fine. */
static bool take_casts(const char **at)
{
	unsigned ignored;

	for (;;) {
		const char *p = skip_blanks(*at);
		if (p[0] != ':' || p[1] != ':') {
			return true;
		}
		*at = p + 2;
		if (!take_name(at)) {
			return false;
		}
		if (take_char(at, '(')) {
			do {
				*at = skip_blanks(*at);
				if (!take_digits(at, &ignored)) {
					return false;
				}
			} while (take_char(at, ','));
			if (!take_char(at, ')')) {
				return false;
			}
		}
		if (take_char(at, '[') && !take_char(at, ']')) {
			return false;
		}
	}
}

static bool take_number(const char **at)
{
	const char *p = *at;

	p += *p == '-';
	if (!isdigit((unsigned char)*p)) {
		return false;
	}
	while (isdigit((unsigned char)*p) || *p == '.') {
		p++;
	}
	if (is_name_char(*p)) {
		return false;
	}
	*at = p;
	return true;
}

static bool take_literal(const char **at)
{
	static const char *const words[] = { "NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP" };

	*at = skip_blanks(*at);
	if (**at == '\'') {
		++*at;
		return take_quoted(at, '\'');
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (take_word(at, words[i])) {
			return true;
		}
	}
	if (take_word(at, "now")) {
		return take_char(at, '(') && take_char(at, ')');
	}
	return take_number(at);
}

static bool take_item(const char **at, unsigned param_count, struct pg_set_item *ret)
{
	const char *start = skip_blanks(*at);

	*ret = (struct pg_set_item){ .param = 0 };
	if (*start == '$') {
		*at = start + 1;
		if (!take_digits(at, &ret->param) || ret->param == 0 || ret->param > param_count) {
			return false;
		}
		start = *at;
	} else if (!take_literal(at)) {
		return false;
	}
	if (!take_casts(at)) {
		return false;
	}
	ret->text = slice_from(start, (size_t)(*at - start));
	return true;
}

/* ---- the statement ---- */

static bool take_items(const char **at, unsigned param_count, struct pg_set_text *ret)
{
	bool is_used[PG_SET_ITEMS_MAX + 1] = { false };
	unsigned used = 0;

	if (param_count == 0 || param_count > PG_SET_ITEMS_MAX || !take_char(at, '(')) {
		return false;
	}
	do {
		struct pg_set_item *item = &ret->items[ret->item_count];
		if (ret->item_count == PG_SET_ITEMS_MAX || !take_item(at, param_count, item)) {
			return false;
		}
		ret->item_count++;
		used += item->param > 0 && !is_used[item->param];
		is_used[item->param] = true;
	} while (take_char(at, ','));
	return used == param_count && take_char(at, ')');
}

static bool take_conflict(const char **at)
{
	static const char *const on_conflict[] = { "ON", "CONFLICT", NULL };
	static const char *const on_constraint[] = { "ON", "CONSTRAINT", NULL };
	static const char *const do_nothing[] = { "DO", "NOTHING", NULL };

	if (!take_words(at, on_conflict)) {
		return true; /* without is fine */
	}
	if (take_words(at, on_constraint)) {
		return take_identifier(at) && take_words(at, do_nothing);
	}
	if (*skip_blanks(*at) == '(' && !take_columns(at)) {
		return false;
	}
	return take_words(at, do_nothing);
}

bool pg_set_text_read(const char *sql, unsigned param_count, struct pg_set_text *ret)
{
	static const char *const insert_into[] = { "INSERT", "INTO", NULL };
	const char *at = sql, *start;

	*ret = (struct pg_set_text){ .item_count = 0 };
	if (!take_words(&at, insert_into)) {
		return false;
	}
	start = skip_blanks(at);
	if (!take_name(&at)) {
		return false;
	}
	ret->table = slice_from(start, (size_t)(at - start));
	if (*skip_blanks(at) == '(' && !take_columns(&at)) {
		return false;
	}
	ret->head = slice_from(sql, (size_t)(at - sql));
	if (!take_word(&at, "VALUES") || !take_items(&at, param_count, ret)) {
		return false;
	}
	start = at;
	if (!take_conflict(&at)) {
		return false;
	}
	ret->tail = slice_from(start, (size_t)(at - start));
	take_char(&at, ';');
	return *skip_blanks(at) == '\0';
}

char *pg_set_text_write(const struct pg_set_text *text, const char *const *types, const char *guard)
{
	struct buffer sql = BUFFER_INIT;

	buffer_append(&sql, text->head.data, text->head.len);
	buffer_append_str(&sql, " SELECT ");
	for (size_t i = 0; i < text->item_count; i++) {
		const struct pg_set_item *item = &text->items[i];
		if (i > 0) {
			buffer_append_str(&sql, ", ");
		}
		if (item->param) {
			buffer_printf(&sql, "pg_catalog.unnest($%u)::%s", item->param,
				types[item->param - 1]);
		}
		buffer_append(&sql, item->text.data, item->text.len);
	}
	buffer_append_str(&sql, " WHERE ");
	buffer_append_str(&sql, guard);
	buffer_append(&sql, text->tail.data, text->tail.len);
	return buffer_take(&sql);
}
