/*
 * sql_lex - as much of SQL's lexical rules as it takes to know what is text and what is quoted
 *
 * Pure. PostgreSQL's rules, which hold for SQLite where it matters: 'strings', E'strings',
 * "identifiers", $tag$ quotes $tag$, comments to the end of the line and nested ones. What both
 * databases refuse anyway may come out as any token.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sql_token_kind {
	SQL_TOKEN_END,
	SQL_TOKEN_BLANK, /* a run of white space, or one comment */
	SQL_TOKEN_WORD, /* keyword or identifier without quotes */
	SQL_TOKEN_QUOTED, /* string, identifier in quotes, dollar quote */
	SQL_TOKEN_PARAM, /* the colon of :name */
	SQL_TOKEN_SEMICOLON,
	SQL_TOKEN_DOLLAR, /* a dollar that starts no quote, as in $1 */
	SQL_TOKEN_OTHER, /* number, operator, bracket */
	SQL_TOKEN_UNTERMINATED, /* a quote or comment that never ends; reaches to the end */
};

struct sql_token {
	enum sql_token_kind kind;
	const char *text;
	size_t len; /* not 0 but for END */
};

/* The token that starts at `p`, inside a NUL-terminated text. */
struct sql_token sql_next_token(const char *p);

bool sql_is_name_start(char c);
bool sql_is_name_char(char c); /* without the dollar that SQL allows inside names */

/* Is the word token `word` (lower case), in any case? */
bool sql_token_is_word(const struct sql_token *token, const char *word);
