/*
 * target - an HTTP service that costs next to nothing: answers each request 200 after a while
 *
 * One thread, connections kept. All wait equally long, so that who came first is due first. Listens
 * on 127.0.0.1 at the port that is its argument. Its clients are those of the benchmark: what none
 * of these would send ends the program.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "effects.h"

enum { REQUEST_MAX = 16384, EVENTS_MAX = 64 };

struct connection {
	struct connection *next; /* of those that wait for their answer */
	int fd;
	size_t used;
	int64_t due_us;
	struct order order;
	char data[REQUEST_MAX + 1];
};

struct target {
	int epoll_fd, listen_fd, effects_fd;
	int64_t take_us;
	struct connection *first, **last;
	bool was_stuck; /* the request that is never answered has come */
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void watch(struct target *target, int fd, void *data)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = data };

	if (epoll_ctl(target->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		err(1, "epoll_ctl");
	}
}

static void listen_at(struct target *target, const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	target->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(target->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(target->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(target->listen_fd, 128) < 0) {
		err(1, "cannot listen at port %s", port);
	}
	watch(target, target->listen_fd, NULL);
}

static void accept_one(struct target *target)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int one = 1;

	if (!connection) {
		err(1, "calloc");
	}
	connection->fd = accept(target->listen_fd, NULL, NULL);
	if (connection->fd < 0) {
		err(1, "accept");
	}
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(target, connection->fd, connection);
}

static void answer(struct target *target, struct connection *connection)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

	connection->used = 0;
	effects_add(target->effects_fd, &connection->order);
	/* one who is gone is noticed by reading */
	(void)!send(connection->fd, text, sizeof(text) - 1, MSG_NOSIGNAL);
}

static void answer_due(struct target *target)
{
	int64_t now = now_us();

	while (target->first && target->first->due_us <= now) {
		struct connection *connection = target->first;
		target->first = connection->next;
		if (!target->first) {
			target->last = &target->first;
		}
		answer(target, connection);
	}
}

static bool is_whole(const struct connection *connection)
{
	const char *end = strstr(connection->data, "\r\n\r\n");
	const char *length = strcasestr(connection->data, "\r\nContent-Length: ");

	if (!end) {
		return false;
	}
	if (!length || length > end) {
		errx(1, "a request without a length");
	}
	return connection->used >=
		(size_t)(end + 4 - connection->data) + strtoull(length + 18, NULL, 10);
}

static void take_request(struct target *target, struct connection *connection)
{
	connection->order = order_read(connection->data);
	if (connection->order.is_stuck && !target->was_stuck) {
		target->was_stuck = true;
		return;
	}
	connection->due_us = now_us() + target->take_us;
	connection->next = NULL;
	*target->last = connection;
	target->last = &connection->next;
}

static void read_some(struct target *target, struct connection *connection)
{
	ssize_t size = read(connection->fd, connection->data + connection->used,
		REQUEST_MAX - connection->used);

	if (size < 0 && errno != ECONNRESET) {
		err(1, "read");
	}
	if (size <= 0) {
		close(connection->fd); /* its memory may still be in the queue: the end frees it */
		return;
	}
	connection->used += (size_t)size;
	connection->data[connection->used] = '\0';
	if (is_whole(connection)) {
		take_request(target, connection);
	} else if (connection->used == REQUEST_MAX) {
		errx(1, "a request of more than %d bytes", REQUEST_MAX);
	}
}

static void wait_and_serve(struct target *target)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t left_us = target->first ? target->first->due_us - now_us() : INT64_C(3600000000);
	struct timespec left = { 0, 0 };
	int count;

	if (left_us > 0) {
		left = (struct timespec){ left_us / 1000000, left_us % 1000000 * 1000 };
	}
	count = epoll_pwait2(target->epoll_fd, events, EVENTS_MAX, &left, NULL);
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr) {
			read_some(target, events[i].data.ptr);
		} else {
			accept_one(target);
		}
	}
	answer_due(target);
}

int main(int argc, char **argv)
{
	struct target target = { .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.effects_fd = effects_open(),
		.take_us = effects_take_us() };

	if (argc != 2) {
		errx(2, "usage: target PORT");
	}
	target.last = &target.first;
	listen_at(&target, argv[1]);
	for (;;) {
		wait_and_serve(&target);
	}
}
