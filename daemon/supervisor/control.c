/*
 * control - what the control socket answers, and the public rows of it over TCP
 *
 * Runs in: supervisor. One table: what is asked for, who may, with which parameters. Whoever may
 * open the socket may read; the daemon's own user and root may change things, and every change,
 * also one that was refused, is a line in the log with who asked.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "supervisor/route.h"
#include "supervisor/state.h"
#include "supervisor/verbs.h"

#include "supervisor/poison.h"

#define LOG_INTERVAL_US ((int64_t)1000 * 1000)
enum { BODY_LOGGED_MAX = 512 };
/* A hundred years. */
#define SECONDS_MAX ((int64_t)100 * 366 * 86400)

static void answer_config(struct call *call)
{
	const struct supervisor *supervisor = call->context;

	call->answer->content_type = "text/plain; charset=utf-8";
	config_dump(supervisor->config, call_flag(call, "non_default"), &call->answer->body);
}

/* ---- parameters ---- */

#define CONSUMER                                                                                   \
	{                                                                                          \
		"consumer", ROUTE_TEXT, true, 1, 0, "name of a consumer"                           \
	}
#define TOPIC                                                                                      \
	{                                                                                          \
		"topic", ROUTE_TEXT, false, 1, 249, "only this topic"                              \
	}
#define PARTITION                                                                                  \
	{                                                                                          \
		"partition", ROUTE_INTEGER, false, 0, INT32_MAX, "only this one of the topic"      \
	}
#define ONE_TOPIC                                                                                  \
	{                                                                                          \
		"topic", ROUTE_TEXT, true, 1, 249, "the topic"                                     \
	}
#define ONE_PARTITION                                                                              \
	{                                                                                          \
		"partition", ROUTE_INTEGER, true, 0, INT32_MAX, "the partition"                    \
	}
#define OWNER                                                                                      \
	{                                                                                          \
		"owner", ROUTE_TEXT, false, 1, 40, "who is to be asked about it"                   \
	}

static const struct route_param pause_params[] = { CONSUMER, TOPIC, PARTITION, OWNER,
	{ "reason", ROUTE_TEXT, true, 1, 0, "why, for whoever finds it paused" },
	{ "seconds", ROUTE_INTEGER, false, 1, SECONDS_MAX, "resume by itself after so long" },
	{ 0 } };

static const struct route_param resume_params[] = { CONSUMER, TOPIC, PARTITION, OWNER,
	{ "reason", ROUTE_TEXT, false, 0, 0, "why" }, { 0 } };

static const struct route_param drain_params[] = { CONSUMER, OWNER,
	{ "reason", ROUTE_TEXT, false, 0, 0, "why, for whoever finds it paused" },
	{ "release", ROUTE_FLAG, false, 0, 0, "then leave the group, static members too" }, { 0 } };

static const struct route_param restart_params[] = { CONSUMER, OWNER,
	{ "worker", ROUTE_INTEGER, false, 0, INT32_MAX, "only this one" }, { 0 } };

static const struct route_param retry_params[] = { CONSUMER, TOPIC, PARTITION, OWNER, { 0 } };

static const struct route_param skip_params[] = { CONSUMER, ONE_TOPIC, ONE_PARTITION, OWNER,
	{ "offset", ROUTE_INTEGER, true, 0, INT64_MAX, "of the record" },
	{ "reason", ROUTE_TEXT, true, 1, 0, "why it is skipped" }, { 0 } };

static const struct route_param seek_params[] = { CONSUMER, ONE_TOPIC, ONE_PARTITION, OWNER,
	{ "to", ROUTE_TEXT, false, 1, 0, "earliest or latest" },
	{ "offset", ROUTE_INTEGER, false, 0, INT64_MAX, "the offset to read next" },
	{ "time_ms", ROUTE_INTEGER, false, 0, INT64_MAX, "the first record not older than this" },
	{ "reason", ROUTE_TEXT, false, 0, 0, "why" }, { 0 } };

static const struct route_param seek_note_params[] = { CONSUMER, ONE_TOPIC, ONE_PARTITION, OWNER,
	{ "from", ROUTE_INTEGER, false, 0, INT64_MAX, "what is committed so far, if anything" },
	{ "offset", ROUTE_INTEGER, true, 0, INT64_MAX, "the offset to read next" },
	{ "reason", ROUTE_TEXT, false, 0, 0, "why" }, { 0 } };

static const struct route_param operation_params[] = {
	{ "id", ROUTE_TEXT, true, 1, 20, "number of an operation" }, { 0 }
};

static const struct route_param reload_params[] = { OWNER, { 0 } };

static const struct route_param level_params[] = { OWNER,
	{ "level", ROUTE_TEXT, true, 1, 20,
		"error, warning, notice, info, debug; or configured: as log.level says" },
	{ "module", ROUTE_TEXT, false, 1, 20, "only this part of the program" },
	{ "seconds", ROUTE_INTEGER, false, 1, SECONDS_MAX, "as configured again after so long" },
	{ 0 } };

static const struct route_param config_params[] = {
	{ "non_default", ROUTE_FLAG, false, 0, 0, "only what is not at its default" }, { 0 }
};

const struct route control_routes[] = {
	{ "GET", "/", ROUTE_PUBLIC, "the status page", NULL, public_front },
	{ "GET", "/metrics", ROUTE_PUBLIC, "metrics for Prometheus", NULL, public_metrics },
	{ "GET", "/livez", ROUTE_PUBLIC, "whether it is alive, and why not", NULL, public_livez },
	{ "GET", "/readyz", ROUTE_PUBLIC, "whether all consumers have joined, and why not", NULL,
		public_readyz },
	{ "GET", "/v1/status", ROUTE_PUBLIC, "consumers, workers, partitions", NULL,
		public_status },
	{ "GET", "/v1/config", ROUTE_READ, "the configuration in use, secrets masked",
		config_params, answer_config },
	{ "GET", "/v1/config/changes", ROUTE_READ, "what a reload would change", NULL,
		verb_reload_preview },
	{ "POST", "/v1/reload", ROUTE_CHANGE, "apply what changed in the configuration file",
		reload_params, verb_reload },
	{ "GET", "/v1/reload", ROUTE_READ, "the last reload, and how far it got", NULL,
		verb_reload_show },
	{ "GET", "/v1/log-level", ROUTE_READ, "what is logged, by module", NULL,
		verb_log_level_show },
	{ "POST", "/v1/log-level", ROUTE_CHANGE, "log more or less, until it ends", level_params,
		verb_log_level },
	{ "GET", "/v1/operations/{id}", ROUTE_READ, "how far it got", operation_params,
		verb_operation },
	{ "POST", "/v1/consumers/{consumer}/pause", ROUTE_CHANGE,
		"begin nothing more; stays assigned", pause_params, verb_pause },
	{ "POST", "/v1/consumers/{consumer}/resume", ROUTE_CHANGE, "end a pause or a drain",
		resume_params, verb_resume },
	{ "POST", "/v1/consumers/{consumer}/drain", ROUTE_CHANGE,
		"finish what is in hand, commit, stay paused", drain_params, verb_drain },
	{ "POST", "/v1/consumers/{consumer}/restart", ROUTE_CHANGE,
		"replace its workers, one at a time", restart_params, verb_restart },
	{ "POST", "/v1/consumers/{consumer}/retry-now", ROUTE_CHANGE,
		"what is parked or held is due now", retry_params, verb_retry },
	{ "POST", "/v1/consumers/{consumer}/skip", ROUTE_CHANGE, "settle one record as skipped",
		skip_params, verb_skip },
	{ "POST", "/v1/consumers/{consumer}/offsets", ROUTE_CHANGE,
		"read a paused partition from somewhere else", seek_params, verb_seek },
	{ "POST", "/v1/consumers/{consumer}/offsets/note", ROUTE_CHANGE,
		"put on record what the caller commits for a released consumer", seek_note_params,
		verb_seek_note },
	{ 0 },
};

/* ---- who did what ---- */

static void log_change(struct supervisor *supervisor, const struct http_request *request,
	const struct http_answer *answer)
{
	size_t logged = request->body_len < BODY_LOGGED_MAX ? request->body_len : BODY_LOGGED_MAX;
	bool is_done = answer->status < 300;
	uint64_t held_back = 0;

	if (!is_done &&
		!log_every(
			&supervisor->refused_limit, clock_mono_us(), LOG_INTERVAL_US, &held_back)) {
		return;
	}
	log_at(is_done ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING,
		is_done ? "control request" : "control request refused",
		is_done ? LOG_ID(CONTROL) : LOG_ID(CONTROL_REFUSED),
		LOG_STR("method", request->method),
		LOG_SLICE("path", slice_from_str(request->path)),
		LOG_SLICE("body", slice_from(request->body, logged)),
		LOG_INT("uid", request->peer.is_known ? (int64_t)request->peer.uid : -1),
		LOG_INT("peer_pid", request->peer.is_known ? (int64_t)request->peer.pid : -1),
		LOG_INT("status", answer->status), LOG_INT("held_back", (int64_t)held_back));
}

static void answer_request(
	void *context, const struct http_request *request, struct http_answer *answer)
{
	struct supervisor *supervisor = context;
	const struct route *route =
		route_answer(control_routes, geteuid(), supervisor, request, answer);

	if (route && route->access == ROUTE_CHANGE) {
		log_change(supervisor, request, answer);
	}
}

static void answer_public_request(
	void *context, const struct http_request *request, struct http_answer *answer)
{
	route_answer_public(control_routes, context, request, answer);
}

int control_open(struct supervisor *supervisor, struct err *err)
{
	int r = listener_open(&supervisor->listener, supervisor->config->control_socket, err);

	if (r < 0) {
		return r;
	}
	r = http_open(supervisor->loop, supervisor->listener.fd, answer_request, supervisor,
		&supervisor->http, err);
	return r < 0 ? r : public_open(supervisor, answer_public_request, err);
}

void control_close(struct supervisor *supervisor)
{
	public_close(supervisor);
	http_close(TAKE(supervisor->http));
	listener_close(&supervisor->listener);
}
