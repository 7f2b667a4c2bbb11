/*
 * trouble - what a worker's page says of an outage of its handlers, in words
 *
 * Runs in: supervisor. Trusts nothing in the page.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "os/page.h"

enum { TROUBLE_MAX = PAGE_TEXT_MAX };

/* One handler's outage, in a sentence; false and "" when it has none. */
bool trouble_of_handler(
	const struct page_handler *handler, int64_t wall_ms, char ret[TROUBLE_MAX]);
/* The first one of a page. */
bool trouble_of_page(const struct page *page, int64_t wall_ms, char ret[TROUBLE_MAX]);
