/*
 * field - a named part of an event, read from where a configuration says it
 *
 * Runs in: any process, any thread (pure).
 */
#include "field.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum members { MEMBERS_NONE, MEMBERS_MAY, MEMBERS_MUST };

static const struct root {
	const char *name;
	enum field_root root; /* without members */
	enum members members;
} roots[] = {
	{ "payload", FIELD_PATH, MEMBERS_MAY },
	{ "value", FIELD_VALUE, MEMBERS_MAY },
	{ "headers", FIELD_HEADER, MEMBERS_MUST },
	{ "event_id", FIELD_EVENT_ID, MEMBERS_NONE },
	{ "event_type", FIELD_EVENT_TYPE, MEMBERS_NONE },
	{ "source", FIELD_SOURCE, MEMBERS_NONE },
	{ "key", FIELD_KEY, MEMBERS_NONE },
	{ "topic", FIELD_TOPIC, MEMBERS_NONE },
	{ "partition", FIELD_PARTITION, MEMBERS_NONE },
	{ "offset", FIELD_OFFSET, MEMBERS_NONE },
	{ "timestamp", FIELD_TIMESTAMP, MEMBERS_NONE },
	{ "timestamp_ms", FIELD_TIMESTAMP_MS, MEMBERS_NONE },
	{ "attempt", FIELD_ATTEMPT, MEMBERS_NONE },
};

/* Where a field is being read. */
struct reader {
	const struct field_syntax *syntax;
	struct field_error *error;
};

enum { ROOT_TABLE_SIZE = sizeof(roots) / sizeof(roots[0]), ROOT_NAME_MAX = 32 };

int field_error_set(struct field_error *error, const char *at, const char *format, ...)
{
	va_list args;

	error->at = at;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
}

void field_fini(struct field *field)
{
	free(field->name);
	free(field->written);
	field->name = field->written = NULL;
}

bool field_equal(const struct field *a, const struct field *b)
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

static int unknown_root(const struct reader *reader, const char *p, size_t len)
{
	const struct field_syntax *syntax = reader->syntax;
	const char *name = p + strlen(syntax->opening), *nearest = nearest_root(name, len);
	const char *o = syntax->opening, *c = syntax->closing;
	int shown = len > 64 ? 64 : (int)len;

	if (nearest) {
		return field_error_set(reader->error, p,
			"unknown parameter %s%.*s%s; did you mean %s%s%s?%s", o, shown, name, c, o,
			nearest, c, syntax->hint);
	}
	return field_error_set(reader->error, p,
		"unknown parameter %s%.*s%s; known are payload, value, headers.NAME, event_id, "
		"event_type, source, key, topic, partition, offset, timestamp, timestamp_ms and "
		"attempt (a member of the event is %spayload.NAME%s)",
		o, shown, name, c, o, c);
}

/* ---- members ---- */

static bool is_name_char(const struct field_syntax *syntax, char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '_' || (unsigned char)c >= 0x80 || (c == '-' && syntax->has_dashes);
}

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
static const char *quoted_member(
	const struct reader *reader, const char *p, struct name_writer *writer)
{
	const char *quote = p++;

	if (p[0] == '"' && p[1] != '"') {
		field_error_set(reader->error, quote, "the name between the quotes is empty");
		return NULL;
	}
	for (; *p && (*p != '"' || p[1] == '"'); p++) {
		put_char(writer, *p);
		p += *p == '"';
	}
	if (!*p) {
		field_error_set(reader->error, quote, "the quoted name does not end");
		return NULL;
	}
	return p + 1;
}

static const char *member(const struct reader *reader, const char *p, struct name_writer *writer)
{
	if (*p == '"') {
		return quoted_member(reader, p, writer);
	}
	if (!is_name_char(reader->syntax, *p)) {
		field_error_set(reader->error, p,
			"a name must follow the dot (in double quotes if it is not made "
			"of letters, digits and underscores)");
		return NULL;
	}
	while (is_name_char(reader->syntax, *p)) {
		put_char(writer, *p++);
	}
	return p;
}

/* All ".member" from `p` on, joined by dots behind `prefix`. */
static const char *members(
	const struct reader *reader, const char *p, const char *prefix, struct name_writer *writer)
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
		p = member(reader, p + 1, writer);
	}
	*writer->to = '\0';
	return p;
}

static int parse_members(const struct reader *reader, const char *p, const struct root *root,
	struct field *field, const char **ret_end)
{
	struct name_writer writer = { .is_path = root->root != FIELD_HEADER };
	const char *prefix = root->root == FIELD_PATH ? "payload" : "";

	field->name = malloc(strlen(prefix) + 2 * strlen(p) + 1);
	if (!field->name) {
		return field_error_set(reader->error, p, "out of memory");
	}
	writer.to = field->name;
	if (root->root == FIELD_VALUE) {
		field->root = FIELD_PATH;
	}
	*ret_end = members(reader, p, prefix, &writer);
	return *ret_end ? 0 : -1;
}

/* "headers.content-type" would be a subtraction where a dash is not part of names. */
static int check_behind_header(const struct reader *reader, const char *end)
{
	const struct field_syntax *syntax = reader->syntax;

	if (end[0] == '-' && is_name_char(syntax, end[1])) {
		return field_error_set(reader->error, end,
			"put a header name with a dash in double quotes: %sheaders.\"a-b\"%s (or a "
			"blank before the minus)",
			syntax->opening, syntax->closing);
	}
	return 0;
}

static int parse_name(
	const struct reader *reader, const char *opening, struct field *field, const char **ret_end)
{
	const struct field_syntax *syntax = reader->syntax;
	const char *name = opening + strlen(syntax->opening), *p = name;
	const struct root *root;

	while (is_name_char(syntax, *p)) {
		p++;
	}
	root = root_find(name, (size_t)(p - name));
	if (!root) {
		return unknown_root(reader, opening, (size_t)(p - name));
	}
	field->root = root->root;
	*ret_end = p;
	if (*p != '.') {
		if (root->members == MEMBERS_MUST) {
			return field_error_set(reader->error, opening,
				"name the header: %sheaders.NAME%s", syntax->opening,
				syntax->closing);
		}
		return root->root == FIELD_PATH ? parse_members(reader, p, root, field, ret_end)
						: 0;
	}
	if (root->members == MEMBERS_NONE) {
		return field_error_set(reader->error, p, "%s%s%s has no members", syntax->opening,
			root->name, syntax->closing);
	}
	if (parse_members(reader, p, root, field, ret_end) < 0) {
		return -1;
	}
	return root->root == FIELD_HEADER ? check_behind_header(reader, *ret_end) : 0;
}

/* Give back the room that the name did not need; failing to is no harm. */
static void shrink_name(struct field *field)
{
	char *name = field->name ? realloc(field->name, strlen(field->name) + 1) : NULL;

	field->name = name ? name : field->name;
}

static int parse_all(
	const struct reader *reader, const char *p, struct field *field, size_t *ret_len)
{
	const struct field_syntax *syntax = reader->syntax;
	const char *end = p;
	size_t closing = strlen(syntax->closing);

	if (parse_name(reader, p, field, &end) < 0) {
		return -1;
	}
	shrink_name(field);
	if (asprintf(&field->written, "%.*s%s", (int)(end - p), p, syntax->closing) < 0) {
		field->written = NULL;
		return field_error_set(reader->error, p, "out of memory");
	}
	field->is_optional = *end == '?';
	end += field->is_optional;
	if (strncmp(end, syntax->closing, closing) != 0) {
		return field_error_set(
			reader->error, end, "the parameter must end with %s here", syntax->closing);
	}
	*ret_len = (size_t)(end - p) + closing;
	return 0;
}

int field_parse(const char *p, const struct field_syntax *syntax, struct field *ret,
	size_t *ret_len, struct field_error *error)
{
	const struct reader reader = { syntax, error };

	*ret = (struct field){ .is_optional = false };
	if (parse_all(&reader, p, ret, ret_len) < 0) {
		field_fini(ret);
		return -1;
	}
	return 0;
}

void field_error_locate(struct field_error *error, const char *text)
{
	error->line = error->column = 1;
	for (; text < error->at; text++) {
		if (*text == '\n') {
			error->line++;
			error->column = 1;
		} else if (((unsigned char)text[1] & 0xc0) != 0x80) {
			error->column++;
		}
	}
}
