/*
 * sql_param - the named parameters of a statement: ":payload.order_id", ":headers.trace?"
 *
 * Pure. A name is a root from a fixed table and, where the root has them, members. A member is
 * letters, digits and underscores, or anything in double quotes. A question mark at the end says
 * that the value may be absent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sql_root {
	SQL_ROOT_PATH, /* a path of the value; `name` is the path as onced_need_path() takes it */
	SQL_ROOT_HEADER, /* `name` is the header's */
	SQL_ROOT_VALUE, /* the value's bytes */
	SQL_ROOT_KEY,
	SQL_ROOT_EVENT_ID,
	SQL_ROOT_EVENT_TYPE,
	SQL_ROOT_SOURCE,
	SQL_ROOT_TOPIC,
	SQL_ROOT_PARTITION,
	SQL_ROOT_OFFSET,
	SQL_ROOT_TIMESTAMP, /* RFC 3339 text */
	SQL_ROOT_TIMESTAMP_MS,
	SQL_ROOT_ATTEMPT,
	SQL_ROOT_COUNT,
};

struct sql_param {
	enum sql_root root;
	bool is_optional;
	char *name; /* PATH, HEADER: owned; else NULL */
	char *written; /* as in the text, without the question mark; owned */
};

/* What is wrong, and where in the text. */
struct sql_error {
	const char *at; /* borrows the text that was parsed */
	unsigned line, column; /* from 1, in characters; set by sql_template_parse() */
	char text[512];
};

/* Returns -1. */
int sql_error_set(struct sql_error *error, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Read the parameter whose colon is at `p`. 0 with `ret` (sql_param_fini() it) and the length it
 * takes in the text, or -1 with `error`.
 */
int sql_param_parse(const char *p, struct sql_param *ret, size_t *ret_len, struct sql_error *error);
void sql_param_fini(struct sql_param *param);

/* Do both mean the same value? (Optional or not is no difference.) */
bool sql_param_equal(const struct sql_param *a, const struct sql_param *b);
