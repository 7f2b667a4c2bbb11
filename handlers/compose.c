/*
 * compose - a growing text: JSON, URLs, header lines
 *
 * Runs in: worker, lane threads (pure but for memory).
 */
#include "compose.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "no_memory.h"
#include "text.h"

enum { CAPACITY_FIRST = 1024 };

void compose_fini(struct compose *text)
{
	free(text->data);
	*text = (struct compose){ .data = NULL };
}

void compose_clear(struct compose *text)
{
	text->len = 0;
	if (text->data) {
		text->data[0] = '\0';
	}
}

const char *compose_str(const struct compose *text)
{
	return text->data ? text->data : "";
}

/* Room for `more` bytes and the NUL. */
static void reserve(struct compose *text, size_t more)
{
	size_t capacity = text->capacity ? text->capacity : CAPACITY_FIRST;
	bool is_too_much = more > SIZE_MAX / 4 - text->len;

	while (!is_too_much && capacity - text->len <= more) {
		capacity *= 2;
	}
	if (capacity == text->capacity && !is_too_much) {
		return;
	}
	text->data = is_too_much ? NULL : realloc(text->data, capacity);
	if (!text->data) {
		no_memory(is_too_much ? more : capacity);
	}
	text->capacity = capacity;
}

void compose_append(struct compose *text, const char *data, size_t len)
{
	if (len == 0) {
		return;
	}
	reserve(text, len);
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void compose_literal(struct compose *text, const char *literal)
{
	compose_append(text, literal, strlen(literal));
}

void compose_number(struct compose *text, int64_t number)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)number);

	compose_append(text, digits, (size_t)len);
}

/* ---- strings ---- */

/* U+2028 and U+2029 end a line for some languages, JavaScript's readline for one. */
static bool is_separator(struct onced_bytes bytes, size_t at)
{
	const char *p = bytes.data + at;

	return *p == '\xe2' && bytes.len - at >= 3 && p[1] == '\x80' &&
		(p[2] == '\xa8' || p[2] == '\xa9');
}

static bool is_plain(struct onced_bytes bytes, size_t at)
{
	unsigned char c = (unsigned char)bytes.data[at];

	return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && !is_separator(bytes, at);
}

/* Returns how many bytes were escaped. */
static size_t escape(struct compose *text, struct onced_bytes bytes, size_t at)
{
	unsigned char c = (unsigned char)bytes.data[at];
	char escaped[8];
	int len;

	if (is_separator(bytes, at)) {
		compose_literal(text, bytes.data[at + 2] == '\xa8' ? "\\u2028" : "\\u2029");
		return 3;
	}
	len = c == '"' || c == '\\' ? snprintf(escaped, sizeof(escaped), "\\%c", c)
				    : snprintf(escaped, sizeof(escaped), "\\u%04x", c);
	compose_append(text, escaped, (size_t)len);
	return 1;
}

void compose_string(struct compose *text, struct onced_bytes bytes)
{
	size_t start = 0;

	compose_literal(text, "\"");
	for (size_t i = 0; i < bytes.len; i++) {
		if (is_plain(bytes, i)) {
			continue;
		}
		compose_append(text, bytes.data + start, i - start);
		start = i + escape(text, bytes, i);
		i = start - 1;
	}
	compose_append(text, bytes.data + start, bytes.len - start);
	compose_literal(text, "\"");
}

void compose_base64(struct compose *text, struct onced_bytes bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)bytes.data;
	size_t len = bytes.len;

	compose_literal(text, "\"");
	for (size_t i = 0; i < len; i += 3) {
		unsigned triple = (unsigned)in[i] << 16 |
			(i + 1 < len ? (unsigned)in[i + 1] << 8 : 0) |
			(i + 2 < len ? in[i + 2] : 0);
		char four[4] = { digits[triple >> 18], digits[triple >> 12 & 63],
			i + 1 < len ? digits[triple >> 6 & 63] : '=',
			i + 2 < len ? digits[triple & 63] : '=' };

		compose_append(text, four, sizeof(four));
	}
	compose_literal(text, "\"");
}

void compose_bytes(struct compose *text, struct onced_bytes bytes)
{
	if (!bytes.data) {
		compose_literal(text, "null");
	} else if (text_is_storable(bytes)) {
		compose_string(text, bytes);
	} else {
		compose_literal(text, "{\"base64\":");
		compose_base64(text, bytes);
		compose_literal(text, "}");
	}
}

void compose_json(struct compose *text, struct onced_bytes json)
{
	size_t from = text->len, start = 0;

	for (size_t i = 0; i < json.len; i++) {
		if (is_separator(json, i)) {
			compose_append(text, json.data + start, i - start);
			start = i + escape(text, json, i);
		}
	}
	compose_append(text, json.data + start, json.len - start);
	for (size_t i = from; i < text->len; i++) {
		if (text->data[i] == '\n' || text->data[i] == '\r') {
			text->data[i] = ' ';
		}
	}
}
