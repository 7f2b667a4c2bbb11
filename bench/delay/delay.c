/*
 * delay - a TCP proxy that keeps every byte for a while, as a longer cable would
 *
 *	delay LISTEN_PORT TARGET_PORT DELAY_US
 *
 * Each direction of each connection delays by DELAY_US, so the round trip grows by twice that;
 * bandwidth is not limited, chunks in transit overlap. One thread, loopback only, until SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 32, PIPE_BYTES = 8 << 20, PIPE_CHUNKS = 4096, READ_BYTES = 64 << 10 };

/* Bytes under way in one direction: a ring of bytes, and of the times at which they may leave. */
struct pipe {
	int from, to;
	bool has_ended; /* the sender said goodbye; passed on when all is written */
	bool is_done;
	uint64_t head, tail; /* bytes ever taken out and put in */
	struct {
		int64_t due_us;
		uint64_t end; /* tail after this chunk */
	} chunks[PIPE_CHUNKS];
	unsigned first_chunk, chunk_count;
	char *bytes;
};

struct connection {
	bool is_open;
	struct pipe up, down;
};

static int64_t delay_us;

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* ---- one direction ---- */

static bool can_read(const struct pipe *pipe)
{
	return !pipe->has_ended && pipe->chunk_count < PIPE_CHUNKS &&
		pipe->tail - pipe->head + READ_BYTES <= PIPE_BYTES;
}

static int64_t due_us(const struct pipe *pipe)
{
	return pipe->chunk_count ? pipe->chunks[pipe->first_chunk].due_us : INT64_MAX;
}

static void pipe_read(struct pipe *pipe)
{
	size_t at = pipe->tail % PIPE_BYTES;
	size_t room = PIPE_BYTES - at < READ_BYTES ? PIPE_BYTES - at : READ_BYTES;
	ssize_t n = recv(pipe->from, pipe->bytes + at, room, MSG_DONTWAIT);
	unsigned slot = (pipe->first_chunk + pipe->chunk_count) % PIPE_CHUNKS;

	if (n > 0) {
		pipe->tail += (size_t)n;
		pipe->chunks[slot].due_us = now_us() + delay_us;
		pipe->chunks[slot].end = pipe->tail;
		pipe->chunk_count++;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		pipe->has_ended = true;
	}
}

/* False: the receiver is gone. */
static bool pipe_write_due(struct pipe *pipe, int64_t at_us)
{
	uint64_t end = pipe->head;

	for (unsigned i = 0; i < pipe->chunk_count; i++) {
		unsigned slot = (pipe->first_chunk + i) % PIPE_CHUNKS;
		if (pipe->chunks[slot].due_us > at_us) {
			break;
		}
		end = pipe->chunks[slot].end;
	}
	while (pipe->head < end) {
		size_t at = pipe->head % PIPE_BYTES;
		size_t len =
			end - pipe->head < PIPE_BYTES - at ? end - pipe->head : PIPE_BYTES - at;
		ssize_t n = send(pipe->to, pipe->bytes + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR) {
				return false;
			}
			break;
		}
		pipe->head += (size_t)n;
	}
	while (pipe->chunk_count && pipe->chunks[pipe->first_chunk].end <= pipe->head) {
		pipe->first_chunk = (pipe->first_chunk + 1) % PIPE_CHUNKS;
		pipe->chunk_count--;
	}
	return true;
}

static void pipe_end(struct pipe *pipe)
{
	if (pipe->has_ended && pipe->chunk_count == 0 && !pipe->is_done) {
		shutdown(pipe->to, SHUT_WR);
		pipe->is_done = true;
	}
}

static void pipe_open(struct pipe *pipe, int from, int to)
{
	*pipe = (struct pipe){ .from = from, .to = to, .bytes = malloc(PIPE_BYTES) };
	if (!pipe->bytes) {
		die("malloc");
	}
}

/* ---- connections ---- */

static void connection_open(struct connection *connection, int client, const char *target_port)
{
	struct sockaddr_in target = loopback(target_port);
	int one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (server < 0 || connect(server, (struct sockaddr *)&target, sizeof(target)) < 0) {
		perror("target");
		close(server);
		close(client);
		return;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pipe_open(&connection->up, client, server);
	pipe_open(&connection->down, server, client);
	connection->is_open = true;
}

static void connection_close(struct connection *connection)
{
	close(connection->up.from);
	close(connection->up.to);
	free(connection->up.bytes);
	free(connection->down.bytes);
	connection->is_open = false;
}

static void connection_serve(struct connection *connection, int64_t at_us)
{
	bool is_alive =
		pipe_write_due(&connection->up, at_us) && pipe_write_due(&connection->down, at_us);

	pipe_end(&connection->up);
	pipe_end(&connection->down);
	if (!is_alive || (connection->up.is_done && connection->down.is_done)) {
		connection_close(connection);
	}
}

static void accept_one(int listener, struct connection *connections, const char *target_port)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0) {
		return;
	}
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		if (!connections[i].is_open) {
			connection_open(&connections[i], client, target_port);
			return;
		}
	}
	fprintf(stderr, "too many connections\n");
	close(client);
}

/* ---- the loop ---- */

static void watch(struct pollfd *fd, const struct pipe *pipe, int64_t at_us, int64_t *next_us)
{
	fd->fd = can_read(pipe) ? pipe->from : -1;
	fd->events = POLLIN;
	/* due but not written: the receiver is slow, look again soon */
	if (due_us(pipe) < *next_us) {
		*next_us = due_us(pipe) > at_us ? due_us(pipe) : at_us + 200;
	}
}

static void wait_for_any(struct pollfd *fds, nfds_t count, int64_t at_us, int64_t next_us)
{
	int64_t left_us = next_us - at_us;
	struct timespec timeout = { left_us / 1000000, left_us % 1000000 * 1000 };

	if (ppoll(fds, count, next_us == INT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR) {
		die("ppoll");
	}
}

static void serve(int listener, struct connection *connections, const char *target_port)
{
	struct pollfd fds[1 + 2 * CONNECTIONS_MAX] = { { .fd = listener, .events = POLLIN } };
	int64_t at_us = now_us(), next_us = INT64_MAX;

	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		struct pollfd *pair = &fds[1 + 2 * i];
		pair[0].fd = pair[1].fd = -1;
		if (connections[i].is_open) {
			watch(&pair[0], &connections[i].up, at_us, &next_us);
			watch(&pair[1], &connections[i].down, at_us, &next_us);
		}
	}
	wait_for_any(fds, 1 + 2 * CONNECTIONS_MAX, at_us, next_us);
	at_us = now_us();
	for (int i = 0; i < CONNECTIONS_MAX; i++) {
		if (fds[1 + 2 * i].revents) {
			pipe_read(&connections[i].up);
		}
		if (fds[2 + 2 * i].revents) {
			pipe_read(&connections[i].down);
		}
		if (connections[i].is_open) {
			connection_serve(&connections[i], at_us);
		}
	}
	if (fds[0].revents) {
		accept_one(listener, connections, target_port);
	}
}

int main(int argc, char **argv)
{
	static struct connection connections[CONNECTIONS_MAX];
	struct sockaddr_in here;
	int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc != 4) {
		fprintf(stderr, "usage: delay LISTEN_PORT TARGET_PORT DELAY_US\n");
		return 2;
	}
	here = loopback(argv[1]);
	delay_us = strtoll(argv[3], NULL, 10);
	prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		listen(listener, 16) < 0) {
		die("listen");
	}
	for (;;) {
		serve(listener, connections, argv[2]);
	}
}
