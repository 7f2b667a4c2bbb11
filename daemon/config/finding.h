/*
 * finding - what was found wrong, or right, and what to change
 *
 * Collected by checks that look at a configuration and what is around it, told by whoever ran them.
 * One thread. Texts never hold a secret.
 */
#pragma once

#include <stddef.h>

enum finding_severity {
	FINDING_GOOD, /* looked at, and as it should be */
	FINDING_NOTE, /* could not be looked at, or good to know */
	FINDING_WARNING, /* works, and will hurt */
	FINDING_ERROR, /* does not work */
	FINDING_SEVERITIES
};

struct finding {
	enum finding_severity severity;
	const char *check; /* the check's name; static */
	char *subject; /* "consumer orders, topic orders"; "" for the whole */
	char *text; /* one sentence: what is */
	char *remedy; /* what to change; "" where there is nothing to */
};

struct findings {
	struct finding *items;
	size_t count, capacity;
	/* of what is added next; borrowed */
	const char *check, *subject;
};

#define FINDINGS_INIT ((struct findings){ NULL, 0, 0, "", "" })

void findings_fini(struct findings *findings);

/* `remedy` may be NULL. Line breaks and other control characters become blanks. */
void findings_add(struct findings *findings, enum finding_severity severity, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* How many are of that severity. */
size_t findings_count(const struct findings *findings, enum finding_severity severity);

/* "error", "warning", "note", "good". */
const char *finding_severity_name(enum finding_severity severity);
