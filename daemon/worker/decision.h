/*
 * decision - what is written down when a record becomes a dead letter
 *
 * Pure. Kept with the record's dedup row, so that a dead letter that is produced again after a
 * crash says the same as the first. One line that people can read:
 *
 *	rejected 1 1767323045678 1767323045678 5 22P02 invalid input syntax for type integer
 *
 * reason, attempts, first and last failure in milliseconds since 1970, length of the code, code,
 * text.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "os/page.h"

/* Longer texts of errors are cut. */
enum { DECISION_TEXT_MAX = 512, DECISION_CODE_MAX = 32 };

struct decision {
	enum page_reason reason;
	unsigned attempts;
	int64_t first_failure_ms, last_failure_ms; /* wall clock */
	const char *code; /* under DECISION_CODE_MAX bytes, "" none */
	const char *text; /* at most DECISION_TEXT_MAX bytes */
};

/* At most STORE_DECISION_MAX bytes. */
struct slice decision_write(const struct decision *decision, struct arena *arena);

/* False, and nothing changed: it is not one. Strings live in the arena. */
bool decision_read(struct slice written, struct arena *arena, struct decision *ret);

/* The length to which `text` is cut: whole characters of UTF-8. */
size_t decision_text_length(const char *text);
