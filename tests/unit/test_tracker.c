/*
 * test_tracker - the committable offset, against gaps, holes and a slow model
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "core/tracker.h"

static void without_records_the_start_is_committable(void **state)
{
	struct tracker *tracker = tracker_new(42, 100);
	assert_int_equal(tracker_committable(tracker), 42);
	assert_int_equal(tracker_unsettled(tracker), 0);
	assert_int_equal(tracker_ahead(tracker), 0);
	tracker_free(tracker);
	tracker_free(NULL);
}

static void the_first_unsettled_record_holds_the_offset_back(void **state)
{
	struct tracker *tracker = tracker_new(0, 100);
	for (int64_t offset = 0; offset < 5; offset++) {
		assert_int_equal(tracker_add(tracker, offset), 0);
	}
	assert_int_equal(tracker_settle(tracker, 1), 0);
	assert_int_equal(tracker_settle(tracker, 2), 0);
	assert_int_equal(tracker_committable(tracker), 0);
	assert_int_equal(tracker_ahead(tracker), 4);
	assert_int_equal(tracker_settle(tracker, 0), 0);
	assert_int_equal(tracker_committable(tracker), 3);
	assert_int_equal(tracker_settle(tracker, 4), 0);
	assert_int_equal(tracker_settle(tracker, 3), 0);
	assert_int_equal(tracker_committable(tracker), 5);
	tracker_free(tracker);
}

static void gaps_are_stepped_over(void **state)
{
	struct tracker *tracker = tracker_new(10, 1000);
	assert_int_equal(tracker_add(tracker, 15), 0);
	assert_int_equal(tracker_committable(tracker), 15);
	assert_int_equal(tracker_add(tracker, 700), 0);
	assert_int_equal(tracker_settle(tracker, 15), 0);
	assert_int_equal(tracker_committable(tracker), 700);
	assert_int_equal(tracker_settle(tracker, 700), 0);
	assert_int_equal(tracker_committable(tracker), 701);
	tracker_free(tracker);
}

static void what_was_never_added_or_is_settled_cannot_be_settled(void **state)
{
	struct tracker *tracker = tracker_new(10, 1000);
	assert_int_equal(tracker_settle(tracker, 10), -EINVAL);
	assert_int_equal(tracker_add(tracker, 12), 0);
	assert_int_equal(tracker_add(tracker, 14), 0);
	assert_int_equal(tracker_settle(tracker, 13), -EINVAL);
	assert_int_equal(tracker_settle(tracker, 9), -EINVAL);
	assert_int_equal(tracker_settle(tracker, 15), -EINVAL);
	assert_int_equal(tracker_settle(tracker, 14), 0);
	assert_int_equal(tracker_settle(tracker, 14), -EINVAL);
	assert_int_equal(tracker_settle(tracker, INT64_MAX), -EINVAL);
	assert_int_equal(tracker_unsettled(tracker), 1);
	tracker_free(tracker);
}

static void offsets_only_rise(void **state)
{
	struct tracker *tracker = tracker_new(10, 1000);
	assert_int_equal(tracker_add(tracker, 9), -EINVAL);
	assert_int_equal(tracker_add(tracker, 11), 0);
	assert_int_equal(tracker_add(tracker, 11), -EINVAL);
	assert_int_equal(tracker_add(tracker, 10), -EINVAL);
	assert_int_equal(tracker_settle(tracker, 11), 0);
	assert_int_equal(tracker_add(tracker, 11), -EINVAL);
	assert_int_equal(tracker_add(tracker, INT64_MAX), -EINVAL);
	tracker_free(tracker);
}

static void room_ends_ahead_max_above_the_first_unsettled(void **state)
{
	struct tracker *tracker = tracker_new(0, 100);
	assert_int_equal(tracker_add(tracker, 5), 0);
	assert_true(tracker_has_room(tracker, 104));
	assert_false(tracker_has_room(tracker, 105));
	assert_int_equal(tracker_add(tracker, 105), -ENOSPC);
	assert_int_equal(tracker_committable(tracker), 5);
	assert_int_equal(tracker_settle(tracker, 5), 0);
	assert_int_equal(tracker_add(tracker, 105), 0);
	tracker_free(tracker);
}

static void a_huge_gap_costs_no_memory(void **state)
{
	/* A ring for these would not fit any machine: it would abort. */
	struct tracker *tracker = tracker_new(0, INT64_C(1) << 62);
	assert_int_equal(tracker_add(tracker, INT64_C(1) << 60), 0);
	assert_int_equal(tracker_settle(tracker, INT64_C(1) << 60), 0);
	assert_int_equal(tracker_add(tracker, INT64_MAX - 1), 0);
	assert_int_equal(tracker_committable(tracker), INT64_MAX - 1);
	assert_int_equal(tracker_settle(tracker, INT64_MAX - 1), 0);
	assert_int_equal(tracker_committable(tracker), INT64_MAX);
	tracker_free(tracker);
}

enum { MODEL_SIZE = 4000 };

/* One byte an offset: 0 gap, 1 unsettled, 2 settled. */
struct model {
	unsigned char offsets[MODEL_SIZE];
	int64_t next;
};

static int64_t model_committable(const struct model *model, int64_t start)
{
	for (int64_t offset = start; offset < model->next; offset++) {
		if (model->offsets[offset] == 1) {
			return offset;
		}
	}
	return model->next;
}

static void it_agrees_with_a_slow_model(void **state)
{
	for (unsigned seed = 1; seed <= 200; seed++) {
		srandom(seed);
		int64_t start = random() % 70, ahead_max = 1 + random() % 900;
		struct tracker *tracker = tracker_new(start, ahead_max);
		struct model model = { .next = start };
		for (int step = 0; step < 2500; step++) {
			if (random() % 3) {
				int64_t offset = model.next + (random() % 10 ? 0 : random() % 200);
				if (offset >= MODEL_SIZE) {
					continue;
				}
				int64_t first = model_committable(&model, start);
				bool has_room = first == model.next || offset - first < ahead_max;
				assert_int_equal(tracker_has_room(tracker, offset), has_room);
				assert_int_equal(
					tracker_add(tracker, offset), has_room ? 0 : -ENOSPC);
				if (has_room) {
					model.offsets[offset] = 1;
					model.next = offset + 1;
				}
			} else {
				int64_t first = model_committable(&model, start);
				int64_t offset = random() % 4 ? first + random() % 64
							      : random() % MODEL_SIZE;
				bool is_unsettled =
					offset < MODEL_SIZE && model.offsets[offset] == 1;
				assert_int_equal(tracker_settle(tracker, offset),
					is_unsettled ? 0 : -EINVAL);
				if (is_unsettled) {
					model.offsets[offset] = 2;
				}
			}
			assert_int_equal(
				tracker_committable(tracker), model_committable(&model, start));
		}
		tracker_free(tracker);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_records_the_start_is_committable),
		cmocka_unit_test(the_first_unsettled_record_holds_the_offset_back),
		cmocka_unit_test(gaps_are_stepped_over),
		cmocka_unit_test(what_was_never_added_or_is_settled_cannot_be_settled),
		cmocka_unit_test(offsets_only_rise),
		cmocka_unit_test(room_ends_ahead_max_above_the_first_unsettled),
		cmocka_unit_test(a_huge_gap_costs_no_memory),
		cmocka_unit_test(it_agrees_with_a_slow_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
