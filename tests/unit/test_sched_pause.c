/*
 * test_sched_pause - one partition stands still, and what waits is tried at once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/sched.h"
#include "core/tracker.h"

static struct sched_item items[8];
static struct sched *sched;

static int setup(void **state)
{
	static const struct sched_limits limits = {
		.batch_max = 100, .in_flight_max = 1000, .in_flight_bytes = 1 << 20
	};

	sched = sched_new(SCHED_ORDER_KEY, &limits);
	sched_epoch_begin(sched, 0, 1);
	sched_epoch_begin(sched, 1, 1);
	memset(items, 0, sizeof(items));
	return 0;
}

static int teardown(void **state)
{
	(void)sched_epoch_end(sched, 0, 1);
	(void)sched_epoch_end(sched, 0, 2);
	(void)sched_epoch_end(sched, 1, 1);
	sched_free(sched);
	return 0;
}

/* Its offset and key are its number. */
static void put(size_t i, uint32_t slot)
{
	items[i] = (struct sched_item){
		.slot = slot, .epoch = 1, .offset = (int64_t)i, .key_hash = i, .bytes = 10
	};
	sched_put(sched, &items[i]);
}

/* What comes next, as its number; -1: nothing. */
static int take(void)
{
	struct sched_item *item;

	return sched_take(sched, &item, 1) ? (int)(item - items) : -1;
}

static void give_back(size_t i, enum sched_verdict verdict, int64_t due_us)
{
	struct sched_return one = { .item = &items[i], .verdict = verdict, .due_us = due_us };
	struct sched_item *dead;

	sched_give_back(sched, &one, 1, &dead);
}

static void a_paused_slot_gives_nothing_and_the_others_do(void **state)
{
	put(0, 0);
	put(1, 1);
	sched_pause_slot(sched, 0, true);
	put(2, 0); /* what comes later waits, too */
	assert_int_equal(take(), 1);
	assert_int_equal(take(), -1);
	assert_false(sched_is_ready(sched));
	sched_pause_slot(sched, 0, false);
	assert_int_equal(take(), 0);
	assert_int_equal(take(), 2);
}

static void what_was_given_out_may_not_begin_in_a_paused_slot(void **state)
{
	put(0, 0);
	assert_int_equal(take(), 0);
	sched_pause_slot(sched, 0, true);
	assert_false(sched_may_begin(sched, 0, 1));
	assert_true(sched_may_begin(sched, 1, 1));
	give_back(0, SCHED_AGAIN, 0);
	assert_int_equal(take(), -1);
	sched_pause_slot(sched, 0, false);
	assert_int_equal(take(), 0);
}

static void a_record_that_ends_in_a_paused_slot_leaves_nothing_behind(void **state)
{
	struct sched_stats stats;

	put(0, 0);
	assert_int_equal(take(), 0);
	sched_pause_slot(sched, 0, true);
	give_back(0, SCHED_SETTLED, 0);
	sched_get_stats(sched, &stats);
	assert_int_equal(stats.in_flight, 0);
	assert_int_equal(stats.held_strands, 0);
}

static void a_strand_that_is_due_waits_for_the_end_of_the_pause(void **state)
{
	put(0, 0);
	assert_int_equal(take(), 0);
	give_back(0, SCHED_PARK, 50);
	sched_pause_slot(sched, 0, true);
	assert_int_equal(sched_tick(sched, 60), 0);
	assert_int_equal(sched_retry(sched, SCHED_ALL_SLOTS), 0);
	assert_int_equal(take(), -1);
	sched_pause_slot(sched, 0, false);
	assert_int_equal(take(), 0);
}

static void a_held_strand_stays_held_after_a_pause(void **state)
{
	put(0, 0);
	assert_int_equal(take(), 0);
	give_back(0, SCHED_HOLD, 0);
	sched_pause_slot(sched, 0, true);
	sched_pause_slot(sched, 0, false);
	assert_int_equal(take(), -1);
	sched_release_all(sched);
	assert_int_equal(take(), 0);
}

static void a_pause_goes_on_in_the_next_epoch(void **state)
{
	sched_pause_slot(sched, 0, true);
	(void)sched_epoch_end(sched, 0, 1);
	sched_epoch_begin(sched, 0, 2);
	items[0] = (struct sched_item){ .slot = 0, .epoch = 2, .bytes = 10 };
	sched_put(sched, &items[0]);
	assert_int_equal(take(), -1);
	sched_pause_slot(sched, 0, false);
	assert_int_equal(take(), 0);
}

static void retry_wakes_one_slot_or_all(void **state)
{
	put(0, 0);
	put(1, 1);
	assert_int_equal(take(), 0);
	assert_int_equal(take(), 1);
	give_back(0, SCHED_PARK, 1000);
	give_back(1, SCHED_HOLD, 0);
	assert_int_equal(sched_retry(sched, 1), 1);
	assert_int_equal(take(), 1);
	assert_int_equal(take(), -1);
	assert_int_equal(sched_retry(sched, SCHED_ALL_SLOTS), 1);
	assert_int_equal(take(), 0);
	assert_int_equal(sched_next_due_us(sched), INT64_MAX);
}

static void retry_leaves_a_strand_whose_dead_letter_waits(void **state)
{
	put(0, 0);
	sched_hold(sched, 0, 1, 0);
	assert_int_equal(sched_retry(sched, SCHED_ALL_SLOTS), 0);
	assert_int_equal(take(), -1);
	sched_release(sched, 0, 1, 0);
	assert_int_equal(take(), 0);
}

static void a_queued_record_is_found_and_one_in_hand_is_not(void **state)
{
	put(0, 0);
	put(1, 1);
	assert_ptr_equal(sched_find(sched, 1, 1), &items[1]);
	assert_null(sched_find(sched, 0, 1));
	assert_int_equal(take(), 0);
	assert_null(sched_find(sched, 0, 0));
}

static void the_tracker_knows_what_is_not_settled(void **state)
{
	struct tracker *tracker = tracker_new(10, 1000);

	assert_false(tracker_has_unsettled(tracker, 10));
	assert_int_equal(tracker_next(tracker), 10);
	tracker_add(tracker, 12);
	tracker_add(tracker, 14);
	assert_true(tracker_has_unsettled(tracker, 12));
	assert_false(tracker_has_unsettled(tracker, 13));
	assert_false(tracker_has_unsettled(tracker, 15));
	tracker_settle(tracker, 12);
	assert_false(tracker_has_unsettled(tracker, 12));
	assert_int_equal(tracker_next(tracker), 15);
	tracker_free(tracker);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_paused_slot_gives_nothing_and_the_others_do),
		TEST(what_was_given_out_may_not_begin_in_a_paused_slot),
		TEST(a_record_that_ends_in_a_paused_slot_leaves_nothing_behind),
		TEST(a_strand_that_is_due_waits_for_the_end_of_the_pause),
		TEST(a_held_strand_stays_held_after_a_pause),
		TEST(a_pause_goes_on_in_the_next_epoch),
		TEST(retry_wakes_one_slot_or_all),
		TEST(retry_leaves_a_strand_whose_dead_letter_waits),
		TEST(a_queued_record_is_found_and_one_in_hand_is_not),
		TEST(the_tracker_knows_what_is_not_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
