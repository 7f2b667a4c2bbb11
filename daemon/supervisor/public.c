/*
 * public - what anybody may ask: status page, metrics, probes, status
 *
 * Runs in: supervisor. These functions are the public rows of the table in control.c, and the
 * socket that `http.listen` names answers no others.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "os/tcp.h"
#include "supervisor/front/page.h"
#include "supervisor/health.h"
#include "supervisor/metrics.h"
#include "supervisor/state.h"
#include "supervisor/status.h"
#include "supervisor/verbs.h"

#include "supervisor/poison.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"
enum { NOT_NOW = 503 };

void public_front(struct call *call)
{
	call->answer->content_type = "text/html; charset=utf-8";
	call->answer->policy = front_policy;
	buffer_append(&call->answer->body, front_page, front_page_len);
}

void public_metrics(struct call *call)
{
	const struct supervisor *supervisor = call->context;

	call->answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(&supervisor->tree, clock_wall_ms(), &call->answer->body);
}

void public_status(struct call *call)
{
	const struct supervisor *supervisor = call->context;

	status_write(&supervisor->tree, clock_mono_us(), clock_wall_ms(), &call->answer->body);
}

static void answer_probe(struct call *call, bool is_well, const char *otherwise, const char *why)
{
	call->answer->status = is_well ? 0 : NOT_NOW;
	call->answer->content_type = TEXT_PLAIN;
	buffer_printf(&call->answer->body, "%s: %s\n", is_well ? "ok" : otherwise, why);
}

void public_livez(struct call *call)
{
	const struct supervisor *supervisor = call->context;
	char why[HEALTH_SENTENCE_MAX];
	bool is_live =
		health_is_live(&supervisor->tree, clock_mono_us() - supervisor->last_tick_us, why);

	answer_probe(call, is_live, "not alive", why);
}

void public_readyz(struct call *call)
{
	const struct supervisor *supervisor = call->context;
	char why[HEALTH_SENTENCE_MAX];
	bool is_ready = health_is_ready(
		&supervisor->tree, supervisor->config->ready_strict, clock_wall_ms(), why);

	answer_probe(call, is_ready, "not ready", why);
}

int public_open(struct supervisor *supervisor, http_answerer answerer, struct err *err)
{
	const char *address = supervisor->config->http_listen;
	_cleanup_close_ int fd = -1;
	int r;

	if (!address) {
		return 0;
	}
	fd = tcp_listen(address, err);
	if (fd < 0) {
		return err_prefix(err, fd, "http.listen");
	}
	r = http_open(supervisor->loop, fd, answerer, supervisor, &supervisor->public_http, err);
	if (r == 0) {
		log_info("serving metrics, probes and status", LOG_STR("http.listen", address));
	}
	return r;
}

void public_close(struct supervisor *supervisor)
{
	http_close(TAKE(supervisor->public_http));
}
