/*
 * nearest - the name a person probably meant
 *
 * Pure. Feed candidates one by one; the closest by edit distance wins if it is close enough that
 * proposing it helps.
 */
#pragma once

#include <stddef.h>

struct nearest {
	const char *wanted;
	const char *best; /* borrowed from the candidates; NULL while none is near */
	size_t distance;
};

struct nearest nearest_to(const char *wanted);
void nearest_offer(struct nearest *nearest, const char *candidate);
