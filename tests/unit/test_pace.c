/*
 * test_pace - at most N in T, spread evenly
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/pace.h"

#define SECOND_US INT64_C(1000000)

/* A clock that began long ago. */
static const int64_t begin_us = 1000 * SECOND_US;

/* Take what is allowed at every tick until `seconds` are over. */
static unsigned let_through(const struct pace *pace, int64_t tick_us, int64_t seconds)
{
	pace_mark_ns mark = 0;
	unsigned sum = 0;

	for (int64_t now_us = begin_us; now_us < begin_us + seconds * SECOND_US;
		now_us += tick_us) {
		unsigned count = pace_allows(pace, mark, now_us);

		mark = pace_spend(pace, mark, now_us, count);
		assert_int_equal(pace_allows(pace, mark, now_us), 0);
		sum += count;
	}
	return sum;
}

static void no_limit_lets_all_through(void **state)
{
	struct pace pace = pace_of(0, SECOND_US);

	assert_false(pace_is_limited(&pace));
	assert_int_equal(pace_allows(&pace, 0, begin_us), UINT32_MAX);
}

static void in_the_long_run_it_is_as_many_as_said(void **state)
{
	static const struct {
		unsigned count;
		int64_t window_us, tick_us;
	} cases[] = {
		{ 100, SECOND_US, 1000 },
		{ 1000, SECOND_US, 50000 },
		{ 7, SECOND_US, 3333 },
		{ 60, 60 * SECOND_US, 10000 },
		{ 100000, SECOND_US, 10 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pace pace = pace_of(cases[i].count, cases[i].window_us);
		int64_t wanted = 10 * SECOND_US * cases[i].count / cases[i].window_us;
		unsigned sum = let_through(&pace, cases[i].tick_us, 10);
		unsigned burst = cases[i].count / 10 + 1;

		if (sum > wanted + burst || sum + 2 < wanted) {
			fail_msg("%u in %lld us: %u in 10 s", cases[i].count,
				(long long)cases[i].window_us, sum);
		}
	}
}

static void after_a_rest_a_tenth_may_go_at_once(void **state)
{
	struct pace pace = pace_of(50, SECOND_US), slow = pace_of(3, SECOND_US);

	assert_int_equal(pace_allows(&pace, 0, begin_us), 5);
	assert_int_equal(pace_allows(&slow, 0, begin_us), 1);
}

static void the_next_may_go_when_it_is_due(void **state)
{
	struct pace pace = pace_of(50, SECOND_US);
	pace_mark_ns mark = pace_spend(&pace, 0, begin_us, 5);
	int64_t due_us = pace_due_us(&pace, mark);

	assert_int_equal(due_us, begin_us + SECOND_US / 50);
	assert_int_equal(pace_allows(&pace, mark, due_us - 1), 0);
	assert_int_equal(pace_allows(&pace, mark, due_us), 1);
}

static void keys_have_marks_of_their_own(void **state)
{
	struct pace pace = pace_of(1, SECOND_US);
	struct pace_keys keys = { 0 };

	for (uint64_t key = 0; key < 5000; key++) {
		pace_mark_ns *mark = pace_keys_get(&keys, key << 20, begin_us);

		assert_int_equal(pace_allows(&pace, *mark, begin_us), 1);
		*mark = pace_spend(&pace, *mark, begin_us, 1);
	}
	for (uint64_t key = 0; key < 5000; key++) {
		pace_mark_ns mark = *pace_keys_get(&keys, key << 20, begin_us);

		assert_int_equal(pace_allows(&pace, mark, begin_us), 0);
	}
	pace_keys_fini(&keys);
}

static void keys_that_rest_are_forgotten(void **state)
{
	struct pace pace = pace_of(1, SECOND_US);
	struct pace_keys keys = { 0 };

	for (int64_t i = 0; i < 100000; i++) {
		int64_t now_us = begin_us + i * SECOND_US / 50; /* at most 50 are not at rest */
		pace_mark_ns *mark = pace_keys_get(&keys, (uint64_t)i, now_us);

		*mark = pace_spend(&pace, *mark, now_us, 1);
	}
	assert_true(keys.capacity <= 1024);
	pace_keys_fini(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit_lets_all_through),
		cmocka_unit_test(in_the_long_run_it_is_as_many_as_said),
		cmocka_unit_test(after_a_rest_a_tenth_may_go_at_once),
		cmocka_unit_test(the_next_may_go_when_it_is_due),
		cmocka_unit_test(keys_have_marks_of_their_own),
		cmocka_unit_test(keys_that_rest_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
