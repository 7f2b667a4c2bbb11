/*
 * json_differential - does the scanner say of a text what jansson says?
 */
#include "json_differential.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "event/scan.h"

enum { JANSSON_FLAGS = JSON_DECODE_ANY | JSON_ALLOW_NUL };

static const char *const paths[] = { "", "a", "a.b", "0", "1.0", "event_id", "event_type",
	"payload", "payload.order_id", "payload.amount", "payload.items.0.sku", "payload.items.1" };
enum { PATH_COUNT = sizeof(paths) / sizeof(paths[0]) };

static const char *say(const char *what, const char *detail)
{
	static char sentence[512];

	snprintf(sentence, sizeof(sentence), "%s: %s", what, detail);
	return sentence;
}

static const json_t *member(const json_t *json, const char *name, size_t len)
{
	if (json_is_array(json)) {
		char *end;
		size_t i = strtoul(name, &end, 10);

		return end == name + len ? json_array_get(json, i) : NULL;
	}
	return json_object_getn(json, name, len);
}

/* The paths here hold no escapes. */
static const json_t *walk(const json_t *json, const char *path)
{
	while (json && *path) {
		size_t len = strcspn(path, ".");

		json = member(json, path, len);
		path += len + (path[len] == '.');
	}
	return json;
}

static bool is_string(const struct json_ref *ref, const json_t *json)
{
	_cleanup_(buffer_fini) struct buffer plain = BUFFER_INIT;
	bool has_backslash = memchr(ref->text.data, '\\', ref->text.len) != NULL;

	if (!json_is_string(json) || has_backslash != ref->has_escapes) {
		return false;
	}
	scan_unescape(ref->text, &plain);
	return plain.len == json_string_length(json) &&
		memcmp(plain.data, json_string_value(json), plain.len) == 0;
}

static bool is_number(const struct json_ref *ref, const json_t *json)
{
	_cleanup_free_ char *text = strndup(ref->text.data, ref->text.len);

	if (strpbrk(text, ".eE")) {
		return json_is_real(json) && strtod(text, NULL) == json_real_value(json);
	}
	return json_is_integer(json) && strtoll(text, NULL, 10) == json_integer_value(json);
}

static bool is_container(const struct json_ref *ref, const json_t *json)
{
	_cleanup_(json_decrefp) json_t *again =
		json_loadb(ref->text.data, ref->text.len, JANSSON_FLAGS, NULL);

	return again && json_equal(again, json);
}

static bool is_same(const struct json_ref *ref, const json_t *json)
{
	switch (ref->kind) {
	case JSON_KIND_ABSENT:
		return json == NULL;
	case JSON_KIND_NULL:
		return json_is_null(json) && slice_equal_str(ref->text, "null");
	case JSON_KIND_TRUE:
		return json_is_true(json) && slice_equal_str(ref->text, "true");
	case JSON_KIND_FALSE:
		return json_is_false(json) && slice_equal_str(ref->text, "false");
	case JSON_KIND_NUMBER:
		return is_number(ref, json);
	case JSON_KIND_STRING:
		return is_string(ref, json);
	case JSON_KIND_OBJECT:
		return json_is_object(json) && is_container(ref, json);
	case JSON_KIND_ARRAY:
		return json_is_array(json) && is_container(ref, json);
	}
	return false;
}

static const char *compare_values(const struct json_ref *refs, const json_t *json)
{
	for (size_t i = 0; i < PATH_COUNT; i++) {
		if (!is_same(&refs[i], walk(json, paths[i]))) {
			return say("the value differs at path", paths[i]);
		}
	}
	return NULL;
}

/* The scanner took what jansson did not. */
static const char *judge_taken(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	if (code == json_error_numeric_overflow || code == json_error_null_byte_in_key) {
		return NULL;
	}
	return say("only jansson refuses it", error->text);
}

/* jansson overlooks a NUL that directly follows a number or a word. */
static bool is_nul_behind_token(struct slice text, size_t offset)
{
	return offset > 0 && offset < text.len && text.data[offset] == '\0' &&
		isalnum((unsigned char)text.data[offset - 1]);
}

/* The scanner refused, at `offset`; `json` is what jansson made of it, NULL when it refused too. */
static const char *judge_refused(
	enum scan_result result, size_t offset, struct slice text, const json_t *json)
{
	_cleanup_(json_decrefp) json_t *without_repeats = NULL;

	if (!json || result == SCAN_TOO_DEEP || is_nul_behind_token(text, offset)) {
		return NULL;
	}
	if (result != SCAN_DUPLICATE_KEY) {
		return say("only the scanner refuses it", scan_result_text(result));
	}
	without_repeats =
		json_loadb(text.data, text.len, JANSSON_FLAGS | JSON_REJECT_DUPLICATES, NULL);
	return without_repeats ? "the scanner sees a repeated key where none is" : NULL;
}

static const char *judge(const struct path_set *set, struct slice text)
{
	_cleanup_(json_decrefp) json_t *json = NULL;
	struct json_ref refs[PATH_COUNT];
	size_t offset = 0;
	json_error_t error;
	enum scan_result result = scan_json(set, text, refs, &offset);

	json = json_loadb(text.data, text.len, JANSSON_FLAGS, &error);
	if (offset > text.len) {
		return "the place of the fault is behind the text";
	}
	if (result != SCAN_OK) {
		return judge_refused(result, offset, text, json);
	}
	return json ? compare_values(refs, json) : judge_taken(&error);
}

const char *json_differential(struct slice text)
{
	struct path_set *set = path_set_new();
	const char *sentence;

	for (size_t i = 0; i < PATH_COUNT; i++) {
		if (path_set_add(set, paths[i]) != (int)i) {
			abort();
		}
	}
	sentence = judge(set, text);
	path_set_free(set);
	return sentence;
}
