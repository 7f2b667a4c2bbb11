/*
 * test_unit_identity - the unit of work: one id with two contents, and dead letters sent again
 */
#include <string.h>

#include "unit_bench.h"

static struct unit_bench *bench;

static int set_up(void **state)
{
	bench = bench_open(&(struct bench_options){ .has_digests = true });
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

static void put(unsigned strand, const char *id, const char *what)
{
	bench_put(bench, &(struct bench_record){ .strand = strand, .id = id, .what = what });
}

static void put_replay(unsigned strand, const char *id, const char *what)
{
	bench_put(bench,
		&(struct bench_record){ .strand = strand,
			.id = id,
			.what = what,
			.header = { SLICE_LITERAL("onced-replay"), SLICE_LITERAL("1") } });
}

static void expect_row(const char *id, enum store_outcome outcome, int32_t partition)
{
	const struct fake_row *row = bench_row(bench, id);

	assert_non_null(row);
	assert_int_equal(row->outcome, outcome);
	assert_int_equal(row->position.partition, partition);
}

static void expect_collision(unsigned i)
{
	assert_int_equal(work(i)->reason, PAGE_COLLISION);
	assert_true(slice_equal_str(work(i)->event.id, "a"));
	assert_int_equal(work(i)->attempts, 1);
}

/* ---- collisions ---- */

static void another_content_under_a_known_id_is_a_dead_letter_of_its_position(void **state)
{
	put(0, "a", NULL);
	bench_run_expect(bench, "D");
	bench_clear(bench);
	put(1, "a", "skip");
	bench_run_expect(bench, "G");
	bench_next(bench);
	bench_run_expect(bench, "A");
	expect_collision(0);
	expect_row("a", STORE_OUTCOME_DONE, 0);
	assert_int_equal(bench_rows(bench), 2);
	assert_int_equal(bench_effects(bench, "a"), 1);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void a_collision_decided_before_is_repeated_in_its_words(void **state)
{
	int64_t failed_ms;

	put(0, "a", NULL);
	bench_run(bench);
	bench_clear(bench);
	put(1, "a", "skip");
	bench_run(bench);
	bench_next(bench);
	bench_run_expect(bench, "A");
	failed_ms = work(0)->first_failure_ms;
	bench_redeliver(bench);
	bench_run_expect(bench, "G");
	bench_next(bench);
	bench_run_expect(bench, "A");
	expect_collision(0);
	assert_int_equal(work(0)->first_failure_ms, failed_ms);
	assert_int_equal(bench_rows(bench), 2);
}

static void the_same_content_is_a_duplicate(void **state)
{
	put(0, "a", "skip");
	bench_run_expect(bench, "S");
	bench_clear(bench);
	put(1, "a", "skip");
	bench_run_expect(bench, "U");
}

static void in_a_batch_the_later_one_collides_once_the_first_has_ended(void **state)
{
	put(0, "a", NULL);
	put(1, "a", "skip");
	put(1, "b", NULL);
	put(2, "a", NULL);
	bench_run_expect(bench, "DGGU");
	bench_next(bench);
	bench_run_expect(bench, "GG");
	bench_next(bench);
	bench_run_expect(bench, "AD");
	expect_collision(0);
	expect_row("a", STORE_OUTCOME_DONE, 0);
}

static void in_a_batch_the_later_one_waits_for_a_retry(void **state)
{
	put(0, "a", "retry-once");
	put(1, "a", NULL);
	bench_run_expect(bench, "RG");
	assert_null(bench_row(bench, "a"));
	bench_next(bench);
	bench_run_expect(bench, "DG");
	bench_next(bench);
	bench_run_expect(bench, "G");
	bench_next(bench);
	bench_run_expect(bench, "A");
	expect_collision(0);
}

static void a_dead_letter_collides_with_another_content(void **state)
{
	put(0, "a", "reject");
	put(1, "a", NULL);
	bench_run_expect(bench, "AG");
	bench_next(bench);
	bench_run_expect(bench, "G");
	bench_next(bench);
	bench_run_expect(bench, "A");
	expect_collision(0);
	expect_row("a", STORE_OUTCOME_DLQ, 0);
	assert_int_equal(bench_effects(bench, "a"), 0);
}

static void a_collision_waits_where_there_are_no_dead_letters(void **state)
{
	bench_close(bench);
	bench = bench_open(&(struct bench_options){ .has_digests = true, .has_no_dlq = true });
	put(0, "a", NULL);
	bench_run_expect(bench, "D");
	bench_clear(bench);
	put(1, "a", "skip");
	for (unsigned i = 0; i < 3; i++) {
		bench_run_expect(bench, "G");
		bench_next(bench);
		bench_run_expect(bench, "H");
		bench_next(bench);
	}
	assert_int_equal(bench_rows(bench), 1);
}

/* ---- replays ---- */

static void die(void)
{
	put(0, "a", "reject");
	bench_run_expect(bench, "A");
	bench_clear(bench);
}

static void a_replay_takes_effect_and_makes_the_next_a_duplicate(void **state)
{
	die();
	put_replay(1, "a", NULL);
	bench_run_expect(bench, "D");
	expect_row("a", STORE_OUTCOME_DONE, 1);
	assert_int_equal(bench_effects(bench, "a"), 1);
	bench_redeliver(bench);
	bench_run_expect(bench, "U");
	bench_clear(bench);
	put_replay(2, "a", NULL);
	bench_run_expect(bench, "U");
	assert_int_equal(bench_effects(bench, "a"), 1);
}

static void a_replay_that_is_skipped_has_ended(void **state)
{
	die();
	put_replay(1, "a", "skip");
	bench_run_expect(bench, "S");
	expect_row("a", STORE_OUTCOME_DONE, 1);
}

static void a_replay_that_fails_again_is_decided_anew(void **state)
{
	die();
	put_replay(1, "a", "reject");
	bench_run_expect(bench, "A");
	expect_row("a", STORE_OUTCOME_DLQ, 1);
	bench_redeliver(bench);
	bench_run_expect(bench, "A");
	assert_int_equal(bench_calls(bench, "a"), 2);
	bench_clear(bench);
	put_replay(2, "a", NULL);
	bench_run_expect(bench, "D");
}

static void a_replay_that_is_retried_leaves_the_dead_letter_until_it_ends(void **state)
{
	die();
	put_replay(1, "a", "retry-once");
	bench_run_expect(bench, "R");
	expect_row("a", STORE_OUTCOME_DLQ, 0);
	bench_next(bench);
	bench_run_expect(bench, "D");
	expect_row("a", STORE_OUTCOME_DONE, 1);
}

static void a_replay_whose_commit_fails_is_a_dead_letter_again(void **state)
{
	die();
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, "a", .failure = STORE_STATEMENT, .code = "23514" });
	put_replay(1, "a", NULL);
	bench_run_expect(bench, "A");
	expect_row("a", STORE_OUTCOME_DLQ, 1);
	assert_string_equal(work(0)->code, "23514");
	assert_int_equal(bench_effects(bench, "a"), 0);
}

static void a_replay_and_its_like_in_a_batch_go_one_after_the_other(void **state)
{
	die();
	put_replay(1, "a", NULL);
	put_replay(2, "a", NULL);
	put(3, "a", NULL);
	bench_run_expect(bench, "DGG");
	bench_next(bench);
	bench_run_expect(bench, "UG");
	bench_next(bench);
	bench_run_expect(bench, "U");
	assert_int_equal(bench_effects(bench, "a"), 1);
}

static void a_replay_is_no_way_around_what_took_effect(void **state)
{
	put(0, "a", NULL);
	bench_run_expect(bench, "D");
	bench_clear(bench);
	put_replay(1, "a", NULL);
	bench_run_expect(bench, "U");
	bench_clear(bench);
	put_replay(2, "a", "skip");
	bench_run_expect(bench, "G");
	bench_next(bench);
	bench_run_expect(bench, "A");
	expect_collision(0);
}

static void the_first_delivery_of_a_replayed_event_changes_nothing(void **state)
{
	put(0, "a", "reject");
	bench_run_expect(bench, "A");
	bench_redeliver(bench);
	put_replay(1, "a", NULL);
	bench_run_expect(bench, "AG");
	bench_next(bench);
	bench_run_expect(bench, "D");
	assert_int_equal(bench_effects(bench, "a"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(another_content_under_a_known_id_is_a_dead_letter_of_its_position),
		TEST(a_collision_decided_before_is_repeated_in_its_words),
		TEST(the_same_content_is_a_duplicate),
		TEST(in_a_batch_the_later_one_collides_once_the_first_has_ended),
		TEST(in_a_batch_the_later_one_waits_for_a_retry),
		TEST(a_dead_letter_collides_with_another_content),
		TEST(a_collision_waits_where_there_are_no_dead_letters),
		TEST(a_replay_takes_effect_and_makes_the_next_a_duplicate),
		TEST(a_replay_that_is_skipped_has_ended),
		TEST(a_replay_that_fails_again_is_decided_anew),
		TEST(a_replay_that_is_retried_leaves_the_dead_letter_until_it_ends),
		TEST(a_replay_whose_commit_fails_is_a_dead_letter_again),
		TEST(a_replay_and_its_like_in_a_batch_go_one_after_the_other),
		TEST(a_replay_is_no_way_around_what_took_effect),
		TEST(the_first_delivery_of_a_replayed_event_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
