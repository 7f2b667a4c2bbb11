/*
 * test_summary - the figures of a consumer where its rows do not say all
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/page.h"
#include "supervisor/summary.h"

enum { NOW_MS = 1000000, SLOTS = 2 };

static struct config_consumer config = { .name = (char *)"orders" };
static struct slot slots[SLOTS];
static struct slot *slot_list[] = { &slots[0], &slots[1] };
static struct consumer consumer = {
	.config = &config, .slots = slot_list, .slot_count = SLOTS, .slot_total = SLOTS
};

static int setup(void **state)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < SLOTS; i++) {
		slots[i] = (struct slot){ .consumer = &consumer, .number = i };
		r = page_create(NULL, &slots[i].page_fd, &slots[i].page, NULL);
	}
	return r;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		page_unmap(slots[i].page);
		close(slots[i].page_fd);
	}
	return 0;
}

static void show_unassigned(struct page *page, int32_t partition, int64_t lag)
{
	struct page_partition *shown =
		&page->partitions[page_partition_index(page, "t", partition)];

	page_set(&shown->committed, 3);
	page_set(&shown->end_offset, 3 + lag);
	atomic_store(&shown->state, PAGE_PARTITION_UNASSIGNED);
}

/* Both workers found the same, one of them a moment later. */
static void partitions_of_nobody_count_also_where_there_is_no_row_for_them(void **state)
{
	struct summary summary;

	for (unsigned i = 0; i < SLOTS; i++) {
		show_unassigned(slots[i].page, 7, 2);
	}
	summary_of_consumer(&consumer, NOW_MS, &summary);
	assert_int_equal(summary.unassigned, 1);
	assert_int_equal(summary.unassigned_lag, 2);
	page_set(&slots[0].page->untold, 10);
	page_set(&slots[0].page->untold_lag, 100);
	page_set(&slots[1].page->untold, 11);
	page_set(&slots[1].page->untold_lag, 103);
	summary_of_consumer(&consumer, NOW_MS, &summary);
	assert_int_equal(summary.unassigned, 1 + 11);
	assert_int_equal(summary.unassigned_lag, 2 + 103);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			partitions_of_nobody_count_also_where_there_is_no_row_for_them, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
