/*
 * test_sched - what is given out, what waits, and what a dead epoch leaves behind
 */
#include "sched_case.h"

static void a_partition_is_one_strand_and_has_one_lane(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_PARTITION);
	put(sched, 0, 0, 1, 10, 7);
	put(sched, 1, 0, 1, 11, 8);
	put(sched, 2, 1, 1, 10, 7);
	assert_string_equal(take(sched, 1), "0");
	assert_string_equal(take(sched, 10), "2");
	assert_string_equal(take(sched, 10), "");
	GIVE_BACK(sched, back(0, SCHED_SETTLED));
	assert_string_equal(take(sched, 10), "1");
	sched_free(sched);
}

static void keys_are_strands_of_their_partition(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	put(sched, 0, 0, 1, 10, 7);
	put(sched, 1, 0, 1, 11, 8);
	put(sched, 2, 0, 1, 12, 7);
	put(sched, 3, 1, 1, 10, 7);
	assert_string_equal(take(sched, 1), "0");
	assert_string_equal(take(sched, 10), "1 3");
	assert_string_equal(take(sched, 10), "");
	GIVE_BACK(sched, back(0, SCHED_SETTLED));
	assert_string_equal(take(sched, 10), "2");
	sched_free(sched);
}

static void without_order_every_record_stands_alone(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_NONE);
	put(sched, 0, 0, 1, 10, 7);
	put(sched, 1, 0, 1, 11, 7);
	put(sched, 2, 0, 1, 12, 7);
	assert_string_equal(take(sched, 1), "0");
	assert_string_equal(take(sched, 1), "1");
	GIVE_BACK(sched, park(0, 50));
	assert_string_equal(take(sched, 9), "2");
	sched_free(sched);
}

static void a_batch_takes_whole_runs_of_the_oldest_strands(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	for (size_t i = 0; i < 6; i++) {
		put(sched, i, 0, 1, (int64_t)i, i % 2);
	}
	assert_string_equal(take(sched, 4), "0 2 4 1");
	GIVE_BACK(sched, back(0, SCHED_SETTLED), back(2, SCHED_SETTLED), back(4, SCHED_SETTLED),
		back(1, SCHED_AGAIN));
	assert_string_equal(take(sched, 9), "1 3 5");
	sched_free(sched);
}

static void a_batch_is_never_larger_than_batch_max(void **state)
{
	const struct sched_limits limits = {
		.batch_max = 3, .in_flight_max = 100, .in_flight_bytes = 1 << 20
	};
	struct sched *sched = sched_new(SCHED_ORDER_PARTITION, &limits);
	sched_epoch_begin(sched, 0, 1);
	for (size_t i = 0; i < 5; i++) {
		put(sched, i, 0, 1, (int64_t)i, 0);
	}
	assert_string_equal(take(sched, 60), "0 1 2");
	sched_free(sched);
}

static void a_record_that_is_to_be_alone_is_a_batch_of_one(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_PARTITION);
	for (size_t i = 0; i < 5; i++) {
		items[i] = (struct sched_item){
			.slot = i == 4, .epoch = 1, .offset = (int64_t)i, .is_alone = i == 2
		};
		sched_put(sched, &items[i]);
	}
	assert_string_equal(take(sched, 500), "0 1 4");
	GIVE_BACK(sched, back(0, SCHED_SETTLED), back(1, SCHED_SETTLED), back(4, SCHED_SETTLED));
	assert_string_equal(take(sched, 500), "2");
	GIVE_BACK(sched, back(2, SCHED_AGAIN));
	assert_string_equal(take(sched, 500), "2");
	GIVE_BACK(sched, back(2, SCHED_SETTLED));
	assert_string_equal(take(sched, 500), "3");
	GIVE_BACK(sched, back(3, SCHED_SETTLED));
	sched_free(sched);
}

static void a_batch_ends_before_a_strand_that_begins_with_one_that_is_to_be_alone(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_PARTITION);
	for (size_t i = 0; i < 3; i++) {
		items[i] = (struct sched_item){
			.slot = i > 0, .epoch = 1, .offset = (int64_t)i, .is_alone = i == 1
		};
		sched_put(sched, &items[i]);
	}
	assert_string_equal(take(sched, 500), "0");
	assert_string_equal(take(sched, 500), "1");
	assert_string_equal(take(sched, 500), "");
	GIVE_BACK(sched, back(0, SCHED_SETTLED));
	GIVE_BACK(sched, back(1, SCHED_SETTLED));
	assert_string_equal(take(sched, 500), "2");
	GIVE_BACK(sched, back(2, SCHED_SETTLED));
	sched_free(sched);
}

static void a_parked_strand_blocks_only_itself(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	put(sched, 0, 0, 1, 0, 1);
	put(sched, 1, 0, 1, 1, 1);
	put(sched, 2, 0, 1, 2, 2);
	assert_string_equal(take(sched, 2), "0 1");
	GIVE_BACK(sched, park(0, 1000), back(1, SCHED_AGAIN));
	assert_int_equal(sched_next_due_us(sched), 1000);
	put(sched, 3, 0, 1, 3, 1);
	assert_string_equal(take(sched, 9), "2");
	assert_int_equal(sched_tick(sched, 999), 0);
	assert_false(sched_is_ready(sched));
	assert_int_equal(sched_tick(sched, 1000), 1);
	assert_int_equal(sched_next_due_us(sched), INT64_MAX);
	assert_string_equal(take(sched, 9), "0 1 3");
	sched_free(sched);
}

static void the_first_verdict_that_is_not_settled_rules_the_strand(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_PARTITION);
	for (size_t i = 0; i < 5; i++) {
		put(sched, i, 0, 1, (int64_t)i, 0);
	}
	take(sched, 9);
	GIVE_BACK(sched, back(0, SCHED_SETTLED), park(1, 70), back(2, SCHED_HOLD),
		back(3, SCHED_SETTLED), back(4, SCHED_AGAIN));
	assert_int_equal(sched_tick(sched, 70), 1);
	assert_string_equal(take(sched, 9), "1 2 4");
	sched_free(sched);
}

static void parked_strands_wake_in_order_of_their_time(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	static const int64_t due[] = { 50, 10, 40, 20, 30, 20, 60, 5, 45, 15 };
	for (size_t i = 0; i < 10; i++) {
		put(sched, i, 0, 1, (int64_t)i, i);
	}
	take(sched, 64);
	for (size_t i = 0; i < 10; i++) {
		GIVE_BACK(sched, park(i, due[i]));
	}
	unsigned woken = 0;
	for (int64_t last = 0; woken < 10;) {
		int64_t next = sched_next_due_us(sched);
		assert_true(next > last);
		last = next;
		woken += sched_tick(sched, next);
	}
	assert_string_equal(take(sched, 64), "7 1 9 3 5 4 2 8 0 6");
	sched_free(sched);
}

static void a_held_strand_waits_for_release_all(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	put(sched, 0, 0, 1, 0, 1);
	put(sched, 1, 0, 1, 1, 2);
	take(sched, 1);
	GIVE_BACK(sched, back(0, SCHED_HOLD));
	assert_string_equal(take(sched, 9), "1");
	sched_tick(sched, INT64_MAX);
	assert_string_equal(take(sched, 9), "");
	sched_release_all(sched);
	assert_string_equal(take(sched, 9), "0");
	sched_free(sched);
}

static void holds_of_a_strand_are_counted(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	sched_hold(sched, 0, 1, 5);
	put(sched, 0, 0, 1, 0, 5);
	sched_hold(sched, 0, 1, 5);
	sched_release(sched, 0, 1, 5);
	assert_string_equal(take(sched, 9), "");
	sched_release_all(sched);
	assert_string_equal(take(sched, 9), "");
	sched_release(sched, 0, 1, 5);
	assert_string_equal(take(sched, 9), "0");
	/* While a lane has it: the hold waits for the batch. */
	sched_hold(sched, 0, 1, 5);
	GIVE_BACK(sched, back(0, SCHED_AGAIN));
	assert_string_equal(take(sched, 9), "");
	sched_release(sched, 0, 1, 5);
	assert_string_equal(take(sched, 9), "0");
	sched_release(sched, 0, 1, 5);
	sched_free(sched);
}

static void a_hold_outlasts_a_park(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_PARTITION);
	put(sched, 0, 0, 1, 0, 5);
	take(sched, 9);
	sched_hold(sched, 0, 1, 77);
	GIVE_BACK(sched, park(0, 10));
	assert_int_equal(sched_tick(sched, 10), 0);
	assert_string_equal(take(sched, 9), "");
	sched_release(sched, 0, 1, 78);
	assert_string_equal(take(sched, 9), "0");
	sched_free(sched);
}

static void nothing_is_given_out_while_paused(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	put(sched, 0, 0, 1, 0, 1);
	sched_pause_all(sched, true);
	assert_false(sched_is_ready(sched));
	assert_string_equal(take(sched, 9), "");
	sched_pause_all(sched, false);
	assert_string_equal(take(sched, 9), "0");
	sched_free(sched);
}

static void the_end_of_an_epoch_empties_its_slot_only(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	put(sched, 0, 0, 1, 0, 1);
	put(sched, 1, 0, 1, 1, 2);
	put(sched, 2, 0, 1, 2, 3);
	put(sched, 3, 1, 1, 0, 1);
	take(sched, 1);
	GIVE_BACK(sched, park(0, 10));
	take(sched, 1);
	GIVE_BACK(sched, back(1, SCHED_HOLD));
	unsigned count = 0;
	for (struct sched_item *item = sched_epoch_end(sched, 0, 1); item; item = item->next) {
		assert_int_equal(item->slot, 0);
		count++;
	}
	assert_int_equal(count, 3);
	assert_int_equal(sched_next_due_us(sched), INT64_MAX);
	assert_string_equal(take(sched, 9), "3");
	assert_null(sched_epoch_end(sched, 0, 1));
	assert_null(sched_epoch_end(sched, 9, 1));
	struct sched_stats stats;
	sched_get_stats(sched, &stats);
	assert_int_equal(stats.in_flight, 1);
	assert_int_equal(stats.in_flight_bytes, 100);
	sched_free(sched);
}

static void a_new_epoch_waits_for_lanes_of_the_old_one(void **state)
{
	static const enum sched_order orders[] = { SCHED_ORDER_PARTITION, SCHED_ORDER_KEY,
		SCHED_ORDER_NONE };
	for (size_t i = 0; i < 3; i++) {
		struct sched *sched = begin(orders[i]);
		put(sched, 0, 0, 1, 5, 1);
		take(sched, 9);
		assert_null(sched_epoch_end(sched, 0, 1));
		sched_epoch_begin(sched, 0, 2);
		put(sched, 1, 0, 2, 5, 1);
		assert_string_equal(take(sched, 9), "");
		assert_int_equal(sched_epoch_given_out(sched, 0, 1), 1);
		assert_int_equal(sched_epoch_given_out(sched, 0, 2), 0);
		struct sched_item *dead = GIVE_BACK(sched, park(0, 99));
		assert_ptr_equal(dead, &items[0]);
		assert_null(dead->next);
		assert_int_equal(sched_epoch_given_out(sched, 0, 1), 0);
		assert_string_equal(take(sched, 9), "1");
		assert_int_equal(sched_epoch_given_out(sched, 0, 2), 1);
		sched_free(sched);
	}
}

static void several_dead_epochs_come_back_one_by_one(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	put(sched, 0, 0, 1, 0, 1);
	put(sched, 1, 0, 1, 1, 2);
	take(sched, 1);
	take(sched, 1);
	sched_epoch_end(sched, 0, 1);
	sched_epoch_begin(sched, 0, 2);
	put(sched, 2, 0, 2, 2, 3);
	assert_string_equal(take(sched, 9), "2");
	sched_epoch_end(sched, 0, 2);
	sched_epoch_begin(sched, 0, 3);
	assert_int_equal(sched_epoch_given_out(sched, 0, 1), 2);
	assert_int_equal(sched_epoch_given_out(sched, 0, 2), 1);
	assert_ptr_equal(GIVE_BACK(sched, back(2, SCHED_AGAIN)), &items[2]);
	assert_null(GIVE_BACK(sched, back(0, SCHED_SETTLED)));
	assert_int_equal(sched_epoch_given_out(sched, 0, 1), 1);
	assert_ptr_equal(GIVE_BACK(sched, back(1, SCHED_HOLD)), &items[1]);
	struct sched_stats stats;
	sched_get_stats(sched, &stats);
	assert_int_equal(stats.in_flight + stats.held_strands + stats.in_flight_bytes, 0);
	sched_free(sched);
}

static void holds_end_with_their_epoch(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	sched_hold(sched, 0, 1, 5);
	sched_epoch_end(sched, 0, 1);
	sched_hold(sched, 0, 1, 5);
	sched_epoch_begin(sched, 0, 2);
	sched_hold(sched, 0, 1, 5);
	put(sched, 0, 0, 2, 0, 5);
	assert_string_equal(take(sched, 9), "0");
	sched_hold(sched, 0, 2, 5);
	sched_release(sched, 0, 1, 5);
	GIVE_BACK(sched, back(0, SCHED_HOLD));
	assert_string_equal(take(sched, 9), "");
	sched_epoch_end(sched, 0, 2);
	sched_epoch_begin(sched, 0, 3);
	put(sched, 1, 0, 3, 0, 5);
	assert_string_equal(take(sched, 9), "1");
	sched_free(sched);
}

static void room_is_bounded_by_records_and_by_bytes(void **state)
{
	const struct sched_limits limits = {
		.batch_max = 9, .in_flight_max = 2, .in_flight_bytes = 150
	};
	struct sched *sched = sched_new(SCHED_ORDER_KEY, &limits);
	sched_epoch_begin(sched, 0, 1);
	items[0] = (struct sched_item){ .epoch = 1, .offset = 0, .bytes = 1000 };
	assert_true(sched_has_room(sched));
	sched_put(sched, &items[0]);
	assert_false(sched_has_room(sched));
	take(sched, 9);
	assert_false(sched_has_room(sched));
	GIVE_BACK(sched, back(0, SCHED_SETTLED));
	assert_true(sched_has_room(sched));
	items[1] = (struct sched_item){ .epoch = 1, .offset = 1, .bytes = 1 };
	items[2] = (struct sched_item){ .epoch = 1, .offset = 2, .bytes = 1 };
	sched_put(sched, &items[1]);
	assert_true(sched_has_room(sched));
	sched_put(sched, &items[2]);
	assert_false(sched_has_room(sched));
	sched_free(sched);
}

static void statistics_say_where_records_wait(void **state)
{
	struct sched *sched = begin(SCHED_ORDER_KEY);
	for (size_t i = 0; i < 8; i++) {
		put(sched, i, 0, 1, (int64_t)i, i / 2);
	}
	take(sched, 2);
	GIVE_BACK(sched, park(0, 5), back(1, SCHED_AGAIN));
	take(sched, 2);
	GIVE_BACK(sched, back(2, SCHED_SETTLED), back(3, SCHED_HOLD));
	take(sched, 2);
	put(sched, 8, 0, 1, 8, 0);
	struct sched_stats stats;
	sched_get_stats(sched, &stats);
	assert_int_equal(stats.in_flight, 8);
	assert_int_equal(stats.in_flight_bytes, 800);
	assert_int_equal(stats.given_out, 2);
	assert_int_equal(stats.queued, 6);
	assert_int_equal(stats.parked_strands, 1);
	assert_int_equal(stats.parked_records, 3);
	assert_int_equal(stats.held_strands, 1);
	assert_int_equal(stats.held_records, 1);
	sched_free(sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_partition_is_one_strand_and_has_one_lane),
		cmocka_unit_test(keys_are_strands_of_their_partition),
		cmocka_unit_test(without_order_every_record_stands_alone),
		cmocka_unit_test(a_batch_takes_whole_runs_of_the_oldest_strands),
		cmocka_unit_test(a_batch_is_never_larger_than_batch_max),
		cmocka_unit_test(a_record_that_is_to_be_alone_is_a_batch_of_one),
		cmocka_unit_test(
			a_batch_ends_before_a_strand_that_begins_with_one_that_is_to_be_alone),
		cmocka_unit_test(a_parked_strand_blocks_only_itself),
		cmocka_unit_test(the_first_verdict_that_is_not_settled_rules_the_strand),
		cmocka_unit_test(parked_strands_wake_in_order_of_their_time),
		cmocka_unit_test(a_held_strand_waits_for_release_all),
		cmocka_unit_test(holds_of_a_strand_are_counted),
		cmocka_unit_test(a_hold_outlasts_a_park),
		cmocka_unit_test(nothing_is_given_out_while_paused),
		cmocka_unit_test(the_end_of_an_epoch_empties_its_slot_only),
		cmocka_unit_test(a_new_epoch_waits_for_lanes_of_the_old_one),
		cmocka_unit_test(several_dead_epochs_come_back_one_by_one),
		cmocka_unit_test(holds_end_with_their_epoch),
		cmocka_unit_test(room_is_bounded_by_records_and_by_bytes),
		cmocka_unit_test(statistics_say_where_records_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
