/*
 * template - a text with fields of the event in it: "/orders/{payload.order_id}?by={key}"
 *
 * Pure. Fields are named as in the statement of an sql handler, in braces; {{ and }} are the braces
 * themselves. A dash is part of a name: {headers.x-tenant}. A question mark says that the value may
 * be absent, and is then empty: {payload.note?}.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "field.h"

enum { TEMPLATE_FIELDS_MAX = 64 };

/* Literal text, or a field. */
struct template_piece {
	char *literal; /* NULL: a field; NUL-terminated, not empty */
	struct field field;
	int path; /* of a FIELD_PATH: what onced_need_path() called it; set by who opens */
};

struct template {
	struct template_piece *pieces; /* no two literals in a row */
	size_t piece_count;
};

/* 0; -1 with `error`, lines and columns of `text`. template_fini() in both cases. */
int template_parse(const char *text, struct template *ret, struct field_error *error);
void template_fini(struct template *template);

bool template_has_fields(const struct template *template);
