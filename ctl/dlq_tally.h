/*
 * dlq_tally - how many of each kind, where a kind is a row of words
 *
 * Pure. Kinds beyond DLQ_TALLY_MAX are counted together.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { DLQ_TALLY_WORDS_MAX = 5, DLQ_TALLY_MAX = 500 };

struct dlq_tally_row {
	char *words[DLQ_TALLY_WORDS_MAX];
	size_t count;
};

struct dlq_tally {
	const char *const *heads; /* of the columns of words; for JSON in lower case */
	size_t columns;
	struct dlq_tally_row *rows;
	size_t count, capacity;
	size_t total;
};

void dlq_tally_init(struct dlq_tally *tally, const char *const *heads, size_t columns);
void dlq_tally_fini(struct dlq_tally *tally);

void dlq_tally_add(struct dlq_tally *tally, const struct slice *words);

/* A table, the most frequent first. */
void dlq_tally_write(struct dlq_tally *tally, struct buffer *out);
/* An array of objects, likewise. */
json_t *dlq_tally_json(struct dlq_tally *tally);
