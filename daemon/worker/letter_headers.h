/*
 * letter_headers - the headers of a dead letter, and of a record in a retry topic
 *
 * Pure. The record's own headers byte for byte, without those of an earlier life as a dead letter
 * (replays must not grow) but onced-replay, then ours.
 */
#pragma once

#include "base/clock.h"
#include "config/config.h"
#include "os/page.h"
#include "worker/record.h"

enum { LETTER_OWN_HEADERS_MAX = 24, LETTER_NUMBERS_MAX = 12 };

/* When the turn of a record in a retry topic is; there in place of onced-reason. */
#define LETTER_DUE_HEADER "onced-retry-due"

/* What the headers tell; all borrowed. */
struct letter_facts {
	const struct record *record; /* its failures are counted */
	enum page_reason reason;
	const char *code, *text; /* "": none */
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t due_ms; /* goes to a retry topic, until then; 0: it is a dead letter */
	const char *consumer, *handler, *host;
	struct slice event_id; /* null: it has none */
	bool is_oversized; /* its value is left out: dlq.oversized = headers-only */
	enum config_dlq_headers extra;
};

/* Slices point into facts, originals and `numbers`: the struct must not move while it is used. */
struct letter_headers {
	struct source_header *items;
	size_t count;
	char numbers[LETTER_NUMBERS_MAX][CLOCK_RFC3339_MAX];
	size_t number_count;
};

/* `original_count` < 0: the record's headers cannot be parsed. */
void letter_headers_init(struct letter_headers *headers, const struct letter_facts *facts,
	const struct source_header *originals, int original_count);
void letter_headers_fini(struct letter_headers *headers);
