/*
 * verdicts - the last verdicts about a partition's records, out of the pages of all slots
 *
 * Runs in: supervisor. A partition moves between slots, and each page keeps what was said while it
 * was there, also after its worker died.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "supervisor/tree.h"

struct verdict_place;

/* Where a consumer's verdicts are, sorted by topic and partition. */
struct verdict_book {
	struct verdict_place *places;
	size_t count;
};

void verdict_book_init(struct verdict_book *book, const struct consumer *consumer);
void verdict_book_fini(struct verdict_book *book);

/* Those of one partition, newest first, at most PAGE_VERDICTS. */
json_t *verdicts_json(const struct verdict_book *book, const char *topic, int32_t partition);
