/*
 * wire - wait for the socket of a session, and read one result at a time
 *
 * Runs in: the session's thread. The connection is nonblocking. Everything that waits also listens
 * to the session's eventfd, so that session_interrupt ends it. Output still pending is written
 * while results are read: neither side can block the other on full buffers.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/postgres/postgres.h"

static int poll_timeout_ms(int64_t deadline_us)
{
	int64_t left_us;

	if (deadline_us < 0) {
		return -1;
	}
	left_us = deadline_us - clock_mono_us();
	return left_us <= 0 ? 0 : (int)((left_us + 999) / 1000);
}

enum pg_wait pg_wait_fd(struct pg_session *session, int fd, short events, int64_t deadline_us)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = events },
		{ .fd = session->wake_fd, .events = POLLIN },
	};
	int n;

	do {
		n = poll(fds, 2, poll_timeout_ms(deadline_us));
	} while (n < 0 && errno == EINTR);
	if (fds[1].revents != 0) {
		return PG_WAIT_INTERRUPTED;
	}
	return n == 0 ? PG_WAIT_TIMEOUT : PG_WAIT_READY;
}

enum pg_wait pg_wait_socket(struct pg_session *session, short events, int64_t deadline_us)
{
	return pg_wait_fd(session, PQsocket(session->conn), events, deadline_us);
}

bool pg_take_interrupt(struct pg_session *session)
{
	eventfd_t wakes;

	return eventfd_read(session->wake_fd, &wakes) == 0;
}

/*
 * The server ends each statement at its timeout, and TCP notices a peer that is gone. What is left
 * is a peer that acknowledges and never answers: a hop in between that lost the server, a server
 * that was stopped. More silence is one than what is answered together may take, a timeout each and
 * one more; it does not grow with the batch.
 */
enum { SILENCE_MARGIN_US = 5 * 1000000 };

static int64_t silence_us(const struct pg_session *session)
{
	int64_t timeout_us = session->store->options.statement_timeout_us;
	size_t together = session->sent_count < PG_ANSWERED_TOGETHER ? session->sent_count
								     : PG_ANSWERED_TOGETHER;

	return timeout_us > 0 ? SILENCE_MARGIN_US + timeout_us * (int64_t)(together + 1) : -1;
}

/* True: there is something to read or to write. */
static bool wait_for_answer(struct pg_session *session, short events, struct err *err)
{
	int64_t patience_us = silence_us(session);
	int64_t deadline_us = patience_us < 0 ? -1 : clock_mono_us() + patience_us;

	switch (pg_wait_socket(session, events, deadline_us)) {
	case PG_WAIT_READY:
		return true;
	case PG_WAIT_INTERRUPTED:
		pg_take_interrupt(session);
		err_set(err, 0, "interrupted while the database was working");
		return false;
	case PG_WAIT_TIMEOUT:
		break;
	}
	err_set(err, 0, "no answer from the database for %.0f s, longer than it may take",
		(double)patience_us / 1e6);
	return false;
}

bool pg_next_result(struct pg_session *session, PGresult **ret, struct err *err)
{
	while (PQisBusy(session->conn)) {
		int pending = PQflush(session->conn);
		short events = POLLIN;

		/* A failed write is not the end: the server's last words may wait to be read. */
		if (pending == 1) {
			events |= POLLOUT;
		}
		if (!wait_for_answer(session, events, err)) {
			return false;
		}
		if (!PQconsumeInput(session->conn)) {
			pg_failure_of_connection(
				session->conn, STORE_LOST, "connection to the database lost", err);
			return false;
		}
	}
	*ret = PQgetResult(session->conn);
	if (!*ret && PQstatus(session->conn) == CONNECTION_BAD) {
		pg_failure_of_connection(
			session->conn, STORE_LOST, "connection to the database lost", err);
		return false;
	}
	return true;
}

void pg_disconnect(struct pg_session *session)
{
	PQfinish(session->conn);
	session->conn = NULL;
	session->is_spoiled = false;
	session->should_reconnect = false;
	session->has_checked_since_savepoint = false;
	session->sent_count = 0;
	session->scope_id = -1;
	memset(session->own, 0, sizeof(session->own));
	for (size_t i = 0; i < session->store->options.statement_count; i++) {
		session->user[i] = (struct pg_prepared){ .is_there = false };
	}
	pg_sets_forget(session);
	topic_cache_fini(&session->topics);
}
