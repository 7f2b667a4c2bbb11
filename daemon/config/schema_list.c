/*
 * schema_list - values that are lists: topics, codes of failures
 *
 * Items are separated by commas, or by the end of a line where a value goes
 * over several.
 */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "config/schema_type.h"

enum {
	LIST_ITEMS_MAX = 1000,
	TOPIC_NAME_MAX = 249,
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int schema_split_items(
	struct pool *pool, const char *text, struct config_strings *ret, struct err *err)
{
	char **items = pool_alloc(pool, LIST_ITEMS_MAX * sizeof(*items));
	size_t count = 0;

	for (const char *s = text;;) {
		const char *end;
		size_t len;

		s += strspn(s, " \t\r\n");
		len = strcspn(s, ",\n");
		end = s + len;
		while (len > 0 && is_blank(s[len - 1])) {
			len--;
		}
		if (len == 0) {
			return err_set(err, -EINVAL,
				"must be a list separated by commas, without empty items");
		}
		if (count == LIST_ITEMS_MAX) {
			return err_set(
				err, -EINVAL, "must not have more than %d items", LIST_ITEMS_MAX);
		}
		items[count] = pool_copy(pool, s, len);
		count++;
		s = end + strspn(end, " \t\r\n");
		if (*s == '\0') {
			break;
		}
		s += *s == ',';
	}
	*ret = (struct config_strings){ items, count };
	return 0;
}

static int check_items(const struct config_strings *strings, bool (*is_valid)(const char *item),
	const char *form, struct err *err)
{
	for (size_t i = 0; i < strings->count; i++) {
		const char *item = strings->items[i];

		if (!is_valid(item)) {
			return err_set(err, -EINVAL, "\"%.100s\" is not %s", item, form);
		}
		for (size_t j = 0; j < i; j++) {
			if (strcmp(strings->items[j], item) == 0) {
				return err_set(err, -EINVAL, "\"%.100s\" is there twice", item);
			}
		}
	}
	return 0;
}

int schema_parse_strings(const char *text, const struct schema_context *context,
	bool (*is_valid)(const char *item), const char *form, void *field, struct err *err)
{
	struct config_strings strings = { 0 };
	int r = schema_split_items(context->pool, text, &strings, err);

	if (r == 0) {
		r = check_items(&strings, is_valid, form, err);
	}
	if (r == 0) {
		*(struct config_strings *)field = strings;
	}
	return r;
}

bool schema_write_strings(const struct schema_key *key, const void *field, struct buffer *out)
{
	const struct config_strings *strings = field;

	for (size_t i = 0; i < strings->count; i++) {
		buffer_printf(out, "%s%s", i > 0 ? ", " : "", strings->items[i]);
	}
	return strings->count > 0;
}

bool config_is_topic_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > TOPIC_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i])) {
			return false;
		}
	}
	return true;
}

int schema_parse_topics(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	return schema_parse_strings(text, context, config_is_topic_name,
		"the name of a topic (1 to 249 of A-Z a-z 0-9 . _ -)", field, err);
}

/* "23505", a class "23xxx", or the name of an SQLite result "SQLITE_FULL"; as
 * core/verdict takes them. */
/* An HTTP status, or a class of them. */
static bool is_status_pattern(const char *item)
{
	size_t digits = strspn(item, "0123456789"), wild = strspn(item + digits, "x");

	return item[0] >= '1' && item[0] <= '5' && digits + wild == 3 && item[3] == '\0';
}

/* A word of a handler's own, like timeout. */
static bool is_word(const char *item)
{
	size_t len = strlen(item);

	return len >= 2 && item[0] >= 'a' && item[0] <= 'z' && strspn(item, "x") < len &&
		strspn(item, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool is_sqlstate_pattern(const char *item)
{
	static const char sqlite_prefix[] = "SQLITE_", digits[] = "0123456789";
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	size_t prefix_len = sizeof(sqlite_prefix) - 1, literal, wild;

	if (strncmp(item, sqlite_prefix, prefix_len) == 0) {
		size_t len = strlen(item); /* there is no digit in the prefix */

		return len > prefix_len && strcspn(item, digits) == len &&
			strspn(item, letters) == len;
	}
	literal = strspn(item, letters);
	wild = strspn(item + literal, "x");
	return memchr(item, '_', literal) == NULL && literal >= 2 && literal + wild == 5 &&
		item[literal + wild] == '\0';
}

static bool is_code_pattern(const char *item)
{
	return is_sqlstate_pattern(item) || is_status_pattern(item) || is_word(item);
}

int schema_parse_sqlstates(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	return schema_parse_strings(text, context, is_code_pattern,
		"an SQLSTATE like 23505, a class of them like 23xxx, an SQLITE_NAME, an HTTP "
		"status like 503 or 5xx, or a handler's word like timeout",
		field, err);
}
