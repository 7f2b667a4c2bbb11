/*
 * json_cases - JSON texts, good and bad, and what the scanner must say of each
 *
 * Used by the unit test of the scanner, and as the corpus of its fuzzer. Texts may hold NULs.
 */
#pragma once

#include <stddef.h>

#include "event/scan.h"

struct json_case {
	const char *name; /* grammar rule first: "number_leading_zero" */
	const char *text;
	size_t len;
	enum scan_result result;
	/*
	 * NULL where jansson says the same (accepts or refuses); else the reason why it does not.
	 * The list of these is what is known to differ, and the test fails when one no longer does.
	 */
	const char *why_jansson_differs;
};

extern const struct json_case json_cases[];
extern const size_t json_case_count;
