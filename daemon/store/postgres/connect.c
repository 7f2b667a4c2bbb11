/*
 * connect - get a session connected, and keep it usable
 *
 * Runs in: the session's thread (session_interrupt: any). Connecting blocks at most
 * CONNECT_TIMEOUT_US, except in the resolver, which libpq calls synchronously. Parameters of ours
 * come before the URL where the URL may override them, and after it where it may not. libpq's
 * notices go nowhere: they would quote data to standard error.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/mask.h"
#include "store/postgres/postgres.h"

enum { CONNECT_TIMEOUT_US = 5000000, SERVER_VERSION_MIN = 140000, PARAMETERS_MAX = 16 };

struct parameters {
	const char *names[PARAMETERS_MAX], *values[PARAMETERS_MAX];
	size_t count;
};

static void parameters_add(struct parameters *parameters, const char *name, const char *value)
{
	assert(parameters->count < PARAMETERS_MAX - 1);
	if (value) {
		parameters->names[parameters->count] = name;
		parameters->values[parameters->count] = value;
		parameters->count++;
	}
}

static void parameters_fill(struct parameters *parameters, const struct pg_store *store)
{
	/*
	 * A silent peer is noticed after 10 + 3 * 5 s; unacknowledged bytes, and a SYN, after 15 s.
	 */
	parameters_add(parameters, "keepalives_idle", "10");
	parameters_add(parameters, "keepalives_interval", "5");
	parameters_add(parameters, "keepalives_count", "3");
	parameters_add(parameters, "tcp_user_timeout", "15000");
	parameters_add(parameters, "dbname", store->options.url);
	parameters_add(parameters, "user", store->options.user);
	parameters_add(parameters, "password", store->options.password);
	parameters_add(parameters, "application_name", store->application_name);
	parameters_add(parameters, "client_encoding", "UTF8");
}

/* The last words of a server that closes an idle connection come as a notice. */
static void on_notice(void *arg, const PGresult *result)
{
	struct pg_session *session = arg;
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)) {
		session->should_reconnect = true;
	}
}

/* With verbose errors a refusal reads "... FATAL:  28P01: password authentication failed ...". */
static bool find_sqlstate(const char *message, char ret_sqlstate[6], const char **ret_text)
{
	for (const char *p = strstr(message, ":  "); p; p = strstr(p + 3, ":  ")) {
		const char *code = p + 3;

		if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
			strncmp(code + 5, ": ", 2) == 0) {
			memcpy(ret_sqlstate, code, 5);
			ret_sqlstate[5] = '\0';
			*ret_text = code + 7;
			return true;
		}
	}
	return false;
}

/* Nothing that waiting heals. */
static bool is_operators_affair(const char *sqlstate, const char *message)
{
	static const char *const classes[] = { "28", "3D", "42" };
	static const char *const texts[] = { "certificate", "no password supplied",
		"does not support SSL", "server requires SSL" };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strncmp(sqlstate, classes[i], 2) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strstr(message, texts[i])) {
			return true;
		}
	}
	return false;
}

static int connect_refused(const struct pg_session *session, struct err *err)
{
	static const char remedy[] = "; a password in a URL has / ? # @ as %2F %3F %23 %40; better "
				     "use store.password";
	_cleanup_(buffer_fini) struct buffer masked = BUFFER_INIT;
	const char *message, *text;
	char sqlstate[6] = "";
	int result;

	mask_quoted(session->store->options.url, PQerrorMessage(session->conn), &masked);
	message = text = buffer_str(&masked);
	find_sqlstate(message, sqlstate, &text);
	result = is_operators_affair(sqlstate, message) ? -EINVAL : 1;
	err_set(err, result, "cannot connect to the database: %.*s%s", (int)strcspn(text, "\n"),
		text, strcmp(message, PQerrorMessage(session->conn)) == 0 ? "" : remedy);
	memcpy(err->code, sqlstate, sizeof(sqlstate));
	return result;
}

static int connect_poll(struct pg_session *session, struct err *err)
{
	int64_t deadline_us = clock_mono_us() + CONNECT_TIMEOUT_US;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	if (PQstatus(session->conn) == CONNECTION_BAD) {
		return connect_refused(session, err);
	}
	while (state != PGRES_POLLING_OK) {
		short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		enum pg_wait wait = pg_wait_socket(session, events, deadline_us);

		if (wait == PG_WAIT_TIMEOUT) {
			return err_set(err, 1, "cannot connect to the database: no answer in 5 s");
		}
		if (wait == PG_WAIT_INTERRUPTED) {
			pg_take_interrupt(session);
			return err_set(err, 1, "interrupted while connecting to the database");
		}
		state = PQconnectPoll(session->conn);
		if (state == PGRES_POLLING_FAILED) {
			return connect_refused(session, err);
		}
	}
	return 0;
}

static int check_server(const PGconn *conn, struct err *err)
{
	int version = PQserverVersion(conn);

	if (version >= SERVER_VERSION_MIN) {
		return 0;
	}
	return err_set(err, -EINVAL, "PostgreSQL %d is too old, onced needs %d or newer",
		version / 10000, SERVER_VERSION_MIN / 10000);
}

int pg_connect(struct pg_session *session, struct err *err)
{
	struct parameters parameters = { .count = 0 };
	int result;

	parameters_fill(&parameters, session->store);
	session->is_unnamed = atomic_load(&session->store->is_unnamed);
	session->conn = PQconnectStartParams(parameters.names, parameters.values, 1);
	if (!session->conn) {
		return err_set(err, 1, "cannot connect to the database: out of memory");
	}
	PQsetErrorVerbosity(session->conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(session->conn, on_notice, session);
	result = connect_poll(session, err);
	if (result == 0) {
		result = check_server(session->conn, err);
	}
	if (result != 0) {
		pg_disconnect(session);
		return result;
	}
	PQsetErrorVerbosity(session->conn, PQERRORS_DEFAULT);
	return 0;
}

static int enter_pipeline(struct pg_session *session, struct err *err)
{
	if (PQsetnonblocking(session->conn, 1) != 0 || !PQenterPipelineMode(session->conn)) {
		pg_failure_of_connection(
			session->conn, STORE_LOST, "cannot use the connection", err);
		return 1;
	}
	return 0;
}

/* A server that went away while the session was idle has said so, or closed the socket. */
static bool is_still_connected(struct pg_session *session)
{
	struct pollfd fd = { .fd = PQsocket(session->conn), .events = POLLIN };

	while (poll(&fd, 1, 0) > 0) {
		if (!PQconsumeInput(session->conn)) {
			return false;
		}
		PQisBusy(
			/* parses what came: a notice, a parameter, the last words */
			session->conn);
		if (PQstatus(session->conn) != CONNECTION_OK) {
			return false;
		}
	}
	return PQstatus(session->conn) == CONNECTION_OK;
}

static bool is_usable(struct pg_session *session)
{
	if (!session->conn || !is_still_connected(session)) {
		return false;
	}
	return pg_is_in_transaction(session) || !session->should_reconnect;
}

static int connect_anew(struct pg_session *pg, struct err *err)
{
	int result;

	pg_disconnect(pg);
	result = pg_connect(pg, err);
	if (result == 0) {
		result = enter_pipeline(pg, err);
	}
	if (result == 0) {
		result = pg_schema_check(pg, err);
	}
	if (result == 0) {
		pg_sets_learn(pg);
		result = pg->conn ? 0 : err_set(err, 1, "connection to the database lost");
	}
	if (result != 0) {
		pg_disconnect(pg);
	}
	return result;
}

int pg_session_ready(struct store_session *session, struct err *err)
{
	struct pg_session *pg = pg_session(session);
	bool was_unnamed = atomic_load(&pg->store->is_unnamed);
	int result;

	if (pg_take_interrupt(pg)) {
		return err_set(err, 1, "interrupted before the database was asked");
	}
	if (is_usable(pg)) {
		pg_sets_learn(pg);
		if (pg->conn) {
			return 0;
		}
	}
	result = connect_anew(pg, err);
	if (result != 0 && atomic_load(&pg->store->is_unnamed) && !was_unnamed) {
		result = connect_anew(pg, err); /* it has just learnt how */
	}
	return result;
}

int pg_session_open(struct store *store, struct store_session **ret, struct err *err)
{
	struct pg_session *session = NEW(struct pg_session);

	session->base.ops = store->ops;
	session->store = (struct pg_store *)store;
	session->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (session->wake_fd < 0) {
		int result = -errno;

		free(session);
		return err_set(err, result, "no descriptor left for a database session");
	}
	session->user =
		xcalloc(session->store->options.statement_count + 1, sizeof(*session->user));
	pg_sets_open(session);
	session->queue.arena = ARENA_INIT;
	session->rows.arena = ARENA_INIT;
	session->scope_id = -1;
	*ret = &session->base;
	return 0;
}

/* Closing the connection takes an open transaction back. */
void pg_session_close(struct store_session *session)
{
	struct pg_session *pg = pg_session(session);

	if (!session) {
		return;
	}
	pg_disconnect(pg);
	pg_queue_fini(&pg->queue);
	arena_fini(&pg->decisions);
	query_rows_fini(&pg->rows);
	close(pg->wake_fd);
	free(pg->sent);
	free(pg->user);
	free(pg->sets);
	free(pg);
}

void pg_session_interrupt(struct store_session *session)
{
	eventfd_write(pg_session(session)->wake_fd, 1);
}
