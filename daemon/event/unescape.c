/*
 * unescape - replace the escapes of a JSON string that the scanner accepted
 *
 * Runs in: worker, any thread (pure).
 */
#include "event/unescape.h"

#include "event/scan.h"

static const char simple_escapes[256] = {
	['"'] = '"',
	['\\'] = '\\',
	['/'] = '/',
	['b'] = '\b',
	['f'] = '\f',
	['n'] = '\n',
	['r'] = '\r',
	['t'] = '\t',
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int unescape_hex4(const char *p)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0) {
			return -1;
		}
		value = value << 4 | digit;
	}
	return value;
}

static size_t put_utf8(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The \uXXXX at *p, or a surrogate pair of them, steps over it; 0 for what is none. */
static uint32_t take_unicode(const char **p, const char *end)
{
	const char *at = *p;
	int high, low;

	*p = end;
	if (end - at < 6 || (high = unescape_hex4(at + 2)) < 0) {
		return 0;
	}
	*p = at + 6;
	if ((high & 0xfc00) != 0xd800) {
		return (uint32_t)high;
	}
	if (end - at < 12 || at[6] != '\\' || at[7] != 'u') {
		return 0;
	}
	low = unescape_hex4(at + 8);
	if (low < 0) {
		return 0;
	}
	*p = at + 12;
	return 0x10000 + ((uint32_t)(high & 0x3ff) << 10 | (uint32_t)(low & 0x3ff));
}

/* One character or plain byte of `*p`: steps over it, returns how many bytes it wrote. */
static size_t take_one(const char **p, const char *end, char out[4])
{
	const char *at = *p;

	if (*at != '\\' || end - at < 2) {
		out[0] = *at;
		*p = at + 1;
		return 1;
	}
	if (at[1] == 'u') {
		return put_utf8(take_unicode(p, end), out);
	}
	out[0] = simple_escapes[(unsigned char)at[1]];
	*p = at + 2;
	return 1;
}

size_t unescape(struct slice escaped, char *out, size_t capacity)
{
	const char *p = escaped.data, *end = p + escaped.len;
	size_t len = 0;

	while (p < end) {
		char bytes[4];
		size_t count = take_one(&p, end, bytes);

		if (count > capacity - len) {
			return UNESCAPE_TOO_LONG;
		}
		memcpy(out + len, bytes, count);
		len += count;
	}
	return len;
}

bool unescape_equals(struct slice escaped, struct slice plain)
{
	const char *p = escaped.data, *end = p + escaped.len;
	size_t at = 0;

	while (p < end) {
		char bytes[4];
		size_t count = take_one(&p, end, bytes);

		if (count > plain.len - at || memcmp(plain.data + at, bytes, count) != 0) {
			return false;
		}
		at += count;
	}
	return at == plain.len;
}

void scan_unescape(struct slice escaped, struct buffer *out)
{
	char *to = buffer_reserve(out, escaped.len + 1);
	size_t len = unescape(escaped, to, escaped.len);

	if (len != UNESCAPE_TOO_LONG) {
		out->len += len;
	}
	out->data[out->len] = '\0';
}
