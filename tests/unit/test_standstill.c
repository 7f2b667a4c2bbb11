/*
 * test_standstill - a partition that does not move says why, whatever the cause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "os/page.h"
#include "supervisor/merge.h"
#include "supervisor/slot.h"

enum { NOW_MS = 1000000, LONG_MS = 20000, SHORT_MS = 2000 };

static struct config_consumer config;
static struct slot slot, *slots[] = { &slot };
static struct consumer consumer;
static struct page *page;
static struct page_partition *partition;

/* A partition that works: behind, with records in flight. */
static int setup(void **state)
{
	config = (struct config_consumer){ .name = (char *)(uintptr_t) "orders" };
	consumer = (struct consumer){
		.config = &config, .slots = slots, .slot_count = 1, .slot_total = 1
	};
	slot = (struct slot){ .consumer = &consumer, .state = SLOT_READY, .pid = 100 };
	if (page_create(NULL, &slot.page_fd, &slot.page, NULL) < 0) {
		return -1;
	}
	page = slot.page;
	(void)page_partition_index(page, "t", 0);
	partition = &page->partitions[page_partition_index(page, "t", 1)];
	page_set(&partition->committed, 110);
	page_set(&partition->end_offset, 120);
	page_add(&partition->consumed, 3);
	page_set(&partition->first_unsettled_offset, 111);
	page_set(&partition->first_unsettled_ms, NOW_MS - LONG_MS);
	atomic_store(&partition->state, PAGE_PARTITION_RUNNING);
	return 0;
}

static int teardown(void **state)
{
	page_unmap(slot.page);
	close(slot.page_fd);
	pauses_fini(&consumer.pauses);
	return 0;
}

/* ---- causes ---- */

static void pause_it(void)
{
	struct pause pause = { .topic = "t", .partition = 1, .is_paused = 1 };

	snprintf(pause.who, sizeof(pause.who), "ann");
	snprintf(pause.reason, sizeof(pause.reason), "disk is full");
	pause.since_ms = NOW_MS - LONG_MS;
	assert_true(pauses_put(&consumer.pauses, &pause));
	atomic_store(&partition->state, PAGE_PARTITION_PAUSED);
}

static void pause_worker(void)
{
	atomic_store(&page->is_paused, 1);
	page_text_set(&page->pause_text, "by onced: 100 dead letters in 1 m");
}

static void hold_it(void)
{
	page_set(&partition->held, 1);
	atomic_store(&partition->state, PAGE_PARTITION_HELD);
	page_text_set(&partition->text, "held at offset 111: 42P01 no table");
}

static void open_it(void)
{
	atomic_store(&partition->state, PAGE_PARTITION_OPENING);
}

static void lose_broker(void)
{
	atomic_store(&page->broker_is_down, 1);
	page_text_set(&page->broker_text, "connection refused");
}

static void lose_store(void)
{
	atomic_store(&page->store_is_down, 1);
	page_text_set(&page->store_text, "server closed");
}

static void begin_outage(void)
{
	struct page_handler *handler = &page->handlers[page_handler_index(page, "apply")];

	page_set(&partition->held, 2);
	atomic_store(&handler->is_outage, 1);
	page_set(&handler->outage_since_ms, NOW_MS - 5000);
	page_text_set(&handler->outage_text, "503 overloaded");
}

static void park_some(void)
{
	page_set(&partition->parked, 2);
}

static void work_on_it(void)
{
	atomic_store(&page->lane_count, 2);
	atomic_store(&page->lanes[1].partition_index, 1);
	page_set(&page->lanes[1].offset, 112);
	atomic_store(&page->lanes[1].attempt, 3);
	atomic_store(&page->lanes[1].stage, PAGE_STAGE_HANDLER);
}

static void work_on_another(void)
{
	work_on_it();
	atomic_store(&page->lanes[1].partition_index, 0);
}

static void let_nobody_have_it(void)
{
	atomic_store(&partition->state, PAGE_PARTITION_UNASSIGNED);
}

static const struct {
	const char *name;
	void (*begin)(void);
	const char *sentence;
} causes[] = {
	{ "a pause", pause_it, "paused by ann: disk is full" },
	{ "a pause only the worker knows", pause_worker,
		"paused by onced: 100 dead letters in 1 m" },
	{ "a hold", hold_it, "held at offset 111: 42P01 no table" },
	{ "a start", open_it, "opening: broker and store are asked where it starts" },
	{ "no broker", lose_broker, "no broker answers: connection refused" },
	{ "no store", lose_store, "the store does not answer: server closed" },
	{ "an outage", begin_outage, "outage of handler apply for 5 s, 0 probes: 503 overloaded" },
	{ "retries", park_some,
		"stands at offset 111 for 20 s: 2 records wait for their next attempt" },
	{ "work", work_on_it,
		"stands at offset 111 for 20 s: a lane has offset 112 in hand (handler, attempt "
		"3)" },
	{ "work on another partition", work_on_another,
		"stands at offset 111 for 20 s: it waits for a lane, its rate, or an answer" },
	{ "nobody", let_nobody_have_it, "no worker of the group has it" },
};

static struct merged row_of_it(void)
{
	_cleanup_free_ struct merged *rows = NULL;
	size_t count = merge_partitions(&consumer, NOW_MS, &rows);

	assert_true(count > 0);
	assert_int_equal(rows[count - 1].partition, 1);
	return rows[count - 1];
}

static void each_cause_has_its_sentence(void **state)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		struct merged row;

		causes[i].begin();
		row = row_of_it();
		if (strcmp(row.reason, causes[i].sentence) != 0) {
			fail_msg("%s: \"%s\"", causes[i].name, row.reason);
		}
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void what_moves_or_has_nothing_to_do_has_none(void **state)
{
	page_set(&partition->first_unsettled_ms, NOW_MS - SHORT_MS);
	park_some();
	assert_string_equal(row_of_it().reason, "");
	page_set(&partition->parked, 0);
	page_set(&partition->first_unsettled_ms, 0);
	page_set(&partition->committed, 120);
	page_add(&partition->settled[PAGE_DONE], 3);
	lose_store();
	assert_string_equal(row_of_it().reason, "");
}

static void the_oldest_unsettled_record_has_position_and_age(void **state)
{
	struct merged row = row_of_it();

	assert_int_equal(row.oldest_unsettled_offset, 111);
	assert_int_equal((int)row.oldest_unsettled_seconds, LONG_MS / 1000);
	page_set(&partition->first_unsettled_ms, 0);
	assert_int_equal(row_of_it().oldest_unsettled_offset, -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_cause_has_its_sentence),
		TEST(what_moves_or_has_nothing_to_do_has_none),
		TEST(the_oldest_unsettled_record_has_position_and_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
