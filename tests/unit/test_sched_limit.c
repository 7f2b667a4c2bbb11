/*
 * test_sched_limit - what `rate` and `rate.key` let the scheduler give out
 */
#include "sched_case.h"

/* So many in a second; at so few bursts are of one. */
static struct sched *begin_limited(unsigned all, unsigned each)
{
	struct pace of_all = pace_of(all, 1000000), of_each = pace_of(each, 1000000);
	struct sched *sched = begin(SCHED_ORDER_KEY);

	sched_limit(sched, &of_all, &of_each);
	sched_tick(sched, 1000000000);
	return sched;
}

static void a_limit_of_all_gives_out_one_after_the_other(void **state)
{
	struct sched *sched = begin_limited(10, 0);
	put(sched, 0, 0, 1, 0, 1);
	put(sched, 1, 0, 1, 1, 2);
	put(sched, 2, 1, 1, 0, 1);
	assert_string_equal(take(sched, 9), "0");
	assert_false(sched_is_ready(sched));
	assert_int_equal(sched_next_due_us(sched), 1000100000);
	assert_int_equal(sched_tick(sched, 1000099999), 0);
	assert_string_equal(take(sched, 9), "");
	assert_int_equal(sched_tick(sched, 1000100000), 1);
	assert_string_equal(take(sched, 9), "1");
	sched_tick(sched, 1000200000);
	assert_string_equal(take(sched, 9), "2");
	assert_int_equal(sched_next_due_us(sched), INT64_MAX);
	sched_free(sched);
}

static void a_limit_of_each_key_stops_only_that_key(void **state)
{
	struct sched *sched = begin_limited(0, 2);
	put(sched, 0, 0, 1, 0, 1);
	put(sched, 1, 0, 1, 1, 1);
	put(sched, 2, 0, 1, 2, 2);
	assert_string_equal(take(sched, 9), "0 2");
	GIVE_BACK(sched, back(0, SCHED_SETTLED));
	GIVE_BACK(sched, back(2, SCHED_SETTLED));
	put(sched, 3, 0, 1, 3, 3);
	assert_string_equal(take(sched, 9), "3");
	assert_int_equal(sched_next_due_us(sched), 1000500000);
	assert_int_equal(sched_tick(sched, 1000500000), 1);
	assert_string_equal(take(sched, 9), "1");
	sched_free(sched);
}

static void a_key_that_was_away_is_limited_all_the_same(void **state)
{
	struct sched *sched = begin_limited(0, 2);
	put(sched, 0, 0, 1, 0, 1);
	assert_string_equal(take(sched, 9), "0");
	GIVE_BACK(sched, back(0, SCHED_SETTLED)); /* its strand is gone */
	put(sched, 1, 0, 1, 1, 1);
	put(sched, 2, 1, 1, 0, 1); /* of another partition: another key */
	assert_string_equal(take(sched, 9), "2");
	sched_tick(sched, 1000500000);
	assert_string_equal(take(sched, 9), "1");
	sched_free(sched);
}

static void tries_count_like_records(void **state)
{
	struct sched *sched = begin_limited(10, 0);
	put(sched, 0, 0, 1, 0, 1);
	assert_string_equal(take(sched, 9), "0");
	GIVE_BACK(sched, back(0, SCHED_AGAIN));
	assert_string_equal(take(sched, 9), "");
	sched_tick(sched, 1000100000);
	assert_string_equal(take(sched, 9), "0");
	sched_free(sched);
}

static void waking_all_does_not_end_a_limit(void **state)
{
	struct sched *sched = begin_limited(0, 2);
	put(sched, 0, 0, 1, 0, 1);
	put(sched, 1, 0, 1, 1, 1);
	assert_string_equal(take(sched, 1), "0");
	GIVE_BACK(sched, back(0, SCHED_SETTLED));
	assert_string_equal(take(sched, 9), "");
	assert_int_equal(sched_tick(sched, INT64_MAX), 1);
	assert_string_equal(take(sched, 9), "");
	assert_int_equal(sched_next_due_us(sched), 1000500000);
	sched_free(sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_of_all_gives_out_one_after_the_other),
		cmocka_unit_test(a_limit_of_each_key_stops_only_that_key),
		cmocka_unit_test(a_key_that_was_away_is_limited_all_the_same),
		cmocka_unit_test(tries_count_like_records),
		cmocka_unit_test(waking_all_does_not_end_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
