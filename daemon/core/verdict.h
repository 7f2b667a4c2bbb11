/*
 * verdict - whose fault a failure is
 *
 * Pure: tables. SQLSTATEs by exact code first, then by class; a handler's own lists come before the
 * tables, but not for failures of the connection: nothing can be decided there. What a handler says
 * itself has its lists alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/store.h"

enum verdict {
	VERDICT_RETRY, /* transient: charge an attempt */
	VERDICT_REJECT, /* the record's own fault */
	VERDICT_UNAVAILABLE, /* nobody's record's fault: hold */
	VERDICT_REDO, /* redo smaller, nobody is charged unless it fails alone */
};

/*
 * Patterns: "23505", a class "23xxx" (any number of x at the end, two characters before them), a
 * name of SQLite, which covers its extended names ("SQLITE_CONSTRAINT"), an HTTP status or a class
 * of them ("503", "5xx"), or a handler's word ("timeout"). The most exact pattern wins. Arrays may
 * be NULL where their count is 0.
 */
struct verdict_overrides {
	char *const *retry_on, *const *reject_on, *const *hold_on;
	size_t retry_count, reject_count, hold_count;
};

/* `code`: SQLSTATE, or SQLITE_xxx. `failure` as the store classed it. */
enum verdict verdict_of_statement(
	enum store_failure failure, const char *code, const struct verdict_overrides *overrides);

/* What a handler said about a record with `code`, unless its lists say otherwise. */
enum verdict verdict_of_word(
	enum verdict said, const char *code, const struct verdict_overrides *overrides);

/* Is `pattern` well formed? For the configuration check. */
bool verdict_pattern_is_valid(const char *pattern);
