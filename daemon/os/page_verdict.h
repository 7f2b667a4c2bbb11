/*
 * page_verdict - the last verdicts about a partition's records, readable after a crash
 *
 * Part of the page (os/page.h). Written by a worker's lanes, ledger and main thread, one at a time
 * (under the worker's lock), without a lock of its own: an entry's number is odd while it is
 * written, so that a reader, or whoever looks at a worker that died in the middle, knows a torn
 * one. Read by the supervisor, which believes nothing in it. A slot's next worker writes on.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	PAGE_VERDICTS = 8, /* of a partition */
	PAGE_VERDICT_ID_MAX = 64, /* longer ids are cut */
	PAGE_VERDICT_CODE_MAX = 16,
	PAGE_VERDICT_NO_HANDLER = UINT32_MAX,
};

/* What was said of a record: the first four end it, and so does DEFERRED in this topic. */
enum page_verdict_outcome {
	PAGE_VERDICT_DONE, PAGE_VERDICT_DUPLICATE, PAGE_VERDICT_SKIPPED,
	PAGE_VERDICT_DEAD_LETTER, /* decided; it is settled when its topic has it */
	PAGE_VERDICT_DEFERRED, /* likewise, for a retry topic */
	PAGE_VERDICT_RETRY, /* it failed, and its strand is parked */
	PAGE_VERDICT_HELD, /* nobody's fault: nothing is charged */
	PAGE_VERDICT_OUTCOMES
};

struct page_verdict {
	/* 0: never written; odd: being written; else twice the count of verdicts up to this one */
	_Atomic uint64_t number;
	int64_t offset; /* in this partition, also where it is a retry topic's */
	int64_t at_ms; /* wall clock */
	int64_t took_us; /* since it was taken, with its batch, until this was known */
	uint32_t attempt; /* 1 for the first */
	uint32_t handler; /* index into handlers; PAGE_VERDICT_NO_HANDLER: none was to see it */
	uint16_t id_length; /* of the whole event id, of which the beginning is here; 0: none */
	uint8_t outcome; /* page_verdict_outcome */
	uint8_t reason; /* page_reason; of dead letters */
	char code[PAGE_VERDICT_CODE_MAX]; /* "" none */
	char event_id[PAGE_VERDICT_ID_MAX];
};

struct page_verdicts {
	_Atomic uint64_t written;
	struct page_verdict entries[PAGE_VERDICTS];
};

/* The entry to fill, all but `number`, and then to end. The oldest one is gone with it. */
struct page_verdict *page_verdict_begin(struct page_verdicts *verdicts);
void page_verdict_end(struct page_verdicts *verdicts, struct page_verdict *entry);

/* A null one: none. */
void page_verdict_set_id(struct page_verdict *entry, struct slice event_id);

/*
 * Copies of whole entries, newest first, with outcome, reason and texts within their bounds (`code`
 * ends with NUL). Returns how many; those being written or torn are left out.
 */
unsigned page_verdicts_read(
	const struct page_verdicts *verdicts, struct page_verdict ret[PAGE_VERDICTS]);

/* "done", "duplicate", "skipped", "dead_letter", "deferred", "retry", "held" */
extern const char *const page_verdict_names[PAGE_VERDICT_OUTCOMES];
