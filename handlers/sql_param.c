/*
 * sql_param - the named parameters of a statement
 *
 * Runs in: any process, any thread (pure).
 */
#include "sql_param.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql_lex.h"

enum members { MEMBERS_NONE, MEMBERS_MAY, MEMBERS_MUST };

static const struct root {
	const char *name;
	enum sql_root root; /* without members */
	enum members members;
} roots[] = {
	{ "payload", SQL_ROOT_PATH, MEMBERS_MAY },
	{ "value", SQL_ROOT_VALUE, MEMBERS_MAY },
	{ "headers", SQL_ROOT_HEADER, MEMBERS_MUST },
	{ "event_id", SQL_ROOT_EVENT_ID, MEMBERS_NONE },
	{ "event_type", SQL_ROOT_EVENT_TYPE, MEMBERS_NONE },
	{ "source", SQL_ROOT_SOURCE, MEMBERS_NONE },
	{ "key", SQL_ROOT_KEY, MEMBERS_NONE },
	{ "topic", SQL_ROOT_TOPIC, MEMBERS_NONE },
	{ "partition", SQL_ROOT_PARTITION, MEMBERS_NONE },
	{ "offset", SQL_ROOT_OFFSET, MEMBERS_NONE },
	{ "timestamp", SQL_ROOT_TIMESTAMP, MEMBERS_NONE },
	{ "timestamp_ms", SQL_ROOT_TIMESTAMP_MS, MEMBERS_NONE },
	{ "attempt", SQL_ROOT_ATTEMPT, MEMBERS_NONE },
};
enum { ROOT_TABLE_SIZE = sizeof(roots) / sizeof(roots[0]), ROOT_NAME_MAX = 32 };

int sql_error_set(struct sql_error *error, const char *at, const char *format, ...)
{
	va_list args;

	error->at = at;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
}

void sql_param_fini(struct sql_param *param)
{
	free(param->name);
	free(param->written);
	param->name = param->written = NULL;
}

bool sql_param_equal(const struct sql_param *a, const struct sql_param *b)
{
	if (a->root != b->root || !a->name != !b->name) {
		return false;
	}
	return !a->name || strcmp(a->name, b->name) == 0;
}

/* ---- the root, and what was meant by an unknown one ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	a = a < b ? a : b;
	return a < c ? a : c;
}

/* Letters to insert, delete or replace to come from one to the other. */
static unsigned edit_distance(const char *word, size_t len, const char *name)
{
	unsigned row[ROOT_NAME_MAX + 1];
	size_t name_len = strlen(name);

	for (unsigned j = 0; j <= name_len; j++) {
		row[j] = j;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 1; j <= name_len; j++) {
			unsigned replaced = diagonal + (lower(word[i]) != name[j - 1]);

			diagonal = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, replaced);
		}
	}
	return row[name_len];
}

static const char *nearest_root(const char *word, size_t len)
{
	const char *nearest = NULL;
	unsigned best = (unsigned)len / 3 + 1; /* as different as this is another word */

	if (len > ROOT_NAME_MAX) {
		return NULL;
	}
	for (size_t i = 0; i < ROOT_TABLE_SIZE; i++) {
		unsigned distance = edit_distance(word, len, roots[i].name);

		if (distance < best) {
			best = distance;
			nearest = roots[i].name;
		}
	}
	return nearest;
}

static const struct root *root_find(const char *word, size_t len)
{
	for (size_t i = 0; i < ROOT_TABLE_SIZE; i++) {
		if (strlen(roots[i].name) == len && memcmp(roots[i].name, word, len) == 0) {
			return &roots[i];
		}
	}
	return NULL;
}

static int unknown_root(const char *colon, size_t len, struct sql_error *error)
{
	const char *nearest = nearest_root(colon + 1, len);
	int shown = len > 64 ? 64 : (int)len;

	if (nearest) {
		return sql_error_set(error, colon,
			"unknown parameter :%.*s; did you mean :%s? (in an array slice put a blank "
			"behind the colon)",
			shown, colon + 1, nearest);
	}
	return sql_error_set(error, colon,
		"unknown parameter :%.*s; known are :payload, :value, :headers.NAME, :event_id, "
		":event_type, :source, :key, :topic, :partition, :offset, :timestamp, "
		":timestamp_ms and :attempt (a member of the event is :payload.NAME)",
		shown, colon + 1);
}

/* ---- members ---- */

/* Where a name is put together; `to` has room for twice the text. */
struct name_writer {
	char *to;
	bool is_path; /* dots and backslashes inside members are escaped */
};

static void put_char(struct name_writer *writer, char c)
{
	if (writer->is_path && (c == '.' || c == '\\')) {
		*writer->to++ = '\\';
	}
	*writer->to++ = c;
}

/* A member in double quotes, `p` at the first; returns the place behind, or NULL with the error. */
static const char *quoted_member(const char *p, struct name_writer *writer, struct sql_error *error)
{
	const char *quote = p++;

	if (p[0] == '"' && p[1] != '"') {
		sql_error_set(error, quote, "the name between the quotes is empty");
		return NULL;
	}
	for (; *p && (*p != '"' || p[1] == '"'); p++) {
		put_char(writer, *p);
		p += *p == '"';
	}
	if (!*p) {
		sql_error_set(error, quote, "the quoted name does not end");
		return NULL;
	}
	return p + 1;
}

static const char *member(const char *p, struct name_writer *writer, struct sql_error *error)
{
	if (*p == '"') {
		return quoted_member(p, writer, error);
	}
	if (!sql_is_name_char(*p)) {
		sql_error_set(error, p,
			"a name must follow the dot (in double quotes if it is not made "
			"of letters, digits and underscores)");
		return NULL;
	}
	while (sql_is_name_char(*p)) {
		put_char(writer, *p++);
	}
	return p;
}

/* All ".member" from `p` on, joined by dots behind `prefix`. */
static const char *members(
	const char *p, const char *prefix, struct name_writer *writer, struct sql_error *error)
{
	size_t len = strlen(prefix);
	bool is_first = len == 0;

	memcpy(writer->to, prefix, len);
	writer->to += len;
	while (p && *p == '.') {
		if (!is_first) {
			*writer->to++ = '.';
		}
		is_first = false;
		p = member(p + 1, writer, error);
	}
	*writer->to = '\0';
	return p;
}

static int parse_members(const char *p, const struct root *root, struct sql_param *param,
	const char **ret_end, struct sql_error *error)
{
	struct name_writer writer = { .is_path = root->root != SQL_ROOT_HEADER };
	const char *prefix = root->root == SQL_ROOT_PATH ? "payload" : "";

	param->name = malloc(strlen(prefix) + 2 * strlen(p) + 1);
	if (!param->name) {
		return sql_error_set(error, p, "out of memory");
	}
	writer.to = param->name;
	if (root->root == SQL_ROOT_VALUE) {
		param->root = SQL_ROOT_PATH;
	}
	*ret_end = members(p, prefix, &writer, error);
	return *ret_end ? 0 : -1;
}

/* "headers.content-type" would be a subtraction. */
static int check_behind_header(const char *end, struct sql_error *error)
{
	if (end[0] == '-' && sql_is_name_char(end[1])) {
		return sql_error_set(error, end,
			"put a header name with a dash in double quotes: :headers.\"a-b\" (or a "
			"blank before the minus)");
	}
	return 0;
}

static int parse_name(
	const char *colon, struct sql_param *param, const char **ret_end, struct sql_error *error)
{
	const char *p = colon + 1;
	const struct root *root;

	while (sql_is_name_char(*p)) {
		p++;
	}
	root = root_find(colon + 1, (size_t)(p - colon - 1));
	if (!root) {
		return unknown_root(colon, (size_t)(p - colon - 1), error);
	}
	param->root = root->root;
	*ret_end = p;
	if (*p != '.') {
		if (root->members == MEMBERS_MUST) {
			return sql_error_set(error, colon, "name the header: :headers.NAME");
		}
		return root->root == SQL_ROOT_PATH ? parse_members(p, root, param, ret_end, error)
						   : 0;
	}
	if (root->members == MEMBERS_NONE) {
		return sql_error_set(error, p, ":%s has no members", root->name);
	}
	if (parse_members(p, root, param, ret_end, error) < 0) {
		return -1;
	}
	return root->root == SQL_ROOT_HEADER ? check_behind_header(*ret_end, error) : 0;
}

/* Give back the room that the name did not need; failing to is no harm. */
static void shrink_name(struct sql_param *param)
{
	char *name = param->name ? realloc(param->name, strlen(param->name) + 1) : NULL;

	param->name = name ? name : param->name;
}

int sql_param_parse(const char *p, struct sql_param *ret, size_t *ret_len, struct sql_error *error)
{
	const char *end = p;

	*ret = (struct sql_param){ .is_optional = false };
	if (parse_name(p, ret, &end, error) < 0) {
		sql_param_fini(ret);
		return -1;
	}
	shrink_name(ret);
	ret->written = strndup(p, (size_t)(end - p));
	if (!ret->written) {
		sql_param_fini(ret);
		return sql_error_set(error, p, "out of memory");
	}
	ret->is_optional = *end == '?';
	*ret_len = (size_t)(end - p) + ret->is_optional;
	return 0;
}
