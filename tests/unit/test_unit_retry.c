/*
 * test_unit_retry - the unit of work: what is charged to a record, and when it is exhausted
 */
#include <string.h>

#include "base/clock.h"
#include "unit_bench.h"

static struct unit_bench *bench;

static void open_with(struct bench_options options)
{
	bench_close(bench);
	bench = bench_open(&options);
}

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

static const struct unit_work *work(unsigned i)
{
	return &bench->unit.works[i];
}

static struct record *record(unsigned i)
{
	return bench->records[i];
}

/* `count` records of one strand, named s0, s1 ... */
static void add_strand(unsigned strand, unsigned count)
{
	char id[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "s%u-%u", strand, i);
		bench_add(bench, strand, id);
	}
}

static unsigned count_word(const char *word)
{
	unsigned count = 0;

	for (const char *at = fake_store_journal(bench->store); (at = strstr(at, word)); at++) {
		count++;
	}
	return count;
}

/* ---- RETRY ---- */

static void retry_of_the_250th_of_500_leaves_249_done_and_other_strands_done(void **state)
{
	add_strand(0, 249);
	bench_add_doing(bench, 0, "bad", "retry");
	add_strand(1, 3);
	bench_run_expect(bench, "D(249)RDDD");
	bench_clear(bench);

	add_strand(2, 249);
	bench_add_doing(bench, 2, "bad", "retry");
	for (unsigned i = 250; i < 500; i++) {
		char id[32];
		snprintf(id, sizeof(id), "behind-%u", i);
		bench_add(bench, 2, id);
	}
	add_strand(3, 3);
	bench_run_expect(bench, "D(249)RG(250)DDD");
	assert_int_equal(bench_calls(bench, "behind-250"), 0);
	assert_null(bench_row(bench, "bad"));
	assert_null(bench_row(bench, "behind-250"));
	assert_int_equal(bench_effects(bench, "s3-2"), 1);
}

static void a_statement_to_be_retried_cuts_its_strand_in_all_later_groups(void **state)
{
	add_strand(0, 249);
	bench_add(bench, 0, "bad");
	for (unsigned i = 250; i < 500; i++) {
		char id[32];
		snprintf(id, sizeof(id), "behind-%u", i);
		bench_add(bench, 0, id);
	}
	add_strand(1, 20);
	bench_fail_statement(bench, "bad", STORE_STATEMENT, "23503");
	bench_run_expect(bench, "D(249)RG(250)D(20)");
	assert_int_equal(bench_rows(bench), 269);
	assert_int_equal(bench_effects(bench, "behind-250"), 0);
	assert_int_equal(bench_effects(bench, "behind-499"), 0);
	assert_int_equal(bench_effects(bench, "s0-248"), 1);
	assert_int_equal(bench_stored_attempts(bench, 0, 249), 1);
}

static void a_retry_is_charged_and_due_by_the_policy(void **state)
{
	int64_t before_us = clock_mono_us();

	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	assert_int_equal(record(0)->attempts, 1);
	assert_in_range(work(0)->due_us, before_us + 1000, clock_mono_us() + 1000);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 1);
	assert_string_equal(work(0)->code, "T1");
	assert_string_equal(work(0)->text, "told to retry");
	assert_null(bench_row(bench, "a"));
	bench_next(bench);
	bench_run_expect(bench, "R");
	assert_int_equal(record(0)->attempts, 2);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 2);
	assert_int_equal(bench->calls[1].attempt, 2);
}

/* Foreign code is believed no time that nothing can be added to, and no text without an end. */
static void what_a_handler_says_has_bounds(void **state)
{
	int64_t before_us = clock_mono_us(), day_us = (int64_t)24 * 60 * 60 * 1000 * 1000;

	bench_add_doing(bench, 0, "a", "retry-never");
	bench_add_doing(bench, 1, "b", "retry-before");
	bench_run_expect(bench, "RR");
	assert_in_range(work(0)->due_us, before_us + day_us, clock_mono_us() + day_us);
	assert_in_range(work(1)->due_us, before_us + 1000, clock_mono_us() + 1000);
	assert_int_equal(strlen(work(0)->code), ONCED_CODE_MAX - 1);
	assert_int_equal(strlen(work(0)->text), ONCED_REASON_MAX - 1);
}

static void a_retry_is_charged_once_when_its_transaction_is_redone(void **state)
{
	bench_add_doing(bench, 0, "a", "retry");
	bench_add(bench, 1, "b");
	bench_add(bench, 2, "c");
	bench_add(bench, 3, "d");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 2, .failure = STORE_CONFLICT, .code = "40001" });
	bench_run_expect(bench, "RDDD");
	assert_int_equal(count_word("begin"), 5);
	assert_int_equal(record(0)->attempts, 1);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 1);
	assert_int_equal(bench_calls(bench, "a"), 1);
	assert_int_equal(bench_calls(bench, "b"), 1);
	assert_int_equal(bench_calls(bench, "c"), 1);
}

static void attempts_end_with_the_record(void **state)
{
	bench_add(bench, 0, "a");
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, "a", .times = 1, .failure = STORE_TIMEOUT,
			.code = "57014" });
	bench_run_expect(bench, "R");
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 1);
	bench_next(bench);
	bench_run_expect(bench, "D");
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 0);
	assert_int_equal(bench_effects(bench, "a"), 1);
}

static void attempts_whose_commit_went_unanswered_end_with_the_record_too(void **state)
{
	bench_add(bench, 0, "a");
	bench_fail_statement(bench, "a", STORE_TIMEOUT, "57014");
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_COMMIT, .failure = STORE_LOST, .is_after = true });
	bench_run_expect(bench, "G");
	assert_int_equal(record(0)->attempts, 0);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 1);
	fake_store_heal(bench->store);
	bench_next(bench);
	bench_run_expect(bench, "D");
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 0);
}

static void attempts_restored_from_the_store_go_on_counting(void **state)
{
	bench_add_doing(bench, 0, "a", "retry");
	record(0)->attempts = 4;
	record(0)->first_failure_ms = 1000;
	record(0)->last_failure_ms = 2000;
	record(0)->is_after_hold = true;
	bench_run_expect(bench, "R");
	assert_int_equal(bench->calls[0].attempt, 5);
	assert_int_equal(record(0)->attempts, 5);
	assert_int_equal(record(0)->first_failure_ms, 1000);
	assert_true(record(0)->last_failure_ms > 2000);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 5);
}

/* ---- exhausted ---- */

static void attempts_used_up_without_a_witness_go_on(void **state)
{
	open_with((struct bench_options){ .attempts = 2 });
	bench_add_doing(bench, 0, "a", "retry");
	for (unsigned round = 1; round <= 5; round++) {
		bench_run_expect(bench, "R");
		assert_int_equal(record(0)->attempts, round);
		bench_next(bench);
	}
	/* at the slowest pace */
	assert_true(work(0)->due_us > clock_mono_us() + 4000);
}

static void attempts_used_up_with_a_witness_are_a_dead_letter(void **state)
{
	open_with((struct bench_options){ .attempts = 2 });
	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	bench_next(bench);
	bench_add(bench, 1, "witness");
	bench_run_expect(bench, "RD");
	bench_next(bench);
	bench_run_expect(bench, "A");
	assert_int_equal(work(0)->reason, PAGE_EXHAUSTED);
	assert_int_equal(record(0)->attempts, 3);
	assert_string_equal(work(0)->code, "T1");
	assert_int_equal(bench_row(bench, "a")->outcome, STORE_OUTCOME_DLQ);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 0);
}

static void a_success_of_another_handler_is_no_witness(void **state)
{
	open_with((struct bench_options){ .attempts = 2 });
	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	bench_next(bench);
	bench_put(bench, &(struct bench_record){ .strand = 1, .id = "b", .type = "other" });
	bench_run_expect(bench, "RD");
	bench_next(bench);
	bench_run_expect(bench, "R");
}

static void a_success_before_the_first_failure_is_no_witness(void **state)
{
	open_with((struct bench_options){ .attempts = 1 });
	bench_add(bench, 1, "early");
	bench_run_expect(bench, "D");
	bench_clear(bench);
	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	bench_next(bench);
	bench_run_expect(bench, "R");
}

static void the_deadline_ends_a_record_without_a_witness(void **state)
{
	open_with((struct bench_options){ .deadline_us = 1000000 });
	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	record(0)->elapsed_us = 1000000;
	bench_next(bench);
	bench_run_expect(bench, "A");
	assert_int_equal(work(0)->reason, PAGE_EXHAUSTED);
}

static void time_in_a_hold_does_not_count_for_the_deadline(void **state)
{
	open_with((struct bench_options){ .deadline_us = 1000000 });
	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_CLAIM, .times = 1, .failure = STORE_CONFLICT, .code = "55P03" });
	record(0)->last_failure_us -= 400000;
	bench_next(bench);
	bench_run_expect(bench, "H");
	assert_in_range(record(0)->elapsed_us, 400000, 900000);
	assert_int_equal(record(0)->last_failure_us, 0);
	record(0)->elapsed_us = 5000000;
	bench_next(bench);
	bench_run_expect(bench, "R"); /* one attempt after the hold, whatever the deadline */
	assert_int_equal(record(0)->attempts, 2);
	bench_next(bench);
	bench_run_expect(bench, "A");
}

static void time_without_a_store_does_not_count_for_the_deadline(void **state)
{
	open_with((struct bench_options){ .deadline_us = 1000000 });
	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	bench_fail(
		bench, &(struct fake_fault){ STORE_OP_BEGIN, .times = 1, .failure = STORE_LOST });
	bench_next(bench);
	bench_run_expect(bench, "G");
	assert_int_equal(record(0)->last_failure_us, 0);
	assert_true(record(0)->is_after_hold);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(retry_of_the_250th_of_500_leaves_249_done_and_other_strands_done),
		TEST(a_statement_to_be_retried_cuts_its_strand_in_all_later_groups),
		TEST(a_retry_is_charged_and_due_by_the_policy),
		TEST(what_a_handler_says_has_bounds),
		TEST(a_retry_is_charged_once_when_its_transaction_is_redone),
		TEST(attempts_end_with_the_record),
		TEST(attempts_whose_commit_went_unanswered_end_with_the_record_too),
		TEST(attempts_restored_from_the_store_go_on_counting),
		TEST(attempts_used_up_without_a_witness_go_on),
		TEST(attempts_used_up_with_a_witness_are_a_dead_letter),
		TEST(a_success_of_another_handler_is_no_witness),
		TEST(a_success_before_the_first_failure_is_no_witness),
		TEST(the_deadline_ends_a_record_without_a_witness),
		TEST(time_in_a_hold_does_not_count_for_the_deadline),
		TEST(time_without_a_store_does_not_count_for_the_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
