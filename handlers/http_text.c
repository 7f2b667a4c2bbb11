/*
 * http_text - text in the making: URLs, header lines, bodies
 *
 * Runs in: worker, lane threads.
 */
#include "http_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

void http_text_reset(struct http_text *text)
{
	text->len = 0;
	if (text->data) {
		text->data[0] = '\0';
	}
}

void http_text_fini(struct http_text *text)
{
	free(text->data);
	*text = (struct http_text){ .data = NULL };
}

const char *http_text_str(const struct http_text *text)
{
	return text->data ? text->data : "";
}

/* Room for `more` bytes and the NUL. */
static void reserve(struct http_text *text, size_t more)
{
	size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;

	while (capacity - text->len <= more) {
		capacity *= 2;
	}
	if (capacity == text->capacity) {
		return;
	}
	text->data = realloc(text->data, capacity);
	if (!text->data) {
		fputs("onced: out of memory\n", stderr);
		abort();
	}
	text->capacity = capacity;
}

void http_text_put(struct http_text *text, const char *data, size_t len)
{
	if (len == 0) {
		return;
	}
	reserve(text, len);
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void http_text_put_str(struct http_text *text, const char *s)
{
	http_text_put(text, s, strlen(s));
}

void http_text_printf(struct http_text *text, const char *format, ...)
{
	char short_text[64];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(short_text, sizeof(short_text), format, args);
	va_end(args);
	if (len <= 0) {
		return;
	}
	reserve(text, (size_t)len);
	va_start(args, format);
	vsnprintf(text->data + text->len, (size_t)len + 1, format, args);
	va_end(args);
	text->len += (size_t)len;
}

/* ---- encodings ---- */

static bool is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_plain_in_header(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '%';
}

static void put_percent(
	struct http_text *text, struct onced_bytes bytes, bool (*is_kept)(unsigned char c))
{
	static const char digits[] = "0123456789ABCDEF";

	reserve(text, 3 * bytes.len);
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];

		if (is_kept(c)) {
			text->data[text->len++] = (char)c;
			continue;
		}
		text->data[text->len++] = '%';
		text->data[text->len++] = digits[c >> 4];
		text->data[text->len++] = digits[c & 15];
	}
	text->data[text->len] = '\0';
}

void http_text_put_for_url(struct http_text *text, struct onced_bytes bytes)
{
	put_percent(text, bytes, is_unreserved);
}

void http_text_put_for_header(struct http_text *text, struct onced_bytes bytes)
{
	put_percent(text, bytes, is_plain_in_header);
}

void http_text_put_json(struct http_text *text, struct onced_bytes bytes)
{
	http_text_put_str(text, "\"");
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];

		if (c == '"' || c == '\\') {
			http_text_printf(text, "\\%c", c);
		} else if (c < ' ' || c == 0x7f) {
			http_text_printf(text, "\\u%04x", c);
		} else {
			http_text_put(text, &bytes.data[i], 1);
		}
	}
	http_text_put_str(text, "\"");
}

void http_text_put_base64(struct http_text *text, struct onced_bytes bytes)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	reserve(text, bytes.len / 3 * 4 + 4);
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		unsigned long group = 0;

		for (size_t k = 0; k < 3; k++) {
			group = group << 8 | (k < left ? (unsigned char)bytes.data[i + k] : 0);
		}
		for (size_t k = 0; k < 4; k++) {
			text->data[text->len++] =
				k <= left ? digits[group >> (18 - 6 * k) & 63] : '=';
		}
	}
	text->data[text->len] = '\0';
}
