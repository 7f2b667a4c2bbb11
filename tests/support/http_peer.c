/*
 * http_peer - a scripted HTTP server of one thread, for tests of clients
 */
#include "http_peer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buffer.h"
#include "base/memory.h"

struct http_peer {
	const struct http_peer_step *script;
	int listener;
	unsigned port;
	pthread_t thread;
	atomic_uint connections, requests;
	char *kept[HTTP_PEER_REQUESTS_MAX];
};

static void demand(int is_right, const char *what)
{
	if (!is_right) {
		perror(what);
		abort();
	}
}

/* Length of the body that a whole head announces. */
static size_t body_length(const char *head)
{
	const char *line = strcasestr(head, "\r\ncontent-length:");

	return line ? strtoul(line + 17, NULL, 10) : 0;
}

/* One request into `request`; false when the client is gone. */
static int read_request(int fd, struct buffer *request)
{
	char bytes[4096];

	for (;;) {
		const char *end = strstr(buffer_str(request), "\r\n\r\n");
		ssize_t n;

		if (end &&
			request->len >=
				(size_t)(end + 4 - request->data) + body_length(request->data)) {
			return 1;
		}
		n = read(fd, bytes, sizeof(bytes));
		if (n <= 0) {
			return 0;
		}
		buffer_append(request, bytes, (size_t)n);
	}
}

static void wait_for_client(int fd)
{
	char bytes[256];

	while (read(fd, bytes, sizeof(bytes)) > 0) {
	}
}

/* 1: the connection goes on. */
static int take_step(int fd, const struct http_peer_step *step)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (step->answer) {
		size_t len = strlen(step->answer);

		(void)!send(fd, step->answer, len, MSG_NOSIGNAL);
	}
	switch (step->then) {
	case HTTP_PEER_KEEP:
		return 1;
	case HTTP_PEER_RESET:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		return 0;
	case HTTP_PEER_HANG:
		wait_for_client(fd);
		return 0;
	default:
		return 0;
	}
}

static int serve_request(struct http_peer *peer, int fd)
{
	static const struct http_peer_step good = { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		HTTP_PEER_KEEP };
	const struct http_peer_step *step = peer->script;
	struct buffer request = BUFFER_INIT;
	unsigned number = atomic_load(&peer->requests);
	int goes_on = read_request(fd, &request);

	if (goes_on) {
		demand(number < HTTP_PEER_REQUESTS_MAX, "too many requests for a test");
		peer->kept[number] = xstrdup(buffer_str(&request));
		atomic_store(&peer->requests, number + 1);
		for (unsigned i = 0; i < number && (step->answer || step->then); i++) {
			step++;
		}
		goes_on = take_step(fd, step->answer || step->then ? step : &good);
	}
	buffer_fini(&request);
	return goes_on;
}

static void *run(void *context)
{
	struct http_peer *peer = context;

	for (;;) {
		int fd = accept(peer->listener, NULL, NULL);

		if (fd < 0) {
			return NULL;
		}
		atomic_fetch_add(&peer->connections, 1);
		while (serve_request(peer, fd)) {
		}
		close(fd);
	}
}

struct http_peer *http_peer_start(const struct http_peer_step *script)
{
	struct http_peer *peer = NEW(struct http_peer);
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	peer->script = script;
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	demand(bind(peer->listener, (struct sockaddr *)&address, len) == 0, "bind");
	demand(listen(peer->listener, 8) == 0, "listen");
	demand(getsockname(peer->listener, (struct sockaddr *)&address, &len) == 0, "getsockname");
	peer->port = ntohs(address.sin_port);
	demand(pthread_create(&peer->thread, NULL, run, peer) == 0, "pthread_create");
	return peer;
}

/* The client's connections are closed by then. */
void http_peer_stop(struct http_peer *peer)
{
	shutdown(peer->listener, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	close(peer->listener);
	for (size_t i = 0; i < HTTP_PEER_REQUESTS_MAX; i++) {
		free(peer->kept[i]);
	}
	free(peer);
}

unsigned http_peer_port(const struct http_peer *peer)
{
	return peer->port;
}

unsigned http_peer_connections(struct http_peer *peer)
{
	return atomic_load(&peer->connections);
}

unsigned http_peer_requests(struct http_peer *peer)
{
	return atomic_load(&peer->requests);
}

const char *http_peer_request(struct http_peer *peer, unsigned i)
{
	return i < atomic_load(&peer->requests) ? peer->kept[i] : "";
}
