/*
 * test_rebuild - where a rebuild that was stopped goes on
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rebuild_step.h"

static void a_step_is_found_by_the_name_it_is_written_with(void **state)
{
	for (unsigned i = 0; i < REBUILD_STEPS; i++) {
		assert_non_null(rebuild_step_names[i]);
		assert_int_equal(rebuild_step_of(rebuild_step_names[i]), i);
	}
	assert_int_equal(rebuild_step_of("truncate"), REBUILD_STEPS);
	assert_int_equal(rebuild_step_of(NULL), REBUILD_STEPS);
}

static void it_goes_on_where_nothing_is_repeated_harmfully(void **state)
{
	static const struct {
		enum rebuild_step saved;
		bool is_switched;
		enum rebuild_step again;
	} rows[] = {
		/* nothing is emptied yet: the offsets must stand at the start when it is */
		{ REBUILD_DRAIN, false, REBUILD_DRAIN },
		{ REBUILD_REWIND, false, REBUILD_DRAIN },
		{ REBUILD_SWITCH, false, REBUILD_DRAIN },
		/* the store lost the switch (restored from a backup): all of it again */
		{ REBUILD_CHECK, false, REBUILD_DRAIN },
		{ REBUILD_WATCH, false, REBUILD_DRAIN },
		/* killed between the switch's commit and the next line of the file */
		{ REBUILD_SWITCH, true, REBUILD_CHECK },
		{ REBUILD_CHECK, true, REBUILD_CHECK },
		{ REBUILD_RESUME, true, REBUILD_RESUME },
		/* resumed: no offset is touched any more */
		{ REBUILD_WATCH, true, REBUILD_WATCH },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			rebuild_step_again(rows[i].saved, rows[i].is_switched), rows[i].again);
	}
}

static void no_way_leads_back_before_the_switch(void **state)
{
	for (unsigned i = 0; i < REBUILD_STEPS; i++) {
		assert_true(rebuild_step_again((enum rebuild_step)i, true) > REBUILD_SWITCH);
		assert_true(rebuild_step_again((enum rebuild_step)i, false) < REBUILD_SWITCH);
	}
	assert_true(rebuild_may_abort(false));
	assert_false(rebuild_may_abort(true));
}

static void the_time_left_follows_from_the_pace_so_far(void **state)
{
	assert_int_equal(rebuild_left_us(100, 300, 1000000), 3000000);
	assert_int_equal(rebuild_left_us(100, 0, 1000000), 0);
	assert_int_equal(rebuild_left_us(0, 300, 1000000), -1);
	assert_int_equal(rebuild_left_us(100, 300, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_is_found_by_the_name_it_is_written_with),
		cmocka_unit_test(it_goes_on_where_nothing_is_repeated_harmfully),
		cmocka_unit_test(no_way_leads_back_before_the_switch),
		cmocka_unit_test(the_time_left_follows_from_the_pace_so_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
