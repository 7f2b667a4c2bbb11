/*
 * test_args - the command line of onced
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "args.h"
#include "base/cleanup.h"

static struct args args;
static struct err err;

#define PARSE(...) parse((char *[]){ (char[]){ "onced" }, __VA_ARGS__ __VA_OPT__(, ) NULL })
#define A(word) ((char[]){ word })

static int parse(char **argv)
{
	int argc = 0;

	while (argv[argc]) {
		argc++;
	}
	err = ERR_INIT;
	return args_parse(argc, argv, &args, &err);
}

static void nothing_said_is_the_supervisor_with_the_usual_file(void **state)
{
	assert_int_equal(PARSE(), 0);
	assert_int_equal(args.role, ROLE_SUPERVISOR);
	assert_string_equal(args.config_path, "/etc/onced/onced.ini");
}

static void file_is_given_short_long_or_with_equals(void **state)
{
	assert_int_equal(PARSE(A("-c"), A("x.ini")), 0);
	assert_string_equal(args.config_path, "x.ini");
	assert_int_equal(PARSE(A("--config"), A("y.ini")), 0);
	assert_string_equal(args.config_path, "y.ini");
	assert_int_equal(PARSE(A("--config=z.ini")), 0);
	assert_string_equal(args.config_path, "z.ini");
}

static void commands_choose_the_role(void **state)
{
	assert_int_equal(PARSE(A("--check-config"), A("-c"), A("x.ini")), 0);
	assert_int_equal(args.role, ROLE_CHECK_CONFIG);
	assert_int_equal(PARSE(A("--dump-config"), A("--non-default")), 0);
	assert_int_equal(args.role, ROLE_DUMP_CONFIG);
	assert_true(args.non_default_only);
	assert_int_equal(PARSE(A("--worker"), A("orders/1")), 0);
	assert_int_equal(args.role, ROLE_WORKER);
	assert_string_equal(args.name, "orders/1");
}

static void two_commands_are_refused(void **state)
{
	assert_int_equal(PARSE(A("--version"), A("--help")), -EINVAL);
}

static void unknown_word_is_named(void **state)
{
	assert_int_equal(PARSE(A("--frobnicate")), -EINVAL);
	assert_non_null(strstr(err.text, "--frobnicate"));
	assert_int_equal(PARSE(A("start")), -EINVAL);
	assert_int_equal(PARSE(A("")), -EINVAL);
}

static void missing_and_unwanted_values_are_refused(void **state)
{
	assert_int_equal(PARSE(A("-c")), -EINVAL);
	assert_int_equal(PARSE(A("--config=")), -EINVAL);
	assert_int_equal(PARSE(A("--version=2")), -EINVAL);
}

static void non_default_alone_is_refused(void **state)
{
	assert_int_equal(PARSE(A("--non-default")), -EINVAL);
	assert_int_equal(PARSE(A("--check-config"), A("--non-default")), -EINVAL);
}

static void a_test_of_a_handler_needs_its_name_and_events(void **state)
{
	assert_int_equal(
		PARSE(A("test-handler"), A("--handler"), A("h"), A("--events=e.jsonl")), 0);
	assert_int_equal(args.role, ROLE_TEST_HANDLER);
	assert_string_equal(args.handler, "h");
	assert_string_equal(args.events_path, "e.jsonl");
	assert_int_equal(PARSE(A("test-handler"), A("--handler"), A("h")), -EINVAL);
	assert_string_equal(err.text, "test-handler needs --handler NAME and --events FILE");
	assert_int_equal(PARSE(A("--handler"), A("h")), -EINVAL);
	assert_string_equal(err.text, "--handler belongs to test-handler");
}

static void plugins_are_loaded_only_by_a_check(void **state)
{
	assert_int_equal(PARSE(A("--check-config")), 0);
	assert_false(args.loads_plugins);
	assert_int_equal(PARSE(A("--load-plugins"), A("--check-config")), 0);
	assert_true(args.loads_plugins);
	assert_int_equal(PARSE(A("--dump-config"), A("--load-plugins")), -EINVAL);
	assert_string_equal(err.text, "--load-plugins belongs to --check-config");
}

static void usage_names_what_people_use_and_nothing_else(void **state)
{
	_cleanup_(buffer_fini) struct buffer usage = BUFFER_INIT;

	args_write_usage(&usage);
	assert_non_null(strstr(buffer_str(&usage), "-c, --config FILE"));
	assert_non_null(strstr(buffer_str(&usage), "--dump-config"));
	assert_null(strstr(buffer_str(&usage), "--worker"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_is_the_supervisor_with_the_usual_file),
		cmocka_unit_test(file_is_given_short_long_or_with_equals),
		cmocka_unit_test(commands_choose_the_role),
		cmocka_unit_test(two_commands_are_refused),
		cmocka_unit_test(unknown_word_is_named),
		cmocka_unit_test(missing_and_unwanted_values_are_refused),
		cmocka_unit_test(non_default_alone_is_refused),
		cmocka_unit_test(a_test_of_a_handler_needs_its_name_and_events),
		cmocka_unit_test(plugins_are_loaded_only_by_a_check),
		cmocka_unit_test(usage_names_what_people_use_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
