/*
 * compose - a growing text: JSON, URLs, header lines
 *
 * Pure but for memory, whose lack aborts, as everywhere in a worker. compose_fini() accepts an
 * empty one; zero it to begin with.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "onced/handler.h"

struct compose {
	char *data; /* NUL-terminated behind `len`; NULL before the first byte */
	size_t len, capacity;
};

void compose_fini(struct compose *text);
/* Empty it, keep the memory. */
void compose_clear(struct compose *text);
/* The text as a string, "" where there is none. */
const char *compose_str(const struct compose *text);

void compose_append(struct compose *text, const char *data, size_t len);
/* Text as it is: punctuation, names, numbers. */
void compose_literal(struct compose *text, const char *literal);
void compose_number(struct compose *text, int64_t number);

/*
 * Bytes as a JSON value: null when absent, a string when they are UTF-8 without a NUL, else
 * {"base64":"..."}.
 */
void compose_bytes(struct compose *text, struct onced_bytes bytes);
/* A string, quotes included; the bytes are UTF-8. */
void compose_string(struct compose *text, struct onced_bytes bytes);
/* The string in base64 alone, quotes included. */
void compose_base64(struct compose *text, struct onced_bytes bytes);
/*
 * JSON text on one line: raw line ends stand only between its tokens, and become spaces; U+2028 and
 * U+2029 stand only in its strings, and are escaped.
 */
void compose_json(struct compose *text, struct onced_bytes json);
