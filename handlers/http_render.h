/*
 * http_render - templates with the values of one event put in
 *
 * Values are text as the event has it: numbers as written, true and false, objects and arrays as
 * JSON. What is absent or null rejects the event unless the template says that it may be.
 */
#pragma once

#include "template.h"
#include "compose.h"

/*
 * Append path and query, each value percent-encoded: it can end no segment and begin no parameter.
 * 0; -1 with the outcome set to REJECT: as field_bind(), or code "url" where a value would leave a
 * segment of the path empty, or make . or .. of it.
 */
int http_render_path(const struct template *template, const struct onced_event *event,
	struct compose *text, struct onced_outcome *outcome);

/*
 * Append the value of header `name`, values as they are. 0; -1 with the outcome set to REJECT: as
 * field_bind(), or code "header" for a value with control characters, which would make another
 * header or request of it.
 */
int http_render_header(const char *name, const struct template *template,
	const struct onced_event *event, struct compose *text, struct onced_outcome *outcome);
