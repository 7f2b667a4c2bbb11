/*
 * test_unit_outage - the unit of work while a handler's target is away: who is held, who probes
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "unit_bench.h"

static struct unit_bench *bench;

static int set_up(void **state)
{
	bench = bench_open(&(struct bench_options){ .attempts = 1 });
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

/* `count` records, each a strand of its own, from strand `first` on. */
static void add_strands(unsigned first, unsigned count, const char *what)
{
	char id[32];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(id, sizeof(id), "%s-%u", what ? what : "good", i);
		bench_add_doing(bench, i, id, what);
	}
}

static const struct outage *verdict(void)
{
	return &bench->roster.by_default->outage.verdict;
}

/* Ten different records fail; nothing is left in the bench. */
static void begin_outage(void)
{
	add_strands(900, OUTAGE_AT_ONCE, "retry");
	bench_run_expect(bench, "R(9)H");
	bench_clear(bench);
	assert_int_equal(verdict()->state, OUTAGE_DECIDED);
}

static void when_different_records_fail_the_rest_is_held_and_not_tried(void **state)
{
	add_strands(0, 15, "retry");
	add_strands(15, 5, NULL);
	bench_put(bench, &(struct bench_record){ .strand = 30, .id = "o", .type = "other" });
	bench_run_expect(bench, "R(9)H(11)D");
	assert_int_equal(bench->call_count, OUTAGE_AT_ONCE + 1);
	for (unsigned i = 9; i < 20; i++) {
		assert_int_equal(bench->records[i]->attempts, 0);
	}
	assert_string_equal(work(15)->code, "T1");
	assert_string_equal(work(15)->text, "told to retry");
	assert_false(work(9)->is_held_with_others);
	assert_true(work(15)->is_held_with_others);
}

static void statements_that_fail_one_after_the_other_are_an_outage_too(void **state)
{
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_STATEMENT, .failure = STORE_TIMEOUT, .code = "57014" });
	add_strands(0, 100, NULL);
	bench_run_expect(bench, "R(9)H(91)");
	assert_int_equal(bench_rows(bench), 0);
	fake_store_heal(bench->store);
	bench_next(bench);
	bench_let_probe(bench);
	bench_run_expect(bench, "H(10)DH(89)");
	bench_next(bench);
	bench_run_expect(bench, "D(99)");
}

static void many_poison_records_among_good_ones_are_none(void **state)
{
	for (unsigned i = 0; i < 500; i++) {
		add_strands(i, 1, i % 10 == 9 ? "retry" : NULL);
	}
	bench_run(bench);
	for (unsigned i = 0; i < 500; i++) {
		assert_int_equal(work(i)->end, i % 10 == 9 ? UNIT_RETRY : UNIT_DONE);
	}
	assert_int_equal(verdict()->state, OUTAGE_NONE);
}

static void one_record_of_a_batch_probes_and_those_behind_it_wait(void **state)
{
	begin_outage();
	add_strands(0, 2, "retry");
	bench_add(bench, 1, "behind");
	add_strands(2, 2, "retry");
	bench_run_expect(bench, "HHGHH");
	assert_int_equal(bench->call_count, OUTAGE_AT_ONCE);
	bench_next(bench);
	bench_let_probe(bench);
	bench_run_expect(bench, "HHGHH");
	assert_int_equal(bench->call_count, OUTAGE_AT_ONCE + 1);
	assert_int_equal(verdict()->probes, 1);
	assert_int_equal(verdict()->backoff_us, 2 * OUTAGE_PROBE_FIRST_US);
	/* another one next time, but never one that stands behind another */
	for (unsigned i = 0; i < 3; i++) {
		bench_next(bench);
		bench_let_probe(bench);
		bench_run_expect(bench, "HHGHH");
	}
	assert_int_equal(bench_calls(bench, "retry-0"), 1);
	assert_int_equal(bench_calls(bench, "retry-1"), 1);
	assert_int_equal(bench_calls(bench, "retry-2"), 1);
	assert_int_equal(bench_calls(bench, "retry-3"), 1);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(bench->records[i]->attempts, 0);
	}
}

static void the_head_of_a_strand_probes_whoever_stands_behind_it(void **state)
{
	bench_add_doing(bench, 0, "head", "unavailable");
	for (unsigned i = 0; i < 5; i++) {
		bench_add(bench, 0, i % 2 ? "odd" : "even");
	}
	bench_run_expect(bench, "HG(5)");
	assert_int_equal(bench_calls(bench, "head"), 1);
	bench_next(bench);
	bench_let_probe(bench);
	bench_run_expect(bench, "HG(5)");
	assert_int_equal(bench_calls(bench, "head"), 2);
}

static void held_records_do_not_trouble_the_store(void **state)
{
	begin_outage();
	fake_store_clear_journal(bench->store);
	add_strands(0, 50, NULL);
	bench_run_expect(bench, "H(50)");
	assert_string_equal(fake_store_journal(bench->store), "");
}

static void the_first_success_lets_all_flow(void **state)
{
	begin_outage();
	add_strands(0, 50, NULL);
	bench_let_probe(bench);
	bench_run_expect(bench, "DH(49)");
	assert_int_equal(verdict()->state, OUTAGE_NONE);
	bench_next(bench);
	bench_run_expect(bench, "D(49)");
}

static void a_failure_in_an_outage_is_not_the_records(void **state)
{
	add_strands(0, 9, "retry-once");
	add_strands(9, 1, "retry");
	bench_run_expect(bench, "R(9)H");
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(bench->records[i]->attempts, 1);
	}
	bench_next(bench);
	bench_run_expect(bench, "H(10)");
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(bench->records[i]->attempts, 0);
	}
}

static void what_nobody_needs_to_try_ends_meanwhile(void **state)
{
	begin_outage();
	bench_put(bench, &(struct bench_record){ .strand = 0, .value = "no json" });
	add_strands(1, 1, NULL);
	bench_put(bench, &(struct bench_record){ .strand = 2, .id = "o", .type = "other" });
	bench_run_expect(bench, "AHD");
}

static void a_probe_that_is_rejected_is_a_dead_letter_and_the_others_wait_on(void **state)
{
	begin_outage();
	add_strands(0, 3, "reject");
	bench_let_probe(bench);
	bench_run_expect(bench, "AHH");
	assert_int_equal(verdict()->state, OUTAGE_DECIDED);
	assert_false(verdict()->is_probing);
}

static void a_store_that_fails_the_probe_leaves_room_for_the_next(void **state)
{
	begin_outage();
	add_strands(0, 3, NULL);
	bench_let_probe(bench);
	bench_fail(
		bench, &(struct fake_fault){ STORE_OP_BEGIN, .times = 1, .failure = STORE_LOST });
	bench_run_expect(bench, "GGG");
	assert_false(verdict()->is_probing);
	bench_next(bench);
	bench_let_probe(bench);
	bench_run_expect(bench, "DHH");
}

static void without_a_dead_letter_topic_it_is_the_same(void **state)
{
	bench_close(bench);
	bench = bench_open(&(struct bench_options){ .has_no_dlq = true });
	begin_outage();
	add_strands(0, 3, NULL);
	bench_let_probe(bench);
	bench_run_expect(bench, "DHH");
}

static void one_that_is_unavailable_alone_lets_the_others_pass(void **state)
{
	bench_add_doing(bench, 0, "down", "unavailable");
	add_strands(1, 3, NULL);
	bench_run_expect(bench, "H(4)");
	assert_int_equal(verdict()->state, OUTAGE_SUSPECTED);
	bench_next(bench);
	/* one of the others is tried at once */
	bench_run_expect(bench, "HDHH");
	assert_int_equal(verdict()->state, OUTAGE_NONE);
	/* the second time, too; then it is known that others succeed */
	bench_next(bench);
	bench_run_expect(bench, "HHH");
	bench_next(bench);
	bench_let_probe(bench);
	bench_run_expect(bench, "HDH");
	bench_next(bench);
	bench_run_expect(bench, "HD");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(when_different_records_fail_the_rest_is_held_and_not_tried),
		TEST(statements_that_fail_one_after_the_other_are_an_outage_too),
		TEST(many_poison_records_among_good_ones_are_none),
		TEST(one_record_of_a_batch_probes_and_those_behind_it_wait),
		TEST(the_head_of_a_strand_probes_whoever_stands_behind_it),
		TEST(held_records_do_not_trouble_the_store),
		TEST(the_first_success_lets_all_flow),
		TEST(a_failure_in_an_outage_is_not_the_records),
		TEST(what_nobody_needs_to_try_ends_meanwhile),
		TEST(a_probe_that_is_rejected_is_a_dead_letter_and_the_others_wait_on),
		TEST(a_store_that_fails_the_probe_leaves_room_for_the_next),
		TEST(without_a_dead_letter_topic_it_is_the_same),
		TEST(one_that_is_unavailable_alone_lets_the_others_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
