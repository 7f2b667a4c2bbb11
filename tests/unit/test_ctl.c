/*
 * test_ctl - what oncectl shows
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "client.h"
#include "paint.h"
#include "status.h"
#include "table.h"

static const char *const heads[] = { "NAME", ">COUNT", "NOTE" };

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, 3);
	table_add(&table, "%s", "a-long-name");
	table_add(&table, "%d", 7);
	table_add(&table, "%s", "");
	table_add(&table, "%s", "b\xc3\xa9");
	table_add(&table, "%d", 123456);
	table_add(&table, "%s", "note");
	table_write(&table, &out);
	assert_string_equal(buffer_str(&out),
		"NAME          COUNT  NOTE\n"
		"a-long-name       7\n"
		"b\xc3\xa9           123456  note\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	_cleanup_(table_fini) struct table table;

	table_init(&table, heads, 1);
	table_add(&table, "%s", "x\033[2Jy\nz");
	table_write(&table, &out);
	assert_string_equal(buffer_str(&out), "NAME\nx?[2Jy?z\n");
}

static const char body[] =
	"{\"version\":\"1\",\"pid\":5,\"consumers\":[{\"name\":\"orders\",\"group_id\":\"g\","
	"\"state\":\"held\",\"reason\":\"r\",\"lag\":null,\"workers\":[{\"slot\":0,\"pid\":6,"
	"\"state\":\"ready\",\"uptime_seconds\":3725.5,\"restarts\":1,\"assigned\":2,"
	"\"in_flight\":0,\"store\":\"store is away\"}],\"partitions\":[{\"topic\":\"t\","
	"\"partition\":0,\"worker\":0,\"state\":\"running\",\"reason\":\"\",\"held\":0,"
	"\"settled\":{\"done\":41}},{\"topic\":\"t\",\"partition\":1,\"worker\":0,"
	"\"state\":\"held\",\"reason\":\"dead letters refused\",\"held\":1,"
	"\"settled\":{\"done\":1}}]}]}";

static void status_shows_sums_and_the_partitions_that_need_a_look(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	assert_int_equal(status_render(body, &out), 0);
	assert_non_null(strstr(buffer_str(&out), "  42  "));
	assert_non_null(strstr(buffer_str(&out), "1h2m"));
	assert_non_null(strstr(buffer_str(&out), "store is away"));
	assert_non_null(strstr(buffer_str(&out), "t[1]"));
	assert_null(strstr(buffer_str(&out), "t[0]"));
}

static void answer_that_is_no_status_is_refused(void **state)
{
	static const char *const bodies[] = { "", "nonsense", "[]", "{}", "{\"consumers\":3}" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

		assert_int_equal(status_render(bodies[i], &out), -1);
	}
}

static void status_with_members_of_other_types_is_shown_as_far_as_it_goes(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;

	assert_int_equal(status_render("{\"consumers\":[7,{\"name\":[],\"workers\":{},"
				       "\"partitions\":[null,{\"settled\":[]}]}]}",
				 &out),
		0);
}

static void socket_nobody_serves_is_not_reachable(void **state)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(client_get("/nowhere/control.sock", "/v1/status", &out, &err), 1);
	assert_non_null(strstr(err.text, "/nowhere/control.sock"));
}

static void colours_are_for_terminals_of_those_who_want_them(void **state)
{
	assert_true(paint_is_wanted_by(true, NULL, "xterm"));
	assert_true(paint_is_wanted_by(true, "", "xterm"));
	assert_false(paint_is_wanted_by(true, "1", "xterm"));
	assert_false(paint_is_wanted_by(true, NULL, "dumb"));
	assert_false(paint_is_wanted_by(true, NULL, NULL));
	assert_false(paint_is_wanted_by(false, NULL, "xterm"));
}

static void colours_take_no_place_and_touch_only_heads_and_states(void **state)
{
	static const char *const with_state[] = { "NAME", "STATE", ">LAG" };
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	_cleanup_(table_fini) struct table table;

	table_init(&table, with_state, 3);
	assert_false(table.is_painted); /* a test's output is no terminal */
	table.is_painted = true;
	table_add(&table, "held");
	table_add(&table, "held");
	table_add(&table, "7");
	table_write(&table, &out);
	assert_string_equal(buffer_str(&out),
		"\033[1mNAME\033[0m  \033[1mSTATE\033[0m  \033[1mLAG\033[0m\n"
		"held  \033[31mheld\033[0m     7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(colours_are_for_terminals_of_those_who_want_them),
		cmocka_unit_test(colours_take_no_place_and_touch_only_heads_and_states),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(status_shows_sums_and_the_partitions_that_need_a_look),
		cmocka_unit_test(answer_that_is_no_status_is_refused),
		cmocka_unit_test(status_with_members_of_other_types_is_shown_as_far_as_it_goes),
		cmocka_unit_test(socket_nobody_serves_is_not_reachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
