/*
 * compose - write JSON text into a growing run of bytes
 *
 * Pure but for memory. Out of memory is remembered, not reported: `is_failed` is looked at once, at
 * the end. compose_fini() accepts an empty one; zero it to begin with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "onced/handler.h"

struct compose {
	char *data;
	size_t len, capacity;
	bool is_failed;
};

void compose_fini(struct compose *text);
/* Empty it, keep the memory. */
void compose_clear(struct compose *text);

void compose_append(struct compose *text, const char *data, size_t len);
/* JSON as it is: punctuation, names, numbers. */
void compose_literal(struct compose *text, const char *literal);
void compose_number(struct compose *text, int64_t number);

/*
 * Bytes as a JSON value: null when absent, a string when they are UTF-8 without a NUL, else
 * {"base64":"..."}.
 */
void compose_bytes(struct compose *text, struct onced_bytes bytes);
/* The string alone, quotes included. */
void compose_base64(struct compose *text, struct onced_bytes bytes);
/* JSON text on one line: raw line ends stand only between its tokens, and become spaces. */
void compose_json(struct compose *text, struct onced_bytes json);
