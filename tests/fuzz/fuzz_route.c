/*
 * fuzz_route - requests to the control socket, and what must hold of each answer
 *
 * See tests/support/fuzz_driver.h for how to run it. An input is "METHOD PATH", a newline, a body.
 * The rows are those of the daemon, with a function that looks at what it is given. What holds: a
 * row's function runs only with what the row wants, within its bounds; a stranger changes nothing;
 * whatever else is asked is refused by a JSON object with a sentence.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz_driver.h"
#include "supervisor/verbs.h"

enum { OWNER = 1000, STRANGER = 2000, ROUTES_MAX = 64, TEXT_MAX = 255 };

static struct route rows[ROUTES_MAX];
static const char *wrong;
static bool was_run, is_stranger;

static const struct slice requests[] = {
	SLICE_LITERAL("GET /v1/status\n"),
	SLICE_LITERAL("HEAD /metrics\n"),
	SLICE_LITERAL("POST /v1/reload\n{}"),
	SLICE_LITERAL("POST /v1/consumers/orders/pause\n{\"reason\":\"disk\",\"seconds\":60,"
		      "\"owner\":\"ann\",\"topic\":\"t\",\"partition\":1}"),
	SLICE_LITERAL("POST /v1/consumers/orders/drain\n{\"release\":true}"),
	SLICE_LITERAL("POST /v1/consumers/a/restart\n{\"worker\":0}"),
	SLICE_LITERAL("POST /v1/consumers/a/skip\n{\"topic\":\"t\",\"partition\":0,\"offset\":"
		      "9223372036854775807,\"reason\":\"r\"}"),
	SLICE_LITERAL("POST /v1/consumers/a/offsets\n{\"topic\":\"t\",\"partition\":0,\"to\":"
		      "\"earliest\"}"),
	SLICE_LITERAL("POST /v1/consumers//retry-now\n"),
	SLICE_LITERAL("POST /v1/consumers/\xff/resume\n[]"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("/"),
	SLICE_LITERAL("/v1/consumers/"),
	SLICE_LITERAL("{consumer}"),
	SLICE_LITERAL("{"),
	SLICE_LITERAL("}"),
	SLICE_LITERAL("\""),
	SLICE_LITERAL("\\u0000"),
	SLICE_LITERAL("\\ud800"),
	SLICE_LITERAL(":"),
	SLICE_LITERAL(","),
	SLICE_LITERAL("null"),
	SLICE_LITERAL("-1"),
	SLICE_LITERAL("1e3"),
	SLICE_LITERAL("9223372036854775808"),
	SLICE_LITERAL("\"reason\":\"\","),
	SLICE_LITERAL("\"partition\":"),
	SLICE_LITERAL("\n"),
	SLICE_LITERAL("GET "),
	SLICE_LITERAL("POST "),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(requests) / sizeof(requests[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return requests[i];
}

/* ---- what a row's function may rely on ---- */

static const char *check_param(const struct call *call, const struct route_param *param)
{
	const json_t *given = json_object_get(call->arguments, param->name);
	int64_t number = call_integer(call, param->name, param->min);
	const char *text = call_text(call, param->name);

	if (!given) {
		return param->is_required ? "what is required is not there" : NULL;
	}
	if (param->type == ROUTE_FLAG) {
		return json_is_boolean(given) ? NULL : "a flag that is none";
	}
	if (param->type == ROUTE_INTEGER) {
		return json_is_integer(given) && number >= param->min && number <= param->max
			? NULL
			: "a number out of bounds";
	}
	if (!text || strlen(text) != json_string_length(given)) {
		return "a text with a NUL, or none";
	}
	return (int64_t)strlen(text) <= (param->max ? param->max : TEXT_MAX) ? NULL : "a long text";
}

static void look(struct call *call)
{
	size_t known = 0;

	was_run = true;
	if (is_stranger && call->route->access == ROUTE_CHANGE) {
		wrong = "a stranger changes something";
	}
	for (const struct route_param *p = call->route->params; p && p->name; p++) {
		known += json_object_get(call->arguments, p->name) != NULL;
		wrong = wrong ? wrong : check_param(call, p);
	}
	if (!wrong && json_object_size(call->arguments) != known) {
		wrong = "an argument that the row does not know";
	}
	call_answer(call, 200, json_object());
}

static void copy_rows(void)
{
	for (size_t i = 0; control_routes[i].path; i++) {
		if (i + 1 == ROUTES_MAX) {
			fuzz_fail("more rows than room", SLICE_NULL);
		}
		rows[i] = control_routes[i];
		rows[i].run = look;
	}
}

/* ---- one request ---- */

static void ask(const char *method, const char *path, const char *body, size_t body_len)
{
	const struct http_request request = { .method = method,
		.path = path,
		.body = body,
		.body_len = body_len,
		.peer = { .is_known = true, .uid = is_stranger ? STRANGER : OWNER, .pid = 1 } };
	struct http_answer answer = HTTP_ANSWER_INIT;
	json_t *said;

	was_run = false;
	(void)route_answer(rows, OWNER, NULL, &request, &answer);
	said = json_loads(buffer_str(&answer.body), 0, NULL);
	if (!json_is_object(said)) {
		wrong = "an answer that is no JSON object";
	} else if (was_run == (answer.status >= 400)) {
		wrong = "refused, and done";
	} else if (!was_run && !json_string_length(json_object_get(said, "error"))) {
		wrong = "refused without a sentence";
	}
	json_decref(said);
	buffer_fini(&answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_free_ char *path = NULL;
	char *body = strchr(text, '\n'), *blank;

	if (!rows[0].path) {
		copy_rows();
	}
	wrong = NULL;
	if (body) {
		*body++ = '\0';
	}
	blank = strchr(text, ' ');
	path = strdup(blank ? blank + 1 : "");
	if (blank) {
		*blank = '\0';
	}
	body = body ? body : text + strlen(text);
	for (int i = 0; i < 2 && !wrong; i++) {
		is_stranger = i == 1;
		ask(text, path, body, strlen(body));
	}
	if (wrong) {
		fuzz_fail(wrong, slice_from((const char *)data, size));
	}
	return 0;
}
