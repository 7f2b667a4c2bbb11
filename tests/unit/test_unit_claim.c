/*
 * test_unit_claim - the unit of work: who an event is, and what was known of it before
 */
#include <string.h>

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

/* ---- duplicates ---- */

static void a_redelivered_batch_is_all_duplicates(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	bench_add(bench, 1, "c");
	bench_run_expect(bench, "DDD");
	bench_redeliver(bench);
	bench_run_expect(bench, "UUU");
	assert_int_equal(bench_effects(bench, "a"), 1);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void the_same_id_anywhere_is_a_duplicate(void **state)
{
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "D");
	bench_clear(bench);
	bench_add(bench, 7, "a");
	bench_run_expect(bench, "U");
}

static void the_same_id_twice_in_a_batch_takes_effect_once(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "a");
	bench_add(bench, 1, "b");
	bench_run_expect(bench, "DUUD");
	assert_int_equal(bench_effects(bench, "a"), 1);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void a_skipped_id_makes_its_followers_duplicates(void **state)
{
	bench_add_doing(bench, 0, "a", "skip");
	bench_add(bench, 1, "a");
	bench_run_expect(bench, "SU");
	assert_int_equal(bench_effects(bench, "a"), 0);
}

static void a_follower_of_a_dead_letter_is_a_duplicate(void **state)
{
	bench_add_doing(bench, 0, "a", "reject");
	bench_add(bench, 1, "a");
	bench_run_expect(bench, "AU");
	bench_redeliver(bench);
	bench_run_expect(bench, "AU");
	assert_int_equal(bench_effects(bench, "a"), 0);
}

/* ---- records that the filter keeps out ---- */

static char *only_orders[] = { (char *)"order" };
static struct config_condition is_order[] = { { CONFIG_FIELD_HEADER, (char *)"kind", CONFIG_IS,
	{ only_orders, 1 } } };
static const struct source_header order = { SLICE_LITERAL("kind"), SLICE_LITERAL("order") };

static void open_for_orders(void)
{
	open_with((struct bench_options){ .filter = { is_order, 1 } });
}

static void what_is_kept_out_is_skipped_and_claims_nothing(void **state)
{
	open_for_orders();
	bench_put(bench, &(struct bench_record){ .id = "a", .header = order });
	bench_put(bench, &(struct bench_record){ .id = "a" });
	bench_put(bench, &(struct bench_record){ .value = "no json at all" });
	bench_put(bench, &(struct bench_record){ .id = "b", .header = order });
	bench_run_expect(bench, "DSSD");
	assert_int_equal(bench_rows(bench), 2);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void a_batch_of_records_kept_out_needs_no_store(void **state)
{
	static const struct fake_fault away = {
		.op = STORE_OP_BEGIN, .failure = STORE_LOST, .times = 1
	};

	open_for_orders();
	bench_fail(bench, &away);
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_run_expect(bench, "SS");
}

static void what_is_kept_out_behind_a_retry_waits_with_its_strand(void **state)
{
	open_for_orders();
	bench_put(bench, &(struct bench_record){ .id = "a", .what = "retry", .header = order });
	bench_put(bench, &(struct bench_record){ .id = "b" });
	bench_put(bench, &(struct bench_record){ .strand = 1, .id = "c" });
	bench_run_expect(bench, "RGS");
}

/* ---- a leader that does not end ---- */

static void a_follower_of_a_retry_goes_back_and_cuts_its_strand(void **state)
{
	bench_add_doing(bench, 0, "a", "retry");
	bench_add(bench, 1, "b");
	bench_add(bench, 1, "a");
	bench_add(bench, 1, "behind");
	bench_add(bench, 2, "c");
	bench_run_expect(bench, "RDGGD");
	assert_null(bench_row(bench, "a"));
	assert_null(bench_row(bench, "behind"));
	assert_int_equal(bench_calls(bench, "behind"), 0);
}

static void a_follower_of_a_failed_statement_goes_back_and_cuts_its_strand(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_add(bench, 1, "a");
	bench_add(bench, 1, "behind");
	bench_fail_statement(bench, "a", STORE_TIMEOUT, "57014");
	bench_run_expect(bench, "RDGG");
	assert_int_equal(bench_effects(bench, "b"), 1);
	assert_int_equal(bench_effects(bench, "behind"), 0);
	assert_null(bench_row(bench, "behind"));
}

static void a_leader_that_was_cut_off_takes_its_followers_along(void **state)
{
	/* "late" stands behind the failure, its twin in another strand must not count as done */
	bench_add(bench, 0, "bad");
	bench_add(bench, 0, "late");
	bench_add(bench, 1, "late");
	bench_add(bench, 1, "x");
	bench_add(bench, 2, "x");
	bench_add(bench, 2, "y");
	bench_add(bench, 3, "z");
	bench_fail_statement(bench, "bad", STORE_TIMEOUT, "57014");
	bench_run_expect(bench, "RGGGGGD");
	assert_int_equal(bench_rows(bench), 1);
	fake_store_heal(bench->store);
	bench_next(bench);
	bench_run_expect(bench, "DDUDUD");
	assert_int_equal(bench_effects(bench, "late"), 1);
	assert_int_equal(bench_effects(bench, "x"), 1);
}

static void a_follower_in_the_other_half_finds_what_its_leader_left(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "b");
	bench_add(bench, 2, "a");
	bench_add(bench, 3, "b");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_CONFLICT, .code = "40P01" });
	bench_run_expect(bench, "DDUU");
	assert_int_equal(bench_effects(bench, "a"), 1);
}

/* ---- dead letters decided before ---- */

static void a_dead_letter_found_at_its_position_is_produced_again_in_the_first_ones_words(
	void **state)
{
	struct record first;
	char text[DECISION_TEXT_MAX + 1];

	bench_add_doing(bench, 0, "a", "retry");
	record(0)->attempts = 2;
	record(0)->first_failure_ms = 1000;
	bench_run_expect(bench, "R");
	bench->unit.options.roster->retry.deadline_us = 1;
	record(0)->elapsed_us = 2;
	bench_next(bench);
	bench_run_expect(bench, "A");
	first = *record(0);
	snprintf(text, sizeof(text), "%s", work(0)->text);
	assert_int_equal(first.attempts, 4);
	assert_int_equal(first.first_failure_ms, 1000);

	bench_redeliver(bench);
	assert_int_equal(record(0)->attempts, 0);
	bench_run_expect(bench, "A");
	assert_int_equal(work(0)->reason, PAGE_EXHAUSTED);
	assert_string_equal(work(0)->code, "T1");
	assert_string_equal(work(0)->text, text);
	assert_int_equal(record(0)->attempts, first.attempts);
	assert_int_equal(record(0)->first_failure_ms, first.first_failure_ms);
	assert_int_equal(record(0)->last_failure_ms, first.last_failure_ms);
	assert_int_equal(bench_calls(bench, "a"), 2);
}

static void a_dead_letter_without_words_is_still_produced(void **state)
{
	struct store_claim claim = bench_claim(0, 0, "a");

	fake_store_ops.begin(bench->session);
	fake_store_ops.decide_dlq(bench->session, &claim, SLICE_LITERAL("gibberish"));
	fake_store_ops.commit(bench->session);
	assert_int_equal(
		fake_store_ops.flush(bench->session, &(struct store_flight){ 0 }), STORE_OK);
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "A");
	assert_int_equal(work(0)->reason, PAGE_REJECTED);
	assert_int_equal(record(0)->attempts, 1);
	assert_true(record(0)->last_failure_ms > 0);
}

static void a_dead_letter_of_another_position_makes_a_duplicate(void **state)
{
	bench_add_doing(bench, 0, "a", "reject");
	bench_run_expect(bench, "A");
	bench_clear(bench);
	bench_add(bench, 1, "a");
	bench_run_expect(bench, "U");
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void a_dead_letter_behind_its_own_duplicate_is_not_forgotten(void **state)
{
	/* decided for partition 1; redelivered with a twin of another partition before it */
	bench_put(bench, &(struct bench_record){ .strand = 1, .id = "a", .what = "reject" });
	bench_run_expect(bench, "A");
	bench_clear(bench);
	bench->next_offset[1] = 0;
	bench_add(bench, 0, "a");
	bench_put(bench, &(struct bench_record){ .strand = 1, .id = "a", .what = "reject" });
	bench_add(bench, 1, "behind");
	bench_run_expect(bench, "UGG");
	bench_next(bench);
	bench_run_expect(bench, "AD");
}

/* ---- records that cannot have an id ---- */

static void undecodable_records_are_dead_letters_by_position(void **state)
{
	bench_put(bench, &(struct bench_record){ .value = "{\"event_id\":" });
	bench_put(bench, &(struct bench_record){ .value = "" });
	bench_put(bench, &(struct bench_record){ .value = "{\"event_id\":{}}" });
	bench_put(bench,
		&(struct bench_record){ .value = "{\"event_id\":\"a\",\"event_id\":\"b\"}" });
	bench_put(bench, &(struct bench_record){ .id = "x", .has_bad_headers = true });
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "AAAAAD");
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(work(i)->reason, PAGE_UNDECODABLE);
		assert_true(work(i)->text[0] != '\0');
		assert_int_equal(record(i)->attempts, 1);
	}
	assert_int_equal(bench_rows(bench), 6);
	bench_redeliver(bench);
	bench_run_expect(bench, "AAAAAU");
	assert_int_equal(work(0)->reason, PAGE_UNDECODABLE);
}

static void a_record_without_a_route_is_a_dead_letter(void **state)
{
	open_with((struct bench_options){ .has_no_default_handler = true });
	bench_put(bench, &(struct bench_record){ .id = "a", .type = "nobody's" });
	bench_put(bench, &(struct bench_record){ .id = "b", .type = "other" });
	bench_run_expect(bench, "AD");
	assert_int_equal(work(0)->reason, PAGE_UNROUTED);
	assert_null(work(0)->handler);
	assert_int_equal(bench_row(bench, "a")->outcome, STORE_OUTCOME_DLQ);
}

static void an_unrouted_record_whose_id_is_done_is_a_duplicate(void **state)
{
	open_with((struct bench_options){ .has_no_default_handler = true });
	bench_put(bench, &(struct bench_record){ .id = "a", .type = "other" });
	bench_run_expect(bench, "D");
	bench_clear(bench);
	bench_put(bench, &(struct bench_record){ .strand = 1, .id = "a", .type = "nobody's" });
	bench_run_expect(bench, "U");
}

static void without_an_id_the_position_is_one(void **state)
{
	bench_put(bench, &(struct bench_record){ .strand = 0 });
	bench_put(bench, &(struct bench_record){ .strand = 0 });
	bench_run_expect(bench, "DD");
	bench_redeliver(bench);
	bench_run_expect(bench, "UU");
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 2);
	assert_true(slice_is_null(fake_store_rows(bench->store)->rows[0].event_id));
}

static void without_an_id_a_record_may_be_a_dead_letter_by_policy(void **state)
{
	open_with((struct bench_options){ .event_missing = EVENT_MISSING_DLQ });
	bench_put(bench, &(struct bench_record){ .strand = 0 });
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "AD");
	assert_int_equal(work(0)->reason, PAGE_UNDECODABLE);
	assert_int_equal(bench->call_count, 1);
}

static void without_an_id_a_record_may_go_without_dedup(void **state)
{
	open_with((struct bench_options){ .event_missing = EVENT_MISSING_NONE });
	bench_put(bench, &(struct bench_record){ .strand = 0 });
	bench_add(bench, 0, "a");
	bench_put(bench, &(struct bench_record){ .strand = 1, .what = "skip" });
	bench_run_expect(bench, "DDS");
	assert_int_equal(bench_rows(bench), 1);
	bench_redeliver(bench);
	bench_run_expect(bench, "DUS");
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 3);
}

static void without_an_id_and_dedup_a_dead_letter_is_still_decided_once(void **state)
{
	open_with((struct bench_options){ .event_missing = EVENT_MISSING_NONE });
	bench_put(bench, &(struct bench_record){ .strand = 0, .what = "reject" });
	bench_run_expect(bench, "A");
	assert_int_equal(bench_rows(bench), 1);
	bench_redeliver(bench);
	bench_run_expect(bench, "A");
	assert_int_equal(bench->call_count, 1);
}

static void an_id_in_a_header_comes_first(void **state)
{
	struct source_header header = { SLICE_LITERAL("event_id"), SLICE_LITERAL("from-header") };

	bench_put(bench, &(struct bench_record){ .id = "from-value", .header = header });
	bench_run_expect(bench, "D");
	assert_non_null(bench_row(bench, "from-header"));
	assert_null(bench_row(bench, "from-value"));
}

/* ---- tombstones ---- */

static void a_tombstone_goes_to_the_handler(void **state)
{
	struct source_header header = { SLICE_LITERAL("event_id"), SLICE_LITERAL("t") };

	bench_put(bench, &(struct bench_record){ .is_null = true, .header = header });
	bench_put(bench, &(struct bench_record){ .is_null = true });
	bench_run_expect(bench, "DD");
	assert_int_equal(bench_effects(bench, "t"), 1);
	assert_int_equal(bench->call_count, 2);
}

static void a_tombstone_is_skipped_by_policy(void **state)
{
	open_with((struct bench_options){ .skips_tombstones = true });
	bench_put(bench, &(struct bench_record){ .is_null = true });
	bench_add(bench, 0, "a");
	bench_run_expect(bench, "SD");
	assert_string_equal(work(0)->text, "tombstone");
	assert_int_equal(bench->call_count, 1);
}

/* ---- what the store is asked ---- */

static void claims_are_sorted_and_asked_once_per_key(void **state)
{
	/* the fake store notes what is not sorted, bench_close() looks */
	for (unsigned strand = 0; strand < 3; strand++) {
		for (unsigned i = 0; i < 100; i++) {
			char id[16];
			snprintf(id, sizeof(id), "id-%u", (i * 37) % 100);
			bench_add(bench, strand, id);
		}
	}
	bench_run_expect(bench, "D(100)U(200)");
	assert_non_null(strstr(fake_store_journal(bench->store), "begin claim:100 |"));
}

static void claims_of_what_did_not_end_are_not_committed(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "r", "retry");
	bench_add_doing(bench, 2, "s", "skip");
	bench_add_doing(bench, 3, "u", "unavailable");
	bench_add(bench, 3, "behind");
	bench_run_expect(bench, "DRSHG");
	assert_int_equal(bench_rows(bench), 2);
	assert_non_null(bench_row(bench, "a"));
	assert_non_null(bench_row(bench, "s"));
	assert_non_null(strstr(fake_store_journal(bench->store), "unclaim:3 "));
}

static void what_an_earlier_half_left_unfinished_is_not_claimed_later(void **state)
{
	bench_add_doing(bench, 0, "r", "retry");
	bench_add(bench, 0, "x");
	bench_add(bench, 0, "y");
	bench_add(bench, 0, "z");
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 1, .failure = STORE_CONFLICT, .code = "40001" });
	bench_run_expect(bench, "RGGG");
	/* the second half has nothing to do: all of it stands behind the first record */
	assert_non_null(strstr(fake_store_journal(bench->store), "begin claim:4 |"));
	assert_non_null(strstr(fake_store_journal(bench->store), "begin claim:2 |"));
	assert_null(strstr(fake_store_journal(bench->store), "begin |"));
	assert_int_equal(bench_rows(bench), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_redelivered_batch_is_all_duplicates),
		TEST(the_same_id_anywhere_is_a_duplicate),
		TEST(the_same_id_twice_in_a_batch_takes_effect_once),
		TEST(a_skipped_id_makes_its_followers_duplicates),
		TEST(a_follower_of_a_dead_letter_is_a_duplicate),
		TEST(what_is_kept_out_is_skipped_and_claims_nothing),
		TEST(a_batch_of_records_kept_out_needs_no_store),
		TEST(what_is_kept_out_behind_a_retry_waits_with_its_strand),
		TEST(a_follower_of_a_retry_goes_back_and_cuts_its_strand),
		TEST(a_follower_of_a_failed_statement_goes_back_and_cuts_its_strand),
		TEST(a_leader_that_was_cut_off_takes_its_followers_along),
		TEST(a_follower_in_the_other_half_finds_what_its_leader_left),
		TEST(a_dead_letter_found_at_its_position_is_produced_again_in_the_first_ones_words),
		TEST(a_dead_letter_without_words_is_still_produced),
		TEST(a_dead_letter_of_another_position_makes_a_duplicate),
		TEST(a_dead_letter_behind_its_own_duplicate_is_not_forgotten),
		TEST(undecodable_records_are_dead_letters_by_position),
		TEST(a_record_without_a_route_is_a_dead_letter),
		TEST(an_unrouted_record_whose_id_is_done_is_a_duplicate),
		TEST(without_an_id_the_position_is_one),
		TEST(without_an_id_a_record_may_be_a_dead_letter_by_policy),
		TEST(without_an_id_a_record_may_go_without_dedup),
		TEST(without_an_id_and_dedup_a_dead_letter_is_still_decided_once),
		TEST(an_id_in_a_header_comes_first),
		TEST(a_tombstone_goes_to_the_handler),
		TEST(a_tombstone_is_skipped_by_policy),
		TEST(claims_are_sorted_and_asked_once_per_key),
		TEST(claims_of_what_did_not_end_are_not_committed),
		TEST(what_an_earlier_half_left_unfinished_is_not_claimed_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
