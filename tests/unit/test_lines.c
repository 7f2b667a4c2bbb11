/*
 * test_lines - a flood of lines of one kind is cut, and told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/lines.h"

enum { PER_SECOND = 3, SECOND_US = 1000000 };

static unsigned taken(struct lines *lines, int64_t now_us, unsigned tries)
{
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++) {
		count += lines_take(lines, now_us, PER_SECOND, "test");
	}
	return count;
}

static void no_more_lines_are_written_than_a_second_may_have(void **state)
{
	struct lines lines = { 0 };

	assert_int_equal(taken(&lines, 10 * SECOND_US, 100), PER_SECOND);
	assert_int_equal(taken(&lines, 10 * SECOND_US + SECOND_US / 2, 100), 0);
	assert_int_equal(lines.left_out, 197);
}

static void another_second_has_lines_of_its_own(void **state)
{
	struct lines lines = { 0 };

	taken(&lines, 10 * SECOND_US, 100);
	assert_int_equal(taken(&lines, 11 * SECOND_US, 1), 1);
	assert_int_equal(lines.left_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_lines_are_written_than_a_second_may_have),
		cmocka_unit_test(another_second_has_lines_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
