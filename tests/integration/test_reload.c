/*
 * test_reload - another configuration for a supervisor that runs, over stub workers
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "os/lockfile.h"
#include "supervised.h"

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

static void configure(const char *consumer_keys)
{
	it.consumer_keys = consumer_keys;
	supervised_configure(&it);
}

static int ask_for_reload(void)
{
	int code;

	free(supervised_post(&it, "/v1/reload", "", &code));
	return code;
}

static json_t *last_reload(struct supervised *supervised)
{
	_cleanup_free_ char *body = supervised_get(supervised, "/v1/reload", NULL);

	return json_loads(body, 0, NULL);
}

static bool is_reload_over(struct supervised *supervised, long number)
{
	json_t *reload = last_reload(supervised);
	const char *state = json_string_value(json_object_get(reload, "state"));
	bool is_over = json_integer_value(json_object_get(reload, "reload")) >= number && state &&
		(strcmp(state, "done") == 0 || strcmp(state, "refused") == 0);

	json_decref(reload);
	return is_over;
}

/* Reload and wait until all workers follow; the caller releases. */
static json_t *reload(void)
{
	json_t *before = last_reload(&it);
	long number = (long)json_integer_value(json_object_get(before, "reload"));

	json_decref(before);
	assert_int_equal(ask_for_reload(), 202);
	supervised_wait_until(&it, is_reload_over, number + 1, "the reload is over");
	return last_reload(&it);
}

static void expect_state(const json_t *report, const char *state)
{
	assert_string_equal(json_string_value(json_object_get(report, "state")), state);
}

static const json_t *report_of(const json_t *report, const char *consumer)
{
	const json_t *consumers = json_object_get(report, "consumers");

	for (size_t i = 0; i < json_array_size(consumers); i++) {
		const json_t *entry = json_array_get(consumers, i);

		if (strcmp(json_string_value(json_object_get(entry, "name")), consumer) == 0) {
			return entry;
		}
	}
	fail_msg("%s is not in the report", consumer);
	return NULL;
}

/* What was done to it, and to how many workers; nothing is left to do. */
static void expect(const json_t *report, const char *consumer, const char *action, int workers)
{
	const json_t *entry = report_of(report, consumer);

	assert_string_equal(json_string_value(json_object_get(entry, "action")), action);
	assert_int_equal(json_integer_value(json_object_get(entry, "workers")), workers);
	assert_int_equal(json_integer_value(json_object_get(entry, "done")), workers);
}

static void a_file_that_says_the_same_touches_nobody(void **state)
{
	pid_t first, second;
	json_t *report;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	second = supervised_worker_pid(&it, 1);
	configure("# moved by a comment\nbatch.max = 500\nworkers = 2\n");
	report = reload();
	expect_state(report, "done");
	expect(report, "orders", "unchanged", 0);
	assert_int_equal(json_array_size(json_object_get(report, "changes")), 0);
	assert_int_equal(supervised_worker_pid(&it, 0), first);
	assert_int_equal(supervised_worker_pid(&it, 1), second);
	json_decref(report);
	supervised_stop(&it, 0);
}

static void what_workers_read_rolls_them(void **state)
{
	pid_t first, second;
	json_t *report;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	second = supervised_worker_pid(&it, 1);
	configure("workers = 2\nbatch.max = 7\n");
	report = reload();
	expect_state(report, "done");
	expect(report, "orders", "rolled", 2);
	assert_int_not_equal(supervised_worker_pid(&it, 0), first);
	assert_int_not_equal(supervised_worker_pid(&it, 1), second);
	assert_true(
		supervised_metric(&it,
			"onced_worker_exits_total{consumer=\"orders\",cause=\"recycled\"") == 2);
	json_decref(report);
	supervised_stop(&it, 0);
}

static void a_broken_file_is_refused_with_all_its_errors(void **state)
{
	_cleanup_free_ char *text = NULL;
	pid_t first;
	json_t *report;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	configure("workers = 2\nbatch.maximum = 7\nlanes = many\n");
	report = reload();
	expect_state(report, "refused");
	text = json_dumps(json_object_get(report, "errors"), 0);
	assert_non_null(strstr(text, "onced.ini:12: "));
	assert_non_null(strstr(text, "onced.ini:13: "));
	assert_non_null(strstr(text, "batch.max"));
	assert_int_equal(supervised_worker_pid(&it, 0), first);
	json_decref(report);
	supervised_stop(&it, 0);
}

static void what_a_probe_refuses_changes_nothing(void **state)
{
	static const char *const orders[] = { "once answer -22\n", "once exit 78\n",
		"once exit 3\n" };
	pid_t first;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	configure("workers = 2\nbatch.max = 7\n");
	for (size_t i = 0; i < 3; i++) {
		json_t *report;

		supervised_order(&it, "probe", orders[i]);
		report = reload();
		expect_state(report, "refused");
		assert_int_equal(json_array_size(json_object_get(report, "errors")), 1);
		json_decref(report);
	}
	assert_int_equal(supervised_worker_pid(&it, 0), first);
	supervised_stop(&it, 0);
}

static void what_cannot_be_checked_now_is_a_warning_but_not_for_another_store(void **state)
{
	_cleanup_free_ char *store = xasprintf("workers = 2\nstore = sqlite:%s/s.db\n", it.dir);
	json_t *report;

	supervised_start_ready(&it);
	configure("workers = 2\nbatch.max = 7\n");
	supervised_order(&it, "probe", "once answer 1\n");
	report = reload();
	expect_state(report, "done");
	expect(report, "orders", "rolled", 2);
	assert_string_equal(
		json_string_value(json_object_get(report_of(report, "orders"), "warning")),
		"as told");
	json_decref(report);
	configure(store);
	supervised_order(&it, "probe", "once answer 1\n");
	report = reload();
	expect_state(report, "refused");
	json_decref(report);
	supervised_stop(&it, 0);
}

static bool is_locked(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.onced-lock", it.dir, name);
	pid_t holder;

	return lockfile_holder(path, &holder) == 1;
}

/* The new worker's page cannot be made: that shows when the lock is taken. */
static void a_store_of_a_refused_reload_is_free_for_others(void **state)
{
	_cleanup_free_ char *page = xasprintf("%s/state/page-more-0", it.dir);
	_cleanup_free_ char *sections = xasprintf("[consumer more]\ntopics = t\nhandler = h\n"
						  "dlq.topic = none\nstore = sqlite:%s/s.db\n",
		it.dir);
	json_t *report;

	supervised_start_ready(&it);
	assert_int_equal(mkdir(page, 0700), 0);
	it.sections = sections;
	supervised_configure(&it);
	report = reload();
	expect_state(report, "refused");
	json_decref(report);
	assert_false(is_locked("s.db"));
	assert_int_equal(rmdir(page), 0);
	report = reload();
	expect_state(report, "done");
	json_decref(report);
	assert_true(is_locked("s.db"));
	supervised_stop(&it, 0);
}

static void workers_come_and_go_and_the_others_stay(void **state)
{
	pid_t first;
	json_t *report;

	it.consumer_keys = "workers = 1\n";
	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	configure("workers = 3\n");
	report = reload();
	expect(report, "orders", "resized", 2);
	json_decref(report);
	supervised_wait_state(&it, "ready");
	assert_true(supervised_worker_pid(&it, 2) > 0);
	configure("workers = 1\n");
	report = reload();
	expect(report, "orders", "resized", 2);
	json_decref(report);
	assert_int_equal(supervised_worker_pid(&it, 0), first);
	assert_int_equal(supervised_worker_pid(&it, 1), 0);
	/* What left is no gauge, and its counters stay. */
	assert_true(
		supervised_metric(&it, "onced_workers{consumer=\"orders\",state=\"stopped\"") == 0);
	assert_true(supervised_metric(&it,
			    "onced_worker_exits_total{consumer=\"orders\",cause=\"drained\"") == 2);
	supervised_stop(&it, 0);
}

static void consumers_come_and_go(void **state)
{
	static const char exits[] = "onced_worker_exits_total{consumer=\"more\",cause=\"drained\"";
	_cleanup_free_ char *told = NULL;
	pid_t first;
	json_t *report;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	it.sections = "[consumer more]\ntopics = t\nhandler = h\ndlq.topic = none\n";
	supervised_configure(&it);
	report = reload();
	expect(report, "orders", "unchanged", 0);
	expect(report, "more", "started", 1);
	json_decref(report);
	it.sections = NULL;
	supervised_configure(&it);
	report = reload();
	expect(report, "more", "drained", 1);
	json_decref(report);
	told = supervised_read(&it, "told");
	assert_non_null(strstr(told, "more/0 leave"));
	assert_int_equal(supervised_worker_pid(&it, 0), first);
	assert_true(supervised_metric(&it, exits) == 1);
	assert_true(supervised_metric(&it, "onced_workers{consumer=\"more\"") == -1);
	it.sections = "[consumer more]\ntopics = t\nhandler = h\ndlq.topic = none\nworkers = 2\n";
	supervised_configure(&it);
	report = reload();
	expect(report, "more", "started", 2);
	json_decref(report);
	assert_true(supervised_metric(&it, exits) == 1);
	supervised_stop(&it, 0);
}

static void members_of_two_kinds_never_share_a_group(void **state)
{
	json_t *report;

	supervised_start_ready(&it);
	configure("workers = 2\ngroup.id = another\n");
	report = reload();
	expect(report, "orders", "replaced", 2);
	json_decref(report);
	assert_true(supervised_count(&it, "told", "orders/0 leave") > 0);
	assert_true(supervised_count(&it, "told", "orders/1 leave") > 0);
	assert_int_equal(supervised_count(&it, "diary", "--worker"), 4);
	supervised_stop(&it, 0);
}

static bool are_told(struct supervised *supervised, long level)
{
	_cleanup_free_ char *first = xasprintf("orders/0 level %ld\n", level);
	_cleanup_free_ char *second = xasprintf("orders/1 level %ld\n", level);

	return supervised_count(supervised, "told", first) > 0 &&
		supervised_count(supervised, "told", second) > 0;
}

static void keys_of_the_daemon_are_live_or_wait_for_a_restart(void **state)
{
	_cleanup_free_ char *config = NULL;
	_cleanup_free_ char *keys = xasprintf("log.level = debug\nstatus.interval = 31s\n"
					      "log.format = json\n");
	pid_t first;
	json_t *report;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	it.onced_keys = keys;
	supervised_configure(&it);
	report = reload();
	expect_state(report, "done");
	expect(report, "orders", "unchanged", 0);
	assert_int_equal(json_array_size(json_object_get(report, "needs_restart")), 1);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(report, "needs_restart"), 0)),
		"log.format");
	json_decref(report);
	config = supervised_get(&it, "/v1/config", NULL);
	assert_non_null(strstr(config, "log.format = auto\n"));
	assert_non_null(strstr(config, "log.level = debug\n"));
	assert_non_null(strstr(config, "status.interval = 31s\n"));
	supervised_wait_until(&it, are_told, 7, "both workers have heard of the level");
	assert_int_equal(supervised_worker_pid(&it, 0), first);
	supervised_stop(&it, 0);
}

static void a_second_one_waits_or_is_told_to(void **state)
{
	json_t *report;

	supervised_start_ready(&it);
	configure("workers = 2\nbatch.max = 7\n");
	supervised_order(&it, "probe", "once late\n");
	assert_int_equal(ask_for_reload(), 202);
	assert_int_equal(ask_for_reload(), 409);
	supervised_signal(&it, SIGHUP);
	supervised_wait_until(&it, is_reload_over, 2, "the second reload follows");
	report = last_reload(&it);
	expect_state(report, "done");
	assert_int_equal(json_integer_value(json_object_get(report, "reload")), 2);
	json_decref(report);
	supervised_stop(&it, 0);
}

static bool has_started_often(struct supervised *supervised, long count)
{
	return supervised_count(supervised, "diary", "--worker orders/0") >= (unsigned long)count;
}

static void a_mistake_that_no_check_finds_stops_at_one_worker_and_the_next_mends_it(void **state)
{
	pid_t second;
	json_t *report;

	supervised_start_ready(&it);
	second = supervised_worker_pid(&it, 1);
	configure("workers = 2\nbatch.max = 7\n");
	supervised_order(&it, "orders-0", "exit 1\n");
	assert_int_equal(ask_for_reload(), 202);
	supervised_wait_until(&it, has_started_often, 4, "the first one fails again and again");
	report = last_reload(&it);
	expect_state(report, "applying");
	json_decref(report);
	assert_int_equal(supervised_worker_pid(&it, 1), second);

	configure("workers = 2\nbatch.max = 8\n");
	supervised_order(&it, "orders-0", "serve\n");
	report = reload();
	expect_state(report, "done");
	expect(report, "orders", "rolled", 2);
	json_decref(report);
	supervised_stop(&it, 0);
}

static void pauses_survive(void **state)
{
	json_t *status;
	int code;

	supervised_start_ready(&it);
	free(supervised_post(&it, "/v1/consumers/orders/pause", "{\"reason\":\"tea\"}", &code));
	assert_int_equal(code, 202);
	configure("workers = 3\nbatch.max = 7\n");
	json_decref(reload());
	status = supervised_status(&it);
	assert_string_equal(
		json_string_value(json_object_get(
			json_array_get(json_object_get(status, "consumers"), 0), "state")),
		"paused");
	json_decref(status);
	supervised_stop(&it, 0);
}

static void killed_in_the_middle_it_starts_with_the_file(void **state)
{
	_cleanup_free_ char *config = NULL;

	supervised_start_ready(&it);
	configure("workers = 2\nbatch.max = 7\n");
	supervised_order(&it, "probe", "once late\n");
	assert_int_equal(ask_for_reload(), 202);
	supervised_signal(&it, SIGKILL);
	assert_int_equal(supervised_wait(&it), 1000 + SIGKILL);
	supervised_start_ready(&it);
	config = supervised_get(&it, "/v1/config", NULL);
	assert_non_null(strstr(config, "batch.max = 7\n"));
	supervised_stop(&it, 0);
}

static void what_would_change_is_shown_without_changing_it(void **state)
{
	_cleanup_free_ char *body = NULL;
	pid_t first;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	configure("workers = 4\nbatch.max = 7\n");
	body = supervised_get(&it, "/v1/config/changes", NULL);
	assert_non_null(strstr(body, "\"key\":\"workers\",\"running\":\"2\",\"file\":\"4\""));
	assert_non_null(strstr(body, "\"rule\":\"rolls\""));
	assert_int_equal(supervised_worker_pid(&it, 0), first);
	supervised_stop(&it, 0);
}

static void a_stop_ends_a_reload_that_is_checked(void **state)
{
	supervised_start_ready(&it);
	configure("workers = 2\nbatch.max = 7\n");
	supervised_order(&it, "probe", "once late\n");
	assert_int_equal(ask_for_reload(), 202);
	supervised_stop(&it, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_says_the_same_touches_nobody),
		TEST(what_workers_read_rolls_them),
		TEST(a_broken_file_is_refused_with_all_its_errors),
		TEST(what_a_probe_refuses_changes_nothing),
		TEST(what_cannot_be_checked_now_is_a_warning_but_not_for_another_store),
		TEST(a_store_of_a_refused_reload_is_free_for_others),
		TEST(workers_come_and_go_and_the_others_stay),
		TEST(consumers_come_and_go),
		TEST(members_of_two_kinds_never_share_a_group),
		TEST(keys_of_the_daemon_are_live_or_wait_for_a_restart),
		TEST(a_second_one_waits_or_is_told_to),
		TEST(a_mistake_that_no_check_finds_stops_at_one_worker_and_the_next_mends_it),
		TEST(pauses_survive),
		TEST(killed_in_the_middle_it_starts_with_the_file),
		TEST(what_would_change_is_shown_without_changing_it),
		TEST(a_stop_ends_a_reload_that_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
