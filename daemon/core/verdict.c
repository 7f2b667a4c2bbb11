/*
 * verdict - whose fault a failure is
 *
 * One rule for the tables and a handler's lists: the pattern with the most literal characters wins,
 * so that a code comes before its class. For SQLite a primary name is the class of its extended
 * names.
 */
#include "core/verdict.h"

#include <string.h>

enum { SQLSTATE_LENGTH = 5, STATUS_LENGTH = 3 };
#define VERDICT_SQLITE_PREFIX "SQLITE_"

struct verdict_row {
	const char *pattern;
	enum verdict verdict;
};

static const struct verdict_row verdict_rows[] = {
	/* The record's own data. */
	{ "22xxx", VERDICT_REJECT },
	{ "23xxx", VERDICT_REJECT },
	{ "21xxx", VERDICT_REJECT },
	{ "44xxx", VERDICT_REJECT },
	{ "54xxx", VERDICT_REJECT },
	{ "P0xxx", VERDICT_REJECT },
	{ "0A000", VERDICT_REJECT },
	{ "42501", VERDICT_REJECT }, /* of this row: else it is STORE_FORBIDDEN */
	/* May be different next time: the parent row comes, the machine is less busy. */
	{ "23503", VERDICT_RETRY },
	{ "57014", VERDICT_RETRY },
	/* Others at the same rows. */
	{ "40xxx", VERDICT_REDO },
	{ "55P03", VERDICT_REDO },
	/* The database is not there, or not for us. */
	{ "08xxx", VERDICT_UNAVAILABLE },
	{ "53xxx", VERDICT_UNAVAILABLE },
	{ "57P0x", VERDICT_UNAVAILABLE },
	{ "25006", VERDICT_UNAVAILABLE },
	/* An operator's error: every record would fail. */
	{ "42xxx", VERDICT_UNAVAILABLE },
	{ "3D000", VERDICT_UNAVAILABLE },
	{ "3F000", VERDICT_UNAVAILABLE },
	{ "28xxx", VERDICT_UNAVAILABLE },

	{ "SQLITE_CONSTRAINT", VERDICT_REJECT },
	{ "SQLITE_CONSTRAINT_FOREIGNKEY", VERDICT_RETRY },
	{ "SQLITE_MISMATCH", VERDICT_REJECT },
	{ "SQLITE_TOOBIG", VERDICT_REJECT },
	{ "SQLITE_RANGE", VERDICT_REJECT },
	{ "SQLITE_INTERRUPT", VERDICT_RETRY },
	{ "SQLITE_LOCKED", VERDICT_REDO },
	{ "SQLITE_SCHEMA", VERDICT_REDO },
	{ "SQLITE_BUSY_SNAPSHOT", VERDICT_REDO },
	{ "SQLITE_BUSY", VERDICT_UNAVAILABLE },
	{ "SQLITE_FULL", VERDICT_UNAVAILABLE },
	{ "SQLITE_IOERR", VERDICT_UNAVAILABLE },
	{ "SQLITE_CANTOPEN", VERDICT_UNAVAILABLE },
	{ "SQLITE_READONLY", VERDICT_UNAVAILABLE },
	{ "SQLITE_PERM", VERDICT_UNAVAILABLE },
	{ "SQLITE_AUTH", VERDICT_UNAVAILABLE },
	{ "SQLITE_NOMEM", VERDICT_UNAVAILABLE },
	{ "SQLITE_CORRUPT", VERDICT_UNAVAILABLE },
	{ "SQLITE_NOTADB", VERDICT_UNAVAILABLE },
	{ "SQLITE_PROTOCOL", VERDICT_UNAVAILABLE },
	{ "SQLITE_ERROR", VERDICT_UNAVAILABLE },
	{ "SQLITE_MISUSE", VERDICT_UNAVAILABLE },
};

static bool is_sqlite_name(const char *s)
{
	return strncmp(s, VERDICT_SQLITE_PREFIX, strlen(VERDICT_SQLITE_PREFIX)) == 0;
}

/* A handler's own word for what went wrong. */
static bool is_word(const char *s)
{
	size_t len = strlen(s);

	return len >= 2 && s[0] >= 'a' && s[0] <= 'z' && strspn(s, "x") < len &&
		strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* How many literal characters of `pattern` the code matches; 0 when it does not match. */
static size_t verdict_match(const char *pattern, const char *code)
{
	if (is_word(pattern)) {
		return strcmp(pattern, code) == 0 ? strlen(pattern) : 0;
	}
	size_t literal = is_sqlite_name(pattern) ? strlen(pattern) : strcspn(pattern, "x");
	if (strncmp(pattern, code, literal) != 0) {
		return 0;
	}
	char next = code[literal];
	if (is_sqlite_name(pattern)) {
		return next == '\0' || next == '_' ? literal : 0;
	}
	return strlen(code) == strlen(pattern) ? literal : 0;
}

struct verdict_best {
	size_t literal; /* 0: nothing matched */
	enum verdict verdict;
};

static void verdict_try(
	struct verdict_best *best, const char *pattern, enum verdict verdict, const char *code)
{
	size_t literal = verdict_match(pattern, code);
	if (literal > best->literal) {
		*best = (struct verdict_best){ literal, verdict };
	}
}

static struct verdict_best verdict_by_overrides(
	const struct verdict_overrides *overrides, const char *code)
{
	struct verdict_best best = { 0, VERDICT_RETRY };
	for (size_t i = 0; i < overrides->retry_count; i++) {
		verdict_try(&best, overrides->retry_on[i], VERDICT_RETRY, code);
	}
	for (size_t i = 0; i < overrides->reject_count; i++) {
		verdict_try(&best, overrides->reject_on[i], VERDICT_REJECT, code);
	}
	for (size_t i = 0; i < overrides->hold_count; i++) {
		verdict_try(&best, overrides->hold_on[i], VERDICT_UNAVAILABLE, code);
	}
	return best;
}

static enum verdict verdict_by_tables(const char *code)
{
	struct verdict_best best = { 0, VERDICT_RETRY };
	for (size_t i = 0; i < sizeof(verdict_rows) / sizeof(verdict_rows[0]); i++) {
		verdict_try(&best, verdict_rows[i].pattern, verdict_rows[i].verdict, code);
	}
	return best.verdict;
}

enum verdict verdict_of_statement(
	enum store_failure failure, const char *code, const struct verdict_overrides *overrides)
{
	/* Nothing can be decided about a record on a connection that is gone. */
	if (failure == STORE_LOST || failure == STORE_UNAVAILABLE) {
		return VERDICT_UNAVAILABLE;
	}
	if (failure == STORE_ROLLED_BACK) {
		return VERDICT_REDO;
	}
	if (overrides && code && code[0]) {
		struct verdict_best best = verdict_by_overrides(overrides, code);
		if (best.literal > 0) {
			return best.verdict;
		}
	}
	switch (failure) {
	case STORE_ROWS:
		return VERDICT_REJECT;
	case STORE_FORBIDDEN:
		return VERDICT_UNAVAILABLE;
	case STORE_CONFLICT:
		return VERDICT_REDO;
	case STORE_TIMEOUT:
		return VERDICT_RETRY;
	default:
		return verdict_by_tables(code ? code : "");
	}
}

enum verdict verdict_of_word(
	enum verdict said, const char *code, const struct verdict_overrides *overrides)
{
	struct verdict_best best = verdict_by_overrides(overrides, code);

	return best.literal > 0 ? best.verdict : said;
}

static bool is_status_pattern(const char *pattern)
{
	size_t digits = strspn(pattern, "0123456789");

	return pattern[0] >= '1' && pattern[0] <= '5' &&
		digits + strspn(pattern + digits, "x") == STATUS_LENGTH &&
		pattern[STATUS_LENGTH] == '\0';
}

bool verdict_pattern_is_valid(const char *pattern)
{
	if (is_word(pattern) || is_status_pattern(pattern)) {
		return true;
	}
	if (is_sqlite_name(pattern)) {
		const char *name = pattern + strlen(VERDICT_SQLITE_PREFIX);
		return *name != '\0' && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(name);
	}
	size_t literal = strspn(pattern, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	size_t wild = strspn(pattern + literal, "x");
	return literal >= 2 && literal + wild == SQLSTATE_LENGTH && pattern[literal + wild] == '\0';
}
