/*
 * test_supervisor - a real supervisor with its processes, over stub workers
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "supervised.h"

static struct supervised it;

static int setup(void **state)
{
	supervised_init(&it);
	return 0;
}

static int teardown(void **state)
{
	supervised_fini(&it);
	return 0;
}

static bool is_gone(struct supervised *supervised, long pid)
{
	char path[64], state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	file = fopen(path, "r");
	if (!file) {
		return true;
	}
	if (fscanf(file, "%*d %*s %c", &state) != 1) {
		state = 'Z';
	}
	fclose(file);
	return state == 'Z'; /* nobody reaps in a bare container */
}

static bool has_exits(struct supervised *supervised, long argument)
{
	return supervised_metric(supervised, (const char *)argument) >= 1;
}

static void wait_exit_of(const char *cause)
{
	_cleanup_free_ char *sample =
		xasprintf("onced_worker_exits_total{consumer=\"orders\",cause=\"%s\"", cause);

	supervised_wait_until(&it, has_exits, (long)sample, sample);
}

static void workers_start_with_six_descriptors_and_nothing_of_the_service_manager(void **state)
{
	setenv("NOTIFY_SOCKET", "/nowhere", 1);
	it.consumer_keys = "workers = 2\n";
	supervised_start_ready(&it);
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(supervised_count(&it, "diary", "--worker orders/"), 2);
	assert_int_equal(supervised_count(&it, "diary", "fds=0,1,2,3,4,5 notify=no"), 2);
	supervised_stop(&it, 0);
}

static void workers_have_instance_ids_that_differ_by_slot(void **state)
{
	it.consumer_keys = "workers = 2\ninstance.id = here-%c-%n\n";
	supervised_start_ready(&it);
	assert_int_equal(supervised_count(&it, "diary", "instance=here-orders-0 slot=0"), 1);
	assert_int_equal(supervised_count(&it, "diary", "instance=here-orders-1 slot=1"), 1);
	supervised_stop(&it, 0);
}

static void stop_drains_workers_and_leaves_no_socket(void **state)
{
	_cleanup_free_ char *socket = xasprintf("%s/control.sock", it.dir);
	struct stat st;

	supervised_start_ready(&it);
	assert_int_equal(stat(socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	supervised_stop(&it, 0);
	assert_int_equal(supervised_count(&it, "log", "drained and ended"), 1);
	assert_int_not_equal(stat(socket, &st), 0);
}

static void killed_worker_is_back_at_once(void **state)
{
	pid_t first;

	supervised_start_ready(&it);
	first = supervised_worker_pid(&it, 0);
	kill(first, SIGKILL);
	wait_exit_of("crashed");
	supervised_wait_state(&it, "ready");
	assert_int_not_equal(supervised_worker_pid(&it, 0), first);
	supervised_stop(&it, 0);
}

static void crash_names_its_record_and_books_what_was_in_flight(void **state)
{
	supervised_order(&it, "orders-0", "once crash");
	supervised_start(&it);
	wait_exit_of("crashed");
	supervised_wait_state(&it, "ready");
	assert_int_equal(supervised_count(&it, "log",
				 "stub-topic[3]@42 (attempt 2, stage handler of stub_handler"),
		1);
	assert_true(supervised_metric(&it, "onced_records_consumed_total{") == 6);
	assert_true(supervised_metric(&it, "onced_records_abandoned_total{") == 6);
	assert_true(supervised_metric(&it, "onced_in_flight{") == -1);
	supervised_stop(&it, 0);
}

static bool is_logged(struct supervised *supervised, long argument)
{
	return supervised_count(supervised, "log", (const char *)argument) > 0;
}

/* Without a pause it waits, too, for a moment. */
static void crash_loop_is_throttled(void **state)
{
	const char *pause = "a worker starts again after a pause";

	it.onced_keys = "restart.intensity = 2 in 1m\n";
	supervised_order(&it, "orders-0", "crash");
	supervised_start(&it);
	supervised_wait_until(&it, is_logged, (long)pause, pause);
	supervised_wait_state(&it, "waiting");
	assert_int_equal(supervised_count(&it, "diary", "--worker"), 3);
	supervised_stop(&it, 0);
}

static void last_words_are_part_of_the_obituary(void **state)
{
	supervised_order(&it, "orders-0", "once exit 1");
	supervised_start(&it);
	wait_exit_of("failed");
	assert_int_equal(supervised_count(&it, "log", "exited with status 1 after"), 1);
	assert_int_equal(supervised_count(&it, "log", "as told"), 1);
	supervised_wait_state(&it, "ready");
	supervised_stop(&it, 0);
}

static void fenced_worker_waits_for_a_session_timeout(void **state)
{
	supervised_order(&it, "orders-0", "exit 75");
	supervised_start(&it);
	supervised_wait_state(&it, "fenced");
	assert_int_equal(supervised_count(&it, "diary", "--worker"), 1);
	supervised_stop(&it, 0);
}

static void worker_that_speaks_garbage_is_killed(void **state)
{
	supervised_order(&it, "orders-0", "once garbage");
	supervised_start(&it);
	wait_exit_of("protocol");
	supervised_wait_state(&it, "ready");
	supervised_stop(&it, 0);
}

static void worker_without_heartbeat_is_killed(void **state)
{
	it.heartbeat_limit_us = 2000000;
	supervised_order(&it, "orders-0", "once silent");
	supervised_start(&it);
	wait_exit_of("hung");
	supervised_wait_state(&it, "ready");
	supervised_stop(&it, 0);
}

static void stopped_worker_is_killed_too(void **state)
{
	it.heartbeat_limit_us = 2000000;
	supervised_start_ready(&it);
	supervised_signal_worker(&it, 0, SIGSTOP);
	wait_exit_of("hung");
	supervised_wait_state(&it, "ready");
	supervised_stop(&it, 0);
}

static void worker_that_does_not_drain_is_killed_at_the_end_of_the_ladder(void **state)
{
	it.onced_keys = "drain.timeout = 1s\n";
	supervised_order(&it, "orders-0", "deaf");
	supervised_start_ready(&it);
	supervised_stop(&it, 1);
	assert_int_equal(supervised_count(&it, "log", "did not drain in time"), 1);
}

static void second_term_is_the_same_drain(void **state)
{
	it.onced_keys = "drain.timeout = 1s\n";
	supervised_order(&it, "orders-0", "deaf");
	supervised_start_ready(&it);
	supervised_signal(&it, SIGTERM);
	supervised_wait_state(&it, "draining");
	supervised_signal(&it, SIGTERM);
	supervised_wait_state(&it, "draining");
	assert_int_equal(supervised_wait(&it), 1);
}

static bool was_reloaded(struct supervised *supervised, long argument)
{
	return supervised_count(&it, "log", "the configuration was reloaded") == argument;
}

static void hangup_reloads_and_the_same_file_changes_nothing(void **state)
{
	pid_t pid;

	supervised_start_ready(&it);
	pid = supervised_worker_pid(&it, 0);
	supervised_signal(&it, SIGHUP);
	supervised_signal(&it, SIGUSR1);
	supervised_wait_until(&it, was_reloaded, 1, "the reload");
	supervised_wait_state(&it, "ready");
	assert_int_equal(supervised_worker_pid(&it, 0), pid);
	supervised_stop(&it, 0);
	assert_true(supervised_count(&it, "log", "msg=status") +
			supervised_count(&it, "log", "msg=\"status\"") >=
		1);
}

static void killed_supervisor_takes_its_workers_along(void **state)
{
	pid_t worker;

	supervised_start_ready(&it);
	worker = supervised_worker_pid(&it, 0);
	supervised_signal(&it, SIGKILL);
	assert_int_equal(supervised_wait(&it), 1000 + SIGKILL);
	supervised_wait_until(&it, is_gone, worker, "the worker ends");
}

static void new_supervisor_waits_for_orphans_and_then_kills_them(void **state)
{
	pid_t orphan;

	it.onced_keys = "drain.timeout = 1s\n";
	supervised_start_ready(&it);
	orphan = supervised_worker_pid(&it, 0);
	kill(orphan, SIGSTOP);
	supervised_signal(&it, SIGKILL);
	assert_int_equal(supervised_wait(&it), 1000 + SIGKILL);
	supervised_start_ready(&it);
	assert_true(is_gone(&it, orphan));
	assert_int_not_equal(supervised_worker_pid(&it, 0), orphan);
	supervised_stop(&it, 0);
}

static void counters_outlive_a_killed_supervisor(void **state)
{
	supervised_order(&it, "orders-0", "once busy");
	supervised_start_ready(&it);
	supervised_signal(&it, SIGKILL);
	assert_int_equal(supervised_wait(&it), 1000 + SIGKILL);
	supervised_start_ready(&it);
	assert_true(supervised_metric(&it, "onced_records_consumed_total{") == 6);
	assert_true(supervised_metric(&it, "onced_records_abandoned_total{") == 6);
	supervised_stop(&it, 0);
}

static void counters_begin_anew_after_a_clean_stop(void **state)
{
	supervised_order(&it, "orders-0", "once busy");
	supervised_start_ready(&it);
	supervised_stop(&it, 0);
	supervised_start_ready(&it);
	assert_true(supervised_metric(&it, "onced_records_consumed_total{") == -1);
	supervised_stop(&it, 0);
}

static void second_supervisor_of_a_state_directory_is_refused(void **state)
{
	pid_t first;

	supervised_start_ready(&it);
	first = it.pid;
	supervised_start(&it);
	assert_int_equal(supervised_wait(&it), 1);
	it.pid = first;
	supervised_wait_state(&it, "ready");
	supervised_stop(&it, 0);
}

static void probe_that_finds_a_fault_stops_the_start(void **state)
{
	supervised_order(&it, "probe", "answer -22");
	supervised_start(&it);
	assert_int_equal(supervised_wait(&it), 78);
	assert_int_equal(supervised_count(&it, "diary", "--worker"), 0);
	assert_true(supervised_count(&it, "log", "as told") >= 1);
}

static void probe_that_cannot_tell_delays_nothing(void **state)
{
	supervised_order(&it, "probe", "answer 1");
	supervised_start_ready(&it);
	supervised_stop(&it, 0);
}

static void probe_that_dies_delays_nothing(void **state)
{
	supervised_order(&it, "probe", "exit 3");
	supervised_start_ready(&it);
	assert_int_equal(supervised_count(&it, "log", "it exited with status 3"), 1);
	supervised_stop(&it, 0);
}

static void migration_runs_before_the_probe_where_asked_for(void **state)
{
	_cleanup_free_ char *diary = NULL;

	it.onced_keys = "store.migrate = yes\n";
	supervised_start_ready(&it);
	diary = supervised_read(&it, "diary");
	assert_non_null(strstr(diary, "--migrate"));
	assert_true(strstr(diary, "--migrate") < strstr(diary, "--probe"));
	supervised_stop(&it, 0);
}

static void refused_migration_stops_the_start(void **state)
{
	it.onced_keys = "store.migrate = yes\n";
	supervised_order(&it, "migrate", "answer -22");
	supervised_start(&it);
	assert_int_equal(supervised_wait(&it), 78);
	assert_int_equal(supervised_count(&it, "diary", "--worker"), 0);
}

static void only_get_of_known_paths_is_answered(void **state)
{
	_cleanup_free_ char *post = NULL, *nothing = NULL;
	int code;

	supervised_start_ready(&it);
	post = supervised_request(&it, "POST /v1/status HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
	assert_non_null(strstr(post, " 405 "));
	nothing = supervised_get(&it, "/nothing", &code);
	assert_int_equal(code, 404);
	free(supervised_get(&it, "/metrics", &code));
	assert_int_equal(code, 200);
	supervised_stop(&it, 0);
}

static void request_beyond_the_bound_is_refused_and_others_served(void **state)
{
	_cleanup_free_ char *filler = xmalloc(40001), *request = NULL, *answer = NULL;

	supervised_start_ready(&it);
	memset(filler, 'x', 40000);
	filler[40000] = '\0';
	request = xasprintf("GET /metrics HTTP/1.0\r\nX-Filler: %s\r\n\r\n", filler);
	answer = supervised_request(&it, request);
	assert_null(strstr(answer, " 200 "));
	supervised_wait_state(&it, "ready");
	supervised_stop(&it, 0);
}

static void supervisor_has_one_thread(void **state)
{
	char path[64];
	struct stat st;

	supervised_start_ready(&it);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)it.pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_nlink, 3); /* ".", ".." and one thread */
	supervised_stop(&it, 0);
}

/* Everything the service manager was told since the last call, one message a line. */
static void hear(int fd, char *ret, size_t size)
{
	size_t len = strlen(ret);
	ssize_t got;

	while ((got = recv(fd, ret + len, size - len - 2, MSG_DONTWAIT)) > 0) {
		len += (size_t)got;
		ret[len++] = '\n';
		ret[len] = '\0';
	}
}

static struct {
	int fd;
	char text[65536];
} manager;

static bool was_told(struct supervised *supervised, long argument)
{
	hear(manager.fd, manager.text, sizeof(manager.text));
	return strstr(manager.text, (const char *)argument) != NULL;
}

static void wait_told(const char *word)
{
	supervised_wait_until(&it, was_told, (long)word, word);
}

static void service_manager_is_told_ready_reloading_watchdog_and_stopping(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", it.dir);
	manager.text[0] = '\0';
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	setenv("WATCHDOG_USEC", "2000000", 1);
	it.onced_keys = "status.interval = 1s\n";
	supervised_start_ready(&it);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	wait_told("READY=1");
	wait_told("WATCHDOG=1");
	wait_told("STATUS=1/1 workers ready");
	supervised_signal(&it, SIGHUP);
	wait_told("RELOADING=1\nMONOTONIC_USEC=");
	wait_told("READY=1\nSTATUS=configuration reloaded");
	assert_null(strstr(manager.text, "STOPPING=1"));
	supervised_stop(&it, 0);
	wait_told("STOPPING=1");
	wait_told("EXTEND_TIMEOUT_USEC=");
	close(manager.fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(workers_start_with_six_descriptors_and_nothing_of_the_service_manager),
		TEST(workers_have_instance_ids_that_differ_by_slot),
		TEST(stop_drains_workers_and_leaves_no_socket),
		TEST(killed_worker_is_back_at_once),
		TEST(crash_names_its_record_and_books_what_was_in_flight),
		TEST(crash_loop_is_throttled),
		TEST(last_words_are_part_of_the_obituary),
		TEST(fenced_worker_waits_for_a_session_timeout),
		TEST(worker_that_speaks_garbage_is_killed),
		TEST(worker_without_heartbeat_is_killed),
		TEST(stopped_worker_is_killed_too),
		TEST(worker_that_does_not_drain_is_killed_at_the_end_of_the_ladder),
		TEST(second_term_is_the_same_drain),
		TEST(hangup_reloads_and_the_same_file_changes_nothing),
		TEST(killed_supervisor_takes_its_workers_along),
		TEST(new_supervisor_waits_for_orphans_and_then_kills_them),
		TEST(counters_outlive_a_killed_supervisor),
		TEST(counters_begin_anew_after_a_clean_stop),
		TEST(second_supervisor_of_a_state_directory_is_refused),
		TEST(probe_that_finds_a_fault_stops_the_start),
		TEST(probe_that_cannot_tell_delays_nothing),
		TEST(probe_that_dies_delays_nothing),
		TEST(migration_runs_before_the_probe_where_asked_for),
		TEST(refused_migration_stops_the_start),
		TEST(only_get_of_known_paths_is_answered),
		TEST(request_beyond_the_bound_is_refused_and_others_served),
		TEST(supervisor_has_one_thread),
		TEST(service_manager_is_told_ready_reloading_watchdog_and_stopping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
