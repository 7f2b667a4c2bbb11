/*
 * test_route - which row a request finds, who may, and which bodies are let through
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "supervisor/route.h"

enum { OWNER = 1000, STRANGER = 2000 };

static char called[256]; /* what the row's function saw, "" when none was called */

static void note(struct call *call)
{
	const char *name = call_text(call, "name"), *word = call_text(call, "word");

	snprintf(called, sizeof(called), "%s name=%s word=%s number=%d flag=%d", call->route->path,
		name ? name : "-", word ? word : "-", (int)call_integer(call, "number", -1),
		call_flag(call, "flag"));
	call_answer(call, 200, json_pack("{s:b}", "ok", 1));
}

static const struct route_param params[] = {
	{ "name", ROUTE_TEXT, true, 1, 8, "whose" },
	{ "word", ROUTE_TEXT, false, 0, 0, "what" },
	{ "number", ROUTE_INTEGER, false, 0, 99, "how much" },
	{ "flag", ROUTE_FLAG, false, 0, 0, "whether" },
	{ 0 },
};

static const struct route_param needy_params[] = {
	{ "word", ROUTE_TEXT, true, 1, 0, "what" },
	{ 0 },
};

static const struct route routes[] = {
	{ "GET", "/shown", ROUTE_PUBLIC, "", NULL, note },
	{ "GET", "/plain", ROUTE_READ, "", NULL, note },
	{ "GET", "/things/{name}", ROUTE_READ, "", params, note },
	{ "POST", "/things/{name}/do", ROUTE_CHANGE, "", params, note },
	{ "POST", "/needy", ROUTE_CHANGE, "", needy_params, note },
	{ 0 },
};

static unsigned ask_as(uid_t uid, const char *method, const char *path, const char *body)
{
	struct http_request request = { .method = method,
		.path = path,
		.body = body,
		.body_len = strlen(body),
		.peer = { .is_known = uid != (uid_t)-1, .uid = uid, .pid = 1 } };
	struct http_answer answer = HTTP_ANSWER_INIT;
	json_t *object;

	called[0] = '\0';
	(void)route_answer(routes, OWNER, NULL, &request, &answer);
	object = json_loads(buffer_str(&answer.body), 0, NULL);
	assert_non_null(object); /* also what is refused answers in JSON */
	assert_int_equal(answer.status >= 400, json_object_get(object, "error") != NULL);
	json_decref(object);
	buffer_fini(&answer.body);
	return answer.status;
}

static unsigned ask(const char *method, const char *path, const char *body)
{
	return ask_as(OWNER, method, path, body);
}

static void a_row_is_found_by_method_and_path(void **state)
{
	assert_int_equal(ask("GET", "/plain", ""), 200);
	assert_int_equal(ask("HEAD", "/plain", ""), 200);
	assert_int_equal(ask("GET", "/things/a", ""), 200);
	assert_string_equal(called, "/things/{name} name=a word=- number=-1 flag=0");
}

static void what_is_nowhere_is_not_found(void **state)
{
	static const char *const paths[] = { "", "/", "plain", "/plain/", "/plain/x", "/things",
		"/things/", "/things//do", "/things/a/do/x", "/things/a/", "/things/\xff" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(ask("GET", paths[i], ""), 404);
		assert_string_equal(called, "");
	}
}

static void another_method_is_named(void **state)
{
	assert_int_equal(ask("POST", "/plain", ""), 405);
	assert_int_equal(ask("GET", "/things/a/do", ""), 405);
	assert_int_equal(ask("DELETE", "/things/a", ""), 405);
	assert_string_equal(called, "");
}

static void readers_read_and_only_owner_and_root_change(void **state)
{
	static const struct {
		uid_t uid;
		unsigned get, post;
	} matrix[] = {
		{ 0, 200, 200 }, { OWNER, 200, 200 }, { STRANGER, 200, 403 },
		{ (uid_t)-1, 200, 403 }, /* nobody knows who */
	};

	for (size_t i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
		assert_int_equal(ask_as(matrix[i].uid, "GET", "/plain", ""), (int)matrix[i].get);
		assert_int_equal(
			ask_as(matrix[i].uid, "POST", "/things/a/do", ""), (int)matrix[i].post);
		assert_int_equal(called[0] != '\0', matrix[i].post == 200);
	}
}

static void a_page_in_a_browser_changes_nothing_whoever_opened_the_door(void **state)
{
	static const struct {
		const char *method, *path;
		unsigned status;
	} asked[] = { { "GET", "/plain", 200 }, { "POST", "/things/a/do", 403 } };

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct http_request request = { .method = asked[i].method,
			.path = asked[i].path,
			.body = "",
			.peer = { .is_known = true, .uid = 0, .pid = 1 },
			.is_from_page = true };
		struct http_answer answer = HTTP_ANSWER_INIT;

		called[0] = '\0';
		(void)route_answer(routes, OWNER, NULL, &request, &answer);
		assert_int_equal(answer.status, (int)asked[i].status);
		assert_int_equal(called[0] != '\0', asked[i].status == 200);
		buffer_fini(&answer.body);
	}
}

static unsigned ask_in_public(const char *method, const char *path)
{
	struct http_request request = { .method = method, .path = path, .body = "" };
	struct http_answer answer = HTTP_ANSWER_INIT;

	route_answer_public(routes, NULL, &request, &answer);
	buffer_fini(&answer.body);
	return answer.status;
}

static void the_public_finds_public_rows_and_no_others(void **state)
{
	assert_int_equal(ask_in_public("GET", "/shown"), 200);
	assert_int_equal(ask_in_public("HEAD", "/shown"), 200);
	assert_int_equal(ask_in_public("POST", "/shown"), 405);
	assert_int_equal(ask_in_public("GET", "/plain"), 404);
	assert_int_equal(ask_in_public("GET", "/things/a"), 404);
	assert_int_equal(ask_in_public("POST", "/things/a/do"), 404);
	assert_int_equal(ask("GET", "/shown", ""), 200);
}

static void who_may_not_change_learns_nothing_of_the_parameters(void **state)
{
	assert_int_equal(ask_as(STRANGER, "POST", "/needy", "{"), 403);
}

static void a_body_gives_parameters(void **state)
{
	assert_int_equal(
		ask("POST", "/things/a/do", "{\"word\":\"\\u00e9\",\"number\":7,\"flag\":true}"),
		200);
	assert_string_equal(called, "/things/{name}/do name=a word=\xc3\xa9 number=7 flag=1");
}

static void bodies_that_cannot_be_are_refused(void **state)
{
	static const char *const bodies[] = { "{", "[]", "null", "7", "\"x\"", "{}{}", "{\"a\":1}",
		"{\"name\":\"b\"}", "{\"number\":\"7\"}", "{\"number\":100}", "{\"number\":-1}",
		"{\"number\":1.5}", "{\"flag\":1}", "{\"word\":7}", "{\"word\":null}",
		"{\"word\":\"a\",\"word\":\"b\"}", "{\"word\":\"\\u0000\"}",
		"{\"word\":\"\xff\"}" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(ask("POST", "/things/a/do", bodies[i]), 400);
		assert_string_equal(called, "");
	}
}

static void a_text_has_its_bounds(void **state)
{
	char body[400];

	assert_int_equal(ask("GET", "/things/12345678", ""), 200);
	assert_int_equal(ask("GET", "/things/123456789", ""), 400);
	snprintf(body, sizeof(body), "{\"word\":\"%0255d\"}", 0);
	assert_int_equal(ask("POST", "/things/a/do", body), 200);
	snprintf(body, sizeof(body), "{\"word\":\"%0256d\"}", 0);
	assert_int_equal(ask("POST", "/things/a/do", body), 400);
}

static void what_is_required_must_be_there(void **state)
{
	assert_int_equal(ask("POST", "/needy", ""), 400);
	assert_int_equal(ask("POST", "/needy", "{}"), 400);
	assert_int_equal(ask("POST", "/needy", "{\"word\":\"\"}"), 400);
	assert_int_equal(ask("POST", "/needy", "{\"word\":\"x\"}"), 200);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_found_by_method_and_path),
		cmocka_unit_test(what_is_nowhere_is_not_found),
		cmocka_unit_test(another_method_is_named),
		cmocka_unit_test(readers_read_and_only_owner_and_root_change),
		cmocka_unit_test(a_page_in_a_browser_changes_nothing_whoever_opened_the_door),
		cmocka_unit_test(the_public_finds_public_rows_and_no_others),
		cmocka_unit_test(who_may_not_change_learns_nothing_of_the_parameters),
		cmocka_unit_test(a_body_gives_parameters),
		cmocka_unit_test(bodies_that_cannot_be_are_refused),
		cmocka_unit_test(a_text_has_its_bounds),
		cmocka_unit_test(what_is_required_must_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
