/*
 * shown - text that others wrote, for terminals and lines
 */
#include "base/shown.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_control(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = { { 0x00, 0x1f }, { 0x7f, 0x9f }, { 0x061c, 0x061c }, { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (code >= ranges[i].first && code <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

/* The sequence at `s`, 0 when it is not one (overlong, surrogate, cut). */
static size_t sequence(const unsigned char *s, size_t len, uint32_t *ret_code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t wanted = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t code = s[0] & (0x7fU >> wanted);

	*ret_code = s[0];
	if (s[0] < 0x80) {
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4 || wanted > len) {
		return 0;
	}
	for (size_t i = 1; i < wanted; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
		code = code << 6 | (s[i] & 0x3fU);
	}
	*ret_code = code;
	return code < least[wanted] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)
		? 0
		: wanted;
}

size_t shown_length(const char *s, size_t len)
{
	uint32_t code;
	size_t length = sequence((const unsigned char *)s, len, &code);

	return is_control(code) ? 0 : length;
}

/* Behind what may not be shown: its other bytes go with it. */
static size_t skip(struct slice text, size_t at)
{
	for (at++; at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80;) {
		at++;
	}
	return at;
}

void shown_append(struct buffer *out, struct slice text)
{
	for (size_t at = 0; at < text.len;) {
		size_t length = shown_length(text.data + at, text.len - at);

		buffer_append(out, length > 0 ? text.data + at : "?", length > 0 ? length : 1);
		at = length > 0 ? at + length : skip(text, at);
	}
}

/* Never longer than it was. */
void shown_plain(char *text)
{
	struct slice whole = slice_from_str(text);
	size_t out = 0;

	for (size_t at = 0; at < whole.len;) {
		size_t length = shown_length(text + at, whole.len - at);

		if (length > 0) {
			memmove(text + out, text + at, length);
		} else {
			text[out] = '?';
		}
		out += length > 0 ? length : 1;
		at = length > 0 ? at + length : skip(whole, at);
	}
	text[out] = '\0';
}
