/*
 * sql_template - the `statement` of a sql handler: statements with named parameters, made into
 * statements with numbered ones
 *
 * Pure. Statements are separated by semicolons; the last may end with one. Refused: empty
 * statements, what ends or begins a transaction, what changes the session that all events share,
 * placeholders that are not ours, and more than SQL_PARAMS_MAX different parameters.
 */
#pragma once

#include <stddef.h>

#include "field.h"

enum { SQL_PARAMS_MAX = 256 };

struct sql_statement {
	char *text; /* with $1, $2 ... */
	unsigned *params; /* $n is the template's param params[n - 1] */
	size_t param_count;
};

struct sql_template {
	struct sql_statement *statements;
	size_t statement_count;
	struct field *params; /* all different ones, in order of appearance */
	size_t param_count;
};

/* 0; -1 with `error`, lines and columns of `text`. sql_template_fini() in both cases. */
int sql_template_parse(const char *text, struct sql_template *ret, struct field_error *error);
void sql_template_fini(struct sql_template *template);
