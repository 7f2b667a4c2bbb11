/*
 * http_case - one test of the `http` handler
 */
#include "http_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/builtins.h"

/* The time-out of what is open at a peer: long for a test, short for one that waits for it. */
enum { PARAMS_MAX = 8, TIMEOUT_MS = 400 };

struct fake_host http_case_host;
struct http_peer *http_case_peer;
const struct http_peer_step http_case_always_good[] = { { NULL, HTTP_PEER_KEEP } };

static bool has_host;
static char url[256];

int http_case_teardown(void **state)
{
	if (has_host) {
		fake_host_fini(&http_case_host);
		has_host = false;
	}
	if (http_case_peer) {
		http_peer_stop(http_case_peer);
		http_case_peer = NULL;
	}
	return 0;
}

void http_case_configure(const struct onced_param *params)
{
	fake_host_init(&http_case_host, builtin_handler_find("http"), params);
	http_case_host.timeout_ms = TIMEOUT_MS;
	has_host = true;
}

const char *http_case_start(const struct http_peer_step *script, const char *url_format)
{
	const char *port = strstr(url_format, "%u");

	http_case_peer = http_peer_start(script);
	assert_non_null(port);
	snprintf(url, sizeof(url), "%.*s%u%s", (int)(port - url_format), url_format,
		http_peer_port(http_case_peer), port + 2);
	return url;
}

void http_case_open(const struct http_peer_step *script, const char *path, ...)
{
	static struct onced_param params[PARAMS_MAX + 2];
	char format[128];
	size_t count = 1;
	va_list args;

	snprintf(format, sizeof(format), "http://127.0.0.1:%%u%s", path);
	params[0] = (struct onced_param){ "url", http_case_start(script, format) };
	va_start(args, path);
	for (const char *name;
		count <= PARAMS_MAX && (name = va_arg(args, const char *)) != NULL;) {
		params[count++] = (struct onced_param){ name, va_arg(args, const char *) };
	}
	va_end(args);
	params[count].name = NULL;
	http_case_configure(params);
	assert_int_equal(fake_host_check(&http_case_host), 0);
	if (fake_host_open(&http_case_host) < 0) {
		fail_msg("%s", http_case_host.setup.reason);
	}
}

struct fake_event http_case_event(const char *value)
{
	return (struct fake_event){
		.topic = "orders",
		.partition = 3,
		.offset = 42,
		.timestamp_ms = 1767323045678,
		.key = SLICE_LITERAL("k-1"),
		.value = value ? slice_from_str(value) : SLICE_NULL,
		.id = SLICE_LITERAL("e-1"),
		.type = SLICE_LITERAL("order.created"),
		.source = SLICE_LITERAL("orders"),
		.attempt = 1,
	};
}

struct onced_outcome http_case_handle(const struct fake_event *event)
{
	return fake_host_handle(&http_case_host, event);
}

struct onced_outcome http_case_handle_value(const char *value)
{
	struct fake_event event = http_case_event(value);

	return http_case_handle(&event);
}

void http_case_assert_outcome(
	struct onced_outcome outcome, enum onced_result result, const char *code, const char *says)
{
	if (outcome.result != result || strcmp(outcome.code, code) != 0 ||
		!strstr(outcome.reason, says)) {
		fail_msg("%d %s: %s", outcome.result, outcome.code, outcome.reason);
	}
}

void http_case_assert_done(struct onced_outcome outcome)
{
	http_case_assert_outcome(outcome, ONCED_DONE, "", "");
}

void http_case_assert_sent(unsigned i, const char *part)
{
	const char *request = http_peer_request(http_case_peer, i);

	if (!strstr(request, part)) {
		fail_msg("\"%s\" is not in request %u: %s", part, i, request);
	}
}

void http_case_assert_not_sent(unsigned i, const char *part)
{
	const char *request = http_peer_request(http_case_peer, i);

	if (strcasestr(request, part)) {
		fail_msg("\"%s\" is in request %u: %s", part, i, request);
	}
}
