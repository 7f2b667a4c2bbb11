#include "demo/scrape.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/buffer.h"
#include "base/cleanup.h"

enum { ANSWER_TIMEOUT_S = 5, READ_SIZE = 16384 };

static int open_socket(const char *path)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };

	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
		connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		return -errno;
	}
	return TAKE_FD(fd);
}

/* HTTP/1.0: the answer ends with the connection. */
static int exchange(int fd, const char *target, struct buffer *answer)
{
	char request[128];
	int len = snprintf(
		request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", target);
	ssize_t size = send(fd, request, (size_t)len, MSG_NOSIGNAL);

	while (size > 0) {
		size = read(fd, buffer_reserve(answer, READ_SIZE), READ_SIZE);
		answer->len += size > 0 ? (size_t)size : 0;
	}
	return size < 0 ? -errno : 0;
}

/* 0 and the body, which borrows from `answer`. */
static int get(const char *socket_path, const char *target, struct buffer *answer,
	const char **ret_body, struct err *err)
{
	_cleanup_close_ int fd = open_socket(socket_path);
	const char *status = "HTTP/1.", *end;
	int r = fd < 0 ? fd : exchange(fd, target, answer);

	if (r < 0) {
		return err_set(
			err, r, "onced does not answer on its control socket: %s", strerror(-r));
	}
	end = strstr(buffer_str(answer), "\r\n\r\n");
	if (!end || strncmp(answer->data, status, strlen(status)) != 0 ||
		strncmp(answer->data + strlen(status) + 1, " 200", 4) != 0) {
		return err_set(err, -EPROTO, "onced refuses GET %s", target);
	}
	*ret_body = end + 4;
	return 0;
}

static bool has_label(const char *labels, const char *end, const char *label)
{
	return label[0] == '\0' || memmem(labels, (size_t)(end - labels), label, strlen(label));
}

int64_t scrape_sum(const char *text, const char *name, const char *label)
{
	size_t len = strlen(name);
	int64_t sum = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		const char *end;

		line += *line == '\n';
		end = strchrnul(line, '\n');
		if (strncmp(line, name, len) == 0 && (line[len] == '{' || line[len] == ' ') &&
			has_label(line, end, label)) {
			const char *value = memrchr(line, ' ', (size_t)(end - line));

			sum += strtoll(value + 1, NULL, 10);
		}
	}
	return sum;
}

int scrape_counters(const char *socket_path, struct scrape_counters *ret, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer answer = BUFFER_INIT;
	const char *text;
	int r = get(socket_path, "/metrics", &answer, &text, err);

	if (r < 0) {
		return r;
	}
	const struct {
		int64_t *ret;
		const char *name, *label;
	} wanted[] = {
		{ &ret->consumed, "onced_records_consumed_total", "" },
		{ &ret->done, "onced_records_settled_total", "result=\"done\"" },
		{ &ret->duplicate, "onced_records_settled_total", "result=\"duplicate\"" },
		{ &ret->skipped, "onced_records_settled_total", "result=\"skipped\"" },
		{ &ret->dead_lettered, "onced_records_settled_total", "result=\"dead_lettered\"" },
		{ &ret->abandoned, "onced_records_abandoned_total", "" },
		{ &ret->in_flight, "onced_in_flight", "" },
		{ &ret->retries, "onced_retries_total", "" },
		{ &ret->dead_letters, "onced_dead_letters_total", "" },
		{ &ret->worker_exits, "onced_worker_exits_total", "" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		*wanted[i].ret = scrape_sum(text, wanted[i].name, wanted[i].label);
	}
	return 0;
}

static void read_worker(json_t *from, struct scrape_worker *ret)
{
	*ret = (struct scrape_worker){
		.pid = (pid_t)json_integer_value(json_object_get(from, "pid")),
		.slot = (unsigned)json_integer_value(json_object_get(from, "slot")),
		.assigned = (unsigned)json_integer_value(json_object_get(from, "assigned")),
		.is_joined = json_is_true(json_object_get(from, "joined")),
	};
}

int scrape_workers(const char *socket_path, struct scrape_workers *ret, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer answer = BUFFER_INIT;
	const char *text;
	json_t *root, *workers, *worker;
	size_t i;
	int r = get(socket_path, "/v1/status", &answer, &text, err);

	if (r < 0) {
		return r;
	}
	root = json_loads(text, 0, NULL);
	workers = json_object_get(json_array_get(json_object_get(root, "consumers"), 0), "workers");
	ret->count = 0;
	json_array_foreach(workers, i, worker)
	{
		if (ret->count < SCRAPE_WORKERS_MAX) {
			read_worker(worker, &ret->items[ret->count++]);
		}
	}
	json_decref(root);
	return ret->count > 0 ? 0 : err_set(err, -EPROTO, "onced names no workers");
}
