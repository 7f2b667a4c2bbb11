/*
 * field_bind - the value of one field, taken from an event
 *
 * Values are exact: numbers as they are written, strings with their escapes replaced, objects and
 * arrays as JSON text. A null (of JSON, or a key, value or header that Kafka has as null) is
 * ONCED_VALUE_NULL; what is not there at all is missing.
 */
#pragma once

#include "field.h"
#include "onced/handler.h"

enum { FIELD_BINDING_TEXT_MAX = 40 };

struct field_binding {
	struct onced_value value; /* borrows from the event, or from `text` */
	char text[FIELD_BINDING_TEXT_MAX];
};

/*
 * `path` is what onced_need_path() gave for a PATH field. 0; -1 with the outcome set to REJECT:
 * code "missing" where a value is needed and `is_null_fine` is not set (it makes NULL of it, as the
 * question mark does), "text" where the bytes cannot be text, "timestamp" where the time cannot be
 * written.
 */
int field_bind(const struct onced_event *event, const struct field *field, int path,
	bool is_null_fine, struct field_binding *ret, struct onced_outcome *outcome);
