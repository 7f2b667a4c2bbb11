/*
 * http - answers requests on a listening socket, inside the loop
 *
 * Runs in: supervisor. libmicrohttpd has one epoll descriptor; when it is ready, or the time it
 * named is over, it is let run and asked for the next time. It never blocks and starts no thread
 * (no MHD_USE_INTERNAL_POLLING_THREAD).
 */
#include "supervisor/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "supervisor/visitors.h"

#include "supervisor/poison.h"

/* Its name differs from version to version of the library. */
enum { TOO_LARGE = 413 };

enum { CONNECTIONS_MAX = VISITORS_MAX, TIMEOUT_SECONDS = 5, REQUEST_BYTES_MAX = 16384 };

struct http {
	struct MHD_Daemon *daemon;
	struct loop_source *io, *timer;
	http_answerer answerer;
	void *context;
	struct visitors visitors;
};

static void run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	int64_t now_us = clock_mono_us(), next_us;

	next_us = visitors_expire(&http->visitors, now_us, TIMEOUT_SECONDS * INT64_C(1000000));
	(void)MHD_run(http->daemon);
	if (MHD_get_timeout(http->daemon, &timeout_ms) == MHD_YES) {
		int64_t library_us = now_us + (int64_t)timeout_ms * 1000;

		next_us = library_us < next_us ? library_us : next_us;
	}
	if (next_us < INT64_MAX) {
		loop_timer_set(http->timer, next_us);
	} else {
		loop_timer_stop(http->timer);
	}
}

static void on_io(void *context, uint32_t events)
{
	run(context);
}

static void on_timer(void *context)
{
	run(context);
}

static int fd_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode what)
{
	struct http *http = context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		visitors_enter(&http->visitors, fd_of(connection), clock_mono_us());
	} else {
		visitors_leave(&http->visitors, fd_of(connection));
	}
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	if (value) {
		(void)MHD_add_response_header(response, name, value);
	}
}

/* Takes the body of `answer`. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, struct http_answer *answer)
{
	const char *type = answer->content_type;
	size_t len = answer->body.len;
	char *bytes = len > 0 ? buffer_take(&answer->body) : xstrdup("");
	struct MHD_Response *response =
		MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(bytes);
		return MHD_NO; /* closes the connection */
	}
	add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type ? type : "application/json");
	add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Referrer-Policy", "no-referrer");
	add_header(response, "Content-Security-Policy", answer->policy);
	add_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	result = MHD_queue_response(
		connection, answer->status ? answer->status : MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

/* One request while it comes in. */
struct incoming {
	struct buffer body;
	bool is_too_large;
};

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
	enum MHD_RequestTerminationCode why)
{
	struct incoming *incoming = *request;

	if (incoming) {
		buffer_fini(&incoming->body);
		free(incoming);
		*request = NULL;
	}
}

static enum MHD_Result refuse_too_large(struct MHD_Connection *connection)
{
	struct http_answer answer = HTTP_ANSWER_INIT;

	answer.status = TOO_LARGE;
	buffer_printf(
		&answer.body, "{\"error\":\"the body is larger than %d bytes\"}\n", HTTP_BODY_MAX);
	return send_answer(connection, &answer);
}

/* What announces too much need not send it. */
static bool announces_too_much(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length && strtoull(length, NULL, 10) > HTTP_BODY_MAX;
}

/* What did not announce it is let go on for a while, to hear why it is refused. */
static enum MHD_Result take_body(struct incoming *incoming, const char *data, size_t *size)
{
	size_t so_far = incoming->body.len + *size;

	incoming->is_too_large |= so_far > HTTP_BODY_MAX;
	if (so_far > 4 * (size_t)HTTP_BODY_MAX) {
		return MHD_NO; /* closes the connection */
	}
	buffer_append(&incoming->body, data, *size);
	*size = 0;
	return MHD_YES;
}

static struct http_peer peer_of(struct MHD_Connection *connection)
{
	int fd = fd_of(connection);
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	int domain = 0;
	socklen_t domain_size = sizeof(domain);

	/* Other sockets answer, too, with credentials that are nobody's. */
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) < 0 || domain != AF_UNIX ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) {
		return (struct http_peer){ .is_known = false };
	}
	return (struct http_peer){ true, credentials.uid, credentials.pid };
}

static enum MHD_Result answer(struct http *http, struct MHD_Connection *connection,
	const char *method, const char *url, struct incoming *incoming)
{
	struct http_request request = { .method = method,
		.path = url,
		.body = buffer_str(&incoming->body),
		.body_len = incoming->body.len,
		.peer = peer_of(connection),
		.is_from_page =
			MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin") != NULL,
		.connection = connection };
	struct http_answer answered = HTTP_ANSWER_INIT;
	enum MHD_Result result;

	http->answerer(http->context, &request, &answered);
	visitors_answered(&http->visitors, fd_of(connection), clock_mono_us());
	result = send_answer(connection, &answered);
	buffer_fini(&answered.body);
	return result;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_size,
	void **request)
{
	struct incoming *incoming = *request;

	if (!incoming) { /* the first call has headers only */
		*request = NEW(struct incoming);
		return announces_too_much(connection) ? refuse_too_large(connection) : MHD_YES;
	}
	if (*upload_size > 0) {
		return take_body(incoming, upload_data, upload_size);
	}
	if (incoming->is_too_large) {
		return refuse_too_large(connection);
	}
	return answer(context, connection, method, url, incoming);
}

const char *http_request_argument(const struct http_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

static struct MHD_Daemon *start_daemon(struct http *http, int listen_fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
		MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES_MAX,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, http, MHD_OPTION_END);
}

static int watch(struct http *http, struct loop *loop)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int r;

	if (!info || info->epoll_fd < 0) {
		return -ENOTSUP;
	}
	r = loop_add_timer(loop, on_timer, http, &http->timer);
	return r < 0 ? r : loop_add_io(loop, info->epoll_fd, EPOLLIN, on_io, http, &http->io);
}

int http_open(struct loop *loop, int listen_fd, http_answerer answerer, void *context,
	struct http **ret, struct err *err)
{
	/* The library closes its listening socket: it gets a copy. */
	_cleanup_close_ int copy = fcntl(listen_fd, F_DUPFD_CLOEXEC, 3);
	struct http *http;
	int r;

	if (copy < 0) {
		return err_set(err, -errno, "cannot serve a socket: %m");
	}
	http = NEW(struct http);
	http->answerer = answerer;
	http->context = context;
	http->daemon = start_daemon(http, copy);
	if (!http->daemon) {
		free(http);
		return err_set(err, -ENOMEM, "cannot start the HTTP library");
	}
	TAKE_FD(copy);
	r = watch(http, loop);
	if (r < 0) {
		http_close(http);
		return err_set(err, r, "cannot watch a socket: %s", strerror(-r));
	}
	*ret = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http) {
		return;
	}
	loop_source_free(http->io);
	loop_source_free(http->timer);
	MHD_stop_daemon(http->daemon);
	free(http);
}

const char *http_library_version(void)
{
	return MHD_get_version();
}
