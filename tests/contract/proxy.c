/*
 * proxy - a TCP hop before the database that can lose an answer, or swallow it
 *
 * Runs in: the contract test, a thread of its own.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "bench.h"

struct proxy {
	int listener, stop_fd, port;
	char host[128], service[16];
	int silent_fd; /* a client that waits for ever, -1 none */
	atomic_bool must_lose, must_swallow;
	pthread_t thread;
};

static void parse_url(struct proxy *proxy, const char *url)
{
	PQconninfoOption *options = PQconninfoParse(url, NULL);

	assert_non_null(options);
	strcpy(proxy->host, "127.0.0.1");
	strcpy(proxy->service, "5432");
	for (PQconninfoOption *option = options; option->keyword; option++) {
		if (option->val && strcmp(option->keyword, "host") == 0) {
			snprintf(proxy->host, sizeof(proxy->host), "%s", option->val);
		} else if (option->val && strcmp(option->keyword, "port") == 0) {
			snprintf(proxy->service, sizeof(proxy->service), "%s", option->val);
		}
	}
	PQconninfoFree(options);
}

static int connect_server(const struct proxy *proxy)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *address = NULL;
	int fd = -1;

	if (getaddrinfo(proxy->host, proxy->service, &hints, &address) == 0) {
		fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
		freeaddrinfo(address);
	}
	return fd;
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0) {
			return false;
		}
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool forward(int from, int to, bool must_lose)
{
	char buffer[65536];
	ssize_t n = read(from, buffer, sizeof(buffer));

	return n > 0 && !must_lose && write_all(to, buffer, (size_t)n);
}

/* Returns false when the proxy must stop. */
static bool serve(struct proxy *proxy, int client, int server)
{
	struct pollfd fds[] = {
		{ .fd = client, .events = POLLIN },
		{ .fd = server, .events = POLLIN },
		{ .fd = proxy->stop_fd, .events = POLLIN },
	};

	for (;;) {
		poll(fds, 3, -1);
		if (fds[2].revents != 0) {
			return false;
		}
		if (fds[1].revents != 0 && atomic_exchange(&proxy->must_swallow, false)) {
			proxy->silent_fd = client;
			return true;
		}
		if (fds[1].revents != 0 &&
			!forward(server, client, atomic_exchange(&proxy->must_lose, false))) {
			return true;
		}
		if (fds[0].revents != 0 && !forward(client, server, false)) {
			return true;
		}
	}
}

static void *run(void *arg)
{
	struct proxy *proxy = arg;
	bool goes_on = true;

	while (goes_on) {
		struct pollfd fds[] = {
			{ .fd = proxy->listener, .events = POLLIN },
			{ .fd = proxy->stop_fd, .events = POLLIN },
		};
		int client, server;

		poll(fds, 2, -1);
		if (fds[1].revents != 0) {
			break;
		}
		client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
		server = connect_server(proxy);
		goes_on = serve(proxy, client, server);
		if (client != proxy->silent_fd) {
			close(client);
		}
		close(server);
	}
	return NULL;
}

struct proxy *proxy_open(const char *url)
{
	struct proxy *proxy = NEW(struct proxy);
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	proxy->silent_fd = -1;
	parse_url(proxy, url);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(proxy->listener, 8), 0);
	getsockname(proxy->listener, (struct sockaddr *)&address, &len);
	proxy->port = ntohs(address.sin_port);
	proxy->stop_fd = eventfd(0, EFD_CLOEXEC);
	pthread_create(&proxy->thread, NULL, run, proxy);
	return proxy;
}

int proxy_port(const struct proxy *proxy)
{
	return proxy->port;
}

void proxy_lose_next_answer(struct proxy *proxy)
{
	atomic_store(&proxy->must_lose, true);
}

void proxy_swallow_next_answer(struct proxy *proxy)
{
	atomic_store(&proxy->must_swallow, true);
}

void proxy_close(struct proxy *proxy)
{
	eventfd_write(proxy->stop_fd, 1);
	pthread_join(proxy->thread, NULL);
	close(proxy->listener);
	close(proxy->stop_fd);
	if (proxy->silent_fd >= 0) {
		close(proxy->silent_fd);
	}
	free(proxy);
}
