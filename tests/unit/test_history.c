/*
 * test_history - the last half hour of a consumer: rates between looks, the oldest point goes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/history.h"

enum { BEGIN_US = 5000000 };

static void the_first_look_makes_no_point(void **state)
{
	struct history history = { 0 };

	assert_true(history_is_due(&history, 1));
	history_take(&history, BEGIN_US, 1000000, 5);
	assert_int_equal(history.count, 0);
	assert_false(history_is_due(&history, BEGIN_US + HISTORY_INTERVAL_US - 1));
	assert_true(history_is_due(&history, BEGIN_US + HISTORY_INTERVAL_US));
}

static void a_rate_is_over_the_time_that_really_passed(void **state)
{
	struct history history = { 0 };

	history_take(&history, BEGIN_US, 100, 0);
	history_take(&history, BEGIN_US + 2 * HISTORY_INTERVAL_US, 300, -1);
	assert_int_equal(history.count, 1);
	assert_true(history_point(&history, 0)->settled_per_second == 10.0f);
	assert_int_equal(history_point(&history, 0)->lag, -1);
}

static void a_counter_that_went_back_is_no_rate(void **state)
{
	struct history history = { 0 };

	history_take(&history, BEGIN_US, 100, 0);
	history_take(&history, BEGIN_US + HISTORY_INTERVAL_US, 50, 7);
	assert_true(history_point(&history, 0)->settled_per_second == 0);
	assert_int_equal(history_point(&history, 0)->lag, 7);
}

static void the_oldest_point_goes(void **state)
{
	struct history history = { 0 };

	for (int i = 0; i <= HISTORY_POINTS + 3; i++) {
		history_take(&history, BEGIN_US + i * HISTORY_INTERVAL_US, 0, i);
	}
	assert_int_equal(history.count, HISTORY_POINTS);
	assert_int_equal(history_point(&history, 0)->lag, 4);
	assert_int_equal(history_point(&history, HISTORY_POINTS - 1)->lag, HISTORY_POINTS + 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_look_makes_no_point),
		cmocka_unit_test(a_rate_is_over_the_time_that_really_passed),
		cmocka_unit_test(a_counter_that_went_back_is_no_rate),
		cmocka_unit_test(the_oldest_point_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
