/*
 * connect - get a session connected, and keep it usable
 *
 * Runs in: the session's thread (session_interrupt: any). Connecting blocks at most
 * CONNECT_TIMEOUT_US (with asks_each_server: so long for each that says nothing): libpq is given
 * the addresses of names (hosts.c), and looks up none itself. Parameters of ours come before the
 * URL where the URL may override them, and after it where it may not. libpq's notices go nowhere:
 * they would quote data to standard error.
 */
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
#include "store/postgres/hosts.h"

enum { CONNECT_TIMEOUT_US = 5000000, SERVER_VERSION_MIN = 140000 };

static void parameters_fill(struct pg_parameters *parameters, const struct pg_store *store)
{
	/*
	 * A silent peer is noticed after 10 + 3 * 5 s; unacknowledged bytes, and a SYN, after 15 s.
	 */
	pg_parameters_add(parameters, "keepalives_idle", "10");
	pg_parameters_add(parameters, "keepalives_interval", "5");
	pg_parameters_add(parameters, "keepalives_count", "3");
	pg_parameters_add(parameters, "tcp_user_timeout", "15000");
	pg_parameters_add(parameters, "dbname", store->options.url);
	pg_parameters_add(parameters, "user", store->options.user);
	pg_parameters_add(parameters, "password", store->options.password);
	pg_parameters_add(parameters, "application_name", store->application_name);
	pg_parameters_add(parameters, "client_encoding", "UTF8");
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

/* libpq names the address that it was given, and not the host that it is of. */
static void add_host(const struct pg_hosts *hosts, const char *text, struct buffer *ret)
{
	static const char before[] = "connection to server at \"";
	const char *address = text + strlen(before), *end = NULL;
	struct slice host = SLICE_NULL;

	if (strncmp(text, before, strlen(before)) == 0) {
		end = strchr(address, '"');
		host = end ? pg_hosts_name(hosts, slice_from(address, (size_t)(end - address)))
			   : SLICE_NULL;
	}
	if (slice_is_null(host)) {
		buffer_append_str(ret, text);
		return;
	}
	buffer_printf(ret, "%s%.*s\" (%.*s)%s", before, (int)host.len, host.data,
		(int)(end - address), address, end + 1);
}

/* `message`: libpq's, or of what it needs first. It may quote what is a password. */
static int connect_refused(const struct pg_session *session, const char *message, struct err *err)
{
	static const char remedy[] = "; a password in a URL has / ? # @ as %2F %3F %23 %40; better "
				     "use store.password";
	_cleanup_(buffer_fini) struct buffer masked = BUFFER_INIT;
	const char *shown, *text;
	char sqlstate[6] = "";
	int result;

	mask_quoted(session->store->options.url, message, &masked);
	shown = text = buffer_str(&masked);
	find_sqlstate(shown, sqlstate, &text);
	result = is_operators_affair(sqlstate, shown) ? -EINVAL : 1;
	err_set(err, result, "cannot connect to the database: %.*s%s", (int)strcspn(text, "\n"),
		text, strcmp(shown, message) == 0 ? "" : remedy);
	memcpy(err->code, sqlstate, sizeof(sqlstate));
	return result;
}

static int connect_failed(
	const struct pg_session *session, const struct pg_hosts *hosts, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer message = BUFFER_INIT;

	add_host(hosts, PQerrorMessage(session->conn), &message);
	return connect_refused(session, buffer_str(&message), err);
}

static int connect_poll(struct pg_session *session, const struct pg_hosts *hosts,
	int64_t deadline_us, struct err *err)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	if (PQstatus(session->conn) == CONNECTION_BAD) {
		return connect_failed(session, hosts, err);
	}
	while (state != PGRES_POLLING_OK) {
		short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		enum pg_wait wait = pg_wait_socket(session, events, deadline_us);

		if (wait == PG_WAIT_TIMEOUT) {
			session->turned++;
			return err_set(err, 1, "cannot connect to the database: no answer in 5 s");
		}
		if (wait == PG_WAIT_INTERRUPTED) {
			pg_take_interrupt(session);
			return err_set(err, 1, "interrupted while connecting to the database");
		}
		state = PQconnectPoll(session->conn);
		if (state == PGRES_POLLING_FAILED) {
			return connect_failed(session, hosts, err);
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

static int connect_once(struct pg_session *session, size_t *ret_servers, struct err *err)
{
	int64_t deadline_us = clock_mono_us() + CONNECT_TIMEOUT_US;
	_cleanup_(pg_hosts_fini) struct pg_hosts hosts = PG_HOSTS_INIT;
	struct pg_parameters parameters = { .count = 0 };
	struct err unknown = ERR_INIT;
	int result;

	parameters_fill(&parameters, session->store);
	if (pg_hosts_look_up(session, &parameters, &hosts, deadline_us, &unknown) != 0) {
		connect_refused(session, unknown.text, err);
		return 1; /* nobody's affair: names come back */
	}
	*ret_servers = hosts.servers;
	session->is_unnamed = atomic_load(&session->store->is_unnamed);
	session->conn = PQconnectStartParams(parameters.names, parameters.values, 1);
	if (!session->conn) {
		return err_set(err, 1, "cannot connect to the database: out of memory");
	}
	PQsetErrorVerbosity(session->conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(session->conn, on_notice, session);
	result = connect_poll(session, &hosts, deadline_us, err);
	if (result == 0) {
		result = check_server(session->conn, err);
	}
	if (result != 0) {
		pg_disconnect(session);
		return result;
	}
	PQsetErrorVerbosity(session->conn, PQERRORS_DEFAULT);
	session->turned = 0;
	return 0;
}

int pg_connect(struct pg_session *session, struct err *err)
{
	unsigned turned;
	size_t servers = 0;
	int result;

	/* a turn is a server that said nothing; the next attempt begins with the one behind it */
	do {
		turned = session->turned;
		result = connect_once(session, &servers, err);
	} while (session->store->options.asks_each_server && result != 0 &&
		session->turned != turned && session->turned < servers);
	return result;
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
	resolver_fini(&pg->resolver);
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
