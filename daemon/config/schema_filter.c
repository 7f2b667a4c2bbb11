/*
 * schema_filter - the value of `filter`: conditions on a record, separated by commas
 *
 *	header:region = eu | "a, b", json:payload.test absent, key != x
 *
 * A word goes up to the next comma, bar or end of line; what has to hold these, or blanks at its
 * ends, stands in quotation marks, in which \" and \\ stand for themselves.
 */
#include <errno.h>
#include <string.h>

#include "config/schema_type.h"

enum { CONDITIONS_MAX = 64, ALTERNATIVES_MAX = 256, FILTER_NAME_MAX = 512 };

#define FORM "FIELD = VALUE, FIELD != VALUE, FIELD present or FIELD absent"

static const struct {
	const char *word;
	enum config_field field;
	bool has_name;
} fields[] = {
	{ "header:", CONFIG_FIELD_HEADER, true },
	{ "json:", CONFIG_FIELD_JSON, true },
	{ "key", CONFIG_FIELD_KEY, false },
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

/* Longer ones first where one begins like another. */
static const struct {
	const char *word;
	enum config_relation relation;
	bool has_values;
} relations[] = {
	{ "!=", CONFIG_IS_NOT, true },
	{ "=", CONFIG_IS, true },
	{ "present", CONFIG_IS_PRESENT, false },
	{ "absent", CONFIG_IS_ABSENT, false },
};
enum { RELATION_COUNT = sizeof(relations) / sizeof(relations[0]) };

struct cursor {
	struct pool *pool;
	const char *at;
	struct err *err;
};

static void skip_blanks(struct cursor *cursor)
{
	cursor->at += strspn(cursor->at, " \t\r\n");
}

static int read_field(struct cursor *cursor, struct config_condition *ret)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		size_t word = strlen(fields[i].word), name;

		if (strncmp(cursor->at, fields[i].word, word) != 0) {
			continue;
		}
		name = fields[i].has_name ? strcspn(cursor->at + word, " \t\r\n=!,|") : 0;
		if (fields[i].has_name && (name == 0 || name > FILTER_NAME_MAX)) {
			break;
		}
		ret->field = fields[i].field;
		ret->name = pool_copy(cursor->pool, cursor->at + word, name);
		cursor->at += word + name;
		return 0;
	}
	return err_set(cursor->err, -EINVAL,
		"\"%.60s\" does not begin with header:NAME, json:PATH or key", cursor->at);
}

/* The word is over here: `present` is one, `presently` is none. */
static bool ends_word(char c)
{
	return c == '\0' || strchr(" \t\r\n,", c);
}

static int read_relation(struct cursor *cursor, struct config_condition *ret, bool *ret_has_values)
{
	for (size_t i = 0; i < RELATION_COUNT; i++) {
		size_t len = strlen(relations[i].word);

		if (strncmp(cursor->at, relations[i].word, len) == 0 &&
			(relations[i].has_values || ends_word(cursor->at[len]))) {
			ret->relation = relations[i].relation;
			*ret_has_values = relations[i].has_values;
			cursor->at += len;
			return 0;
		}
	}
	return err_set(cursor->err, -EINVAL, "\"%.60s\": a condition is " FORM, cursor->at);
}

static int read_quoted(struct cursor *cursor, char **ret)
{
	char *copy = pool_copy(cursor->pool, cursor->at, strlen(cursor->at)), *out = copy;
	const char *s = cursor->at + 1;

	for (; *s != '"'; s++) {
		s += *s == '\\' && (s[1] == '"' || s[1] == '\\');
		if (*s == '\0') {
			return err_set(cursor->err, -EINVAL,
				"a value begins with \" and does not end with one");
		}
		*out++ = *s;
	}
	*out = '\0';
	cursor->at = s + 1;
	*ret = copy;
	return 0;
}

static int read_value(struct cursor *cursor, char **ret)
{
	size_t len;

	skip_blanks(cursor);
	if (*cursor->at == '"') {
		return read_quoted(cursor, ret);
	}
	len = strcspn(cursor->at, ",|\n");
	*ret = pool_copy(cursor->pool, cursor->at, len);
	cursor->at += len;
	while (len > 0 && strchr(" \t\r", (*ret)[len - 1])) {
		(*ret)[--len] = '\0';
	}
	if (len == 0) {
		return err_set(cursor->err, -EINVAL,
			"a value is missing; an empty one is written as \"\"");
	}
	return 0;
}

static int read_values(struct cursor *cursor, struct config_strings *ret)
{
	char *values[ALTERNATIVES_MAX];
	size_t count = 0;

	do {
		int r;

		if (count == ALTERNATIVES_MAX) {
			return err_set(cursor->err, -EINVAL,
				"a condition must not have more than %d values", ALTERNATIVES_MAX);
		}
		r = read_value(cursor, &values[count]);
		if (r < 0) {
			return r;
		}
		count++;
		skip_blanks(cursor);
	} while (*cursor->at == '|' && cursor->at++);
	ret->items = pool_alloc(cursor->pool, count * sizeof(*ret->items));
	ret->count = count;
	memcpy(ret->items, values, count * sizeof(*values));
	return 0;
}

static int read_condition(struct cursor *cursor, struct config_condition *ret)
{
	bool has_values = false;
	int r;

	*ret = (struct config_condition){ 0 };
	skip_blanks(cursor);
	r = read_field(cursor, ret);
	if (r == 0) {
		skip_blanks(cursor);
		r = read_relation(cursor, ret, &has_values);
	}
	if (r == 0 && has_values) {
		r = read_values(cursor, &ret->values);
	}
	return r;
}

int schema_parse_filter(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct cursor cursor = { context->pool, text, err };
	struct config_condition conditions[CONDITIONS_MAX];
	struct config_filter *ret = field;
	size_t count = 0;

	for (;;) {
		int r;

		if (count == CONDITIONS_MAX) {
			return err_set(err, -EINVAL, "must not have more than %d conditions",
				CONDITIONS_MAX);
		}
		r = read_condition(&cursor, &conditions[count]);
		if (r < 0) {
			return r;
		}
		count++;
		skip_blanks(&cursor);
		if (*cursor.at == '\0') {
			break;
		}
		if (*cursor.at != ',') {
			return err_set(err, -EINVAL,
				"\"%.60s\": conditions are separated by commas", cursor.at);
		}
		cursor.at++;
	}
	ret->conditions = pool_alloc(context->pool, count * sizeof(*ret->conditions));
	ret->count = count;
	memcpy(ret->conditions, conditions, count * sizeof(*conditions));
	return 0;
}

/* Always in quotation marks: what is written is read back. */
static void write_value(const char *value, struct buffer *out)
{
	buffer_printf(out, "\"");
	for (; *value; value++) {
		buffer_printf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
	}
	buffer_printf(out, "\"");
}

static void write_condition(const struct config_condition *condition, struct buffer *out)
{
	size_t field = 0, relation = 0;

	while (fields[field].field != condition->field) {
		field++;
	}
	while (relations[relation].relation != condition->relation) {
		relation++;
	}
	buffer_printf(
		out, "%s%s %s", fields[field].word, condition->name, relations[relation].word);
	for (size_t i = 0; i < condition->values.count; i++) {
		buffer_printf(out, i > 0 ? " | " : " ");
		write_value(condition->values.items[i], out);
	}
}

bool schema_write_filter(const struct schema_key *key, const void *field, struct buffer *out)
{
	const struct config_filter *filter = field;

	for (size_t i = 0; i < filter->count; i++) {
		buffer_printf(out, "%s", i > 0 ? ", " : "");
		write_condition(&filter->conditions[i], out);
	}
	return filter->count > 0;
}
