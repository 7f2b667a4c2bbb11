/*
 * test_control - who may ask what: every row of the sockets' table, and every kind of caller
 *
 * Argument: docs/operations.md, which names each request that changes something.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "supervisor/verbs.h"

enum { OWNER = 1000, STRANGER = 2000, ROWS_MAX = 64 };
enum { OK = 200, FORBIDDEN = 403, NOT_THERE = 404 };

static const char *manual_path;

/* What is public, and what may be read; all else changes something. A new row is put here. */
static const char *const public_paths[] = { "/", "/metrics", "/livez", "/readyz", "/v1/status",
	NULL };
static const char *const read_paths[] = { "/v1/config", "/v1/config/changes", "/v1/log-level",
	"/v1/operations/{id}", "/v1/reload", NULL };

static bool is_in(const char *const *paths, const struct route *route)
{
	for (; *paths; paths++) {
		if (strcmp(*paths, route->path) == 0 && strcmp(route->method, "GET") == 0) {
			return true;
		}
	}
	return false;
}

static int called;

static void note(struct call *call)
{
	called++;
	call_answer(call, OK, json_object());
}

/* The real rows, that only say that they were reached. */
static const struct route *disarmed(void)
{
	static struct route rows[ROWS_MAX];
	size_t count = 0;

	for (; control_routes[count].path; count++) {
		assert_true(count + 1 < ROWS_MAX);
		rows[count] = control_routes[count];
		rows[count].params = NULL;
		rows[count].run = note;
	}
	return rows;
}

/* "{consumer}" as somebody would fill it in. */
static char *fill_in(const char *path)
{
	char *filled = xstrdup(path);
	char *brace = strchr(filled, '{');

	if (brace) {
		char *rest = strchr(brace, '}') + 1;

		*brace = 'x';
		memmove(brace + 1, rest, strlen(rest) + 1);
	}
	return filled;
}

static const struct caller {
	const char *name;
	struct http_peer peer;
	bool is_tcp, is_from_page;
	int open, read, change; /* the answer to each class of rows */
} callers[] = {
	{ "root", { true, 0, 1 }, .open = OK, .read = OK, .change = OK },
	{ "the daemon's user", { true, OWNER, 1 }, .open = OK, .read = OK, .change = OK },
	{ "another user", { true, STRANGER, 1 }, .open = OK, .read = OK, .change = FORBIDDEN },
	{ "somebody unknown", { false, 0, 0 }, .open = OK, .read = OK, .change = FORBIDDEN },
	{ "a page, as root", { true, 0, 1 }, .is_from_page = true, .open = OK, .read = OK,
		.change = FORBIDDEN },
	{ "TCP", { false, 0, 0 }, .is_tcp = true, .open = OK, .read = NOT_THERE,
		.change = NOT_THERE },
};

static int expected(const struct caller *caller, const struct route *route)
{
	if (is_in(public_paths, route)) {
		return caller->open;
	}
	return is_in(read_paths, route) ? caller->read : caller->change;
}

static int ask(const struct caller *caller, const struct route *route)
{
	_cleanup_free_ char *path = fill_in(route->path);
	struct http_request request = { .method = route->method,
		.path = path,
		.body = "",
		.peer = caller->peer,
		.is_from_page = caller->is_from_page };
	struct http_answer answer = HTTP_ANSWER_INIT;

	called = 0;
	if (caller->is_tcp) {
		route_answer_public(disarmed(), NULL, &request, &answer);
	} else {
		(void)route_answer(disarmed(), OWNER, NULL, &request, &answer);
	}
	buffer_fini(&answer.body);
	return (int)answer.status;
}

static void each_caller_may_what_its_class_says_and_nothing_else(void **state)
{
	for (size_t c = 0; c < sizeof(callers) / sizeof(callers[0]); c++) {
		for (const struct route *route = control_routes; route->path; route++) {
			int wanted = expected(&callers[c], route), status = ask(&callers[c], route);

			/* A path that TCP has under another method is no secret. */
			if (status != wanted &&
				!(callers[c].is_tcp && status == 405 && wanted == NOT_THERE)) {
				fail_msg("%s, %s %s: %d, not %d", callers[c].name, route->method,
					route->path, status, wanted);
			}
			assert_int_equal(called, status == OK);
		}
	}
}

static void what_changes_something_is_a_post_and_what_does_not_is_a_get(void **state)
{
	for (const struct route *route = control_routes; route->path; route++) {
		assert_string_equal(route->method, route->access == ROUTE_CHANGE ? "POST" : "GET");
		assert_true(route->help[0]);
	}
}

static char *read_manual(void)
{
	FILE *file = fopen(manual_path, "r");
	char *text = xcalloc(1, 1 << 20);

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

/* "/v1/consumers/{consumer}/pause" is "POST /v1/consumers/NAME/pause" there. */
static void the_manual_names_each_change_and_its_parameters(void **state)
{
	_cleanup_free_ char *manual = read_manual();

	for (const struct route *route = control_routes; route->path; route++) {
		const char *brace = strchr(route->path, '{');
		int before = brace ? (int)(brace - route->path) : (int)strlen(route->path);
		_cleanup_free_ char *row = NULL;
		const char *found, *line_end;

		if (route->access != ROUTE_CHANGE) {
			continue;
		}
		row = xasprintf("`POST %.*s%s%s`", before, route->path, brace ? "NAME" : "",
			brace ? strchr(brace, '}') + 1 : "");
		found = strstr(manual, row);
		if (!found) {
			fail_msg("the manual has no %s", row);
		}
		line_end = strchr(found, '\n');
		for (const struct route_param *p = route->params; p && p->name; p++) {
			_cleanup_free_ char *name = xasprintf("`%s`", p->name);
			const char *at = strstr(found, name);

			if (strcmp(p->name, "consumer") != 0 && (!at || at > line_end)) {
				fail_msg("the manual's %s has no parameter %s", row, p->name);
			}
		}
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_caller_may_what_its_class_says_and_nothing_else),
		cmocka_unit_test(what_changes_something_is_a_post_and_what_does_not_is_a_get),
		cmocka_unit_test(the_manual_names_each_change_and_its_parameters),
	};

	if (argc != 2) {
		return 2;
	}
	manual_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
