/*
 * test_nth_tell - what the supervisor tells and keeps, whichever call fails meanwhile
 *
 * Metrics, status, an answer of the control socket, lines of the log, a file of state.dir.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/reserve.h"
#include "each_failure.h"
#include "os/page.h"
#include "os/statefile.h"
#include "supervisor/metrics.h"
#include "supervisor/route.h"
#include "supervisor/status.h"

enum { NOW_MS = 1000000, NOW_US = 50000000, OWNER = 1000 };

/* ---- one worker with one partition ---- */

static struct config_consumer config = { .name = (char *)(uintptr_t) "orders",
	.group_id = (char *)(uintptr_t) "orders" };
static struct consumer consumer;
static struct slot slot = { .consumer = &consumer, .state = SLOT_READY, .pid = 100 };
static struct slot *slots[] = { &slot };
static struct consumer consumer = {
	.config = &config, .slots = slots, .slot_count = 1, .slot_total = 1
};
static struct consumer *consumers[] = { &consumer };
static const struct tree tree = { .consumers = consumers,
	.consumer_count = 1,
	.consumer_total = 1,
	.version = "1.2.3",
	.pid = 9 };

static void make_page(void *context)
{
	struct page_partition *partition;

	if (page_create(NULL, &slot.page_fd, &slot.page, NULL) < 0) {
		abort();
	}
	(void)page_handler_index(slot.page, "apply");
	partition = &slot.page->partitions[page_partition_index(slot.page, "t", 0)];
	page_set(&partition->committed, 100);
	page_set(&partition->end_offset, 130);
	page_add(&partition->consumed, 10);
	atomic_store(&partition->state, PAGE_PARTITION_RUNNING);
}

/* The supervisor has a reserve: one failure is none. */
static void make_page_and_reserve(void *context)
{
	make_page(context);
	if (reserve_fill() < 0) {
		abort();
	}
}

static int write_all(void *context, struct buffer *said, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer metrics = BUFFER_INIT, status = BUFFER_INIT;

	metrics_write(&tree, NOW_MS, &metrics);
	status_write(&tree, NOW_US, NOW_MS, &status);
	buffer_printf(said, "%zu %zu", metrics.len, status.len);
	return 0;
}

static void metrics_and_status_are_whole_or_not_told(void **state)
{
	const struct each_failure work = {
		.name = "metrics and status", .prepare = make_page, .run = write_all
	};

	assert_true(each_failure(&work).aborted > 10);
}

static void with_a_reserve_no_failure_is_seen(void **state)
{
	const struct each_failure work = { .name = "metrics and status, with a reserve",
		.prepare = make_page_and_reserve,
		.run = write_all };
	struct each_failure_runs runs = each_failure(&work);

	assert_true(runs.unharmed > 10 && runs.unharmed == runs.failures);
}

/* ---- an answer ---- */

static void echo(struct call *call)
{
	call_answer(call, 200, json_pack("{s:s}", "reason", call_text(call, "reason")));
}

static const struct route_param params[] = { { "name", ROUTE_TEXT, true, 1, 0, "" },
	{ "reason", ROUTE_TEXT, true, 1, 0, "" }, { "seconds", ROUTE_INTEGER, false, 1, 100, "" },
	{ 0 } };
static const struct route routes[] = {
	{ "POST", "/v1/things/{name}/do", ROUTE_CHANGE, "", params, echo }, { 0 }
};

static int answer(void *context, struct buffer *said, struct err *err)
{
	static const char body[] = "{\"reason\":\"tea \\u00fc\",\"seconds\":7}";
	const struct http_request request = { .method = "POST",
		.path = "/v1/things/a%20b/do",
		.body = body,
		.body_len = sizeof(body) - 1,
		.peer = { .is_known = true, .uid = OWNER, .pid = 1 } };
	struct http_answer made = HTTP_ANSWER_INIT;

	(void)route_answer(routes, OWNER, NULL, &request, &made);
	buffer_printf(said, "%u %s", made.status, buffer_str(&made.body));
	buffer_fini(&made.body);
	return 0;
}

static void a_request_is_answered_whole_or_not(void **state)
{
	const struct each_failure work = { .name = "answer a request", .run = answer };

	assert_true(each_failure(&work).aborted > 0);
}

/* ---- the log ---- */

static int log_lines(void *context, struct buffer *said, struct err *err)
{
	_cleanup_close_ int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd < 0) {
		return err_set(err, -errno, "%s", strerror(errno));
	}
	for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_TEXT; format++) {
		log_init(fd, (enum log_format)format, LOG_LEVEL_INFO, "worker", "orders", 0);
		log_error("it failed", LOG_STR("topic", "t"), LOG_INT("partition", 1),
			LOG_SLICE("bytes", SLICE_LITERAL("\x01\xff x")),
			LOG_SECONDS("seconds", 1.5));
		log_finish();
	}
	log_init(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "worker", "orders", 0);
	return 0;
}

static void a_line_that_cannot_be_written_harms_nobody(void **state)
{
	const struct each_failure work = { .name = "log lines", .run = log_lines };
	struct each_failure_runs runs = each_failure(&work);

	assert_true(runs.failures > 3 && runs.aborted == 0);
}

/* ---- a file of state.dir ---- */

static char directory[] = "/tmp/onced-nth-tell-XXXXXX", path[64];
static const char before[] = "what was kept before\n", after[] = "what is kept now, and longer\n";

static void write_before(void *context)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(before, file) < 0 || fclose(file) != 0) {
		abort();
	}
}

static int replace(void *context, struct buffer *said, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	int r;

	buffer_append_str(&text, after);
	r = statefile_write(path, &text);
	return r < 0 ? err_set(err, r, "cannot be written: %s", strerror(-r)) : 0;
}

static int look_whether_it_is_whole(void *context, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
	int r = statefile_read(path, 4096, &text);

	return r < 0 ||
			(strcmp(buffer_str(&text), before) != 0 &&
				strcmp(buffer_str(&text), after) != 0)
		? err_set(err, -1, "there is: %s", buffer_str(&text))
		: 0;
}

static void a_file_of_state_dir_is_the_old_one_or_the_new_one(void **state)
{
	const struct each_failure work = { .name = "replace a file",
		.prepare = write_before,
		.run = replace,
		.check = look_whether_it_is_whole };
	struct each_failure_runs runs = each_failure(&work);

	assert_true(runs.refused >= 3);
}

static int set_up(void **state)
{
	if (!mkdtemp(directory)) {
		return -1;
	}
	snprintf(path, sizeof(path), "%s/file", directory);
	return 0;
}

static int tear_down(void **state)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_and_status_are_whole_or_not_told),
		cmocka_unit_test(with_a_reserve_no_failure_is_seen),
		cmocka_unit_test(a_request_is_answered_whole_or_not),
		cmocka_unit_test(a_line_that_cannot_be_written_harms_nobody),
		cmocka_unit_test(a_file_of_state_dir_is_the_old_one_or_the_new_one),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
