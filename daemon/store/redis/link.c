/*
 * link - bytes out, replies in, by a deadline
 *
 * Runs in: the session's thread. hiredis parses and buffers; waiting is done here, so that another
 * thread can end it and no server can keep it longer than the deadline. A connection that did not
 * answer in full is closed: what it says later has nobody to be for.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/redis/redis.h"

static bool is_interrupted(const struct red_session *session)
{
	uint64_t one;

	return read(session->interrupt_fd, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

enum red_waited red_wait(struct red_session *session, int fd, short events, int64_t deadline_us)
{
	struct pollfd fds[] = { { .fd = fd, .events = events },
		{ .fd = session->interrupt_fd, .events = POLLIN } };

	for (;;) {
		int64_t left_us = deadline_us - clock_mono_us();
		int ready;

		if (left_us <= 0) {
			return RED_WAITED_TOO_LONG;
		}
		ready = poll(fds, 2, (int)(left_us / 1000) + 1);
		if (ready > 0 && fds[1].revents && is_interrupted(session)) {
			return RED_INTERRUPTED;
		}
		if (ready > 0 && fds[0].revents) {
			return RED_WAITED;
		}
	}
}

static enum red_waited wait_for(struct red_session *session, short events, int64_t deadline_us)
{
	return red_wait(session, session->context->fd, events, deadline_us);
}

static const char *why(enum red_waited waited)
{
	return waited == RED_INTERRUPTED ? "the wait for Redis was ended"
					 : "Redis did not answer in time";
}

/* ---- open and close ---- */

static int finish_connecting(
	struct red_session *session, const char *where, int64_t deadline_us, struct err *err)
{
	enum red_waited waited = wait_for(session, POLLOUT, deadline_us);
	int error = 0, on = 1, fd = session->context->fd;
	socklen_t len = sizeof(error);

	if (waited != RED_WAITED) {
		return err_set(err, 1, "connecting to %s: %s", where, why(waited));
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		return err_set(
			err, 1, "cannot connect to %s: %s", where, strerror(error ? error : errno));
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* no TCP: no harm */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	session->context->flags |= REDIS_CONNECTED;
	return 0;
}

/* To what hiredis makes of `where` at once. */
static int finish_opening(struct red_session *session, redisContext *take_context,
	const char *where, int64_t deadline_us, struct err *err)
{
	int r = 1;

	session->context = take_context;
	if (!session->context || session->context->err) {
		err_set(err, 0, "cannot connect to %s: %s", where,
			session->context ? session->context->errstr : "no memory");
	} else {
		r = finish_connecting(session, where, deadline_us, err);
	}
	if (r != 0) {
		red_link_close(session);
	}
	return r;
}

static int resolve(struct red_session *session, const char *host, int64_t deadline_us,
	struct addrinfo **ret, struct err *err)
{
	enum red_waited waited;
	int r, fd;

	*ret = resolve_address(host);
	if (*ret) {
		return 0;
	}
	fd = resolver_ask(&session->resolver, host, err);
	if (fd < 0) {
		return 1;
	}
	waited = red_wait(session, fd, POLLIN, deadline_us);
	r = resolver_take(&session->resolver, host, ret, err);
	if (r == RESOLVE_OPEN && waited == RED_INTERRUPTED) {
		err_set(err, 0, "cannot look up \"%s\": the wait was ended", host);
	}
	return r == 0 ? 0 : 1;
}

/* Each of them may be silent: none may use up the time of all. */
static int open_one_of(struct red_session *session, const struct red_endpoint *endpoint,
	const struct addrinfo *found, int64_t deadline_us, struct err *err)
{
	char where[300], address[RESOLVED_TEXT_MAX];
	int64_t left = 0;
	int r = 1;

	snprintf(where, sizeof(where), "%s:%d", endpoint->host, endpoint->port);
	for (const struct addrinfo *one = found; one; one = one->ai_next) {
		left++;
	}
	for (; r != 0 && found; found = found->ai_next, left--) {
		int64_t now_us = clock_mono_us(), share_us = (deadline_us - now_us) / left;

		if (resolved_text(found, address)) {
			r = finish_opening(session, redisConnectNonBlock(address, endpoint->port),
				where, now_us + share_us, err);
		}
	}
	return r;
}

int red_link_open(struct red_session *session, const struct red_endpoint *endpoint,
	const char *path, int64_t deadline_us, struct err *err)
{
	struct addrinfo *found;
	int r;

	red_link_close(session);
	if (path) {
		return finish_opening(
			session, redisConnectUnixNonBlock(path), path, deadline_us, err);
	}
	r = resolve(session, endpoint->host, deadline_us, &found, err);
	if (r == 0) {
		r = open_one_of(session, endpoint, found, deadline_us, err);
		freeaddrinfo(found);
	}
	return r;
}

int red_link_start_tls(
	struct red_session *session, const char *host, int64_t deadline_us, struct err *err)
{
	short wants = 0;
	int r;

	session->stream = red_stream_open(session->store->tls, session->context->fd, host, err);
	r = session->stream ? red_stream_shake(session->stream, host, &wants, err) : 1;
	while (r == 0 && wants) {
		enum red_waited waited = wait_for(session, wants, deadline_us);

		r = waited == RED_WAITED ? red_stream_shake(session->stream, host, &wants, err)
					 : err_set(err, 1, "TLS with %s: %s", host, why(waited));
	}
	if (r != 0) {
		red_link_close(session);
	}
	return r;
}

void red_link_close(struct red_session *session)
{
	red_stream_close(session->stream);
	session->stream = NULL;
	if (session->context) {
		redisFree(session->context);
		session->context = NULL;
	}
}

/* ---- exchange ---- */

static enum store_failure lose(struct red_session *session, const char *text, struct err *err)
{
	err_set(err, 0, "connection to Redis lost: %s", text);
	red_link_close(session);
	return STORE_LOST;
}

/* ---- bytes: how many; 0: not now; -1 with err ---- */

static ssize_t put(struct red_session *session, struct slice bytes, struct err *err)
{
	ssize_t done;

	if (session->stream) {
		return red_stream_write(session->stream, bytes, err);
	}
	done = send(session->context->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
	if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	return done < 0 ? err_set(err, -1, "%s", strerror(errno)) : done;
}

static ssize_t get(struct red_session *session, char *to, size_t size, struct err *err)
{
	ssize_t done;

	if (session->stream) {
		return red_stream_read(session->stream, to, size, err);
	}
	done = recv(session->context->fd, to, size, 0);
	if (done > 0) {
		return done;
	}
	if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	return err_set(err, -1, "%s", done == 0 ? "it was closed" : strerror(errno));
}

/* ---- replies ---- */

struct exchange {
	struct red_session *session;
	struct slice unsent;
	redisReply **replies;
	size_t count, done;
};

/* What has come, for the parser. -1 with err. */
static int feed(struct exchange *exchange, struct err *err)
{
	struct red_session *session = exchange->session;
	char bytes[16 * 1024];
	ssize_t len;

	do {
		len = get(session, bytes, sizeof(bytes), err);
		if (len > 0) {
			redisReaderFeed(session->context->reader, bytes, (size_t)len);
		}
		/* no more than that: behind a whole answer may stand the end of the connection */
	} while (len > 0 && session->stream && red_stream_has_more(session->stream));
	return len < 0 ? -1 : 0;
}

/* 0; -1 with err: this is no Redis. */
static int collect(struct exchange *exchange, struct err *err)
{
	redisReader *reader = exchange->session->context->reader;

	while (exchange->done < exchange->count) {
		void *reply = NULL;

		if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
			return err_set(err, -1, "%s", red_answer_error(reader));
		}
		if (!reply) {
			return 0;
		}
		exchange->replies[exchange->done++] = reply;
	}
	return 0;
}

static int send_more(struct exchange *exchange, struct err *err)
{
	ssize_t len = exchange->unsent.len ? put(exchange->session, exchange->unsent, err) : 0;

	if (len < 0) {
		return -1;
	}
	exchange->unsent =
		slice_from(exchange->unsent.data + len, exchange->unsent.len - (size_t)len);
	return 0;
}

static short events_of(const struct exchange *exchange)
{
	const struct red_stream *stream = exchange->session->stream;

	return (short)(POLLIN | (exchange->unsent.len ? POLLOUT : 0) |
		(stream ? red_stream_wants(stream) : 0));
}

/* It cannot be written to any more; what it said before it went says why. */
static void hear_last_words(struct exchange *exchange, struct err *problem)
{
	struct err last = ERR_INIT;

	if (feed(exchange, &last) < 0 || collect(exchange, &last) < 0) {
		*problem = last;
	}
}

static enum store_failure run(struct exchange *exchange, int64_t deadline_us, struct err *err)
{
	struct err problem = ERR_INIT;

	while (exchange->done < exchange->count) {
		enum red_waited waited;

		if (send_more(exchange, &problem) < 0) {
			hear_last_words(exchange, &problem);
			return lose(exchange->session, problem.text, err);
		}
		waited = wait_for(exchange->session, events_of(exchange), deadline_us);
		if (waited != RED_WAITED) {
			return lose(exchange->session, why(waited), err);
		}
		if (feed(exchange, &problem) < 0 || collect(exchange, &problem) < 0) {
			return lose(exchange->session, problem.text, err);
		}
	}
	return STORE_OK;
}

/* Redis says to whom it does not let in why, and closes. */
static void quote_refusal(const struct exchange *exchange, struct err *err)
{
	const redisReply *last = exchange->done ? exchange->replies[exchange->done - 1] : NULL;
	bool is_operators;

	if (last && last->type == REDIS_REPLY_ERROR) {
		red_failure_of_reply(last, "the connection", &is_operators, err);
	}
}

enum store_failure red_link_exchange(struct red_session *session, struct slice bytes,
	redisReply **replies, size_t count, int64_t deadline_us, struct err *err)
{
	struct exchange exchange = { session, bytes, replies, count, 0 };
	enum store_failure failure;

	memset(replies, 0, count * sizeof(replies[0]));
	if (!session->context) {
		return err_set(err, STORE_LOST, "not connected to Redis");
	}
	if (is_interrupted(session)) {
		return lose(session, why(RED_INTERRUPTED), err);
	}
	failure = run(&exchange, deadline_us, err);
	if (failure) {
		quote_refusal(&exchange, err);
		red_replies_free(replies, count);
	}
	return failure;
}

void red_replies_free(redisReply **replies, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (replies[i]) {
			freeReplyObject(replies[i]);
			replies[i] = NULL;
		}
	}
}
