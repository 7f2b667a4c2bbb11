/*
 * test_unit_batch - the unit of work over a handler that takes many events in one call
 */
#include <string.h>

#include "unit_bench.h"

static struct unit_bench *bench;
static struct page_lane page_lane;

static int set_up(void **state)
{
	bench = bench_open(&(struct bench_options){ .has_batches = true });
	return 0;
}

static int tear_down(void **state)
{
	bench_close(bench);
	return 0;
}

static void expect_batches(const char *expected)
{
	assert_string_equal(buffer_str(&bench->batches), expected);
}

static unsigned count_word(const char *word)
{
	unsigned count = 0;

	for (const char *at = fake_store_journal(bench->store); (at = strstr(at, word)); at++) {
		count++;
	}
	return count;
}

static void new_events_of_a_batch_come_in_one_call_in_their_order(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "DD");
	bench_clear(bench);
	bench_add(bench, 0, "b");
	bench_add(bench, 0, "c");
	bench_add(bench, 1, "c");
	bench_add(bench, 1, "d");
	bench_run_expect(bench, "UDUD");
	expect_batches(" [a b] [c d]");
	assert_int_equal(bench_effects(bench, "d"), 1);
}

static void each_event_has_its_own_outcome(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 0, "bad", "reject");
	bench_add_doing(bench, 0, "c", "skip");
	bench_add(bench, 0, "d");
	bench_run_expect(bench, "DASD");
	expect_batches(" [a bad c d]");
	assert_string_equal(bench->unit.works[1].text, "told to reject");
	assert_int_equal(bench_row(bench, "bad")->outcome, STORE_OUTCOME_DLQ);
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 2);
}

static void behind_a_retry_of_its_strand_an_event_is_handled_again(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 0, "late", "retry-once");
	bench_add(bench, 0, "c");
	bench_add(bench, 1, "d");
	bench_run_expect(bench, "DRGD");
	assert_int_equal(bench_effects(bench, "c"), 0);
	assert_null(bench_row(bench, "c"));
	bench_next(bench);
	bench_run_expect(bench, "DD");
	expect_batches(" [a late c d] [late c]");
	assert_int_equal(bench_effects(bench, "c"), 1);
}

static void a_failing_statement_is_its_events_own(void **state)
{
	bench_add(bench, 0, "a");
	bench_add(bench, 1, "bad");
	bench_add(bench, 2, "c");
	bench_fail_statement(bench, "bad", STORE_STATEMENT, "22P02");
	bench_run_expect(bench, "DAD");
	expect_batches(" [a bad c]");
	assert_int_equal(count_word("begin"), 1);
}

static void a_conflict_replays_without_another_call(void **state)
{
	char id[16];

	for (unsigned i = 0; i < 8; i++) {
		snprintf(id, sizeof(id), "%u", i);
		bench_add(bench, i, id);
	}
	bench_fail(bench,
		&(struct fake_fault){
			STORE_OP_COMMIT, .times = 2, .failure = STORE_CONFLICT, .code = "40001" });
	bench_run_expect(bench, "D(8)");
	expect_batches(" [0 1 2 3 4 5 6 7]");
	assert_int_equal(fake_store_rows(bench->store)->effect_count, 8);
}

static void handlers_of_routes_have_their_calls_and_effects_keep_their_order(void **state)
{
	bench_add(bench, 0, "a");
	bench_put(bench, &(struct bench_record){ .id = "x", .type = "other" });
	bench_add(bench, 0, "b");
	bench_put(bench, &(struct bench_record){ .id = "y", .type = "other" });
	bench_run_expect(bench, "DDDD");
	expect_batches(" [a b] [x y]");
	for (unsigned i = 0; i < 4; i++) {
		static const char *const order[] = { "a", "x", "b", "y" };
		assert_true(slice_equal_str(
			fake_store_rows(bench->store)->effects[i].values[0], order[i]));
	}
}

/* The other handler's event, which says so after b was called, is in front of b. */
static void a_call_may_be_in_vain(void **state)
{
	bench_add(bench, 0, "a");
	bench_put(
		bench, &(struct bench_record){ .id = "x", .type = "other", .what = "retry-once" });
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "DRG");
	assert_int_equal(bench_effects(bench, "b"), 0);
	bench_next(bench);
	bench_run_expect(bench, "DD");
	expect_batches(" [a b] [x] [x] [b]");
	assert_int_equal(bench_effects(bench, "b"), 1);
}

static void what_asks_in_a_batch_is_held_and_its_statements_are_dropped(void **state)
{
	bench_add(bench, 0, "a");
	bench_add_doing(bench, 1, "q", "ask-again");
	bench_run_expect(bench, "DH");
	assert_string_equal(bench->unit.works[1].code, "batch-query");
	assert_int_equal(bench_effects(bench, "q"), 0);
	assert_int_equal(bench->records[1]->attempts, 0);
	assert_int_equal(count_word("query"), 0);
}

static void in_an_outage_one_at_a_time_is_called(void **state)
{
	bench_add_doing(bench, 0, "down", "unavailable");
	bench_add(bench, 1, "b");
	bench_run(bench);
	bench_let_probe(bench);
	buffer_clear(&bench->batches);
	bench_next(bench);
	bench_add(bench, 2, "c");
	bench_run(bench);
	assert_null(strchr(buffer_str(&bench->batches) + 2, ' '));
}

/* ---- who is named for a death ---- */

static const struct unit_bench *looking;
static uint32_t stage_seen;

static void look(void *state, const struct onced_event *const *events,
	struct onced_outcome *outcomes, size_t count)
{
	stage_seen = atomic_load(&looking->unit.options.page_lane->stage);
	assert_int_equal(
		page_get(&looking->unit.options.page_lane->offset), onced_event_offset(events[0]));
}

static void only_a_record_that_is_called_alone_is_in_hand(void **state)
{
	struct onced_handler *ops = (struct onced_handler *)bench->roster.handlers[0].ops;

	ops->handle_batch = look;
	looking = bench;
	bench->unit.options.page_lane = &page_lane;
	bench_add(bench, 0, "a");
	bench_add(bench, 0, "b");
	bench_run_expect(bench, "DD");
	assert_int_equal(stage_seen, PAGE_STAGE_BATCH);
	bench_clear(bench);
	bench_add(bench, 0, "c");
	bench_run_expect(bench, "D");
	assert_int_equal(stage_seen, PAGE_STAGE_HANDLER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_events_of_a_batch_come_in_one_call_in_their_order),
		TEST(each_event_has_its_own_outcome),
		TEST(behind_a_retry_of_its_strand_an_event_is_handled_again),
		TEST(a_failing_statement_is_its_events_own),
		TEST(a_conflict_replays_without_another_call),
		TEST(handlers_of_routes_have_their_calls_and_effects_keep_their_order),
		TEST(a_call_may_be_in_vain),
		TEST(what_asks_in_a_batch_is_held_and_its_statements_are_dropped),
		TEST(in_an_outage_one_at_a_time_is_called),
		TEST(only_a_record_that_is_called_alone_is_in_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
