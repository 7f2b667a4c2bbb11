/*
 * test_unit_tier - the unit of work: records that fail go on in retry topics, and are known there
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "unit_bench.h"

static struct unit_bench *bench;

/* The strand that stands for the retry topic. */
enum { TIER = 7 };

static void open_with(struct bench_options options)
{
	if (bench) {
		bench_close(bench);
	}
	bench = bench_open(&options);
	bench->roster.tiers = (struct tier_policy){ .delays_us = { 1000000, 2000000 }, .count = 2 };
	bench->places[TIER].topic = "group.retry.1s";
}

static int set_up(void **state)
{
	open_with((struct bench_options){ .deadline_us = 600 * 1000000LL });
	return 0;
}

static int tear_down(void **state)
{
	bench_close(bench);
	bench = NULL;
	return 0;
}

static const struct unit_work *work(unsigned i)
{
	return &bench->unit.works[i];
}

/* It is read from the retry topic; it was record `offset` of strand 0 and failed so often. */
static void was(unsigned i, int64_t offset, unsigned attempts)
{
	struct record *record = bench->records[i];
	int64_t ahead_ms = record->item.offset - offset;

	record->origin = NEW(struct record_origin);
	record->origin->topic = xstrdup("orders");
	record->origin->offset = offset;
	record->timestamp_ms -= ahead_ms; /* the bench stamps by offset */
	record->attempts = attempts;
	record->first_failure_ms = 1;
	record->outage.has_failed = true;
}

static void add_from_tier(const char *id, const char *what, int64_t offset, unsigned attempts)
{
	const struct bench_record of_tier = { .strand = TIER, .id = id, .what = what };

	was(bench_put(bench, &of_tier), offset, attempts);
}

static void the_first_failure_leads_to_the_first_topic_and_leaves_nothing_behind(void **state)
{
	bench_add_doing(bench, 0, "a", "retry");
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "EG");
	assert_int_equal(work(0)->tier, 0);
	assert_int_equal(bench->records[0]->attempts, 1);
	assert_true(bench->records[0]->first_failure_ms > 0);
	assert_string_equal(work(0)->text, "told to retry");
	assert_null(bench_row(bench, "a"));
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 0);
}

static void attempts_of_a_time_before_retry_topics_count_and_are_forgotten(void **state)
{
	bench->roster.tiers.count = 0;
	bench_add_doing(bench, 0, "a", "retry");
	bench_run_expect(bench, "R");
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 1);
	bench->roster.tiers.count = 2;
	bench_next(bench);
	bench_run_expect(bench, "E");
	assert_int_equal(work(0)->tier, 1);
	assert_int_equal(bench->records[0]->attempts, 2);
	assert_int_equal(bench_stored_attempts(bench, 0, 0), 0);
}

static void a_statement_that_fails_defers_its_record_alone(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "bad");
	bench_add(bench, 2, "c");
	bench_fail_statement(bench, "bad", STORE_STATEMENT, "23503");
	bench_run_expect(bench, "DED");
	assert_string_equal(work(1)->code, "23503");
	assert_null(bench_row(bench, "bad"));
	assert_int_equal(bench_effects(bench, "bad"), 0);
}

static void what_has_the_same_id_goes_back_with_it(void **state)
{
	bench_add_doing(bench, 0, "a", "retry");
	bench_add(bench, 1, "a");
	bench_run_expect(bench, "EG");
	bench_clear(bench);
	bench_add(bench, 1, "a");
	bench_run_expect(bench, "D");
}

static void the_copy_is_the_same_event_by_its_id(void **state)
{
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "D");
	bench_clear(bench);
	add_from_tier("a", NULL, 0, 1);
	bench_run_expect(bench, "U");
	bench_clear(bench);
	add_from_tier("b", NULL, 1, 1);
	bench_run_expect(bench, "D");
	bench_clear(bench);
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "U");
	assert_int_equal(bench_effects(bench, "b"), 1);
}

static void without_an_id_it_is_the_same_by_its_first_position(void **state)
{
	const struct bench_record bare = { .strand = 0 };

	bench_put(bench, &bare);
	bench_run_expect(bench, "D");
	bench_clear(bench);
	add_from_tier(NULL, NULL, 0, 1);
	bench_run_expect(bench, "U");
	bench_clear(bench);
	add_from_tier(NULL, NULL, 1, 1);
	bench_run_expect(bench, "D");
}

static void each_failure_leads_one_topic_on_and_then_to_the_dead_letters(void **state)
{
	add_from_tier("bad", "retry", 5, 1);
	bench_run_expect(bench, "E");
	assert_int_equal(work(0)->tier, 1);
	bench_clear(bench);
	bench_add(bench, 1, "witness");
	bench_run_expect(bench, "D");
	bench_clear(bench);
	add_from_tier("bad", "retry", 5, 2);
	bench_run_expect(bench, "A");
	assert_int_equal(work(0)->reason, PAGE_EXHAUSTED);
	assert_int_equal(work(0)->attempts, 3);
	assert_int_equal(work(0)->first_failure_ms, 1);
	assert_true(slice_equal_str(work(0)->claim.position.topic, "orders"));
	assert_int_equal(work(0)->claim.position.offset, 5);
	/* its copy finds the decision of the same position, and repeats it */
	bench_clear(bench);
	add_from_tier("bad", NULL, 5, 2);
	bench_run_expect(bench, "A");
	assert_int_equal(bench_effects(bench, "bad"), 0);
}

static void without_a_witness_it_goes_round_in_the_last_topic(void **state)
{
	add_from_tier("bad", "retry", 5, 2);
	bench->records[0]->first_failure_us = INT64_MAX / 2; /* nobody succeeded since */
	bench_run_expect(bench, "E");
	assert_int_equal(work(0)->tier, 1);
}

static void without_dead_letters_it_goes_round_for_ever(void **state)
{
	open_with((struct bench_options){ .has_no_dlq = true, .deadline_us = 1 });
	bench_add(bench, 1, "witness");
	bench_run_expect(bench, "D");
	bench_clear(bench);
	add_from_tier("bad", "retry", 5, 1000);
	bench_run_expect(bench, "E");
	assert_int_equal(work(0)->tier, 1);
}

static void rejected_from_a_topic_it_is_a_dead_letter(void **state)
{
	add_from_tier("bad", "reject", 5, 1);
	bench_run_expect(bench, "A");
	assert_int_equal(work(0)->reason, PAGE_REJECTED);
	assert_int_equal(work(0)->attempts, 2);
}

static void a_handler_is_told_the_number_of_the_attempt_over_all_topics(void **state)
{
	add_from_tier("a", NULL, 5, 2);
	bench_run_expect(bench, "D");
	assert_int_equal(bench->calls[0].attempt, 3);
}

static void what_cannot_be_a_retry_is_undecodable(void **state)
{
	const struct bench_record foreign = { .strand = TIER, .id = "a" };

	bench_put(bench, &foreign);
	bench->records[0]->fault = "no headers";
	bench_run_expect(bench, "A");
	assert_int_equal(work(0)->reason, PAGE_UNDECODABLE);
	assert_string_equal(work(0)->text, "no headers");
	/* decided by its position: the id in it is nobody's */
	assert_null(bench_row(bench, "a"));
	assert_int_equal(bench_calls(bench, "a"), 0);
}

static void in_an_outage_nothing_moves_on(void **state)
{
	char id[16];
	unsigned deferred = 0;

	for (unsigned i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "e%u", i);
		bench_add_doing(bench, i, id, "retry");
	}
	bench_run(bench);
	for (unsigned i = 0; i < 100; i++) {
		deferred += work(i)->end == UNIT_DEFERRED;
		assert_true(work(i)->end == UNIT_DEFERRED || work(i)->end == UNIT_HELD);
	}
	assert_in_range(deferred, 1, OUTAGE_AT_ONCE);
}

static void one_event_is_one_piece_of_evidence_wherever_it_waits(void **state)
{
	for (unsigned i = 0; i < 3 * OUTAGE_AT_ONCE; i++) {
		add_from_tier("bad", "retry", 5, 1);
		bench_run_expect(bench, "E");
		bench_clear(bench);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_failure_leads_to_the_first_topic_and_leaves_nothing_behind),
		TEST(attempts_of_a_time_before_retry_topics_count_and_are_forgotten),
		TEST(a_statement_that_fails_defers_its_record_alone),
		TEST(what_has_the_same_id_goes_back_with_it),
		TEST(the_copy_is_the_same_event_by_its_id),
		TEST(without_an_id_it_is_the_same_by_its_first_position),
		TEST(each_failure_leads_one_topic_on_and_then_to_the_dead_letters),
		TEST(without_a_witness_it_goes_round_in_the_last_topic),
		TEST(without_dead_letters_it_goes_round_for_ever),
		TEST(rejected_from_a_topic_it_is_a_dead_letter),
		TEST(a_handler_is_told_the_number_of_the_attempt_over_all_topics),
		TEST(what_cannot_be_a_retry_is_undecodable),
		TEST(in_an_outage_nothing_moves_on),
		TEST(one_event_is_one_piece_of_evidence_wherever_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
