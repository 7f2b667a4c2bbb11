/*
 * sql_lex - as much of SQL's lexical rules as it takes to know what is text and what is quoted
 *
 * Runs in: any process, any thread (pure). Each scan_ function takes the place where its token
 * starts and returns the place behind it, or NULL when the token never ends.
 */
#include "sql_lex.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool sql_is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		(unsigned char)c >= 0x80;
}

bool sql_is_name_char(char c)
{
	return sql_is_name_start(c) || is_digit(c);
}

static const char *scan_spaces(const char *p)
{
	while (is_space(*p)) {
		p++;
	}
	return p;
}

static const char *scan_line_comment(const char *p)
{
	return p + strcspn(p, "\r\n");
}

static const char *scan_block_comment(const char *p)
{
	unsigned depth = 0;

	while (*p) {
		if (p[0] == '/' && p[1] == '*') {
			depth++;
			p += 2;
		} else if (p[0] == '*' && p[1] == '/') {
			p += 2;
			if (--depth == 0) {
				return p;
			}
		} else {
			p++;
		}
	}
	return NULL;
}

/* A doubled quote inside stands for one. */
static const char *scan_quoted(const char *p, char quote)
{
	for (p++; *p; p++) {
		if (*p != quote) {
			continue;
		}
		if (p[1] != quote) {
			return p + 1;
		}
		p++;
	}
	return NULL;
}

/*
 * Strings with nothing but white space, and a newline in it, between them are one string: the
 * second piece of an E'string' has its escapes too. Returns its quote, or NULL.
 */
static const char *find_continuation(const char *p)
{
	bool has_newline = false;

	while (is_space(*p) || (has_newline && p[0] == '-' && p[1] == '-')) {
		if (*p == '-') {
			p = scan_line_comment(p);
			continue;
		}
		has_newline |= *p == '\n' || *p == '\r';
		p++;
	}
	return has_newline && *p == '\'' ? p : NULL;
}

/* One piece of an E'string', from its quote. */
static const char *scan_escape_piece(const char *p)
{
	for (p++; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
		} else if (*p == '\'' && p[1] == '\'') {
			p++;
		} else if (*p == '\'') {
			return p + 1;
		}
	}
	return NULL;
}

static const char *scan_escape_string(const char *quote)
{
	const char *end = NULL;

	while (quote) {
		end = scan_escape_piece(quote);
		quote = end ? find_continuation(end) : NULL;
	}
	return end;
}

/* Length of the "$tag$" at `p`; 0 when it is none. */
static size_t dollar_tag(const char *p)
{
	size_t len = 1;

	if (sql_is_name_start(p[len])) {
		while (sql_is_name_char(p[len])) {
			len++;
		}
	}
	return p[len] == '$' ? len + 1 : 0;
}

static const char *scan_dollar_quote(const char *p, size_t tag_len)
{
	for (const char *end = p + tag_len; (end = strchr(end, '$')); end++) {
		if (strncmp(end, p, tag_len) == 0) {
			return end + tag_len;
		}
	}
	return NULL;
}

static struct sql_token token(enum sql_token_kind kind, const char *p, const char *end)
{
	return (struct sql_token){ kind, p, (size_t)(end - p) };
}

/* A token that has an end mark: `end` is NULL where the mark is missing. */
static struct sql_token closed_token(enum sql_token_kind kind, const char *p, const char *end)
{
	return end ? token(kind, p, end) : token(SQL_TOKEN_UNTERMINATED, p, p + strlen(p));
}

static struct sql_token word_token(const char *p)
{
	const char *end = p;

	if ((*p == 'e' || *p == 'E') && p[1] == '\'') {
		return closed_token(SQL_TOKEN_QUOTED, p, scan_escape_string(p + 1));
	}
	while (sql_is_name_char(*end) || *end == '$') {
		end++;
	}
	return token(SQL_TOKEN_WORD, p, end);
}

static struct sql_token number_token(const char *p)
{
	const char *end = p;

	while (sql_is_name_char(*end) || *end == '.') {
		end++;
	}
	return token(SQL_TOKEN_OTHER, p, end);
}

static struct sql_token dollar_token(const char *p)
{
	size_t tag_len = dollar_tag(p);
	const char *end = p + 1;

	if (tag_len > 0) {
		return closed_token(SQL_TOKEN_QUOTED, p, scan_dollar_quote(p, tag_len));
	}
	while (sql_is_name_char(*end)) {
		end++;
	}
	return token(SQL_TOKEN_DOLLAR, p, end);
}

/* A cast, an assignment, a name, or the middle of an array slice. */
static struct sql_token colon_token(const char *p)
{
	if (p[1] == ':' || p[1] == '=') {
		return token(SQL_TOKEN_OTHER, p, p + 2);
	}
	return token(sql_is_name_start(p[1]) ? SQL_TOKEN_PARAM : SQL_TOKEN_OTHER, p, p + 1);
}

static struct sql_token symbol_token(const char *p)
{
	switch (*p) {
	case '\0':
		return token(SQL_TOKEN_END, p, p);
	case ';':
		return token(SQL_TOKEN_SEMICOLON, p, p + 1);
	case ':':
		return colon_token(p);
	case '$':
		return dollar_token(p);
	case '\'':
	case '"':
		return closed_token(SQL_TOKEN_QUOTED, p, scan_quoted(p, *p));
	default:
		return token(SQL_TOKEN_OTHER, p, p + 1);
	}
}

struct sql_token sql_next_token(const char *p)
{
	if (is_space(*p)) {
		return token(SQL_TOKEN_BLANK, p, scan_spaces(p));
	}
	if (sql_is_name_start(*p)) {
		return word_token(p);
	}
	if (is_digit(*p)) {
		return number_token(p);
	}
	if (p[0] == '-' && p[1] == '-') {
		return token(SQL_TOKEN_BLANK, p, scan_line_comment(p));
	}
	if (p[0] == '/' && p[1] == '*') {
		return closed_token(SQL_TOKEN_BLANK, p, scan_block_comment(p));
	}
	return symbol_token(p);
}

bool sql_token_is_word(const struct sql_token *token, const char *word)
{
	return token->kind == SQL_TOKEN_WORD && token->len == strlen(word) &&
		strncasecmp(token->text, word, token->len) == 0;
}
