/*
 * test_config_param - keys of a handler's own table: families, and tables that nobody knows yet
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_case.h"

static int setup(void **state)
{
	struct config_case *test = calloc(1, sizeof(*test));

	config_case_begin(test);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	config_case_end(*state);
	free(*state);
	return 0;
}

static void assert_problem(const struct config_case *test, const char *words)
{
	assert_null(test->config);
	assert_non_null(strstr(buffer_str(&test->errors.text), words));
}

static void a_member_of_a_family_is_overridden_where_a_file_has_it(void **state)
{
	static const char http[] = "[handler w]\ntype = http\nurl = x\nheaders.x-tenant = shop";
	struct config_case *test = *state;
	const struct config_handler *handler;

	test->environment[0] = (char *)"ONCED__HANDLER__W__HEADERS_X_TENANT=bakery";
	assert_int_equal(config_case_load_with(test, "", "", "", http), 0);
	handler = &test->config->handlers[1];
	assert_string_equal(config_pairs_get(&handler->params, "headers.x-tenant"), "bakery");
	assert_int_equal(handler->params.count, 2);

	test->environment[1] = (char *)"ONCED__HANDLER__W__HEADERS_X_OTHER=1";
	config_case_load_with(test, "", "", "", http);
	assert_problem(test,
		"environment: ONCED__HANDLER__W__HEADERS_X_OTHER: a key of headers.* can be "
		"overridden only where a file has it");
}

static void keys_of_a_plugin_are_kept_for_its_own_table(void **state)
{
	struct config_case *test = *state;
	const struct config_pairs *params;

	assert_int_equal(config_case_load_with(test, "", "", "",
				 "[handler p]\ntype = plugin\npath = /x.so\ndepth = 3\nquery =\n"
				 "  timeout = 5"),
		0);
	params = &test->config->handlers[1].params;
	assert_string_equal(config_pairs_get(params, "depth"), "3");
	assert_string_equal(config_pairs_get(params, "query"), "\ntimeout = 5");
	config_case_load_with(test, "", "", "", "[handler p]\ntype = plugin");
	assert_problem(test, "[handler p] path is missing; the type plugin needs it");
}

static void a_worker_is_told_where_a_key_was_written(void **state)
{
	struct config_case *test = *state;
	struct config *there;
	const struct config_pairs *params;

	test->environment[0] = (char *)"ONCED__HANDLER__P__DEPTH=4";
	config_case_load_good(test,
		"[onced]\nstore = none:\n[kafka]\nbootstrap.servers = a\n[consumer c]\ntopics = "
		"t\ndlq.topic = none\nhandler = p\n[handler p]\ntype = plugin\n"
		"query = one\n  two\npath = /x.so\ndepth = 3\n");
	there = config_case_travel(test->config, "c");
	params = &there->handlers[0].params;
	assert_int_equal(params->count, 3);
	assert_string_equal(config_pairs_get(params, "query"), "one\ntwo");
	assert_non_null(strstr(config_pairs_find(params, "query")->origin, "onced.ini:11"));
	assert_non_null(strstr(config_pairs_find(params, "path")->origin, "onced.ini:13"));
	assert_string_equal(
		config_pairs_find(params, "depth")->origin, "environment ONCED__HANDLER__P__DEPTH");
	config_free(there);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_member_of_a_family_is_overridden_where_a_file_has_it),
		TEST(keys_of_a_plugin_are_kept_for_its_own_table),
		TEST(a_worker_is_told_where_a_key_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
