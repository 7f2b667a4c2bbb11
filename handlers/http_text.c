/*
 * http_text - bytes made fit for URLs and for values of headers
 *
 * Runs in: worker, lane threads (pure but for memory).
 */
#include "http_text.h"

#include <stdbool.h>

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
	struct compose *text, struct onced_bytes bytes, bool (*is_kept)(unsigned char c))
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];
		const char coded[] = { '%', digits[c >> 4], digits[c & 15] };

		if (is_kept(c)) {
			compose_append(text, &bytes.data[i], 1);
		} else {
			compose_append(text, coded, sizeof(coded));
		}
	}
}

void http_text_put_for_url(struct compose *text, struct onced_bytes bytes)
{
	put_percent(text, bytes, is_unreserved);
}

void http_text_put_for_header(struct compose *text, struct onced_bytes bytes)
{
	put_percent(text, bytes, is_plain_in_header);
}
