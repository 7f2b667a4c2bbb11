/*
 * test_coroner - which deaths count, which record is named for them, and what the successor finds
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/page.h"
#include "supervisor/coroner.h"

static struct config_handler handler = { .name = (char *)"h", .type = (char *)"plugin" };
static struct config_consumer config_consumer = {
	.name = (char *)"c", .handler = &handler, .workers = 1, .quarantine_after = 2
};
static struct config config = { .state_dir = (char *)"" };
static struct slot_context context = { .config = &config };
static struct consumer consumer;
static struct slot slot, *slot_list = &slot;
static int page_fd;

static const struct loop_exit segfault = { .status = SIGSEGV };
static const struct loop_exit killed = { .status = SIGKILL };

static int setup(void **state)
{
	memset(&consumer, 0, sizeof(consumer));
	memset(&slot, 0, sizeof(slot));
	consumer.config = &config_consumer;
	consumer.slots = &slot_list;
	consumer.slot_count = consumer.slot_total = 1;
	quarantine_init(&consumer.quarantine, 2);
	slot.consumer = &consumer;
	slot.given = &config_consumer;
	slot.context = &context;
	slot.cause = EXIT_CRASHED;
	slot.child = CHILD_INIT;
	handler.type = (char *)"plugin";
	return page_create(NULL, &page_fd, &slot.page, NULL);
}

static int teardown(void **state)
{
	page_unmap(slot.page);
	close(page_fd);
	return 0;
}

/* A lane with record `offset` of topic t, partition 0. */
static void hold(unsigned lane, int64_t offset, enum page_stage stage)
{
	struct page_lane *on = &slot.page->lanes[lane];
	int index = page_partition_index(slot.page, "t", 0);
	struct page_partition *p = &slot.page->partitions[index];

	if (slot.page->lane_count <= lane) {
		slot.page->lane_count = lane + 1;
	}
	atomic_store(&p->state, PAGE_PARTITION_RUNNING);
	atomic_store(&on->partition_index, (uint32_t)index);
	page_set(&on->offset, offset);
	page_set(&on->timestamp_ms, 1000 + offset);
	atomic_store(&on->handler, (uint32_t)page_handler_index(slot.page, "h"));
	atomic_store(&on->stage, stage);
	if (page_get(&p->taken_below) <= offset) {
		page_set(&p->taken_below, offset + 1);
	}
}

static void crash_in(unsigned lane, int signo)
{
	atomic_store(&slot.page->crash_signal, (uint32_t)signo);
	atomic_store(&slot.page->crash_lane, lane + 1);
}

static struct inquest examine(const struct loop_exit *end, bool is_oom)
{
	struct inquest inquest;

	coroner_examine(&slot, end, is_oom, 5000, &inquest);
	return inquest;
}

static void expect_words(const struct loop_exit *end, const char *words)
{
	_cleanup_(buffer_fini) struct buffer said = BUFFER_INIT;
	struct inquest inquest = examine(end, false);

	coroner_explain(&slot, end, &inquest, &said);
	assert_non_null(strstr(buffer_str(&said), words));
}

static void assert_alone(int64_t from, int64_t below)
{
	assert_int_equal(page_get(&slot.page->partitions[0].alone_from), from);
	assert_int_equal(page_get(&slot.page->partitions[0].alone_below), below);
}

static void crashing_lane_names_its_record(void **state)
{
	hold(0, 3, PAGE_STAGE_HANDLER);
	hold(1, 7, PAGE_STAGE_HANDLER);
	crash_in(1, SIGSEGV);
	struct inquest inquest = examine(&segfault, false);
	assert_true(inquest.is_counted && inquest.is_named);
	assert_int_equal(inquest.step, QUARANTINE_ISOLATE);
	assert_int_equal(inquest.entry->at.offset, 7);
	assert_int_equal(inquest.entry->at.timestamp_ms, 1007);
	assert_int_equal(inquest.entry->alone, 0);
	assert_string_equal(inquest.entry->code, "SIGSEGV");
	coroner_isolate_known(&slot);
	assert_alone(7, 8);
}

static void only_record_in_a_handler_is_named_without_a_lane(void **state)
{
	const struct loop_exit left = { .is_exited = true, .status = 3 };

	hold(0, 3, PAGE_STAGE_COMMIT);
	hold(1, 7, PAGE_STAGE_HANDLER);
	struct inquest inquest = examine(&left, false);
	assert_int_equal(inquest.entry->at.offset, 7);
	assert_string_equal(inquest.entry->code, "exit-3");
}

static void death_without_a_name_isolates_all_that_was_in_hand(void **state)
{
	hold(0, 3, PAGE_STAGE_HANDLER);
	hold(1, 7, PAGE_STAGE_HANDLER);
	struct inquest inquest = examine(&segfault, false);
	assert_true(inquest.is_counted);
	assert_false(inquest.is_named);
	assert_int_equal(inquest.step, QUARANTINE_ISOLATE_ALL);
	assert_alone(0, 8);
}

static void a_batch_in_a_handler_names_nobody_and_no_neighbour(void **state)
{
	const struct loop_exit left = { .is_exited = true, .status = 3 };

	hold(0, 3, PAGE_STAGE_BATCH);
	hold(1, 7, PAGE_STAGE_HANDLER);
	crash_in(0, SIGSEGV);
	struct inquest inquest = examine(&segfault, false);
	assert_true(inquest.is_counted);
	assert_false(inquest.is_named);
	assert_int_equal(inquest.step, QUARANTINE_ISOLATE_ALL);
	assert_alone(0, 8);
	/* whose exit it was is not known */
	atomic_store(&slot.page->crash_lane, 0);
	assert_false(examine(&left, false).is_named);
}

static void a_batch_over_its_timeout_names_nobody(void **state)
{
	hold(0, 3, PAGE_STAGE_BATCH);
	slot.cause = EXIT_OVERRAN;
	slot.overrun_lane = 0;
	slot.lanes[0].started_us = page_get(&slot.page->lanes[0].started_us);
	struct inquest inquest = examine(&killed, false);
	assert_true(inquest.is_counted);
	assert_false(inquest.is_named);
	assert_int_equal(inquest.step, QUARANTINE_ISOLATE_ALL);
}

static void crash_behind_the_handler_isolates_all(void **state)
{
	hold(0, 3, PAGE_STAGE_EFFECTS);
	hold(1, 7, PAGE_STAGE_CLAIM);
	crash_in(0, SIGABRT);
	assert_int_equal(examine(&segfault, false).step, QUARANTINE_ISOLATE_ALL);
	assert_alone(0, 8);
}

static void record_that_kills_alone_is_condemned_wherever_it_shows(void **state)
{
	static const struct {
		enum page_stage stage;
		enum page_alone alone;
	} deaths[] = {
		{ PAGE_STAGE_HANDLER, PAGE_ALONE },
		{ PAGE_STAGE_EFFECTS, PAGE_ALONE },
		{ PAGE_STAGE_IDLE, PAGE_ALONE_AFTER },
	};

	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		quarantine_init(&consumer.quarantine, 1);
		hold(0, 7, deaths[i].stage);
		atomic_store(&slot.page->lanes[0].is_alone, deaths[i].alone);
		struct inquest inquest = examine(&segfault, false);
		assert_int_equal(inquest.step, QUARANTINE_CONDEMN);
		assert_int_equal(inquest.entry->at.offset, 7);
	}
}

static void record_that_waits_for_its_turn_is_not_named(void **state)
{
	quarantine_init(&consumer.quarantine, 1);
	hold(0, 7, PAGE_STAGE_CLAIM);
	atomic_store(&slot.page->lanes[0].is_alone, PAGE_ALONE);
	assert_int_equal(examine(&segfault, false).step, QUARANTINE_ISOLATE_ALL);
	assert_int_equal(consumer.quarantine.count, 0);
}

static void kill_counts_only_where_memory_ran_out(void **state)
{
	hold(0, 7, PAGE_STAGE_HANDLER);
	assert_false(examine(&killed, false).is_counted);
	assert_int_equal(consumer.quarantine.count, 0);
	assert_true(examine(&killed, true).is_counted);
	assert_int_equal(consumer.quarantine.count, 1);
}

static void signal_of_another_process_counts_nothing(void **state)
{
	hold(0, 7, PAGE_STAGE_HANDLER);
	crash_in(0, SIGSEGV);
	atomic_store(&slot.page->crash_origin, PAGE_CRASH_FOREIGN);
	assert_false(examine(&segfault, false).is_counted);
	expect_words(&segfault, "the signal came from outside: no record is suspected");
}

/* The thread that ends it is the client's or the main one: what is in a handler did nothing. */
static void an_end_for_want_of_a_thread_counts_nothing(void **state)
{
	const struct loop_exit aborted = { .status = SIGABRT };

	hold(0, 7, PAGE_STAGE_HANDLER);
	atomic_store(&slot.page->lanes[0].is_alone, PAGE_ALONE);
	atomic_store(&slot.page->crash_signal, SIGABRT);
	atomic_store(&slot.page->crash_origin, PAGE_CRASH_SHORTAGE);
	assert_false(examine(&aborted, false).is_counted);
	assert_int_equal(consumer.quarantine.count, 0);
	expect_words(&aborted, "lacked a thread or memory for its Kafka client: no record");
	/* of another death it says nothing */
	assert_true(examine(&segfault, false).is_counted);
}

static void our_own_kill_counts_nothing_but_for_a_timeout(void **state)
{
	hold(0, 3, PAGE_STAGE_HANDLER);
	hold(1, 7, PAGE_STAGE_HANDLER);
	slot.cause = EXIT_KILLED;
	assert_false(examine(&killed, false).is_counted);
	slot.cause = EXIT_HUNG;
	assert_false(examine(&killed, false).is_counted);
	slot.cause = EXIT_OVERRAN;
	slot.overrun_lane = 1;
	struct inquest inquest = examine(&killed, false);
	assert_int_equal(inquest.entry->at.offset, 7);
	assert_true(inquest.entry->is_timeout);
}

static void lane_that_went_on_before_the_kill_names_nobody(void **state)
{
	quarantine_init(&consumer.quarantine, 1);
	hold(0, 7, PAGE_STAGE_HANDLER);
	atomic_store(&slot.page->lanes[0].is_alone, PAGE_ALONE);
	page_set(&slot.page->lanes[0].started_us, 2000);
	slot.lanes[0].started_us = 1000;
	slot.cause = EXIT_OVERRAN;
	assert_false(examine(&killed, false).is_named);
	page_set(&slot.page->lanes[0].started_us, 1000);
	assert_int_equal(examine(&killed, false).step, QUARANTINE_CONDEMN);
}

static void without_foreign_code_nobody_is_suspected(void **state)
{
	handler.type = (char *)"sql";
	hold(0, 7, PAGE_STAGE_HANDLER);
	crash_in(0, SIGSEGV);
	assert_false(examine(&segfault, false).is_counted);
}

static void torn_page_names_nobody(void **state)
{
	hold(0, 7, PAGE_STAGE_HANDLER);
	atomic_store(&slot.page->lanes[0].partition_index, 99999);
	atomic_store(&slot.page->crash_lane, 4000000000u);
	assert_false(examine(&segfault, false).is_named);
	atomic_store(&slot.page->lanes[0].partition_index, 0);
	strcpy(slot.page->partitions[0].topic, "t\t1");
	assert_false(examine(&segfault, false).is_named);
	memset(slot.page->partitions[0].topic, 'x', PAGE_TOPIC_MAX);
	memset(slot.page->cluster_id, 'x', PAGE_CLUSTER_MAX);
	memset(slot.page->handlers[0].build_id, 'x', PAGE_BUILD_ID_MAX);
	(void)examine(&segfault, false);
	coroner_sweep(&consumer, &config, 6000);
}

static void what_is_committed_is_let_go(void **state)
{
	hold(0, 7, PAGE_STAGE_HANDLER);
	crash_in(0, SIGSEGV);
	examine(&segfault, false);
	coroner_isolate_known(&slot);
	page_set(&slot.page->partitions[0].committed, 7);
	coroner_sweep(&consumer, &config, 6000);
	assert_alone(7, 8);
	page_set(&slot.page->partitions[0].committed, 8);
	coroner_sweep(&consumer, &config, 6000);
	assert_alone(0, 0);
	assert_int_equal(consumer.quarantine.count, 0);
}

static void last_word_of_a_partition_given_away_forgets_nobody(void **state)
{
	hold(0, 7, PAGE_STAGE_HANDLER);
	crash_in(0, SIGSEGV);
	examine(&segfault, false);
	page_set(&slot.page->partitions[0].committed, 1000);
	atomic_store(&slot.page->partitions[0].state, PAGE_PARTITION_REVOKED);
	coroner_sweep(&consumer, &config, 6000);
	assert_int_equal(consumer.quarantine.count, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(crashing_lane_names_its_record),
		CASE(only_record_in_a_handler_is_named_without_a_lane),
		CASE(death_without_a_name_isolates_all_that_was_in_hand),
		CASE(a_batch_in_a_handler_names_nobody_and_no_neighbour),
		CASE(a_batch_over_its_timeout_names_nobody),
		CASE(crash_behind_the_handler_isolates_all),
		CASE(record_that_kills_alone_is_condemned_wherever_it_shows),
		CASE(record_that_waits_for_its_turn_is_not_named),
		CASE(kill_counts_only_where_memory_ran_out),
		CASE(signal_of_another_process_counts_nothing),
		CASE(an_end_for_want_of_a_thread_counts_nothing),
		CASE(our_own_kill_counts_nothing_but_for_a_timeout),
		CASE(lane_that_went_on_before_the_kill_names_nobody),
		CASE(without_foreign_code_nobody_is_suspected),
		CASE(torn_page_names_nobody),
		CASE(what_is_committed_is_let_go),
		CASE(last_word_of_a_partition_given_away_forgets_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
