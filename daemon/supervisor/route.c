/*
 * route - the table of what the sockets answer, and how a request finds its row
 */
#include "supervisor/route.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#include "supervisor/poison.h"

enum { TEXT_MAX = 255 };

static void json_cleanup(json_t **object)
{
	json_decref(*object);
}

/* ---- answers ---- */

static void write_object(struct http_answer *answer, unsigned status, json_t *take_object)
{
	char *text = json_dumps(take_object, JSON_COMPACT);

	json_decref(take_object);
	answer->status = status;
	buffer_append_str(&answer->body, text ? text : "{}");
	buffer_append_char(&answer->body, '\n');
	free(text);
}

void call_answer(struct call *call, unsigned status, json_t *take_object)
{
	write_object(call->answer, status, take_object);
}

static json_t *text_of(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_string("(not UTF-8)");
}

static void refuse(
	struct http_answer *answer, unsigned status, const char *sentence, const char *remedy)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "error", text_of(sentence));
	if (remedy) {
		(void)json_object_set_new(object, "remedy", text_of(remedy));
	}
	write_object(answer, status, object);
}

void call_refuse(struct call *call, unsigned status, const char *remedy, const char *format, ...)
{
	_cleanup_(buffer_fini) struct buffer sentence = BUFFER_INIT;
	va_list args;

	va_start(args, format);
	buffer_vprintf(&sentence, format, args);
	va_end(args);
	refuse(call->answer, status, buffer_str(&sentence), remedy);
}

/* ---- the path ---- */

/* Match one segment; a {name} takes what is there into `arguments` (may be NULL). */
static bool match_segment(
	const char *pattern, size_t pattern_len, const char *segment, size_t len, json_t *arguments)
{
	json_t *value;
	char name[64];

	if (pattern_len < 2 || pattern[0] != '{') {
		return pattern_len == len && memcmp(pattern, segment, len) == 0;
	}
	snprintf(name, sizeof(name), "%.*s", (int)pattern_len - 2, pattern + 1);
	value = len > 0 ? json_stringn(segment, len) : NULL;
	if (value && arguments) {
		(void)json_object_set(arguments, name, value);
	}
	json_decref(value);
	return value != NULL; /* what is not UTF-8 names nothing of ours */
}

static bool match_path(const char *pattern, const char *path, json_t *arguments)
{
	while (*pattern == '/' && *path == '/') {
		size_t pattern_len = strcspn(++pattern, "/"), len = strcspn(++path, "/");

		if (!match_segment(pattern, pattern_len, path, len, arguments)) {
			return false;
		}
		pattern += pattern_len;
		path += len;
	}
	return *pattern == '\0' && *path == '\0';
}

static bool match_method(const struct route *route, const char *method)
{
	return strcmp(route->method, method) == 0 ||
		(strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Among the rows that need no more than `most`: others are not there. */
static const struct route *find(const struct route *routes, enum route_access most,
	const struct http_request *request, const struct route **ret_other_method)
{
	*ret_other_method = NULL;
	for (const struct route *route = routes; route->path; route++) {
		if (route->access > most || !match_path(route->path, request->path, NULL)) {
			continue;
		}
		if (match_method(route, request->method)) {
			return route;
		}
		*ret_other_method = route;
	}
	return NULL;
}

/* ---- parameters ---- */

static const struct route_param *find_param(const struct route *route, const char *name)
{
	for (const struct route_param *p = route->params; p && p->name; p++) {
		if (strcmp(p->name, name) == 0) {
			return p;
		}
	}
	return NULL;
}

static bool check_text(const struct route_param *param, const json_t *value, struct buffer *why)
{
	size_t len = json_string_length(value);
	int64_t max = param->max > 0 ? param->max : TEXT_MAX;

	if (!json_is_string(value)) {
		buffer_printf(why, "%s must be a text", param->name);
	} else if (strlen(json_string_value(value)) != len) {
		buffer_printf(why, "%s must not hold a NUL", param->name);
	} else if ((int64_t)len > max || (int64_t)len < param->min ||
		(param->is_required && len == 0)) {
		buffer_printf(why, "%s must have %d to %" PRId64 " bytes", param->name,
			param->is_required ? 1 : 0, max);
	}
	return why->len == 0;
}

static bool check_value(const struct route_param *param, const json_t *value, struct buffer *why)
{
	if (param->type == ROUTE_TEXT) {
		return check_text(param, value, why);
	}
	if (param->type == ROUTE_FLAG && !json_is_boolean(value)) {
		buffer_printf(why, "%s must be true or false", param->name);
	} else if (param->type == ROUTE_INTEGER &&
		(!json_is_integer(value) || json_integer_value(value) < param->min ||
			json_integer_value(value) > param->max)) {
		buffer_printf(why, "%s must be a whole number from %" PRId64 " to %" PRId64,
			param->name, param->min, param->max);
	}
	return why->len == 0;
}

/* A query has texts only: make of it what the parameter is. */
static json_t *value_of_query(const struct route_param *param, const char *text)
{
	char *end;
	long long number;

	if (param->type == ROUTE_FLAG) {
		return strcmp(text, "true") == 0     ? json_true()
			: strcmp(text, "false") == 0 ? json_false()
						     : json_string("");
	}
	if (param->type == ROUTE_INTEGER) {
		errno = 0;
		number = strtoll(text, &end, 10);
		return text[0] && *end == '\0' && errno == 0 ? json_integer(number)
							     : json_string("");
	}
	return json_string(text);
}

static void take_query(
	const struct route *route, const struct http_request *request, json_t *arguments)
{
	for (const struct route_param *p = route->params; p && p->name; p++) {
		const char *text = json_object_get(arguments, p->name)
			? NULL
			: http_request_argument(request, p->name);

		if (text) {
			json_t *value = value_of_query(p, text);

			(void)json_object_set_new(arguments, p->name, value ? value : json_null());
		}
	}
}

static bool take_body(const struct route *route, const struct http_request *request,
	json_t *arguments, struct buffer *why)
{
	_cleanup_(json_cleanup) json_t *body = NULL;
	json_error_t error;
	const char *name;
	json_t *value;

	if (request->body_len == 0) {
		return true;
	}
	body = json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(body)) {
		if (body) {
			buffer_append_str(why, "the body is no JSON object");
		} else {
			buffer_printf(why, "the body is no JSON: line %d, column %d", error.line,
				error.column);
		}
		return false;
	}
	json_object_foreach(body, name, value)
	{
		if (!find_param(route, name)) {
			buffer_printf(why, "there is no parameter \"%s\" here", name);
			return false;
		}
		if (json_object_get(arguments, name)) {
			buffer_printf(why, "%s is given by the path", name);
			return false;
		}
		(void)json_object_set(arguments, name, value);
	}
	return true;
}

static bool check_all(const struct route *route, const json_t *arguments, struct buffer *why)
{
	for (const struct route_param *p = route->params; p && p->name; p++) {
		const json_t *value = json_object_get(arguments, p->name);

		if (!value && p->is_required) {
			buffer_printf(why, "%s is missing: %s", p->name, p->help);
			return false;
		}
		if (value && !check_value(p, value, why)) {
			return false;
		}
	}
	return true;
}

static bool take_arguments(const struct route *route, const struct http_request *request,
	json_t *arguments, struct buffer *why)
{
	(void)match_path(route->path, request->path, arguments);
	if (strcmp(route->method, "GET") == 0) {
		take_query(route, request, arguments);
	} else if (!take_body(route, request, arguments, why)) {
		return false;
	}
	return check_all(route, arguments, why);
}

const char *call_text(const struct call *call, const char *name)
{
	return json_string_value(json_object_get(call->arguments, name));
}

int64_t call_integer(const struct call *call, const char *name, int64_t otherwise)
{
	const json_t *value = json_object_get(call->arguments, name);

	return value ? json_integer_value(value) : otherwise;
}

bool call_flag(const struct call *call, const char *name)
{
	return json_is_true(json_object_get(call->arguments, name));
}

/* ---- the way ---- */

static bool may(const struct route *route, uid_t owner, const struct http_peer *peer)
{
	return route->access < ROUTE_CHANGE ||
		(peer->is_known && (peer->uid == 0 || peer->uid == owner));
}

static const struct route *answer_within(const struct route *routes, enum route_access most,
	uid_t owner, void *context, const struct http_request *request, struct http_answer *answer)
{
	_cleanup_(json_cleanup) json_t *arguments = json_object();
	_cleanup_(buffer_fini) struct buffer why = BUFFER_INIT;
	const struct route *other, *route = find(routes, most, request, &other);
	struct call call = { context, route, request->peer, arguments, answer };

	if (!route && other) {
		answer->allow = strcmp(other->method, "GET") == 0 ? "GET, HEAD" : other->method;
		refuse(answer, 405, "this path is not answered to that method", NULL);
		return NULL;
	}
	if (!route) {
		refuse(answer, 404, "there is nothing at this path", NULL);
		return NULL;
	}
	if (!may(route, owner, &request->peer)) {
		refuse(answer, 403, "you may read here, and change nothing",
			"ask as root or as the user that onced runs as");
		return route;
	}
	/* Whoever made the socket reachable for a browser made it so for all of its pages. */
	if (route->access == ROUTE_CHANGE && request->is_from_page) {
		refuse(answer, 403, "a page in a browser may read here, and change nothing",
			"use oncectl");
		return route;
	}
	if (!take_arguments(route, request, arguments, &why)) {
		refuse(answer, 400, buffer_str(&why), NULL);
		return route;
	}
	route->run(&call);
	return route;
}

const struct route *route_answer(const struct route *routes, uid_t owner, void *context,
	const struct http_request *request, struct http_answer *answer)
{
	return answer_within(routes, ROUTE_CHANGE, owner, context, request, answer);
}

void route_answer_public(const struct route *routes, void *context,
	const struct http_request *request, struct http_answer *answer)
{
	(void)answer_within(routes, ROUTE_PUBLIC, (uid_t)-1, context, request, answer);
}
