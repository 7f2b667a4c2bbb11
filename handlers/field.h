/*
 * field - a named part of an event, read from where a configuration says it: ":payload.order_id",
 * ":headers.trace?" in SQL, "{payload.order_id}" in a template
 *
 * Pure. A name is a root from a fixed table and, where the root has them, members. A member is
 * letters, digits and underscores, or anything in double quotes. A question mark at the end says
 * that the value may be absent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum field_root {
	FIELD_PATH, /* a path of the value; `name` is the path as onced_need_path() takes it */
	FIELD_HEADER, /* `name` is the header's */
	FIELD_VALUE, /* the value's bytes */
	FIELD_KEY,
	FIELD_EVENT_ID,
	FIELD_EVENT_TYPE,
	FIELD_SOURCE,
	FIELD_TOPIC,
	FIELD_PARTITION,
	FIELD_OFFSET,
	FIELD_TIMESTAMP, /* RFC 3339 text */
	FIELD_TIMESTAMP_MS,
	FIELD_ATTEMPT,
	FIELD_COUNT,
};

struct field {
	enum field_root root;
	bool is_optional;
	char *name; /* PATH, HEADER: owned; else NULL */
	char *written; /* as in the text, without the question mark; owned */
};

/* What is wrong, and where in the text. */
struct field_error {
	const char *at; /* borrows the text that was parsed */
	unsigned line, column; /* from 1, in characters; set by field_error_locate() */
	char text[512];
};

/* Returns -1. */
int field_error_set(struct field_error *error, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* How names are marked where they stand. */
struct field_syntax {
	const char *opening, *closing; /* the closing may be "" */
	bool has_dashes; /* a dash is part of a name */
	const char *hint; /* behind "did you mean", "" for none */
};

/*
 * Read the field whose opening is at `p`. 0 with `ret` (field_fini() it) and the length it takes in
 * the text, or -1 with `error`.
 */
int field_parse(const char *p, const struct field_syntax *syntax, struct field *ret,
	size_t *ret_len, struct field_error *error);
void field_fini(struct field *field);

/* Set line and column of error->at, which lies in `text`. */
void field_error_locate(struct field_error *error, const char *text);

/* Do both mean the same value? (Optional or not is no difference.) */
bool field_equal(const struct field *a, const struct field *b);
