/*
 * count_verdict - what a record's verdict costs on the page
 */
#include <stdio.h>
#include <stdlib.h>

#include "orders.h"
#include "os/page.h"

static void say(struct page *page, unsigned number)
{
	struct page_verdicts *verdicts = &page->verdicts[number % ORDER_PARTITIONS];
	struct page_verdict *entry = page_verdict_begin(verdicts);

	entry->offset = number / ORDER_PARTITIONS;
	entry->at_ms = 1767225600000;
	entry->took_us = 1000;
	entry->attempt = 1;
	entry->handler = 0;
	entry->outcome = PAGE_VERDICT_DONE;
	entry->reason = 0;
	entry->code[0] = '\0';
	page_verdict_set_id(entry, SLICE_LITERAL("0b6f1e0e-8a51-4f0e-9a44-0c6d2f3b7a19"));
	page_verdict_end(verdicts, entry);
}

int main(int argc, char **argv)
{
	unsigned rounds = rounds_of(argc, argv);
	struct page *page;
	int fd;

	if (page_create(NULL, &fd, &page, NULL) < 0) {
		fprintf(stderr, "cannot make a page\n");
		return 1;
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < ORDERS; i++) {
			say(page, i);
		}
	}
	return page->verdicts[0].written == (uint64_t)rounds * ORDERS / ORDER_PARTITIONS ? 0 : 1;
}
