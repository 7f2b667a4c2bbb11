/*
 * statement_text - which statements must not run inside the unit of work
 *
 * Pure. Statements reach the store one by one (both databases refuse two in one prepare), so the
 * first word decides.
 */
#include "store/statement_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *const refused[] = {
	"ABORT",
	"ATTACH",
	"BEGIN",
	"COMMIT",
	"COPY",
	"DEALLOCATE",
	"DETACH",
	"DISCARD",
	"END",
	"LISTEN",
	"PRAGMA",
	"PREPARE",
	"RELEASE",
	"RESET",
	"ROLLBACK",
	"SAVEPOINT",
	"SET",
	"START",
	"UNLISTEN",
	"VACUUM",
};

/*
 * Block comments nest in Postgres and not in SQLite; a nested one is rare enough to be read as
 * Postgres does.
 */
static const char *skip_block_comment(const char *p)
{
	int depth = 0;

	do {
		if (p[0] == '/' && p[1] == '*') {
			depth++;
			p += 2;
		} else if (p[0] == '*' && p[1] == '/') {
			depth--;
			p += 2;
		} else {
			p++;
		}
	} while (depth > 0 && *p != '\0');
	return p;
}

static const char *skip_blanks(const char *p)
{
	for (;;) {
		if (isspace((unsigned char)*p) || *p == ';') {
			p++;
		} else if (p[0] == '-' && p[1] == '-') {
			p += strcspn(p, "\n");
		} else if (p[0] == '/' && p[1] == '*') {
			p = skip_block_comment(p);
		} else {
			return p;
		}
	}
}

static size_t word_length(const char *p)
{
	size_t len = 0;

	while (isalpha((unsigned char)p[len])) {
		len++;
	}
	return len;
}

static bool is_word(const char *p, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(p, word, len) == 0;
}

static bool sets_for_the_transaction(const char *after_set)
{
	const char *next = skip_blanks(after_set);
	size_t len = word_length(next);

	return is_word(next, len, "LOCAL") || is_word(next, len, "CONSTRAINTS");
}

const char *statement_text_refused(const char *sql)
{
	const char *p = skip_blanks(sql);
	size_t len = word_length(p);

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (!is_word(p, len, refused[i])) {
			continue;
		}
		if (strcmp(refused[i], "SET") == 0 && sets_for_the_transaction(p + len)) {
			return NULL;
		}
		return refused[i];
	}
	return NULL;
}
