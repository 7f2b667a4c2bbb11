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

enum waited { WAITED, WAITED_TOO_LONG, INTERRUPTED };

static bool is_interrupted(const struct red_session *session)
{
	uint64_t one;

	return read(session->interrupt_fd, &one, sizeof(one)) == (ssize_t)sizeof(one);
}

static enum waited wait_for(struct red_session *session, short events, int64_t deadline_us)
{
	struct pollfd fds[] = { { .fd = session->context->fd, .events = events },
		{ .fd = session->interrupt_fd, .events = POLLIN } };

	for (;;) {
		int64_t left_us = deadline_us - clock_mono_us();
		int ready;

		if (left_us <= 0) {
			return WAITED_TOO_LONG;
		}
		ready = poll(fds, 2, (int)(left_us / 1000) + 1);
		if (ready > 0 && fds[1].revents && is_interrupted(session)) {
			return INTERRUPTED;
		}
		if (ready > 0 && fds[0].revents) {
			return WAITED;
		}
	}
}

static const char *why(enum waited waited)
{
	return waited == INTERRUPTED ? "the wait for Redis was ended"
				     : "Redis did not answer in time";
}

/* ---- open and close ---- */

static int finish_connecting(
	struct red_session *session, const char *where, int64_t deadline_us, struct err *err)
{
	enum waited waited = wait_for(session, POLLOUT, deadline_us);
	int error = 0, on = 1, fd = session->context->fd;
	socklen_t len = sizeof(error);

	if (waited != WAITED) {
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

int red_link_open(struct red_session *session, const struct red_endpoint *endpoint,
	const char *path, int64_t deadline_us, struct err *err)
{
	char where[300];

	red_link_close(session);
	if (path) {
		snprintf(where, sizeof(where), "%s", path);
		session->context = redisConnectUnixNonBlock(path);
	} else {
		snprintf(where, sizeof(where), "%s:%d", endpoint->host, endpoint->port);
		session->context = redisConnectNonBlock(endpoint->host, endpoint->port);
	}
	if (!session->context || session->context->err) {
		err_set(err, 0, "cannot connect to %s: %s", where,
			session->context ? session->context->errstr : "no memory");
	} else if (finish_connecting(session, where, deadline_us, err) == 0) {
		return 0;
	}
	red_link_close(session);
	return 1;
}

void red_link_close(struct red_session *session)
{
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

static enum store_failure lose_by_library(struct red_session *session, struct err *err)
{
	char text[sizeof(session->context->errstr)];

	snprintf(text, sizeof(text), "%s", session->context->errstr);
	return lose(session, text[0] ? text : "it was closed", err);
}

/* True: all there. Sets `ret_failed` when the bytes are no Redis. */
static bool collect(struct red_session *session, redisReply **replies, size_t count, size_t *done,
	bool *ret_failed)
{
	while (*done < count) {
		void *reply = NULL;

		*ret_failed = redisReaderGetReply(session->context->reader, &reply) != REDIS_OK;
		if (*ret_failed || !reply) {
			if (*ret_failed && session->context->errstr[0] == '\0') {
				snprintf(session->context->errstr, sizeof(session->context->errstr),
					"%s", session->context->reader->errstr);
			}
			return false;
		}
		replies[(*done)++] = reply;
	}
	*ret_failed = false;
	return true;
}

static enum store_failure exchange(struct red_session *session, redisReply **replies, size_t count,
	int64_t deadline_us, struct err *err)
{
	bool has_failed = false;
	size_t done = 0;
	int is_sent = 0;

	while (!collect(session, replies, count, &done, &has_failed)) {
		enum waited waited;

		if (has_failed ||
			(!is_sent && redisBufferWrite(session->context, &is_sent) != REDIS_OK)) {
			return lose_by_library(session, err);
		}
		waited = wait_for(
			session, is_sent ? POLLIN : (short)(POLLIN | POLLOUT), deadline_us);
		if (waited != WAITED) {
			return lose(session, why(waited), err);
		}
		if (redisBufferRead(session->context) != REDIS_OK) {
			return lose_by_library(session, err);
		}
	}
	return STORE_OK;
}

enum store_failure red_link_exchange(struct red_session *session, struct slice bytes,
	redisReply **replies, size_t count, int64_t deadline_us, struct err *err)
{
	enum store_failure failure;

	memset(replies, 0, count * sizeof(replies[0]));
	if (!session->context) {
		return err_set(err, STORE_LOST, "not connected to Redis");
	}
	if (is_interrupted(session)) {
		return lose(session, why(INTERRUPTED), err);
	}
	if (redisAppendFormattedCommand(session->context, bytes.data, bytes.len) != REDIS_OK) {
		return lose_by_library(session, err);
	}
	failure = exchange(session, replies, count, deadline_us, err);
	if (failure) {
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
