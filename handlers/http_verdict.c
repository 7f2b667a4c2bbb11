/*
 * http_verdict - what the end of a request means for the event
 *
 * Runs in: worker, lane threads (pure).
 */
#include "http_verdict.h"

#include <stdio.h>

static const struct status_row {
	long min, max;
	enum onced_result result;
} statuses[] = {
	{ 200, 299, ONCED_DONE },
	{ 401, 401, ONCED_UNAVAILABLE }, /* the configuration's fault, not the event's */
	{ 403, 403, ONCED_UNAVAILABLE },
	{ 405, 405, ONCED_UNAVAILABLE },
	{ 407, 407, ONCED_UNAVAILABLE },
	{ 408, 409, ONCED_RETRY },
	{ 425, 425, ONCED_RETRY },
	{ 429, 429, ONCED_RETRY },
	{ 400, 499, ONCED_REJECT },
	{ 500, 599, ONCED_RETRY },
};

static const struct end_row {
	enum onced_result result;
	const char *code, *what;
} ends[HTTP_END_COUNT] = {
	[HTTP_END_TIMEOUT] = { ONCED_RETRY, "timeout", "no answer in time" },
	[HTTP_END_RESET] = { ONCED_RETRY, "reset", "the connection went away before the answer" },
	[HTTP_END_TRUNCATED] = { ONCED_RETRY, "truncated", "the answer is cut off" },
	[HTTP_END_PROTOCOL] = { ONCED_RETRY, "protocol", "the answer is no HTTP" },
	[HTTP_END_RESOLVE] = { ONCED_UNAVAILABLE, "resolve", "the host has no address" },
	[HTTP_END_CONNECT] = { ONCED_UNAVAILABLE, "connect", "cannot connect" },
	[HTTP_END_TLS] = { ONCED_UNAVAILABLE, "tls", "no trust in the connection" },
	[HTTP_END_URL] = { ONCED_REJECT, "url", "the URL is refused" },
	[HTTP_END_MEMORY] = { ONCED_UNAVAILABLE, "memory", "out of memory" },
};

static enum onced_result result_of_status(long status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (status >= statuses[i].min && status <= statuses[i].max) {
			return statuses[i].result;
		}
	}
	return ONCED_RETRY;
}

static void judge_answer(const struct http_settings *settings, const struct http_secrets *secrets,
	struct http_reply *reply, struct onced_outcome *outcome)
{
	enum onced_result result = result_of_status(reply->status);
	char code[ONCED_CODE_MAX], excerpt[HTTP_EXCERPT_MAX + 1];

	if (result == ONCED_DONE) {
		return;
	}
	snprintf(code, sizeof(code), "%ld", reply->status);
	http_excerpt(secrets, reply->body, reply->body_len, excerpt);
	onced_outcome_set(outcome, result, code, "%s to %s answered %ld%s%s", settings->method,
		settings->url.origin, reply->status, excerpt[0] ? ": " : "", excerpt);
}

static void judge_refused_address(const struct http_settings *settings,
	const struct http_reply *reply, struct onced_outcome *outcome)
{
	const char *class = http_address_class_name(reply->refused);

	onced_outcome_set(outcome, ONCED_UNAVAILABLE, "address",
		"%s to %s not made: the host has a %s address; write `%s` into allow.addresses of "
		"the "
		"handler if that is meant",
		settings->method, settings->url.origin, class, class);
}

static void judge_redirect(const struct http_settings *settings, const struct http_reply *reply,
	struct onced_outcome *outcome)
{
	char code[ONCED_CODE_MAX];

	snprintf(code, sizeof(code), "%ld", reply->status);
	onced_outcome_set(outcome, ONCED_REJECT, code, "%s to %s answered %ld: %s",
		settings->method, settings->url.origin, reply->status,
		settings->redirects_max > 0
			? "this redirect is not followed (only 307 and 308, to the "
			  "same host, and not too often)"
			: "redirects are not followed (`redirects = no`)");
}

void http_verdict(const struct http_settings *settings, const struct http_secrets *secrets,
	struct http_reply *reply, struct onced_outcome *outcome)
{
	const struct end_row *row = &ends[reply->end];

	if (reply->end == HTTP_END_ANSWERED) {
		judge_answer(settings, secrets, reply, outcome);
	} else if (reply->end == HTTP_END_ADDRESS) {
		judge_refused_address(settings, reply, outcome);
	} else if (reply->end == HTTP_END_REDIRECT) {
		judge_redirect(settings, reply, outcome);
	} else {
		onced_outcome_set(outcome, row->result, row->code, "%s to %s: %s%s%s%s",
			settings->method, settings->url.origin, row->what,
			reply->text[0] ? " (" : "", reply->text, reply->text[0] ? ")" : "");
	}
	if (outcome->result == ONCED_RETRY || outcome->result == ONCED_UNAVAILABLE) {
		outcome->retry_after_ms = reply->retry_after_ms;
	}
}
