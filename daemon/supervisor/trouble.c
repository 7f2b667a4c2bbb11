/*
 * trouble - what a worker's page says of an outage of its handlers, in words
 */
#include "supervisor/trouble.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/poison.h"

bool trouble_of_handler(const struct page_handler *handler, int64_t wall_ms, char ret[TROUBLE_MAX])
{
	char words[PAGE_TEXT_MAX];
	int64_t since_ms = page_get_within(&handler->outage_since_ms, 0, wall_ms);

	ret[0] = '\0';
	if (!atomic_load(&handler->is_outage)) {
		return false;
	}
	page_text_get(&handler->outage_text, words);
	snprintf(ret, TROUBLE_MAX,
		"outage of handler %.*s for %" PRId64 " s, %" PRId64 " probes: %.140s",
		(int)strnlen(handler->name, sizeof(handler->name)), handler->name,
		(wall_ms - since_ms) / 1000,
		page_get_within(&handler->outage_probes, 0, PAGE_GAUGE_MAX), words);
	return true;
}

bool trouble_of_page(const struct page *page, int64_t wall_ms, char ret[TROUBLE_MAX])
{
	unsigned used = page_handlers_used(page);

	for (unsigned i = 0; i < used; i++) {
		if (trouble_of_handler(&page->handlers[i], wall_ms, ret)) {
			return true;
		}
	}
	ret[0] = '\0';
	return false;
}
