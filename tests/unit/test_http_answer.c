/*
 * test_http_answer - the built-in `http`: what it makes of answers, and of none
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "http_case.h"

/* ---- what answers mean ---- */

#define ANSWER(status, headers)                                                                    \
	{                                                                                          \
		"HTTP/1.1 " status "\r\nContent-Length: 4\r\n" headers "\r\noops", HTTP_PEER_KEEP  \
	}

static void statuses_have_their_meanings(void **state)
{
	static const struct {
		const char *status;
		enum onced_result result;
	} meanings[] = {
		{ "400", ONCED_REJECT },
		{ "401", ONCED_UNAVAILABLE },
		{ "402", ONCED_REJECT },
		{ "403", ONCED_UNAVAILABLE },
		{ "404", ONCED_REJECT },
		{ "405", ONCED_UNAVAILABLE },
		{ "407", ONCED_UNAVAILABLE },
		{ "408", ONCED_RETRY },
		{ "409", ONCED_RETRY },
		{ "410", ONCED_REJECT },
		{ "422", ONCED_REJECT },
		{ "425", ONCED_RETRY },
		{ "429", ONCED_RETRY },
		{ "500", ONCED_RETRY },
		{ "503", ONCED_RETRY },
		{ "599", ONCED_RETRY },
	};
	enum { COUNT = sizeof(meanings) / sizeof(meanings[0]) };
	static struct http_peer_step steps[COUNT + 1];
	static char answers[COUNT][128];

	for (size_t i = 0; i < COUNT; i++) {
		snprintf(answers[i], sizeof(answers[i]),
			"HTTP/1.1 %s Oh\r\nContent-Length: 4\r\n\r\noops", meanings[i].status);
		steps[i].answer = answers[i];
	}
	http_case_open(steps, "/", NULL);
	for (size_t i = 0; i < COUNT; i++) {
		http_case_assert_outcome(http_case_handle_value("{}"), meanings[i].result,
			meanings[i].status, ": oops");
	}
	http_case_assert_done(http_case_handle_value("{}"));
	assert_int_equal(http_peer_requests(http_case_peer), COUNT + 1);
	assert_int_equal(http_peer_connections(http_case_peer), 1);
}

static void retry_after_is_honoured_and_bounded(void **state)
{
	static char date[128];
	const struct http_peer_step script[] = {
		ANSWER("429 No", "Retry-After: 7\r\n"),
		ANSWER("503 No", "Retry-After: 86400\r\n"),
		{ date, HTTP_PEER_KEEP },
		ANSWER("503 No", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
		ANSWER("503 No", "Retry-After: soon\r\n"),
		ANSWER("503 No", "Retry-After: -5\r\n"),
		ANSWER("400 No", "Retry-After: 7\r\n"),
		{ NULL, HTTP_PEER_KEEP },
	};
	time_t then = time(NULL) + 30;
	struct onced_outcome outcome;
	char text[64];
	struct tm tm;

	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &tm));
	snprintf(date, sizeof(date),
		"HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: %s\r\n\r\n", text);
	http_case_open(script, "/", "retry.after.max", "60s", NULL);
	assert_int_equal(http_case_handle_value("{}").retry_after_ms, 7000);
	assert_int_equal(http_case_handle_value("{}").retry_after_ms, 60000);
	outcome = http_case_handle_value("{}");
	assert_in_range(outcome.retry_after_ms, 20000, 30000);
	assert_int_equal(http_case_handle_value("{}").retry_after_ms, 0);
	assert_int_equal(http_case_handle_value("{}").retry_after_ms, 0);
	assert_int_equal(http_case_handle_value("{}").retry_after_ms, 0);
	http_case_assert_outcome(outcome, ONCED_RETRY, "503", "answered 503");
	outcome = http_case_handle_value("{}");
	assert_int_equal(outcome.result, ONCED_REJECT);
	assert_int_equal(outcome.retry_after_ms, 0);
}

static void broken_answers_are_tried_again(void **state)
{
	static const struct http_peer_step script[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", HTTP_PEER_CLOSE },
		{ "HTTP/1.1 200 OK\r\nContent-Le", HTTP_PEER_CLOSE },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", HTTP_PEER_CLOSE },
		{ "HTTP/1.1 400 No\r\nContent-Length: 10\r\n\r\nabc", HTTP_PEER_RESET },
		{ NULL, HTTP_PEER_CLOSE },
		{ NULL, HTTP_PEER_RESET },
		{ "SSH-2.0-OpenSSH_9.2\r\n", HTTP_PEER_CLOSE },
		{ "HTTP/1.1 banana\r\n\r\n", HTTP_PEER_CLOSE },
		{ NULL, HTTP_PEER_KEEP },
	};
	static const char *const codes[] = { "truncated", "truncated", "truncated", "truncated",
		"reset", "reset", "protocol", "protocol" };

	http_case_open(script, "/", NULL);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		http_case_assert_outcome(http_case_handle_value("{}"), ONCED_RETRY, codes[i],
			"POST to http://127.0.0.1:");
	}
	http_case_assert_done(http_case_handle_value("{}"));
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void an_answer_with_trailers_is_whole(void **state)
{
	const struct http_peer_step script[] = {
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
		  "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
			HTTP_PEER_KEEP },
		{ NULL, HTTP_PEER_KEEP },
	};

	http_case_open(script, "/", NULL);
	http_case_assert_done(http_case_handle_value("{}"));
	http_case_assert_done(http_case_handle_value("{}"));
	assert_int_equal(http_peer_connections(http_case_peer), 1);
}

static void a_server_that_never_answers_is_left_at_the_timeout(void **state)
{
	static const struct http_peer_step script[] = {
		{ NULL, HTTP_PEER_HANG },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", HTTP_PEER_HANG },
		{ NULL, HTTP_PEER_KEEP },
	};
	int64_t started_ms = now_ms();

	http_case_open(script, "/", NULL);
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_RETRY, "timeout", "no answer in time");
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_RETRY, "timeout", "no answer in time");
	assert_true(now_ms() - started_ms >= 2 * 400);
	http_case_assert_done(http_case_handle_value("{}"));
}

static void a_connection_that_died_idle_costs_nothing(void **state)
{
	static const struct http_peer_step script[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HTTP_PEER_CLOSE },
		{ NULL, HTTP_PEER_KEEP },
	};

	http_case_open(script, "/", NULL);
	http_case_assert_done(http_case_handle_value("{}"));
	http_case_assert_done(http_case_handle_value("{}"));
	http_case_assert_done(http_case_handle_value("{}"));
	assert_int_equal(http_peer_connections(http_case_peer), 2);
	assert_int_equal(http_peer_requests(http_case_peer), 3);
}

static void nobody_there_is_unavailable(void **state)
{
	http_case_open(http_case_always_good, "/", NULL);
	http_peer_stop(http_case_peer);
	http_case_peer = NULL;
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_UNAVAILABLE, "connect", "cannot connect");
}

static void a_host_without_an_address_is_unavailable(void **state)
{
	static const struct onced_param params[] = {
		{ "url", "http://no-such-http_case_host.invalid/" }, { NULL, NULL }
	};

	http_case_configure(params);
	assert_int_equal(fake_host_open(&http_case_host), 0);
	http_case_assert_outcome(http_case_handle_value("{}"), ONCED_UNAVAILABLE, "resolve",
		"http://no-such-http_case_host.invalid");
}

static void no_tls_where_tls_is_wanted_is_unavailable(void **state)
{
	static const struct http_peer_step script[] = {
		{ "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", HTTP_PEER_CLOSE },
		{ NULL, HTTP_PEER_KEEP },
	};
	static struct onced_param params[2];

	params[0] = (struct onced_param){ "url", http_case_start(script, "https://127.0.0.1:%u/") };
	http_case_configure(params);
	http_case_host.timeout_ms = 400;
	assert_int_equal(fake_host_open(&http_case_host), 0);
	/* the peer waits for the end of a head that never comes */
	assert_int_equal(http_case_handle_value("{}").result, ONCED_UNAVAILABLE);
	assert_int_equal(http_peer_requests(http_case_peer), 0);
}

/* ---- redirects ---- */

#define REDIRECT(status, to)                                                                       \
	{                                                                                          \
		"HTTP/1.1 " status " Moved\r\nContent-Length: 0\r\nLocation: " to "\r\n\r\n",      \
			HTTP_PEER_KEEP                                                             \
	}

static void redirects_are_refused_unless_allowed(void **state)
{
	static const struct http_peer_step script[] = { REDIRECT("307", "/b"),
		REDIRECT("302", "/b"), { NULL, HTTP_PEER_KEEP } };

	http_case_open(script, "/", NULL);
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_REJECT, "307", "redirects are not followed");
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_REJECT, "302", "redirects are not followed");
	assert_int_equal(http_peer_requests(http_case_peer), 2);
}

static void allowed_redirects_repeat_the_request_at_the_same_host(void **state)
{
	static const struct http_peer_step script[] = { REDIRECT("307", "/b?c"),
		REDIRECT("308", "/d"), { NULL, HTTP_PEER_KEEP } };

	http_case_open(script, "/a", "redirects", "2", "method", "PUT", NULL);
	http_case_assert_done(http_case_handle_value("{\"x\":1}"));
	http_case_assert_sent(1, "PUT /b?c HTTP/1.1\r\n");
	http_case_assert_sent(2, "PUT /d HTTP/1.1\r\n");
	http_case_assert_sent(2, "\r\nIdempotency-Key: e-1\r\n");
	http_case_assert_sent(2, "\r\n\r\n{\"x\":1}");
}

static void other_redirects_are_refused_all_the_same(void **state)
{
	static const struct http_peer_step script[] = {
		REDIRECT("307", "http://127.0.0.1:1/b"),
		REDIRECT("307", "http://other.example/"),
		REDIRECT("307", "file:///etc/passwd"),
		REDIRECT("303", "/b"), /* would be a GET */
		{ "HTTP/1.1 304 Not Modified\r\n\r\n", HTTP_PEER_KEEP },
		REDIRECT("307", "/b"),
		REDIRECT("307", "/c"),
		{ NULL, HTTP_PEER_KEEP },
	};

	http_case_open(script, "/a", "redirects", "1", NULL);
	for (int i = 0; i < 3; i++) {
		http_case_assert_outcome(
			http_case_handle_value("{}"), ONCED_REJECT, "307", "is not followed");
	}
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_REJECT, "303", "is not followed");
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_REJECT, "304", "is not followed");
	assert_int_equal(http_peer_requests(http_case_peer), 5);
	http_case_assert_outcome(
		http_case_handle_value("{}"), ONCED_REJECT, "307", "not too often");
	assert_int_equal(http_peer_requests(http_case_peer), 7);
}

/* ---- bounds and secrets ---- */

/* An answer with `len` bytes of body; the caller frees it. */
static char *long_answer(const char *head, size_t len, bool is_header)
{
	struct buffer text = BUFFER_INIT;

	buffer_append_str(&text, head);
	if (is_header) {
		for (size_t i = 0; i < len; i += 1000) {
			buffer_printf(&text, "X-Fill: %01000d\r\n", 0);
		}
		buffer_append_str(&text, "\r\n");
	} else {
		buffer_printf(&text, "Content-Length: %zu\r\n\r\n", len);
		for (size_t i = 0; i < len; i++) {
			buffer_append_str(&text, "y");
		}
	}
	return text.data;
}

static void an_endless_answer_is_not_read_to_its_end(void **state)
{
	char *rejected = long_answer("HTTP/1.1 400 No\r\n", 5000000, false),
	     *done = long_answer("HTTP/1.1 200 OK\r\n", 5000000, false),
	     *headers = long_answer("HTTP/1.1 200 OK\r\n", 200000, true);
	const struct http_peer_step script[] = { { rejected, HTTP_PEER_CLOSE },
		{ done, HTTP_PEER_CLOSE }, { headers, HTTP_PEER_CLOSE }, { NULL, HTTP_PEER_KEEP } };
	struct onced_outcome outcome;

	http_case_open(script, "/", NULL);
	outcome = http_case_handle_value("{}");
	http_case_assert_outcome(outcome, ONCED_REJECT, "400", ": yyyy");
	assert_in_range(strlen(outcome.reason), 512, 600);
	/* its word was said before */
	http_case_assert_done(http_case_handle_value("{}"));
	http_case_assert_done(http_case_handle_value("{}"));
	http_case_teardown(NULL);
	free(rejected);
	free(done);
	free(headers);
}

static void secrets_do_not_come_back_in_a_reason(void **state)
{
	static const char body[] =
		"got s3cret-token,\r\n\r\n joe:pass-word and api-key=hunter2 \x01 "
		"\xc3\xa9 \xff<end";
	static char answer[256];
	const struct http_peer_step script[] = { { answer, HTTP_PEER_KEEP },
		{ NULL, HTTP_PEER_KEEP } };
	static struct onced_param params[3];
	struct onced_outcome outcome;

	snprintf(answer, sizeof(answer), "HTTP/1.1 400 No\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(body), body);
	params[0] = (struct onced_param){ "url",
		http_case_start(script,
			"http://joe-user:pass-word@127.0.0.1:%u/a?api-key=hunter2&x={key}") };
	params[1] = (struct onced_param){ "headers.authorization", "Bearer s3cret-token" };
	http_case_configure(params);
	assert_int_equal(fake_host_open(&http_case_host), 0);
	outcome = http_case_handle_value("{}");
	assert_int_equal(outcome.result, ONCED_REJECT);
	assert_null(strstr(outcome.reason, "s3cret"));
	assert_null(strstr(outcome.reason, "pass-word"));
	assert_null(strstr(outcome.reason, "hunter2"));
	assert_non_null(strstr(outcome.reason, "got ************, joe:********* and "));
	/* one line, and text */
	assert_null(strpbrk(outcome.reason, "\r\n\x01\xff"));
}

static struct onced_outcome answer_to_shop(const char *answer)
{
	static struct http_peer_step script[2];
	static struct onced_param params[3];

	script[0] = (struct http_peer_step){ answer, HTTP_PEER_CLOSE };
	params[0] = (struct onced_param){ "url",
		http_case_start(script, "http://shop:pass-word@127.0.0.1:%u/") };
	params[1] = (struct onced_param){ "headers.x-key", "shop-1234-secret" };
	http_case_configure(params);
	assert_int_equal(fake_host_open(&http_case_host), 0);
	return http_case_handle_value("{}");
}

static void secrets_in_each_other_and_in_base64_do_not_come_back(void **state)
{
	struct onced_outcome outcome =
		answer_to_shop("HTTP/1.1 400 No\r\nContent-Length: 48\r\n\r\n"
			       "shop-1234-secret, Basic c2hvcDpwYXNzLXdvcmQ= end");

	assert_non_null(strstr(outcome.reason, "400: ****************, Basic **********"));
	assert_null(strstr(outcome.reason, "c2hv"));
	assert_non_null(strstr(outcome.reason, "* end"));
}

static void a_secret_that_is_cut_off_does_not_come_back(void **state)
{
	static char answer[4096];
	struct onced_outcome outcome;

	snprintf(answer, sizeof(answer), "HTTP/1.1 400 No\r\n\r\n%-2036sshop-1234-secret", "a");
	outcome = answer_to_shop(answer);
	assert_non_null(strstr(outcome.reason, "400: a ************"));
	assert_null(strstr(outcome.reason, "1234"));
}

/* ---- addresses ---- */

static void open_by_name(const char *name, const char *allowed)
{
	static struct onced_param params[3];
	char format[64];

	snprintf(format, sizeof(format), "http://%s:%%u/", name);
	params[0] = (struct onced_param){ "url", http_case_start(http_case_always_good, format) };
	params[1] = (struct onced_param){ allowed ? "allow.addresses" : NULL, allowed };
	http_case_configure(params);
	assert_int_equal(fake_host_open(&http_case_host), 0);
}

/* A name other than localhost that the C library maps to the loopback without any server. */
#define LOOPBACK_NAME "onced.localhost"

static bool is_resolved(const struct onced_outcome *outcome)
{
	return strcmp(outcome->code, "resolve") != 0;
}

static void a_name_that_means_a_refused_address_is_not_connected_to(void **state)
{
	struct onced_outcome outcome;

	open_by_name(LOOPBACK_NAME, NULL);
	outcome = http_case_handle_value("{}");
	if (!is_resolved(&outcome)) {
		fail_msg("%s is not resolved here", LOOPBACK_NAME);
	}
	http_case_assert_outcome(
		outcome, ONCED_UNAVAILABLE, "address", "write `loopback` into allow.addresses");
	assert_int_equal(http_peer_connections(http_case_peer), 0);
}

static void a_class_that_is_listed_is_connected_to(void **state)
{
	open_by_name(LOOPBACK_NAME, "public, loopback");
	http_case_assert_done(http_case_handle_value("{}"));
}

static void localhost_is_allowed_by_being_written(void **state)
{
	open_by_name("localhost", NULL);
	http_case_assert_done(http_case_handle_value("{}"));
}

static void nothing_comes_from_the_environment(void **state)
{
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	http_case_open(http_case_always_good, "/", NULL);
	http_case_assert_done(http_case_handle_value("{}"));
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

#define TEST(name) cmocka_unit_test_teardown(name, http_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(statuses_have_their_meanings),
		TEST(retry_after_is_honoured_and_bounded),
		TEST(broken_answers_are_tried_again),
		TEST(an_answer_with_trailers_is_whole),
		TEST(a_server_that_never_answers_is_left_at_the_timeout),
		TEST(a_connection_that_died_idle_costs_nothing),
		TEST(nobody_there_is_unavailable),
		TEST(a_host_without_an_address_is_unavailable),
		TEST(no_tls_where_tls_is_wanted_is_unavailable),
		TEST(redirects_are_refused_unless_allowed),
		TEST(allowed_redirects_repeat_the_request_at_the_same_host),
		TEST(other_redirects_are_refused_all_the_same),
		TEST(an_endless_answer_is_not_read_to_its_end),
		TEST(secrets_do_not_come_back_in_a_reason),
		TEST(secrets_in_each_other_and_in_base64_do_not_come_back),
		TEST(a_secret_that_is_cut_off_does_not_come_back),
		TEST(a_name_that_means_a_refused_address_is_not_connected_to),
		TEST(a_class_that_is_listed_is_connected_to),
		TEST(localhost_is_allowed_by_being_written),
		TEST(nothing_comes_from_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
