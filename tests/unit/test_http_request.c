/*
 * test_http_request - the built-in `http`: its parameters, and what it sends
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "http_case.h"

/* ---- what is sent ---- */

static void the_value_is_sent_as_it_is(void **state)
{
	http_case_open(http_case_always_good, "/orders", NULL);
	http_case_assert_done(http_case_handle_value("{\"payload\": {\"n\": 1.10}}"));
	http_case_assert_sent(0, "POST /orders HTTP/1.1\r\n");
	http_case_assert_sent(0, "\r\nIdempotency-Key: e-1\r\n");
	http_case_assert_sent(0, "\r\nContent-Type: application/json\r\n");
	http_case_assert_sent(0, "\r\n\r\n{\"payload\": {\"n\": 1.10}}");
	http_case_assert_not_sent(0, "Expect:");
	http_case_assert_not_sent(0, "Cookie:");
}

static void a_null_value_is_an_empty_body(void **state)
{
	http_case_open(http_case_always_good, "/orders", "method", "DELETE", NULL);
	http_case_assert_done(http_case_handle_value(NULL));
	http_case_assert_sent(0, "DELETE /orders HTTP/1.1\r\n");
	http_case_assert_sent(0, "\r\nContent-Length: 0\r\n");
}

static void values_of_the_event_are_percent_encoded(void **state)
{
	http_case_open(http_case_always_good,
		"/o/{payload.id}/{key}?t={headers.t-x?}&n={payload.n}", NULL);
	http_case_assert_done(http_case_handle_value(
		"{\"payload\":{\"id\":\"a/b..?c#d&e=\\u00e9 %\",\"n\":-1.50}}"));
	http_case_assert_sent(
		0, "POST /o/a%2Fb..%3Fc%23d%26e%3D%C3%A9%20%25/k-1?t=&n=-1.50 HTTP/1.1\r\n");
}

static void a_value_cannot_change_the_path(void **state)
{
	http_case_open(http_case_always_good, "/o/{payload.id}", NULL);
	http_case_assert_outcome(http_case_handle_value("{\"payload\":{\"id\":\"..\"}}"),
		ONCED_REJECT, "url", ". or ..");
	http_case_assert_outcome(http_case_handle_value("{\"payload\":{\"id\":\"7/../admin\"}}"),
		ONCED_REJECT, "url", ". or ..");
	http_case_assert_outcome(http_case_handle_value("{\"payload\":{\"id\":\"\"}}"),
		ONCED_REJECT, "url", "is empty");
	http_case_assert_outcome(http_case_handle_value("{\"payload\":{\"id\":null}}"),
		ONCED_REJECT, "missing", "is null");
	http_case_assert_outcome(http_case_handle_value("{\"payload\":{}}"), ONCED_REJECT,
		"missing", "parameter {payload.id} is missing in the event");
	assert_int_equal(http_peer_requests(http_case_peer), 0);
}

static void headers_hold_values_of_the_event(void **state)
{
	http_case_open(http_case_always_good, "/", "headers.Authorization", "Bearer s3cret-token",
		"headers.X-By", "{payload.who}-{key}", "headers.Content-Type", "text/plain",
		"headers.x-empty", "{payload.none?}", NULL);
	http_case_assert_done(http_case_handle_value("{\"payload\":{\"who\":\"J\\u00f6rg\"}}"));
	http_case_assert_sent(0, "\r\nAuthorization: Bearer s3cret-token\r\n");
	http_case_assert_sent(0, "\r\nX-By: J\xc3\xb6rg-k-1\r\n");
	http_case_assert_sent(0, "\r\nContent-Type: text/plain\r\n");
	http_case_assert_sent(0, "\r\nx-empty:\r\n");
	http_case_assert_not_sent(0, "application/json");
}

static void a_value_cannot_make_another_header(void **state)
{
	http_case_open(http_case_always_good, "/", "headers.x", "{payload.v}", NULL);
	http_case_assert_outcome(
		http_case_handle_value("{\"payload\":{\"v\":\"a\\r\\nX-Admin: 1\"}}"), ONCED_REJECT,
		"header", "parameter {payload.v} has a line break");
	http_case_assert_outcome(http_case_handle_value("{\"payload\":{\"v\":\"a\\nb\"}}"),
		ONCED_REJECT, "header", "header x");
	http_case_assert_outcome(http_case_handle_value("{\"payload\":{\"v\":\"a\\u0000b\"}}"),
		ONCED_REJECT, "text", "NUL");
	assert_int_equal(http_peer_requests(http_case_peer), 0);
	http_case_assert_done(http_case_handle_value("{\"payload\":{\"v\":\"a\\tb\"}}"));
}

static void different_ids_stay_different_as_idempotency_keys(void **state)
{
	static const struct {
		const char *id, *sent;
	} ids[] = {
		{ "7f3c-41", "Idempotency-Key: 7f3c-41\r\n" },
		{ "a b ", "Idempotency-Key: a%20b%20\r\n" },
		{ "a%20b%20", "Idempotency-Key: a%2520b%2520\r\n" },
		{ "x\r\nEvil: 1", "Idempotency-Key: x%0D%0AEvil:%201\r\n" },
		{ "\xc3\xa9", "Idempotency-Key: %C3%A9\r\n" },
	};

	http_case_open(http_case_always_good, "/", NULL);
	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct fake_event event = http_case_event("{}");

		event.id = slice_from_str(ids[i].id);
		http_case_assert_done(http_case_handle(&event));
		http_case_assert_sent(i, ids[i].sent);
	}
}

/* ---- the trace ---- */

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/* What is sent for an event with these headers; NULL: left out. */
static void send_with(const char *traceparent, const char *tracestate)
{
	const struct event_header headers[] = {
		{ SLICE_LITERAL("traceparent"), slice_from_str(traceparent) },
		{ SLICE_LITERAL("tracestate"), slice_from_str(tracestate) },
	};
	struct fake_event event = http_case_event("{}");

	event.headers = headers;
	event.header_count = tracestate ? 2 : traceparent ? 1 : 0;
	http_case_assert_done(http_case_handle(&event));
}

static void the_events_trace_goes_on_in_the_service(void **state)
{
	http_case_open(http_case_always_good, "/", NULL);
	send_with(PARENT, "vendor=a,b=c");
	http_case_assert_sent(0, "\r\ntraceparent: " PARENT "\r\n");
	http_case_assert_sent(0, "\r\ntracestate: vendor=a,b=c\r\n");
	send_with("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", NULL);
	http_case_assert_sent(1, "-01-later\r\n");
	http_case_assert_not_sent(1, "tracestate");
}

static void what_is_no_trace_is_not_passed_on(void **state)
{
	static const char *const bad[] = { "", "00", PARENT "-later", PARENT "\r\nEvil: 1",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };

	http_case_open(http_case_always_good, "/", NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		send_with(bad[i], "vendor=a");
		http_case_assert_not_sent(i, "trace");
		http_case_assert_not_sent(i, "Evil");
	}
	send_with(PARENT, "a\r\nEvil: 1");
	http_case_assert_sent(sizeof(bad) / sizeof(bad[0]), "traceparent");
	http_case_assert_not_sent(sizeof(bad) / sizeof(bad[0]), "Evil");
}

static void a_configured_trace_stands(void **state)
{
	http_case_open(http_case_always_good, "/", "headers.Traceparent", "mine", NULL);
	send_with(PARENT, "vendor=a");
	http_case_assert_sent(0, "\r\nTraceparent: mine\r\n");
	http_case_assert_not_sent(0, PARENT);
	http_case_assert_not_sent(0, "vendor");
}

static void an_event_without_an_id_is_known_by_its_position(void **state)
{
	struct fake_event event = http_case_event("{}");

	event.id = SLICE_NULL;
	http_case_open(http_case_always_good, "/", NULL);
	http_case_assert_done(http_case_handle(&event));
	http_case_assert_sent(0, "\r\nIdempotency-Key: orders/3/42\r\n");
}

static void user_and_password_of_the_url_are_sent_as_such(void **state)
{
	static struct onced_param params[2];

	params[0] = (struct onced_param){ "url",
		http_case_start(http_case_always_good, "http://joe:p%40ss@127.0.0.1:%u/") };
	http_case_configure(params);
	assert_int_equal(fake_host_open(&http_case_host), 0);
	http_case_assert_done(http_case_handle_value("{}"));
	http_case_assert_sent(0, "\r\nAuthorization: Basic am9lOnBAc3M=\r\n");
}

/* ---- CloudEvents ---- */

static void binary_cloudevents_have_their_attributes_as_headers(void **state)
{
	struct fake_event event =
		http_case_event("{\"event_type\":\"order placed\",\"payload\":{}}");

	event.key = (struct slice)SLICE_LITERAL("k\xc3\xa9");
	http_case_open(http_case_always_good, "/", "format", "cloudevents-binary", NULL);
	http_case_assert_done(http_case_handle(&event));
	http_case_assert_sent(0, "\r\nce-specversion: 1.0\r\n");
	http_case_assert_sent(0, "\r\nce-id: e-1\r\n");
	http_case_assert_sent(0, "\r\nce-source: orders\r\n");
	http_case_assert_sent(0, "\r\nce-type: order%20placed\r\n");
	http_case_assert_sent(0, "\r\nce-time: 2026-01-02T03:04:05.678Z\r\n");
	http_case_assert_sent(0, "\r\nce-partitionkey: k%C3%A9\r\n");
	http_case_assert_sent(0, "\r\nContent-Type: application/json\r\n");
	http_case_assert_sent(0, "\r\n\r\n{\"event_type\":\"order placed\",\"payload\":{}}");
}

/* The body of request `i` as JSON. */
static json_t *sent_json(unsigned i)
{
	const char *body = strstr(http_peer_request(http_case_peer, i), "\r\n\r\n");
	json_t *json = json_loads(body ? body + 4 : "", JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(json);
	return json;
}

static void assert_member(json_t *json, const char *name, const char *text)
{
	const char *found = json_string_value(json_object_get(json, name));

	assert_non_null(found);
	assert_string_equal(found, text);
}

static void structured_cloudevents_are_one_json_object(void **state)
{
	struct fake_event event = http_case_event("{\"payload\":{\"n\":1.10}}");
	json_t *json;

	event.key = (struct slice)SLICE_LITERAL("k\"\\\n");
	http_case_open(http_case_always_good, "/", "format", "cloudevents-structured",
		"cloudevents.type", "order", "cloudevents.source", "/shop/{topic}", NULL);
	http_case_assert_done(http_case_handle(&event));
	http_case_assert_sent(
		0, "\r\nContent-Type: application/cloudevents+json; charset=utf-8\r\n");
	http_case_assert_sent(0, "\"data\":{\"payload\":{\"n\":1.10}}}");
	http_case_assert_not_sent(0, "\r\nce-");
	json = sent_json(0);
	assert_member(json, "specversion", "1.0");
	assert_member(json, "id", "e-1");
	assert_member(json, "source", "/shop/orders");
	assert_member(json, "type", "order");
	assert_member(json, "time", "2026-01-02T03:04:05.678Z");
	assert_member(json, "partitionkey", "k\"\\\n");
	assert_member(json, "datacontenttype", "application/json");
	json_decref(json);
}

static void structured_cloudevents_hold_any_value(void **state)
{
	json_t *json;

	http_case_open(http_case_always_good, "/", "format", "cloudevents-structured",
		"cloudevents.type", "t", NULL);
	http_case_assert_done(http_case_handle_value("no json \xff"));
	http_case_assert_done(http_case_handle_value(NULL));
	json = sent_json(0);
	assert_member(json, "data_base64", "bm8ganNvbiD/");
	assert_null(json_object_get(json, "data"));
	json_decref(json);
	json = sent_json(1);
	assert_null(json_object_get(json, "data"));
	assert_null(json_object_get(json, "datacontenttype"));
	json_decref(json);
}

static void a_cloudevent_without_a_type_is_rejected(void **state)
{
	http_case_open(http_case_always_good, "/", "format", "cloudevents-binary", NULL);
	http_case_assert_outcome(http_case_handle_value("{}"), ONCED_REJECT, "missing",
		"{value.event_type} is missing");
	http_case_assert_outcome(http_case_handle_value("{\"event_type\":\"\"}"), ONCED_REJECT,
		"missing", "cloudevents.type is empty");
}

/* ---- parameters ---- */

static void wrong_parameters_are_told(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} cases[] = {
		{ "url", "https://{key}/", "url, column 9: scheme, host and port are fixed" },
		{ "url", "https://h/{keys}", "url, column 11: unknown parameter {keys}" },
		{ "method", "GET", "`GET` is none of POST, PUT" },
		{ "format", "json", "`json` is none of raw" },
		{ "connect.timeout", "5", "connect.timeout: `5` is no duration" },
		{ "connect.timeout", "0s", "connect.timeout: `0s` is no duration" },
		{ "connect.timeout", "25h", "connect.timeout: `25h` is no duration" },
		{ "retry.after.max", "x", "retry.after.max: `x` is no duration" },
		{ "redirects", "yes", "`yes` is neither no nor a number" },
		{ "redirects", "11", "`11` is neither no nor a number" },
		{ "allow.addresses", "public, internal", "`internal` is none of public" },
		{ "headers.a b", "x", "no header's name" },
		{ "headers.a\r\nb", "x", "no header's name" },
		{ "headers.Idempotency-Key", "x", "cannot be set: it is always the event id" },
		{ "headers.content-LENGTH", "1", "cannot be set" },
		{ "headers.host", "{key}", "the host is fixed" },
		{ "headers.x", "a\nb: c", "holds one line" },
		{ "headers.x", "{nonsense}", "headers.x, line 1, column 1: unknown parameter" },
		{ "cloudevents.type", "{", "cloudevents.type, line 1, column 1" },
		{ "tls.cert", "/cert", "tls.cert and tls.key go together" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_url = strcmp(cases[i].name, "url") == 0;
		const struct onced_param params[] = {
			{ "url", is_url ? cases[i].value : "https://h/" },
			{ is_url ? NULL : cases[i].name, cases[i].value },
			{ NULL, NULL },
		};

		http_case_configure(params);
		assert_int_equal(fake_host_check(&http_case_host), -1);
		if (!strstr(http_case_host.setup.reason, cases[i].says)) {
			fail_msg("%s = %s: %s", cases[i].name, cases[i].value,
				http_case_host.setup.reason);
		}
		assert_int_equal(fake_host_open(&http_case_host), -1);
		http_case_teardown(NULL);
	}
}

static void headers_are_there_once(void **state)
{
	static const struct onced_param twice[] = { { "url", "https://h/" }, { "headers.x", "1" },
		{ "headers.X", "2" }, { NULL, NULL } };
	static const struct onced_param cloud[] = { { "url", "https://h/" },
		{ "headers.ce-id", "1" }, { "format", "cloudevents-binary" }, { NULL, NULL } };

	http_case_configure(twice);
	assert_int_equal(fake_host_check(&http_case_host), -1);
	assert_non_null(strstr(http_case_host.setup.reason, "there twice"));
	http_case_teardown(NULL);
	http_case_configure(cloud);
	assert_int_equal(fake_host_check(&http_case_host), -1);
	assert_non_null(strstr(http_case_host.setup.reason, "the format sets"));
}

static void files_that_cannot_be_read_are_told_at_the_start(void **state)
{
	static const struct onced_param params[] = { { "url", "https://h/" },
		{ "tls.ca", "/nonexistent/ca.pem" }, { NULL, NULL } };

	http_case_configure(params);
	assert_int_equal(fake_host_check(&http_case_host), 0);
	assert_int_equal(fake_host_open(&http_case_host), -1);
	assert_string_equal(http_case_host.setup.reason, "tls.ca: cannot read /nonexistent/ca.pem");
}

#define TEST(name) cmocka_unit_test_teardown(name, http_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_value_is_sent_as_it_is),
		TEST(a_null_value_is_an_empty_body),
		TEST(values_of_the_event_are_percent_encoded),
		TEST(a_value_cannot_change_the_path),
		TEST(headers_hold_values_of_the_event),
		TEST(a_value_cannot_make_another_header),
		TEST(different_ids_stay_different_as_idempotency_keys),
		TEST(the_events_trace_goes_on_in_the_service),
		TEST(what_is_no_trace_is_not_passed_on),
		TEST(a_configured_trace_stands),
		TEST(an_event_without_an_id_is_known_by_its_position),
		TEST(user_and_password_of_the_url_are_sent_as_such),
		TEST(binary_cloudevents_have_their_attributes_as_headers),
		TEST(structured_cloudevents_are_one_json_object),
		TEST(structured_cloudevents_hold_any_value),
		TEST(a_cloudevent_without_a_type_is_rejected),
		TEST(wrong_parameters_are_told),
		TEST(headers_are_there_once),
		TEST(files_that_cannot_be_read_are_told_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
