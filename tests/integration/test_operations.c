/*
 * test_operations - what operators ask of a supervisor, over stub workers
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "supervised.h"
#include "supervisor/route.h"
#include "supervisor/verbs.h"

static struct supervised it;

static int setup(void **state)
{
	supervised_init(&it);
	it.consumer_keys = "workers = 2\n";
	return 0;
}

static int teardown(void **state)
{
	supervised_fini(&it);
	return 0;
}

/* The status of the answer; `ret_id` (may be NULL) is the operation's number. */
static int post(const char *verb, const char *body, long *ret_id)
{
	_cleanup_free_ char *path = xasprintf("/v1/consumers/orders/%s", verb);
	int code;
	_cleanup_free_ char *answer = supervised_post(&it, path, body, &code);
	const char *id = strstr(answer, "\"operation\":");

	if (ret_id) {
		assert_non_null(id);
		*ret_id = strtol(id + strlen("\"operation\":"), NULL, 10);
	}
	return code;
}

static json_t *operation(struct supervised *supervised, long id)
{
	_cleanup_free_ char *path = xasprintf("/v1/operations/%ld", id);
	_cleanup_free_ char *body = supervised_get(supervised, path, NULL);

	return json_loads(body, 0, NULL);
}

static bool has_ended(struct supervised *supervised, long id)
{
	json_t *object = operation(supervised, id);
	const char *state = json_string_value(json_object_get(object, "state"));
	bool is_over = state && strcmp(state, "running") != 0;

	json_decref(object);
	return is_over;
}

/* Its state in the end, and the sum of what workers answered. */
static void wait_for_operation(long id, const char *state, int number)
{
	json_t *object;

	supervised_wait_until(&it, has_ended, id, "the operation ends");
	object = operation(&it, id);
	assert_string_equal(json_string_value(json_object_get(object, "state")), state);
	assert_int_equal(json_integer_value(json_object_get(object, "number")), number);
	json_decref(object);
}

static bool is_told(struct supervised *supervised, long words)
{
	return supervised_count(&it, "told", (const char *)words) > 0;
}

/* A worker writes down what it hears when it gets to it. */
static void wait_told(const char *words)
{
	supervised_wait_until(&it, is_told, (long)words, words);
	assert_int_equal(supervised_count(&it, "told", words), 1);
}

static const char *consumer_state(struct supervised *supervised)
{
	static char state[32];
	json_t *status = supervised_status(supervised);
	json_t *consumer = json_array_get(json_object_get(status, "consumers"), 0);

	snprintf(state, sizeof(state), "%s", json_string_value(json_object_get(consumer, "state")));
	json_decref(status);
	return state;
}

static bool is_consumer(struct supervised *supervised, long state)
{
	return strcmp(consumer_state(supervised), (const char *)state) == 0;
}

static void wait_consumer(const char *state)
{
	supervised_wait_until(&it, is_consumer, (long)state, state);
}

static void a_pause_reaches_every_worker_and_those_that_start_later(void **state)
{
	long id;

	supervised_start_ready(&it);
	assert_int_equal(post("pause", "{\"reason\":\"tea\",\"owner\":\"ann\"}", &id), 202);
	wait_for_operation(id, "done", 14);
	assert_int_equal(supervised_count(&it, "told", "pause [] tea"), 2);
	assert_string_equal(consumer_state(&it), "paused");
	supervised_signal(&it, SIGKILL);
	assert_int_equal(supervised_wait(&it), 1000 + SIGKILL);
	supervised_start_ready(&it);
	assert_int_equal(supervised_count(&it, "told", "pause [] tea"), 4);
	assert_string_equal(consumer_state(&it), "paused");
	assert_int_equal(post("resume", "", &id), 202);
	wait_for_operation(id, "done", 14);
	assert_int_equal(supervised_count(&it, "told", "resume [] "), 2);
	supervised_stop(&it, 0);
	supervised_start_ready(&it);
	assert_string_equal(consumer_state(&it), "running");
	supervised_stop(&it, 0);
}

static void a_pause_that_cannot_be_kept_is_refused_and_nothing_changes(void **state)
{
	_cleanup_free_ char *path = xasprintf("%s/state/pauses-orders.new", it.dir);
	_cleanup_free_ char *command = xasprintf("mkdir -p '%s/x'", path);

	supervised_start_ready(&it);
	assert_int_equal(system(command), 0);
	assert_int_equal(post("pause", "{\"reason\":\"tea\"}", NULL), 500);
	assert_string_equal(consumer_state(&it), "running");
	assert_int_equal(supervised_count(&it, "told", "pause"), 0);
	supervised_stop(&it, 0);
}

static void what_a_worker_decides_holds_for_the_others(void **state)
{
	supervised_order(&it, "orders-0", "once speak");
	supervised_start_ready(&it);
	wait_consumer("paused");
	supervised_wait_state(&it, "ready");
	assert_int_equal(supervised_count(&it, "log", "said what can be no pause"), 2);
	wait_told("orders/1 pause [] enough");
	assert_int_equal(post("resume", "", NULL), 202);
	wait_consumer("running");
	supervised_stop(&it, 0);
}

static void an_operation_waits_for_all_and_a_worker_that_dies_ends_its_part(void **state)
{
	long id;

	supervised_order(&it, "orders-1", "once mute");
	supervised_start_ready(&it);
	assert_int_equal(post("drain", "", &id), 202);
	assert_false(has_ended(&it, id));
	supervised_signal_worker(&it, 1, SIGKILL);
	wait_for_operation(id, "done", 7);
	supervised_stop(&it, 0);
}

static void an_order_about_a_partition_fails_with_the_worker(void **state)
{
	long id;

	supervised_order(&it, "orders-1", "once mute");
	supervised_start_ready(&it);
	assert_int_equal(post("skip",
				 "{\"topic\":\"stub-topic\",\"partition\":0,\"offset\":5,"
				 "\"reason\":\"x\"}",
				 &id),
		202);
	supervised_signal_worker(&it, 1, SIGKILL);
	wait_for_operation(id, "failed", 7);
	supervised_stop(&it, 0);
}

static void a_restart_replaces_one_after_the_other(void **state)
{
	long id;

	supervised_start_ready(&it);
	assert_int_equal(post("restart", "", &id), 202);
	wait_for_operation(id, "done", 0);
	assert_int_equal(supervised_count(&it, "diary", "--worker orders/"), 4);
	assert_int_equal(supervised_count(&it, "told", " drain"), 2);
	assert_int_equal(post("restart", "{\"worker\":1}", &id), 202);
	wait_for_operation(id, "done", 0);
	assert_int_equal(supervised_count(&it, "diary", "--worker orders/0"), 2);
	assert_int_equal(supervised_count(&it, "diary", "--worker orders/1"), 3);
	assert_int_equal(post("restart", "{\"worker\":2}", NULL), 404);
	supervised_stop(&it, 0);
}

static void released_workers_stay_away_until_resumed(void **state)
{
	/* of an offset that somebody else commits: only where no worker of ours would */
	static const char note[] = "{\"topic\":\"stub-topic\",\"partition\":0,\"offset\":5}";
	long id;

	supervised_start_ready(&it);
	assert_int_equal(post("offsets/note", note, NULL), 409);
	assert_int_equal(post("drain", "{\"release\":true}", &id), 202);
	wait_for_operation(id, "done", 0);
	supervised_wait_state(&it, "stopped");
	assert_int_equal(supervised_count(&it, "told", " leave"), 2);
	supervised_signal(&it, SIGKILL);
	assert_int_equal(supervised_wait(&it), 1000 + SIGKILL);
	supervised_start(&it);
	wait_consumer("paused");
	supervised_wait_state(&it, "stopped");
	assert_int_equal(post("restart", "", NULL), 409);
	assert_int_equal(post("offsets/note", note, NULL), 200);
	assert_int_equal(post("pause", "{\"reason\":\"still\"}", NULL), 202);
	supervised_wait_state(&it, "stopped");
	assert_int_equal(post("resume", "", NULL), 202);
	supervised_wait_state(&it, "ready");
	supervised_stop(&it, 0);
}

static void a_pause_is_possible_however_many_wait(void **state)
{
	supervised_order(&it, "orders-1", "mute");
	supervised_start_ready(&it);
	for (int i = 0; i < 70; i++) {
		assert_int_equal(post("pause", "{\"reason\":\"tea\"}", NULL), 202);
	}
	for (int i = 0; i < 64; i++) {
		(void)post("drain", "", NULL);
	}
	assert_int_equal(post("drain", "{\"release\":true}", NULL), 503);
	assert_int_equal(post("resume", "", NULL), 503); /* it is done, and cannot be followed */
	wait_consumer("running");
	supervised_stop(&it, 0);
}

static void scopes_that_are_not_there_are_refused(void **state)
{
	supervised_start_ready(&it);
	assert_int_equal(post("pause", "{}", NULL), 400);
	assert_int_equal(post("pause", "{\"reason\":\"x\",\"partition\":1}", NULL), 400);
	assert_int_equal(post("pause", "{\"reason\":\"x\",\"topic\":\"other\"}", NULL), 404);
	assert_int_equal(
		post("offsets", "{\"topic\":\"stub-topic\",\"partition\":0,\"offset\":1}", NULL),
		409);
	assert_int_equal(post("pause", "{\"reason\":\"x\",\"topic\":\"stub-topic\"}", NULL), 202);
	assert_int_equal(post("resume", "{\"topic\":\"stub-topic\",\"partition\":0}", NULL), 409);
	assert_int_equal(post("offsets", "{\"topic\":\"stub-topic\",\"partition\":0}", NULL), 400);
	supervised_stop(&it, 0);
}

/* What an audit reads: one line for each change, whatever it was, with who asked. */
static void every_change_is_a_line_with_who_asked(void **state)
{
#define ORDERS "/v1/consumers/orders/"
	static const struct {
		const char *path, *body;
	} changes[] = {
		{ ORDERS "pause", "{\"reason\":\"tea\"}" },
		{ ORDERS "offsets",
			"{\"topic\":\"stub-topic\",\"partition\":0,\"to\":\"latest\"}" },
		{ ORDERS "resume", "" },
		{ ORDERS "restart", "" },
		{ ORDERS "retry-now", "" },
		{ ORDERS "skip",
			"{\"topic\":\"stub-topic\",\"partition\":0,\"offset\":5,"
			"\"reason\":\"x\"}" },
		{ ORDERS "drain", "{\"release\":true}" },
		{ ORDERS "offsets/note",
			"{\"topic\":\"stub-topic\",\"partition\":0,\"from\":7,\"offset\":5}" },
		{ "/v1/log-level", "{\"level\":\"info\"}" },
		{ "/v1/reload", "" },
	};
	size_t count = sizeof(changes) / sizeof(changes[0]), rows = 0;

	for (const struct route *route = control_routes; route->path; route++) {
		rows += route->access == ROUTE_CHANGE;
	}
	assert_int_equal(count, rows);
	supervised_start_ready(&it);
	for (size_t i = 0; i < count; i++) {
		int status;
		_cleanup_free_ char *answer =
			supervised_post(&it, changes[i].path, changes[i].body, &status);
		_cleanup_free_ char *who = xasprintf(
			"uid=%u peer_pid=%d status=20", (unsigned)getuid(), (int)getpid());
		_cleanup_free_ char *path = xasprintf("path=%s ", changes[i].path);

		if (status < 200 || status > 202 || supervised_count(&it, "log", path) != 1 ||
			supervised_count(&it, "log", who) != i + 1) {
			fail_msg(
				"%s: %d\n%s", changes[i].path, status, supervised_read(&it, "log"));
		}
	}
	supervised_stop(&it, 0);
}

static void a_body_has_its_bound(void **state)
{
	_cleanup_free_ char *large = xmalloc(20001), *answer = NULL, *request = NULL;

	memset(large, ' ', 20000);
	large[20000] = '\0';
	supervised_start_ready(&it);
	assert_int_equal(post("resume", large, NULL), 413);
	large[16384] = '\0';
	assert_int_equal(post("resume", large, NULL), 400); /* blanks are no object */
	request = xasprintf("POST /v1/consumers/orders/resume HTTP/1.1\r\nHost: x\r\n"
			    "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
			    "4e20\r\n%20000s\r\n0\r\n\r\n",
		"");
	answer = supervised_request(&it, request);
	assert_non_null(strstr(answer, " 413 "));
	supervised_stop(&it, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pause_reaches_every_worker_and_those_that_start_later),
		TEST(a_pause_that_cannot_be_kept_is_refused_and_nothing_changes),
		TEST(what_a_worker_decides_holds_for_the_others),
		TEST(an_operation_waits_for_all_and_a_worker_that_dies_ends_its_part),
		TEST(an_order_about_a_partition_fails_with_the_worker),
		TEST(a_restart_replaces_one_after_the_other),
		TEST(released_workers_stay_away_until_resumed),
		TEST(a_pause_is_possible_however_many_wait),
		TEST(scopes_that_are_not_there_are_refused),
		TEST(every_change_is_a_line_with_who_asked),
		TEST(a_body_has_its_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
