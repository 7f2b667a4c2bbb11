/*
 * http_text - text in the making: URLs, header lines, bodies
 *
 * Out of memory aborts, as everywhere in a worker.
 */
#pragma once

#include <stddef.h>

#include "onced/handler.h"

struct http_text {
	char *data; /* NUL-terminated behind `len`; NULL before the first byte */
	size_t len, capacity;
};

/* Forgets the text, keeps the memory. */
void http_text_reset(struct http_text *text);
void http_text_fini(struct http_text *text);

/* The text as a string, "" where there is none. */
const char *http_text_str(const struct http_text *text);

void http_text_put(struct http_text *text, const char *data, size_t len);
void http_text_put_str(struct http_text *text, const char *s);
void http_text_printf(struct http_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* All bytes but RFC 3986's unreserved ones become %XX. */
void http_text_put_for_url(struct http_text *text, struct onced_bytes bytes);
/*
 * All bytes but visible ASCII, and of that the double quote and the percent sign, become %XX: the
 * rule of CloudEvents for values of headers. Different bytes stay different.
 */
void http_text_put_for_header(struct http_text *text, struct onced_bytes bytes);
/* A JSON string with its quotes; the bytes are UTF-8. */
void http_text_put_json(struct http_text *text, struct onced_bytes bytes);
/* Base64 with padding. */
void http_text_put_base64(struct http_text *text, struct onced_bytes bytes);
