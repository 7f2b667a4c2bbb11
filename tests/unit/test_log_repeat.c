/*
 * test_log_repeat - what is the same is counted, what differs is never held back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/log_repeat.h"

static const struct log_field end = { LOG_FIELD_END, NULL, { NULL } };

static struct log_repeat repeat;
static struct log_repeat_line told;

static int set_up(void **state)
{
	memset(&repeat, 0, sizeof(repeat));
	return 0;
}

static bool ask(int64_t now_us, const char *message, const struct log_field *fields)
{
	return log_repeat_ask(
		&repeat, now_us, LOG_MODULE_KAFKA, LOG_LEVEL_WARNING, message, fields, &told);
}

static bool ask_offset(int64_t now_us, int64_t offset)
{
	const struct log_field fields[] = { LOG_STR("topic", "t"), LOG_INT("offset", offset), end };
	return ask(now_us, "refused", fields);
}

static unsigned written(int64_t now_us, unsigned times)
{
	unsigned count = 0;
	for (unsigned i = 0; i < times; i++) {
		count += ask_offset(now_us, 7);
	}
	return count;
}

static void a_burst_is_written_and_the_rest_is_counted(void **state)
{
	assert_int_equal(written(0, 317), LOG_REPEAT_BURST);
	assert_false(log_repeat_take(&repeat, LOG_REPEAT_WINDOW_US - 1, false, &told));
	assert_true(log_repeat_take(&repeat, LOG_REPEAT_WINDOW_US, false, &told));
	assert_int_equal(told.held_back, 317 - LOG_REPEAT_BURST);
	assert_string_equal(told.message, "refused");
	assert_int_equal(told.level, LOG_LEVEL_WARNING);
	assert_int_equal(told.module, LOG_MODULE_KAFKA);
	assert_string_equal(told.fields[0].str, "t");
	assert_int_equal(told.fields[1].integer, 7);
	assert_int_equal(told.fields[2].kind, LOG_FIELD_END);
	assert_false(log_repeat_take(&repeat, LOG_REPEAT_WINDOW_US, false, &told));
	assert_int_equal(written(LOG_REPEAT_WINDOW_US, 10), LOG_REPEAT_BURST);
}

static void what_differs_in_one_field_is_never_held_back(void **state)
{
	for (int64_t offset = 0; offset < 1000; offset++) {
		assert_true(ask_offset(0, offset));
		assert_int_equal(told.held_back, 0);
	}
}

static void values_do_not_run_into_each_other(void **state)
{
	const struct log_field one[] = { LOG_STR("a", "xy"), LOG_STR("b", "z"), end };
	const struct log_field other[] = { LOG_STR("a", "x"), LOG_STR("b", "yz"), end };
	for (int i = 0; i < LOG_REPEAT_BURST; i++) {
		assert_true(ask(0, "m", one));
		assert_true(ask(0, "m", other));
	}
	assert_false(ask(0, "m", one));
	assert_false(ask(0, "m", other));
}

static void the_next_of_them_tells_when_the_window_is_over(void **state)
{
	written(0, 50);
	assert_true(ask_offset(LOG_REPEAT_WINDOW_US, 7));
	assert_int_equal(told.held_back, 50 - LOG_REPEAT_BURST);
	assert_int_equal(told.fields[1].integer, 7);
}

static void one_that_makes_room_is_told(void **state)
{
	uint64_t held_back = 0;
	written(0, 50);
	for (int64_t offset = 100; offset < 100 + LOG_REPEAT_LINES; offset++) {
		assert_true(ask_offset(1 + offset, offset));
		held_back += told.held_back;
	}
	assert_int_equal(held_back, 50 - LOG_REPEAT_BURST);
}

static void the_last_words_tell_everything(void **state)
{
	written(0, 50);
	assert_true(log_repeat_take(&repeat, 1, true, &told));
	assert_int_equal(told.held_back, 50 - LOG_REPEAT_BURST);
	assert_false(log_repeat_take(&repeat, 1, true, &told));
}

static void what_does_not_fit_into_the_copy_is_left_out(void **state)
{
	char message[600], *value = malloc(3000);
	struct log_field fields[LOG_REPEAT_FIELDS + 5];
	memset(message, 'm', sizeof(message));
	message[sizeof(message) - 1] = '\0';
	memset(value, 'v', 3000);
	fields[0] = LOG_SLICE("long", slice_from(value, 3000));
	for (int i = 1; i < LOG_REPEAT_FIELDS + 4; i++) {
		fields[i] = LOG_INT("n", i);
	}
	fields[LOG_REPEAT_FIELDS + 4] = end;
	for (int i = 0; i < 10; i++) {
		ask(0, message, fields);
	}
	free(value);
	assert_true(log_repeat_take(&repeat, 0, true, &told));
	assert_int_equal(strlen(told.message), LOG_REPEAT_TEXT / 2);
	assert_int_equal(told.fields[0].integer, 1);
	assert_int_equal(told.fields[LOG_REPEAT_FIELDS].kind, LOG_FIELD_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_burst_is_written_and_the_rest_is_counted, set_up),
		cmocka_unit_test_setup(what_differs_in_one_field_is_never_held_back, set_up),
		cmocka_unit_test_setup(values_do_not_run_into_each_other, set_up),
		cmocka_unit_test_setup(the_next_of_them_tells_when_the_window_is_over, set_up),
		cmocka_unit_test_setup(one_that_makes_room_is_told, set_up),
		cmocka_unit_test_setup(the_last_words_tell_everything, set_up),
		cmocka_unit_test_setup(what_does_not_fit_into_the_copy_is_left_out, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
