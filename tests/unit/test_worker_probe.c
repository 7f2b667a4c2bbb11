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
static const struct worker_wiring wiring = { .source = &source, .sink = &sink };

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_is_the_configurations_fault),
		cmocka_unit_test(what_the_process_lacks_now_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
