/*
 * test_tier - which retry topic is next, and that nothing waits too short whatever the clock does
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/tier.h"

#define SECOND_US INT64_C(1000000)

static const struct tier_policy three = {
	.delays_us = { 10 * SECOND_US, 60 * SECOND_US, 600 * SECOND_US }, .count = 3
};

static int next(const struct tier_policy *policy, unsigned attempts, bool has_witness)
{
	const struct tier_state state = { .attempts = attempts, .has_witness = has_witness };

	return tier_next(policy, &state);
}

/* ---- which ---- */

static void each_failure_leads_one_topic_on(void **state)
{
	for (unsigned failures = 1; failures <= 3; failures++) {
		assert_int_equal(next(&three, failures, false), failures - 1);
		assert_int_equal(next(&three, failures, true), failures - 1);
	}
}

static void with_a_witness_it_ends_behind_the_last(void **state)
{
	assert_int_equal(next(&three, 4, true), -1);
	assert_int_equal(next(&three, 1000, true), -1);
}

static void without_a_witness_it_goes_round_in_the_last(void **state)
{
	assert_int_equal(next(&three, 4, false), 2);
	assert_int_equal(next(&three, 1000000, false), 2);
}

static void the_deadline_ends_going_round_but_cuts_no_topic_short(void **state)
{
	struct tier_policy policy = three;

	policy.deadline_us = 30 * SECOND_US;
	assert_int_equal(next(&policy, 3, false), 2);
	assert_int_equal(next(&policy, 4, false), -1);
	policy.deadline_us = (670 + 600) * SECOND_US;
	assert_int_equal(next(&policy, 4, false), 2);
	assert_int_equal(next(&policy, 5, false), -1);
	policy.deadline_us--;
	assert_int_equal(next(&policy, 4, false), -1);
}

/* In headers anybody may have written, and of times that a product of both does not hold. */
static void no_number_of_attempts_is_too_large(void **state)
{
	const struct tier_policy policy = {
		.delays_us = { 7200 * SECOND_US }, .count = 1, .deadline_us = 86400 * SECOND_US
	};

	assert_int_equal(next(&policy, 12, false), 0);
	assert_int_equal(next(&policy, 13, false), -1);
	for (unsigned attempts = 14; attempts < UINT32_MAX / 2; attempts *= 2) {
		assert_int_equal(next(&policy, attempts, false), -1);
	}
	assert_int_equal(next(&policy, UINT32_MAX / 2, false), -1);
	assert_int_equal(next(&policy, UINT32_MAX, false), -1);
}

static void a_topic_shorter_than_was_asked_for_is_passed_over(void **state)
{
	struct tier_state asked = { .attempts = 1, .retry_after_us = 11 * SECOND_US };

	assert_int_equal(tier_next(&three, &asked), 1);
	asked.retry_after_us = 60 * SECOND_US;
	assert_int_equal(tier_next(&three, &asked), 1);
	asked.retry_after_us = 3600 * SECOND_US;
	assert_int_equal(tier_next(&three, &asked), 2);
	asked = (struct tier_state){ .attempts = 3, .retry_after_us = SECOND_US };
	assert_int_equal(tier_next(&three, &asked), 2);
}

/* ---- when ---- */

#define BOOT_MS INT64_C(1790000000000)
#define DELAY_US (10 * SECOND_US)

/* A host: its monotonic time, and what its wall clock was set to. */
struct host {
	struct tier_clock clock;
	int64_t mono_us, wall_ahead_ms;
};

static int64_t wall_ms(const struct host *host)
{
	return BOOT_MS + host->wall_ahead_ms + host->mono_us / 1000;
}

static int64_t look(struct host *host)
{
	return tier_clock_ms(&host->clock, wall_ms(host), host->mono_us);
}

static void pass(struct host *host, int64_t us)
{
	for (int64_t end_us = host->mono_us + us; host->mono_us < end_us; look(host)) {
		host->mono_us += SECOND_US / 5;
	}
}

static struct host begun(void)
{
	struct host host = { .clock = { .longest_us = DELAY_US }, .mono_us = 1000 * SECOND_US };

	look(&host);
	return host;
}

/* Written now. */
static struct tier_stamp stamp_of(const struct host *host)
{
	return (struct tier_stamp){ wall_ms(host) + DELAY_US / 1000, wall_ms(host) };
}

static int64_t due_us(struct host *host, struct tier_stamp stamp)
{
	return tier_due_us(&stamp, DELAY_US, look(host), host->mono_us);
}

static void a_record_is_due_a_delay_after_it_was_written(void **state)
{
	struct host host = begun();
	struct tier_stamp stamp = stamp_of(&host);
	int64_t written_us = host.mono_us;

	assert_int_equal(due_us(&host, stamp), written_us + DELAY_US);
	pass(&host, 4 * SECOND_US);
	assert_int_equal(due_us(&host, stamp), written_us + DELAY_US);
	pass(&host, 60 * SECOND_US);
	assert_int_equal(due_us(&host, stamp), host.mono_us);
}

static void a_clock_stepped_forward_makes_nothing_early(void **state)
{
	for (int64_t before_s = 0; before_s <= 9; before_s++) {
		struct host host = begun();
		struct tier_stamp stamp = stamp_of(&host);
		int64_t written_us = host.mono_us;

		pass(&host, before_s * SECOND_US);
		host.wall_ahead_ms += 3600 * 1000;
		for (; host.mono_us < written_us + DELAY_US; pass(&host, SECOND_US)) {
			assert_true(due_us(&host, stamp) >= written_us + DELAY_US);
		}
	}
}

static void a_step_forward_is_believed_when_the_longest_delay_has_passed(void **state)
{
	struct host host = begun();

	host.wall_ahead_ms += 3600 * 1000;
	pass(&host, DELAY_US / 2);
	assert_int_equal(look(&host), wall_ms(&host) - 3600 * 1000);
	pass(&host, DELAY_US);
	assert_int_equal(look(&host), wall_ms(&host));
	/* and what was written behind the step is as late as it should be, by then */
	assert_int_equal(due_us(&host, stamp_of(&host)), host.mono_us + DELAY_US);
}

static void a_clock_stepped_back_makes_a_record_late_by_a_delay_at_most(void **state)
{
	struct host host = begun();
	struct tier_stamp stamp = stamp_of(&host);

	host.wall_ahead_ms -= 3600 * 1000;
	pass(&host, SECOND_US);
	assert_int_equal(look(&host), wall_ms(&host));
	assert_int_equal(due_us(&host, stamp), host.mono_us + DELAY_US);
}

static void back_and_forth_makes_nothing_early(void **state)
{
	struct host host = begun();
	int64_t written_us;
	struct tier_stamp stamp;

	host.wall_ahead_ms -= 60 * 1000;
	pass(&host, SECOND_US);
	stamp = stamp_of(&host);
	written_us = host.mono_us;
	host.wall_ahead_ms += 60 * 1000;
	for (; host.mono_us < written_us + DELAY_US; pass(&host, SECOND_US)) {
		assert_true(due_us(&host, stamp) >= written_us + DELAY_US);
	}
}

static void small_corrections_are_followed(void **state)
{
	struct host host = begun();

	for (int i = 0; i < 1000; i++) {
		host.wall_ahead_ms += 1;
		pass(&host, SECOND_US / 5);
	}
	assert_int_equal(look(&host), wall_ms(&host));
}

static void the_later_of_header_and_timestamp_counts(void **state)
{
	struct host host = begun();
	struct tier_stamp stamp = { wall_ms(&host) - 5000, wall_ms(&host) - 3000 };
	struct tier_stamp unstamped = { wall_ms(&host) + 2000, -1 };

	assert_int_equal(due_us(&host, stamp), host.mono_us + 7 * SECOND_US);
	assert_int_equal(due_us(&host, unstamped), host.mono_us + 2 * SECOND_US);
}

/* Anybody can write any number into a topic. */
static void times_out_of_this_world_are_no_later_than_a_delay(void **state)
{
	struct host host = begun();

	assert_int_equal(due_us(&host, (struct tier_stamp){ INT64_MAX, INT64_MAX }),
		host.mono_us + DELAY_US);
	assert_int_equal(due_us(&host, (struct tier_stamp){ INT64_MIN, INT64_MIN }), host.mono_us);
	assert_int_equal(due_us(&host, (struct tier_stamp){ INT64_MIN, INT64_MAX }),
		host.mono_us + DELAY_US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_failure_leads_one_topic_on),
		cmocka_unit_test(with_a_witness_it_ends_behind_the_last),
		cmocka_unit_test(without_a_witness_it_goes_round_in_the_last),
		cmocka_unit_test(the_deadline_ends_going_round_but_cuts_no_topic_short),
		cmocka_unit_test(no_number_of_attempts_is_too_large),
		cmocka_unit_test(a_topic_shorter_than_was_asked_for_is_passed_over),
		cmocka_unit_test(a_record_is_due_a_delay_after_it_was_written),
		cmocka_unit_test(a_clock_stepped_forward_makes_nothing_early),
		cmocka_unit_test(a_step_forward_is_believed_when_the_longest_delay_has_passed),
		cmocka_unit_test(a_clock_stepped_back_makes_a_record_late_by_a_delay_at_most),
		cmocka_unit_test(back_and_forth_makes_nothing_early),
		cmocka_unit_test(small_corrections_are_followed),
		cmocka_unit_test(the_later_of_header_and_timestamp_counts),
		cmocka_unit_test(times_out_of_this_world_are_no_later_than_a_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
