/*
 * http - answers GET requests on a listening socket, inside the loop
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
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#include "supervisor/poison.h"

enum { CONNECTIONS_MAX = 64, TIMEOUT_SECONDS = 5, REQUEST_BYTES_MAX = 16384 };

struct http {
	struct MHD_Daemon *daemon;
	struct loop_source *io, *timer;
	const struct http_route *routes;
	void *context;
};

static void run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;

	(void)MHD_run(http->daemon);
	if (MHD_get_timeout(http->daemon, &timeout_ms) == MHD_YES) {
		loop_timer_set(http->timer, clock_mono_us() + (int64_t)timeout_ms * 1000);
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

static enum MHD_Result send_body(struct MHD_Connection *connection, unsigned status,
	const char *content_type, struct buffer *body, const char *allow)
{
	size_t len = body->len;
	char *bytes = len > 0 ? buffer_take(body) : xstrdup("");
	struct MHD_Response *response =
		MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response) {
		free(bytes);
		return MHD_NO; /* closes the connection */
	}
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (allow) {
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	}
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* The sentences are ours and hold nothing of the request. */
static enum MHD_Result send_error(
	struct MHD_Connection *connection, unsigned status, const char *sentence, const char *allow)
{
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;

	buffer_printf(&body, "{\"error\":\"%s\"}\n", sentence);
	return send_body(connection, status, "application/json", &body, allow);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_size,
	void **request)
{
	struct http *http = context;
	_cleanup_(buffer_fini) struct buffer body = BUFFER_INIT;
	static char seen;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		return send_error(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			"only GET and HEAD are answered here", "GET, HEAD");
	}
	if (!*request) {
		*request = &seen; /* the first call has headers only; answer at the second */
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0; /* a body means nothing here */
		return MHD_YES;
	}
	for (const struct http_route *route = http->routes; route->path; route++) {
		if (strcmp(route->path, url) == 0) {
			route->write(http->context, &body);
			return send_body(connection, MHD_HTTP_OK, route->content_type, &body, NULL);
		}
	}
	return send_error(connection, MHD_HTTP_NOT_FOUND, "there is nothing at this path", NULL);
}

static struct MHD_Daemon *start_daemon(struct http *http, int listen_fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, http,
		MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listen_fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES_MAX, MHD_OPTION_END);
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

int http_open(struct loop *loop, int listen_fd, const struct http_route *routes, void *context,
	struct http **ret, struct err *err)
{
	/* The library closes its listening socket: it gets a copy. */
	_cleanup_close_ int copy = fcntl(listen_fd, F_DUPFD_CLOEXEC, 3);
	struct http *http;
	int r;

	if (copy < 0) {
		return err_set(err, -errno, "cannot serve the control socket: %m");
	}
	http = NEW(struct http);
	http->routes = routes;
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
		return err_set(err, r, "cannot watch the control socket: %s", strerror(-r));
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
