/*
 * test_unit_skip - the unit of work: records that an operator has skipped
 */
#include <string.h>

#include "unit_bench.h"

static struct unit_bench *bench;

/* Only its address counts. */
static const char some_skip;

static int set_up(void **state)
{
	bench = bench_open(NULL);
	return 0;
}

static int tear_down(void **state)
{
	bench_close(bench);
	return 0;
}

static void have_skipped(unsigned i)
{
	bench->records[i]->skip = (const struct skip *)&some_skip;
}

static void it_is_settled_without_its_handler_and_kept_as_ended(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	have_skipped(0);
	bench_run_expect(bench, "SD");
	assert_int_equal(bench_calls(bench, "a"), 0);
	assert_int_equal(bench_effects(bench, "a"), 0);
	bench_redeliver(bench);
	bench_run_expect(bench, "UU");
}

static void one_that_failed_again_and_again_is_over(void **state)
{
	bench_add_doing(bench, 0, "a", "retry");
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "RG");
	have_skipped(0);
	bench_next(bench);
	bench_run_expect(bench, "SD");
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void what_cannot_be_decoded_can_be_skipped(void **state)
{
	bench_put(bench, &(struct bench_record){ .value = "no JSON" });
	have_skipped(0);
	bench_run_expect(bench, "S");
}

static void one_that_is_decided_as_dead_letter_is_skipped_instead_of_produced(void **state)
{
	bench_add_doing(bench, 0, "a", "reject");
	bench_run_expect(bench, "A");
	bench_redeliver(bench);
	have_skipped(0);
	bench_run_expect(bench, "S");
	bench_redeliver(bench);
	bench_run_expect(bench, "A"); /* without the operator's word it is what it was */
}

static void a_duplicate_stays_one(void **state)
{
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "D");
	bench_redeliver(bench);
	have_skipped(0);
	bench_run_expect(bench, "U");
}

static void a_batch_handler_is_not_called_for_it(void **state)
{
	bench_close(bench);
	bench = bench_open(&(struct bench_options){ .has_batches = true });
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	have_skipped(0);
	bench_run_expect(bench, "SD");
	assert_string_equal(buffer_str(&bench->batches), " [b]");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(it_is_settled_without_its_handler_and_kept_as_ended),
		TEST(one_that_failed_again_and_again_is_over),
		TEST(what_cannot_be_decoded_can_be_skipped),
		TEST(one_that_is_decided_as_dead_letter_is_skipped_instead_of_produced),
		TEST(a_duplicate_stays_one),
		TEST(a_batch_handler_is_not_called_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
