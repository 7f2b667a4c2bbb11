/*
 * control - what the control socket answers
 *
 * Runs in: supervisor. Reading only: whoever may open the socket may read.
 */
#include "base/clock.h"
#include "supervisor/metrics.h"
#include "supervisor/state.h"
#include "supervisor/status.h"

#include "supervisor/poison.h"

static void write_metrics(void *context, struct buffer *out)
{
	const struct supervisor *supervisor = context;

	metrics_write(&supervisor->tree, clock_wall_ms(), out);
}

static void write_status(void *context, struct buffer *out)
{
	const struct supervisor *supervisor = context;

	status_write(&supervisor->tree, clock_mono_us(), clock_wall_ms(), out);
}

static const struct http_route routes[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics },
	{ "/v1/status", "application/json", write_status },
	{ NULL },
};

int control_open(struct supervisor *supervisor, struct err *err)
{
	int r = listener_open(&supervisor->listener, supervisor->config->control_socket, err);

	if (r < 0) {
		return r;
	}
	return http_open(supervisor->loop, supervisor->listener.fd, routes, supervisor,
		&supervisor->http, err);
}

void control_close(struct supervisor *supervisor)
{
	http_close(TAKE(supervisor->http));
	listener_close(&supervisor->listener);
}
