/*
 * dlq_mark - the record that says what became of dead letters
 *
 * Pure. A mark lies in the dead-letter topic itself, behind the letters and in the partition of the
 * letters that it settles: it needs no other place, lives as long as they do, and says who did what
 * to which and why. Its only header is onced-mark, its value a JSON object:
 *
 *	{"mark": "replayed", "id": "…", "at": "2026-01-02T03:04:05.678Z", "by": "root@host",
 *	 "why": "…", "to": "orders", "offsets": [[0, 99], [105, 105]]}
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "dlq_book.h"
#include "kafka/reader.h"

#define DLQ_MARK_HEADER "onced-mark"

struct dlq_mark {
	enum dlq_state state; /* DLQ_REPLAYED or DLQ_DISCARDED */
	const char *id; /* of the run it is part of */
	int64_t at_ms;
	const char *by, *why;
	const char *to; /* "" for a discard */
};

/* The value of a mark; `offsets` are sorted. */
void dlq_mark_write(
	const struct dlq_mark *mark, const int64_t *offsets, size_t count, struct buffer *out);

/* By its only header. Whether its value can be read is another question. */
bool dlq_mark_is(const struct kafka_reader_record *record);

/* Settle in the book what the mark says. False, and nothing, for a value that is no mark's. */
bool dlq_mark_apply(const struct kafka_reader_record *record, struct dlq_book *book);

/* [first, last] of a mark; false: it is none. */
bool dlq_mark_range(const json_t *range, int64_t *ret_first, int64_t *ret_last);
