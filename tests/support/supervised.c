/*
 * supervised - a real supervisor in a process of its own, over stub workers, in a scratch directory
 */
#include "supervised.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

enum { DEADLINE_MS = 20000, LOOK_MS = 20 };

void supervised_init(struct supervised *supervised)
{
	char template[] = "/tmp/onced-supervised-XXXXXX";

	*supervised = (struct supervised){ 0 };
	assert_non_null(mkdtemp(template));
	supervised->dir = xstrdup(template);
	setenv("STUB_DIR", supervised->dir, 1);
}

void supervised_fini(struct supervised *supervised)
{
	_cleanup_free_ char *command = xasprintf("rm -rf '%s'", supervised->dir);

	if (supervised->pid > 0) {
		kill(supervised->pid, SIGKILL);
		waitpid(supervised->pid, NULL, 0);
	}
	assert_int_equal(system(command), 0);
	free(supervised->dir);
}

static char *path_of(const struct supervised *supervised, const char *name)
{
	return xasprintf("%s/%s", supervised->dir, name);
}

static void write_file(const struct supervised *supervised, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_of(supervised, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

void supervised_configure(const struct supervised *supervised)
{
	_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;

	buffer_printf(&text,
		"[onced]\nstore = none:\ncontrol.socket = %s/control.sock\nstate.dir = %s/state\n%s"
		"[kafka]\nbootstrap.servers = 127.0.0.1:1\n"
		"[consumer orders]\ntopics = stub-topic\nhandler = h\ndlq.topic = none\n%s"
		"[handler h]\ntype = log\n%s%s",
		supervised->dir, supervised->dir,
		supervised->onced_keys ? supervised->onced_keys : "",
		supervised->consumer_keys ? supervised->consumer_keys : "",
		supervised->onced_keys && strstr(supervised->onced_keys, "drain.timeout")
			? "timeout = 200ms\n"
			: "",
		supervised->sections ? supervised->sections : "");
	write_file(supervised, "onced.ini", buffer_str(&text));
}

__attribute__((noreturn)) static void run_supervisor(const struct supervised *supervised)
{
	_cleanup_free_ char *path = path_of(supervised, "onced.ini");
	_cleanup_free_ char *log = path_of(supervised, "log");
	_cleanup_free_ char *limit = xasprintf("%" PRId64, supervised->heartbeat_limit_us);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	dup2(fd, STDERR_FILENO);
	execl(getenv("STUB_SUPERVISOR"), "stub_supervisor", path, getenv("STUB_WORKER"), limit,
		NULL);
	_exit(127);
}

void supervised_start(struct supervised *supervised)
{
	supervised_configure(supervised);
	fflush(NULL);
	supervised->pid = fork();
	assert_true(supervised->pid >= 0);
	if (supervised->pid == 0) {
		run_supervisor(supervised);
	}
}

void supervised_signal(const struct supervised *supervised, int signo)
{
	assert_int_equal(kill(supervised->pid, signo), 0);
}

static bool has_ended(struct supervised *supervised, long argument)
{
	int status;

	if (waitpid(supervised->pid, &status, WNOHANG) != supervised->pid) {
		return false;
	}
	*(int *)argument = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	return true;
}

int supervised_wait(struct supervised *supervised)
{
	int code = -1;

	supervised_wait_until(supervised, has_ended, (long)&code, "the supervisor ends");
	supervised->pid = 0;
	return code;
}

void supervised_order(const struct supervised *supervised, const char *who, const char *order)
{
	_cleanup_free_ char *name = xasprintf("orders-%s", who);

	write_file(supervised, name, order);
}

char *supervised_request(const struct supervised *supervised, const char *request)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct buffer answer = BUFFER_INIT;
	char bytes[4096];
	ssize_t size;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", supervised->dir);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
		return xstrdup("");
	}
	while ((size = read(fd, bytes, sizeof(bytes))) > 0) {
		buffer_append(&answer, bytes, (size_t)size);
	}
	return answer.len > 0 ? buffer_take(&answer) : xstrdup("");
}

char *supervised_post(
	const struct supervised *supervised, const char *path, const char *body, int *ret_code)
{
	_cleanup_free_ char *request = xasprintf("POST %s HTTP/1.0\r\n"
						 "Content-Length: %zu\r\n\r\n%s",
		path, strlen(body), body);
	char *answer = supervised_request(supervised, request);

	*ret_code = strchr(answer, ' ') ? atoi(strchr(answer, ' ')) : 0;
	return answer;
}

char *supervised_get(const struct supervised *supervised, const char *path, int *ret_code)
{
	_cleanup_free_ char *request = xasprintf("GET %s HTTP/1.0\r\nHost: onced\r\n\r\n", path);
	_cleanup_free_ char *answer = supervised_request(supervised, request);
	const char *body = strstr(answer, "\r\n\r\n");
	int code = 0;

	if (sscanf(answer, "HTTP/%*s %d", &code) != 1) {
		code = 0;
	}
	if (ret_code) {
		*ret_code = code;
	}
	return xstrdup(body ? body + 4 : "");
}

json_t *supervised_status(const struct supervised *supervised)
{
	_cleanup_free_ char *body = supervised_get(supervised, "/v1/status", NULL);

	return json_loads(body, 0, NULL);
}

json_t *supervised_worker(json_t *status, unsigned slot)
{
	json_t *consumer = json_array_get(json_object_get(status, "consumers"), 0);

	return json_array_get(json_object_get(consumer, "workers"), slot);
}

pid_t supervised_worker_pid(const struct supervised *supervised, unsigned slot)
{
	json_t *status = supervised_status(supervised);
	json_int_t pid =
		json_integer_value(json_object_get(supervised_worker(status, slot), "pid"));

	json_decref(status);
	return (pid_t)pid;
}

void supervised_signal_worker(const struct supervised *supervised, unsigned slot, int signo)
{
	pid_t pid = supervised_worker_pid(supervised, slot);

	assert_true(pid > 0); /* 0 would be ourselves */
	assert_int_equal(kill(pid, signo), 0);
}

double supervised_metric(const struct supervised *supervised, const char *sample)
{
	_cleanup_free_ char *body = supervised_get(supervised, "/metrics", NULL);
	_cleanup_free_ char *line = xasprintf("\n%s", sample);
	const char *found = strstr(body, line), *value = found ? strstr(found, "} ") : NULL;

	return value ? atof(value + 2) : -1;
}

char *supervised_read(const struct supervised *supervised, const char *name)
{
	_cleanup_free_ char *path = path_of(supervised, name);
	struct buffer text = BUFFER_INIT;
	FILE *file = fopen(path, "r");
	char bytes[4096];
	size_t size;

	while (file && (size = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		buffer_append(&text, bytes, size);
	}
	if (file) {
		fclose(file);
	}
	return text.len > 0 ? buffer_take(&text) : xstrdup("");
}

unsigned supervised_count(const struct supervised *supervised, const char *name, const char *word)
{
	_cleanup_free_ char *text = supervised_read(supervised, name);
	unsigned count = 0;

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word)) {
		count++;
	}
	return count;
}

void supervised_wait_until(struct supervised *supervised,
	bool (*is_so)(struct supervised *supervised, long argument), long argument,
	const char *what)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)DEADLINE_MS * 1000;

	while (!is_so(supervised, argument)) {
		if (clock_mono_us() > deadline_us) {
			_cleanup_free_ char *log = supervised_read(supervised, "log");
			_cleanup_free_ char *status =
				supervised_get(supervised, "/v1/status", NULL);

			fail_msg("waited too long: %s\n%s\n%s", what, log, status);
		}
		(void)poll(NULL, 0, LOOK_MS);
	}
}

static bool are_all_in_state(struct supervised *supervised, long argument)
{
	json_t *status = supervised_status(supervised), *worker;
	unsigned slot = 0, matching = 0;

	while ((worker = supervised_worker(status, slot))) {
		const char *state = json_string_value(json_object_get(worker, "state"));

		matching += state && strcmp(state, (const char *)argument) == 0;
		slot++;
	}
	json_decref(status);
	return slot > 0 && matching == slot;
}

void supervised_wait_state(struct supervised *supervised, const char *state)
{
	supervised_wait_until(supervised, are_all_in_state, (long)state, state);
}

void supervised_start_ready(struct supervised *supervised)
{
	supervised_start(supervised);
	supervised_wait_state(supervised, "ready");
}

void supervised_stop(struct supervised *supervised, int expected)
{
	supervised_signal(supervised, SIGTERM);
	assert_int_equal(supervised_wait(supervised), expected);
}
