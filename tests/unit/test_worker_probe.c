/*
 * test_worker_probe - what a probe holds against a configuration, and what not
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/worker.h"

static int source_result, sink_result;

static int check_source(const struct source_options *options, struct err *err)
{
	return source_result < 0 ? err_set(err, source_result, "of the source") : 0;
}

static int check_sink(const struct sink_options *options, struct err *err)
{
	return sink_result < 0 ? err_set(err, sink_result, "of the sink") : 0;
}

static const struct source_ops source = { .check = check_source };
static const struct sink_ops sink = { .check = check_sink };

/* ---- a handler ---- */

static int check_result, open_result;

static int check(struct onced_setup *setup)
{
	if (check_result < 0) {
		(void)onced_setup_fail(setup, "of its check");
	}
	return check_result;
}

static int open_lane(struct onced_setup *setup, void **ret_state)
{
	(void)onced_setup_fail(setup, "of its open");
	return open_result;
}

static void handle(void *state, const struct onced_event *event, struct onced_outcome *outcome)
{
}

static int find_handler(
	const struct config_handler *config, struct onced_handler *ret, struct err *err)
{
	*ret = (struct onced_handler){ .check = check, .open = open_lane, .handle = handle };
	return 0;
}

static const struct store_ops store = { .keeps_claims = false };
static struct config_handler handler = { .name = (char *)(uintptr_t) "h" };
static struct config_retry retry = { .attempts = 1, .factor = 1 };
static const struct config_consumer consumer = {
	.name = (char *)(uintptr_t) "orders", .handler = &handler, .retry = &retry
};
static const struct worker_wiring wiring = { .consumer = &consumer,
	.source = &source,
	.sink = &sink,
	.store = &store,
	.find_handler = find_handler };

static void expect(int of_source, int of_sink, int result, const char *sentence)
{
	struct err err = ERR_INIT;

	source_result = of_source;
	sink_result = of_sink;
	assert_int_equal(worker_probe(&wiring, &err), result);
	assert_string_equal(err.text, sentence);
}

static void what_cannot_be_is_the_configurations_fault(void **state)
{
	expect(-EINVAL, 0, -EINVAL, "of the source");
	expect(0, -EINVAL, -EINVAL, "of the sink");
}

/* A daemon that is told so at its start goes on, and its workers try again. */
static void what_the_process_lacks_now_is_not(void **state)
{
	expect(-EAGAIN, 0, 1, "of the source");
	expect(0, -EAGAIN, 1, "of the sink");
	expect(0, -EMFILE, 1, "of the sink");
	expect(0, -ENFILE, 1, "of the sink");
	expect(0, -ENOMEM, 1, "of the sink");
}

static void expect_of_handler(int of_check, int of_open, int result, const char *sentence)
{
	check_result = of_check;
	open_result = of_open;
	expect(0, 0, result, sentence);
}

static void a_handler_may_blame_the_configuration_or_a_shortage(void **state)
{
	expect_of_handler(-1, 0, -EINVAL, "[handler h]: of its check");
	expect_of_handler(0, -1, -EINVAL, "[handler h]: of its open");
	expect_of_handler(0, -EIO, -EINVAL, "[handler h]: of its open");
	expect_of_handler(-ENOMEM, 0, 1, "[handler h]: of its check");
	expect_of_handler(0, -ENOMEM, 1, "[handler h]: of its open");
	expect_of_handler(0, -EAGAIN, 1, "[handler h]: of its open");
	expect_of_handler(0, -EMFILE, 1, "[handler h]: of its open");
	expect_of_handler(0, -ENFILE, 1, "[handler h]: of its open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_is_the_configurations_fault),
		cmocka_unit_test(what_the_process_lacks_now_is_not),
		cmocka_unit_test(a_handler_may_blame_the_configuration_or_a_shortage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
