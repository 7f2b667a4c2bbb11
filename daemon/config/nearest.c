/*
 * nearest - the name a person probably meant
 */
#include "config/nearest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { NEAREST_LEN_MAX = 96 };

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t min = a < b ? a : b;

	return min < c ? min : c;
}

static int fold(char c)
{
	return c == '_' || c == '-' ? '.' : tolower((unsigned char)c);
}

/* Edits between two names, a swap of neighbours counting as one. Case and `.`,
 * `_`, `-` are one. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_LEN_MAX + 1];

	for (size_t j = 0; j <= b_len; j++) {
		rows[0][j] = j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t cost = fold(a[i - 1]) != fold(b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
				fold(a[i - 2]) == fold(b[j - 1]) && above2[j - 2] + 1 < row[j]) {
				row[j] = above2[j - 2] + 1;
			}
		}
	}
	return rows[a_len % 3][b_len];
}

struct nearest nearest_to(const char *wanted)
{
	return (struct nearest){ .wanted = wanted, .best = NULL, .distance = SIZE_MAX };
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t wanted_len = strlen(nearest->wanted), len = strlen(candidate);
	size_t distance, allowed = 1 + wanted_len / 4;
	size_t difference = wanted_len > len ? wanted_len - len : len - wanted_len;

	if (wanted_len > NEAREST_LEN_MAX || len > NEAREST_LEN_MAX || difference > allowed) {
		return;
	}
	distance = edit_distance(nearest->wanted, wanted_len, candidate, len);
	if (distance <= allowed && distance < len && distance < nearest->distance) {
		nearest->best = candidate;
		nearest->distance = distance;
	}
}
