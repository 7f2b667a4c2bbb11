/*
 * test_log_handler - the built-in `log`, and how built-ins are found
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_host.h"
#include "handlers/builtins.h"

static const struct onced_param no_params[] = { { .name = NULL } };

static void a_line_is_written_for_every_event(void **state)
{
	const struct fake_event event = {
		.topic = "orders",
		.partition = 3,
		.offset = 42,
		.key = SLICE_LITERAL("secret"),
		.value = SLICE_LITERAL("not even json"),
	};
	const struct fake_event tombstone = { .topic = "orders", .partition = 3, .offset = 43 };
	struct fake_host host;

	fake_host_init(&host, builtin_handler_find("log"), no_params);
	assert_int_equal(fake_host_check(&host), 0);
	assert_int_equal(fake_host_open(&host), 0);
	assert_int_equal(fake_host_handle(&host, &event).result, ONCED_DONE);
	assert_int_equal(fake_host_handle(&host, &tombstone).result, ONCED_DONE);
	assert_string_equal(buffer_str(&host.log),
		"orders:3:42 event with 6 bytes of key and 13 bytes of value\n"
		"orders:3:43 event with 0 bytes of key and 0 bytes of value\n");
	assert_int_equal(host.sent_count, 0);
	fake_host_fini(&host);
}

static void built_ins_are_found_by_name(void **state)
{
	assert_ptr_equal(builtin_handler_find("log"), &log_handler);
	assert_ptr_equal(builtin_handler_find("sql"), &sql_handler);
	assert_null(builtin_handler_find("lo"));
	assert_null(builtin_handler_find(""));
}

static void every_built_in_and_its_parameters_explain_themselves(void **state)
{
	for (size_t i = 0; builtin_handlers[i]; i++) {
		const struct onced_handler *handler = builtin_handlers[i];

		assert_int_equal(handler->abi, ONCED_HANDLER_ABI);
		assert_int_equal(handler->size, sizeof(*handler));
		assert_non_null(handler->handle);
		assert_true(strlen(handler->help) > 0);
		for (const struct onced_param_spec *spec = handler->params; spec->name; spec++) {
			assert_true(strlen(spec->help) > 0);
			assert_false(spec->is_required && spec->default_value);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_written_for_every_event),
		cmocka_unit_test(built_ins_are_found_by_name),
		cmocka_unit_test(every_built_in_and_its_parameters_explain_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
