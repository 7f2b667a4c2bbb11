/*
 * test_book - effects made elsewhere: claimed, made, marked
 */
#include <stdio.h>

#include "book_case.h"

static void the_claim_is_committed_before_the_effect_and_the_mark_after_it(void **state)
{
	struct errand *a = claim("a"), *b = claim("b");

	assert_int_equal(fly(), STORE_OK);
	expect_row("a", STORE_OUTCOME_RUNNING);
	assert_int_equal(bench_calls(bench, "a"), 0);
	assert_int_equal(run_claimed(), 2);
	expect_row("a", STORE_OUTCOME_RUNNING);
	assert_int_equal(fly(), STORE_OK);
	expect_row("a", STORE_OUTCOME_DONE);
	expect_end(a, UNIT_DONE);
	expect_end(b, UNIT_DONE);
	assert_string_equal(fake_store_journal(bench->store),
		"begin lease:2 commit | begin lease_done:2 commit | ");
}

static void claims_and_ends_share_a_flight(void **state)
{
	claim("a");
	fly();
	run_claimed();
	claim("b");
	fake_store_clear_journal(bench->store);
	fly();
	assert_string_equal(
		fake_store_journal(bench->store), "begin lease_done:1 lease:1 commit | ");
}

static void what_the_filter_keeps_out_is_not_leased(void **state)
{
	static struct config_condition has_kind[] = { { CONFIG_FIELD_HEADER, (char *)"kind",
		CONFIG_IS_PRESENT, { NULL, 0 } } };
	struct errand *errand;

	tear_down(NULL);
	open_with(&(struct bench_options){ .filter = { has_kind, 1 } });
	errand = claim("a");
	go_through();
	expect_end(errand, UNIT_SKIPPED);
	assert_int_equal(bench_rows(bench), 0);
	assert_int_equal(bench_calls(bench, "a"), 0);
}

static void what_was_done_before_is_a_duplicate(void **state)
{
	struct errand *again;

	claim("a");
	go_through();
	again = claim("a");
	go_through();
	expect_end(again, UNIT_DUPLICATE);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void the_same_event_in_hand_twice_waits_for_the_first(void **state)
{
	struct errand *second;

	claim("a");
	second = claim("a");
	fly();
	expect_end(second, UNIT_HELD);
	assert_true(second->unit.works[0].is_held_with_others);
	assert_int_equal(second->record->attempts, 0);
	go_through();
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void an_event_of_another_owner_waits_and_nothing_is_burnt(void **state)
{
	struct errand *errand = claim("a");
	int64_t now_us = clock_mono_us();

	lease_as(them, errand);
	go_through();
	expect_end(errand, UNIT_HELD);
	assert_true(errand->unit.works[0].due_us <= now_us + 2000000);
	assert_int_equal(errand->record->attempts, 0);
	assert_int_equal(bench_calls(bench, "a"), 0);
}

static void a_lease_of_our_predecessor_is_taken_over_at_once(void **state)
{
	struct errand *errand = claim("a");

	lease_as(us, errand);
	go_through();
	expect_end(errand, UNIT_DONE);
	expect_row("a", STORE_OUTCOME_DONE);
	assert_int_equal(book.taken_over, 1);
}

static void a_retry_leaves_no_claim_and_keeps_its_attempts(void **state)
{
	struct errand *errand = claim_doing("a", "retry-once");

	go_through();
	expect_end(errand, UNIT_RETRY);
	assert_null(bench_row(bench, "a"));
	assert_int_equal(bench_stored_attempts(bench, 0, errand->record->item.offset), 1);
	claim_record(0);
	go_through();
	expect_row("a", STORE_OUTCOME_DONE);
	assert_int_equal(fake_store_rows(bench->store)->attempt_count, 0);
}

static void a_rejection_wins_the_row_before_it_ends(void **state)
{
	struct errand *errand = claim_doing("a", "reject");

	fly();
	run_claimed();
	assert_null(book.ended.head);
	fly();
	expect_end(errand, UNIT_DEAD);
	expect_row("a", STORE_OUTCOME_DLQ);
	assert_false(slice_is_null(bench_row(bench, "a")->decision));
}

static void a_dead_letter_decided_before_is_repeated_without_its_handler(void **state)
{
	struct errand *again;

	claim_doing("a", "reject");
	go_through();
	again = claim_record(0);
	go_through();
	expect_end(again, UNIT_DEAD);
	assert_string_equal(again->unit.works[0].code, "T1");
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void a_dead_letter_decided_before_is_skipped_on_an_operators_word(void **state)
{
	struct errand *again;

	claim_doing("a", "reject");
	go_through();
	/* nothing but its address is looked at */
	bench->records[0]->skip = (const struct skip *)&book;
	again = claim_record(0);
	go_through();
	expect_end(again, UNIT_SKIPPED);
	expect_row("a", STORE_OUTCOME_DLQ);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void unavailable_releases_and_holds_and_burns_nothing(void **state)
{
	struct errand *errand = claim_doing("a", "unavailable");

	go_through();
	expect_end(errand, UNIT_HELD);
	assert_null(bench_row(bench, "a"));
	assert_int_equal(errand->record->attempts, 0);
}

static const struct outage *verdict(void)
{
	return &bench->roster.by_default->outage.verdict;
}

static void begin_outage(void)
{
	char id[16];

	for (unsigned i = 0; i < OUTAGE_AT_ONCE; i++) {
		snprintf(id, sizeof(id), "retry-%u", i);
		claim_doing(id, "retry");
	}
	go_through();
	assert_int_equal(verdict()->state, OUTAGE_DECIDED);
	assert_int_equal(bench_rows(bench), 0);
}

static void in_an_outage_a_probe_is_claimed_and_nobody_else(void **state)
{
	struct errand *early, *probe, *other, *late;

	begin_outage();
	fake_store_clear_journal(bench->store);
	early = claim("early");
	fly();
	expect_end(early, UNIT_HELD);
	assert_string_equal(fake_store_journal(bench->store), "");
	bench_let_probe(bench);
	probe = claim("probe");
	other = claim("other");
	go_through();
	expect_end(probe, UNIT_DONE);
	expect_end(other, UNIT_HELD);
	assert_int_equal(bench_calls(bench, "other"), 0);
	assert_int_equal(verdict()->state, OUTAGE_NONE);
	late = claim("late");
	go_through();
	expect_end(late, UNIT_DONE);
}

static void a_probe_that_is_never_begun_leaves_room_for_the_next(void **state)
{
	struct errand *errand;

	begin_outage();
	bench_let_probe(bench);
	claim("a");
	fly();
	assert_true(verdict()->is_probing);
	errand = errand_pop(&book.claimed);
	errand_withdraw(errand);
	book_end(&book, errand);
	go_through();
	expect_end(errand, UNIT_AGAIN);
	assert_false(verdict()->is_probing);
	errand = claim("b");
	go_through();
	expect_end(errand, UNIT_DONE);
}

static void another_content_under_a_known_id_is_a_dead_letter_of_its_position(void **state)
{
	struct errand *first, *other;

	tear_down(state);
	open_with(&(struct bench_options){ .has_digests = true });
	first = claim("a");
	go_through();
	expect_end(first, UNIT_DONE);
	other = claim_doing("a", "skip");
	go_through();
	expect_end(other, UNIT_AGAIN);
	other = claim_record(1);
	go_through();
	expect_end(other, UNIT_DEAD);
	assert_int_equal(errand_work(other)->reason, PAGE_COLLISION);
	expect_row("a", STORE_OUTCOME_DONE);
	assert_int_equal(bench_rows(bench), 2);
	assert_int_equal(bench_calls(bench, "a"), 1);
}

static void what_is_never_begun_is_released(void **state)
{
	struct errand *errand = claim("a");

	fly();
	errand_withdraw(errand_pop(&book.claimed));
	book_end(&book, errand);
	fly();
	expect_end(errand, UNIT_AGAIN);
	assert_null(bench_row(bench, "a"));
}

static int set_up_without_dedup(void **state)
{
	return open_with(&(struct bench_options){ .has_no_dedup = true });
}

static void a_store_that_keeps_nothing_is_asked_for_nothing(void **state)
{
	struct errand *errand = claim("a");

	go_through();
	expect_end(errand, UNIT_DONE);
	assert_int_equal(bench_rows(bench), 0);
}

static int set_up_without_ids(void **state)
{
	return open_with(&(struct bench_options){ .event_missing = EVENT_MISSING_NONE });
}

static void an_event_without_an_id_is_not_remembered(void **state)
{
	struct errand *errand =
		claim_record(bench_put(bench, &(struct bench_record){ .id = NULL }));

	fly();
	assert_int_equal(bench_rows(bench), 1);
	go_through();
	expect_end(errand, UNIT_DONE);
	assert_int_equal(bench_rows(bench), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_claim_is_committed_before_the_effect_and_the_mark_after_it),
		TEST(claims_and_ends_share_a_flight),
		TEST(what_the_filter_keeps_out_is_not_leased),
		TEST(what_was_done_before_is_a_duplicate),
		TEST(the_same_event_in_hand_twice_waits_for_the_first),
		TEST(an_event_of_another_owner_waits_and_nothing_is_burnt),
		TEST(a_lease_of_our_predecessor_is_taken_over_at_once),
		TEST(a_retry_leaves_no_claim_and_keeps_its_attempts),
		TEST(a_rejection_wins_the_row_before_it_ends),
		TEST(a_dead_letter_decided_before_is_repeated_without_its_handler),
		TEST(a_dead_letter_decided_before_is_skipped_on_an_operators_word),
		TEST(unavailable_releases_and_holds_and_burns_nothing),
		TEST(another_content_under_a_known_id_is_a_dead_letter_of_its_position),
		TEST(what_is_never_begun_is_released),
		TEST(in_an_outage_a_probe_is_claimed_and_nobody_else),
		TEST(a_probe_that_is_never_begun_leaves_room_for_the_next),
		cmocka_unit_test_setup_teardown(a_store_that_keeps_nothing_is_asked_for_nothing,
			set_up_without_dedup, tear_down),
		cmocka_unit_test_setup_teardown(
			an_event_without_an_id_is_not_remembered, set_up_without_ids, tear_down),
	};

	return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
