/*
 * subject - one section being given its meaning, and what is told about its keys
 *
 * Private to assemble. Values that are secret are never quoted.
 */
#pragma once

#include <stdbool.h>

#include "config/internal.h"

#define SUBJECT_ROUTE_PREFIX "route."
enum { SUBJECT_ROUTE_PREFIX_LEN = sizeof(SUBJECT_ROUTE_PREFIX) - 1 };

struct assembly {
	struct config *config;
	const struct config_handler_type *types;
	struct pool *pool;
	struct document *document;
	struct problems *problems;
};

struct subject {
	const struct assembly *assembly;
	struct document_section *section;
	void *object; /* the struct its keys go into */
	const char *title;
	const struct config_handler_type *type; /* of a handler; NULL: unknown */
	const struct config_param *params; /* of the type; NULL: none known */
	bool is_type_open; /* keys beside `params` are taken as they are */
};

/* "[section] key = value: sentence", without the value where it is secret. Marks the entry bad. */
void subject_tell_bad_value(const struct subject *subject, struct document_entry *entry,
	bool is_secret, const char *sentence);

/* With the nearest name of this section, or the section where the name is known. Marks it bad. */
void subject_tell_unknown_key(const struct subject *subject, struct document_entry *entry);

/*
 * Tell lines of the value that look like keys of this section: most likely someone indented them.
 * Marks the entry bad. Not for values in SQL, where such lines are usual.
 */
void subject_check_continuation(const struct subject *subject, struct document_entry *entry);
