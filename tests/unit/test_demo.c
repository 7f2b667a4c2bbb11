/*
 * test_demo - the demonstration's own arithmetic: its stream, its audit, its reading of metrics
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "demo/audit.h"
#include "demo/report.h"

struct world {
	struct order orders[ORDER_COUNT];
	struct audit audit;
	struct scrape_counters counters;
};

static struct world *fresh(void)
{
	struct world *world = calloc(1, sizeof(*world));

	orders_make(world->orders);
	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		world->orders[i].place = (struct kafka_place){ .partition = 0, .offset = i };
	}
	audit_init(&world->audit, world->orders);
	return world;
}

static void apply(struct world *world, unsigned index)
{
	char id[24];

	audit_add_row(&world->audit, order_event_id(world->orders[index].number, id), 1);
}

static struct audit_letter letter_of(const struct world *world, unsigned index)
{
	const struct order *order = &world->orders[index];

	return (struct audit_letter){ .origin = order->place,
		.reason = slice_from_str(order_fate[order->kind]),
		.key = slice_from_str(order->customer),
		.value = slice_from_str(order->value) };
}

/* Everything ends as it should, but for the record at `except`. */
static void end_all(struct world *world, unsigned except)
{
	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		struct audit_letter letter = letter_of(world, i);

		if (i == except || world->orders[i].kind == ORDER_REPEAT) {
			continue;
		}
		if (order_fate[world->orders[i].kind]) {
			audit_add_letter(&world->audit, &letter);
		} else {
			apply(world, i);
		}
	}
}

static unsigned first_of(const struct world *world, enum order_kind kind)
{
	unsigned i = 0;

	while (world->orders[i].kind != kind) {
		i++;
	}
	return i;
}

static void the_stream_has_every_kind_and_two_percent_repeats(void **state)
{
	struct world *world = fresh();
	unsigned counts[ORDER_KINDS] = { 0 };

	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		counts[world->orders[i].kind]++;
	}
	for (unsigned kind = 0; kind < ORDER_KINDS; kind++) {
		assert_true(counts[kind] > 0);
	}
	assert_int_equal(counts[ORDER_REPEAT] * 50, ORDER_COUNT);
	free(world);
}

static void a_repeat_is_the_same_record_as_an_earlier_one(void **state)
{
	struct world *world = fresh();

	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		const struct order *order = &world->orders[i];

		if (order->kind == ORDER_REPEAT) {
			assert_true(order->number < i);
			assert_string_equal(order->value, world->orders[order->number].value);
			assert_null(order_fate[world->orders[order->number].kind]);
		}
	}
	free(world);
}

static void the_audit_holds_when_all_end_as_they_should(void **state)
{
	struct world *world = fresh();

	end_all(world, ORDER_COUNT);
	audit_finish(&world->audit);
	assert_true(audit_holds(&world->audit));
	free(world);
}

static void a_record_without_an_end_is_lost(void **state)
{
	struct world *world = fresh();

	end_all(world, 0);
	audit_finish(&world->audit);
	assert_true(world->audit.lost > 0);
	assert_false(audit_holds(&world->audit));
	free(world);
}

static void a_second_row_of_an_event_is_applied_twice(void **state)
{
	struct world *world = fresh();

	end_all(world, ORDER_COUNT);
	apply(world, 0);
	audit_finish(&world->audit);
	assert_int_equal(world->audit.applied_twice, 1);
	assert_false(audit_holds(&world->audit));
	free(world);
}

static void an_effect_of_a_dead_letter_is_seen(void **state)
{
	struct world *world = fresh();

	end_all(world, ORDER_COUNT);
	apply(world, first_of(world, ORDER_ORPHAN));
	audit_finish(&world->audit);
	assert_int_equal(world->audit.both, 1);
	assert_false(audit_holds(&world->audit));
	free(world);
}

static void a_dead_letter_with_other_bytes_is_seen(void **state)
{
	struct world *world = fresh();
	unsigned index = first_of(world, ORDER_MALFORMED);
	struct audit_letter letter = letter_of(world, index);

	letter.value = SLICE_LITERAL("{}");
	end_all(world, index);
	audit_add_letter(&world->audit, &letter);
	audit_finish(&world->audit);
	assert_int_equal(world->audit.wrong, 1);
	assert_false(audit_holds(&world->audit));
	free(world);
}

static void a_dead_letter_written_again_is_allowed_and_counted(void **state)
{
	struct world *world = fresh();
	struct audit_letter letter = letter_of(world, first_of(world, ORDER_FORBIDDEN));

	end_all(world, ORDER_COUNT);
	audit_add_letter(&world->audit, &letter);
	audit_finish(&world->audit);
	assert_int_equal(world->audit.letter_repeats, 1);
	assert_true(audit_holds(&world->audit));
	free(world);
}

static void counters_that_do_not_add_up_are_seen(void **state)
{
	struct world *world = fresh();
	struct report report = { .audit = &world->audit, .counters = &world->counters };

	end_all(world, ORDER_COUNT);
	audit_finish(&world->audit);
	world->counters = (struct scrape_counters){ .done = world->audit.applied_once,
		.duplicate = world->audit.ended[ORDER_REPEAT],
		.dead_lettered = world->audit.letter_count,
		.consumed = ORDER_COUNT };
	assert_true(report_counters_hold(&report));
	world->counters.abandoned = 1;
	assert_false(report_counters_hold(&report));
	world->counters.consumed++;
	assert_true(report_counters_hold(&report));
	world->counters.duplicate--;
	world->counters.consumed--;
	assert_false(report_counters_hold(&report));
	free(world);
}

static void samples_are_summed_by_name_and_label(void **state)
{
	static const char text[] = "# TYPE onced_x counter\n"
				   "onced_x{result=\"done\",partition=\"0\"} 3\n"
				   "onced_x{result=\"skipped\",partition=\"0\"} 4\n"
				   "onced_x_total{result=\"done\"} 100\n"
				   "onced_x{result=\"done\",partition=\"1\"} 5\n";

	assert_int_equal(scrape_sum(text, "onced_x", "result=\"done\""), 8);
	assert_int_equal(scrape_sum(text, "onced_x", ""), 12);
	assert_int_equal(scrape_sum(text, "onced_y", ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stream_has_every_kind_and_two_percent_repeats),
		cmocka_unit_test(a_repeat_is_the_same_record_as_an_earlier_one),
		cmocka_unit_test(the_audit_holds_when_all_end_as_they_should),
		cmocka_unit_test(a_record_without_an_end_is_lost),
		cmocka_unit_test(a_second_row_of_an_event_is_applied_twice),
		cmocka_unit_test(an_effect_of_a_dead_letter_is_seen),
		cmocka_unit_test(a_dead_letter_with_other_bytes_is_seen),
		cmocka_unit_test(a_dead_letter_written_again_is_allowed_and_counted),
		cmocka_unit_test(counters_that_do_not_add_up_are_seen),
		cmocka_unit_test(samples_are_summed_by_name_and_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
