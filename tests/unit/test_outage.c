/*
 * test_outage - poison or outage: the verdict
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "core/outage.h"

#define MS ((int64_t)1000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)

/* ---- the verdict ---- */

struct verdict_case {
	struct outage outage;
	struct outage_mark marks[64];
	uint64_t successes;
	int64_t now_us;
};

static int set_up(void **state)
{
	struct verdict_case *c = NEW(struct verdict_case);

	outage_init(&c->outage, 30 * SECOND);
	c->now_us = MINUTE;
	*state = c;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static enum outage_change fails(struct verdict_case *c, unsigned key)
{
	return outage_failed(&c->outage, &c->marks[key], key, c->successes, false, c->now_us);
}

static enum outage_change is_unavailable(struct verdict_case *c, unsigned key)
{
	return outage_failed(&c->outage, &c->marks[key], key, c->successes, true, c->now_us);
}

static void decide(struct verdict_case *c)
{
	for (unsigned key = 0; key < OUTAGE_AT_ONCE; key++) {
		fails(c, key);
	}
	assert_int_equal(c->outage.state, OUTAGE_DECIDED);
}

static void many_different_records_in_a_row_are_an_outage(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned key = 1; key < OUTAGE_AT_ONCE; key++) {
		assert_int_equal(fails(c, key), OUTAGE_SAME);
		assert_false(outage_is_holding(&c->outage));
	}
	assert_int_equal(fails(c, 0), OUTAGE_BEGAN);
	assert_true(outage_is_holding(&c->outage));
	assert_int_equal(c->outage.failed, OUTAGE_AT_ONCE);
}

static void one_record_that_fails_for_ever_is_none(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(fails(c, 7), OUTAGE_SAME);
		c->now_us += SECOND;
	}
}

static void few_records_must_fail_for_a_while(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned round = 0; round < 10; round++) {
		for (unsigned key = 0; key < OUTAGE_AT_LEAST; key++) {
			assert_int_equal(fails(c, key), OUTAGE_SAME);
		}
		c->now_us += OUTAGE_DROUGHT_US / 10;
	}
	assert_int_equal(fails(c, 0), OUTAGE_BEGAN);
	assert_int_equal(c->outage.since_us, MINUTE);
}

static void two_records_are_too_few_however_long(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(fails(c, i % 2), OUTAGE_SAME);
		c->now_us += SECOND;
	}
}

static void failures_among_successes_are_none(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(fails(c, i % 64), OUTAGE_SAME);
		c->successes += 2;
		c->now_us += 10 * MS;
	}
}

static void hardly_any_success_is_an_outage_all_the_same(void **state)
{
	struct verdict_case *c = *state;
	unsigned key = 0;

	while (key < 64 && fails(c, key) == OUTAGE_SAME) {
		c->successes += key % 9 == 8;
		key++;
	}
	assert_in_range(key, 9, 30);
}

static void poison_left_behind_by_a_stream_that_ended_is_none(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned key = 0; key < 8; key++) {
			assert_int_equal(fails(c, key), OUTAGE_SAME);
		}
		c->successes += 100;
		c->now_us += 100 * MS;
	}
	/* nothing is left to succeed: these have failed while others did */
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(fails(c, i % 8), OUTAGE_SAME);
		c->now_us += 100 * MS;
	}
}

static void old_failures_are_no_evidence(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned key = 0; key < 64; key++) {
		assert_int_equal(fails(c, key), OUTAGE_SAME);
		c->now_us += 2 * MINUTE;
	}
}

static void one_word_of_unavailable_is_a_suspicion_and_another_record_is_tried_at_once(void **state)
{
	struct verdict_case *c = *state;

	assert_int_equal(is_unavailable(c, 1), OUTAGE_SAME);
	assert_true(outage_is_holding(&c->outage));
	assert_false(outage_take_probe(&c->outage, outage_rank(&c->marks[1]), c->now_us));
	assert_true(outage_take_probe(&c->outage, outage_rank(&c->marks[2]), c->now_us));
	assert_int_equal(outage_succeeded(&c->outage, c->now_us, c->now_us), OUTAGE_SAME);
	assert_false(outage_is_holding(&c->outage));
}

static void unavailable_for_a_few_records_is_an_outage(void **state)
{
	struct verdict_case *c = *state;

	for (unsigned key = 1; key < OUTAGE_AT_LEAST; key++) {
		assert_int_equal(is_unavailable(c, key), OUTAGE_SAME);
	}
	assert_int_equal(c->outage.state, OUTAGE_SUSPECTED);
	assert_int_equal(is_unavailable(c, OUTAGE_AT_LEAST), OUTAGE_BEGAN);
	assert_int_equal(c->outage.failed, OUTAGE_AT_LEAST);
}

static void a_few_unavailable_ones_among_successes_are_a_suspicion_at_most(void **state)
{
	struct verdict_case *c = *state;
	int64_t begun_us = c->now_us - SECOND; /* on other lanes, before anything was held */

	for (unsigned key = 1; key <= 8; key++) {
		assert_int_equal(is_unavailable(c, key), OUTAGE_SAME);
		c->successes += 2;
		assert_int_equal(outage_succeeded(&c->outage, begun_us, c->now_us), OUTAGE_SAME);
	}
	assert_int_equal(c->outage.state, OUTAGE_SUSPECTED);
}

static void unavailable_for_the_only_record_is_an_outage_when_it_lasts(void **state)
{
	struct verdict_case *c = *state;

	is_unavailable(c, 1);
	assert_int_equal(is_unavailable(c, 1), OUTAGE_SAME);
	c->now_us += OUTAGE_DROUGHT_US;
	assert_int_equal(is_unavailable(c, 1), OUTAGE_BEGAN);
}

static void a_record_that_alone_is_unavailable_holds_the_others_twice_at_most(void **state)
{
	struct verdict_case *c = *state;
	unsigned held = 0;

	for (unsigned i = 0; i < 100; i++) {
		is_unavailable(c, 1);
		held += outage_is_holding(&c->outage);
		c->now_us += 10 * MS;
		c->successes++;
		outage_succeeded(&c->outage, c->now_us, c->now_us);
	}
	assert_int_equal(held, OUTAGE_WITNESSES);
}

static void one_record_at_a_time_probes_ever_less_often(void **state)
{
	struct verdict_case *c = *state;
	int64_t last_us, wanted_us = OUTAGE_PROBE_FIRST_US;

	decide(c);
	last_us = c->now_us;
	for (unsigned i = 0; i < 10; i++) {
		struct outage_mark mark = { 0 };
		assert_false(outage_take_probe(&c->outage, 0, last_us + wanted_us - 1));
		assert_true(outage_take_probe(&c->outage, 0, last_us + wanted_us));
		assert_false(outage_take_probe(&c->outage, 0, last_us + MINUTE));
		last_us += MINUTE;
		outage_probe_ended(&c->outage, &mark, true, last_us);
		wanted_us =
			2 * wanted_us < OUTAGE_PROBE_MAX_US ? 2 * wanted_us : OUTAGE_PROBE_MAX_US;
	}
	assert_int_equal(c->outage.probes, 10);
}

static void a_probe_that_finds_nothing_out_does_not_slow_the_next(void **state)
{
	struct verdict_case *c = *state;
	struct outage_mark mark = { 0 };

	decide(c);
	c->now_us += SECOND;
	for (unsigned i = 0; i < 10; i++) {
		assert_true(outage_take_probe(&c->outage, 0, c->now_us));
		outage_probe_ended(&c->outage, &mark, false, c->now_us);
	}
	assert_int_equal(outage_rank(&mark), 0);
}

static void records_that_never_failed_probe_first_and_those_that_probed_in_vain_last(void **state)
{
	struct outage_mark fresh = { 0 }, failed = { .has_failed = true };
	struct outage_mark probed = { .has_failed = true, .probes = 200 };

	assert_int_equal(outage_rank(&fresh), 0);
	assert_int_equal(outage_rank(&failed), 1);
	assert_int_equal(outage_rank(&probed), OUTAGE_RANK_MAX);
}

static void the_first_success_ends_it(void **state)
{
	struct verdict_case *c = *state;
	int64_t since_us = c->now_us;

	decide(c);
	c->now_us += SECOND;
	assert_int_equal(outage_succeeded(&c->outage, c->now_us, c->now_us), OUTAGE_ENDED);
	assert_false(outage_is_holding(&c->outage));
	assert_true(outage_covers(&c->outage, since_us));
	assert_true(outage_covers(&c->outage, c->now_us));
	assert_false(outage_covers(&c->outage, since_us - 1));
	assert_false(outage_covers(&c->outage, c->now_us + 1));
	assert_false(outage_covers(&c->outage, 0));
}

static void an_outage_that_comes_back_does_not_make_the_last_one_forgotten(void **state)
{
	struct verdict_case *c = *state;
	int64_t since_us = c->now_us;

	decide(c);
	c->now_us += SECOND;
	outage_succeeded(&c->outage, c->now_us, c->now_us);
	c->now_us += SECOND;
	is_unavailable(c, 20);
	assert_int_equal(c->outage.state, OUTAGE_SUSPECTED);
	assert_true(outage_covers(&c->outage, since_us));
	decide(c);
	assert_true(outage_covers(&c->outage, since_us));
	assert_false(outage_covers(&c->outage, since_us - 1));
	assert_true(outage_covers(&c->outage, c->now_us));
}

static void a_success_begun_before_it_does_not_end_it(void **state)
{
	struct verdict_case *c = *state;

	decide(c);
	c->now_us += SECOND;
	assert_int_equal(outage_succeeded(&c->outage, MINUTE - MS, c->now_us), OUTAGE_SAME);
	assert_true(outage_is_holding(&c->outage));
}

static void an_outage_that_comes_back_is_probed_less_often(void **state)
{
	struct verdict_case *c = *state;

	decide(c);
	outage_succeeded(&c->outage, c->now_us, c->now_us);
	decide(c);
	assert_false(outage_take_probe(&c->outage, 0, c->now_us + OUTAGE_PROBE_AGAIN_US - 1));
	assert_true(outage_take_probe(&c->outage, 0, c->now_us + OUTAGE_PROBE_AGAIN_US));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(many_different_records_in_a_row_are_an_outage),
		TEST(one_record_that_fails_for_ever_is_none),
		TEST(few_records_must_fail_for_a_while),
		TEST(two_records_are_too_few_however_long),
		TEST(failures_among_successes_are_none),
		TEST(hardly_any_success_is_an_outage_all_the_same),
		TEST(poison_left_behind_by_a_stream_that_ended_is_none),
		TEST(old_failures_are_no_evidence),
		TEST(one_word_of_unavailable_is_a_suspicion_and_another_record_is_tried_at_once),
		TEST(unavailable_for_a_few_records_is_an_outage),
		TEST(a_few_unavailable_ones_among_successes_are_a_suspicion_at_most),
		TEST(unavailable_for_the_only_record_is_an_outage_when_it_lasts),
		TEST(a_record_that_alone_is_unavailable_holds_the_others_twice_at_most),
		TEST(one_record_at_a_time_probes_ever_less_often),
		TEST(a_probe_that_finds_nothing_out_does_not_slow_the_next),
		TEST(records_that_never_failed_probe_first_and_those_that_probed_in_vain_last),
		TEST(the_first_success_ends_it),
		TEST(an_outage_that_comes_back_does_not_make_the_last_one_forgotten),
		TEST(a_success_begun_before_it_does_not_end_it),
		TEST(an_outage_that_comes_back_is_probed_less_often),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
