/*
 * sample - the sections as they are explained to people
 *
 * Private to config/: the sample file and the manual say the same.
 */
#pragma once

#include "config/document.h"

/* In the order of the manual; ends with header == NULL. */
struct sample_section {
	enum section_kind kind;
	const char *header; /* with the # of those that need a name of one's own */
	const char *intro;
};
extern const struct sample_section sample_sections[];
