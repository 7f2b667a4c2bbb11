/*
 * test_start - where a newly assigned partition is read from
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/start.h"

/* Offsets 100 to 200 are in the log, nobody has been here. */
static const struct start_facts fresh = { .partition = 3,
	.committed = -1,
	.log_begin = 100,
	.log_end = 200,
	.seen_committed = -1,
	.known_count = -1,
	.initial = START_EARLIEST,
	.lost = START_HOLD };

static void expect(struct start_facts facts, enum start_kind kind, int64_t offset)
{
	struct start_decision decision = start_decide(&facts);

	assert_int_equal(decision.kind, kind);
	assert_int_equal(decision.offset, offset);
}

static void a_committed_offset_inside_the_log_is_where_it_goes_on(void **state)
{
	static const int64_t inside[] = { 100, 150, 200 };

	for (size_t i = 0; i < 3; i++) {
		struct start_facts facts = fresh;
		facts.committed = inside[i];
		facts.is_seen = true;
		facts.known_count = 2; /* even where it would count as added */
		expect(facts, START_COMMITTED, inside[i]);
	}
}

static void an_empty_log_goes_on_at_its_end(void **state)
{
	struct start_facts facts = fresh;

	facts.log_begin = facts.log_end = facts.committed = 0;
	expect(facts, START_COMMITTED, 0);
}

static void a_committed_offset_outside_the_log_is_lost(void **state)
{
	static const int64_t outside[] = { 0, 99, 201 };

	for (size_t i = 0; i < 3; i++) {
		struct start_facts facts = fresh;
		facts.committed = outside[i];
		expect(facts, START_LOST, -1);
		facts.lost = START_EARLIEST;
		expect(facts, START_LOST, 100);
		facts.lost = START_LATEST;
		expect(facts, START_LOST, 200);
	}
}

static void a_partition_seen_before_without_an_offset_is_lost(void **state)
{
	struct start_facts facts = fresh;

	facts.is_seen = true;
	expect(facts, START_LOST, -1);
	facts.seen_committed = 150; /* known, but the group's own word is gone */
	expect(facts, START_LOST, -1);
	facts.known_count = 2; /* never taken for an added one */
	expect(facts, START_LOST, -1);
}

static void a_partition_never_seen_starts_by_the_initial_policy(void **state)
{
	struct start_facts facts = fresh;

	expect(facts, START_INITIAL, 100);
	facts.initial = START_LATEST;
	expect(facts, START_INITIAL, 200);
	facts.known_count = 4; /* partitions 0 to 3 */
	expect(facts, START_INITIAL, 200);
}

static void a_partition_added_to_the_topic_starts_at_its_beginning(void **state)
{
	struct start_facts facts = fresh;

	facts.initial = START_LATEST;
	facts.known_count = 3; /* partitions 0 to 2 */
	expect(facts, START_ADDED, 100);
	facts.known_count = 0;
	expect(facts, START_ADDED, 100);
}

static void commit_metadata_is_read_strictly(void **state)
{
	static const struct {
		const char *metadata;
		int32_t count;
	} cases[] = { { "n=12", 12 }, { "n=0", 0 }, { "n=2147483647", 2147483647 }, { NULL, -1 },
		{ "", -1 }, { "n=", -1 }, { "n=-1", -1 }, { "n=12 ", -1 }, { "n=1x", -1 },
		{ "n= 1", -1 }, { "n=+1", -1 }, { "m=1", -1 }, { "12", -1 }, { "n=2147483648", -1 },
		{ "n=99999999999999999999", -1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(start_parse_count(cases[i].metadata), cases[i].count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_committed_offset_inside_the_log_is_where_it_goes_on),
		cmocka_unit_test(an_empty_log_goes_on_at_its_end),
		cmocka_unit_test(a_committed_offset_outside_the_log_is_lost),
		cmocka_unit_test(a_partition_seen_before_without_an_offset_is_lost),
		cmocka_unit_test(a_partition_never_seen_starts_by_the_initial_policy),
		cmocka_unit_test(a_partition_added_to_the_topic_starts_at_its_beginning),
		cmocka_unit_test(commit_metadata_is_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
