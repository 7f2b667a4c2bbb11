#include "base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { GROUP_BYTES = 3, GROUP_DIGITS = 4, DIGIT_BITS = 6 };

void base64_write(struct slice bytes, struct buffer *out)
{
	for (size_t i = 0; i < bytes.len; i += GROUP_BYTES) {
		size_t count = bytes.len - i < GROUP_BYTES ? bytes.len - i : GROUP_BYTES;
		uint32_t group = 0;

		for (size_t k = 0; k < GROUP_BYTES; k++) {
			group = group << 8 | (k < count ? (unsigned char)bytes.data[i + k] : 0);
		}
		for (size_t k = 0; k < GROUP_DIGITS; k++) {
			unsigned shift = DIGIT_BITS * (unsigned)(GROUP_DIGITS - 1 - k);

			buffer_append_char(out, k <= count ? digits[group >> shift & 63] : '=');
		}
	}
}

/* Bytes of one group of four digits; -EINVAL. */
static int read_group(const char *text, char *ret)
{
	uint32_t group = 0;
	int count = GROUP_BYTES - (text[3] == '=') - (text[3] == '=' && text[2] == '=');

	for (int i = 0; i < GROUP_DIGITS; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit && (i <= count || text[i] != '=')) {
			return -EINVAL;
		}
		group = group << DIGIT_BITS |
			(digit && i <= count ? (uint32_t)(digit - digits) : 0);
	}
	for (int i = 0; i < GROUP_BYTES; i++) {
		char byte = (char)(group >> 8 * (GROUP_BYTES - 1 - i));

		if (i < count) {
			ret[i] = byte;
		} else if (byte != 0) {
			return -EINVAL; /* bits that stand for nothing */
		}
	}
	return count;
}

int base64_read(struct slice text, char *ret, size_t *ret_len)
{
	*ret_len = 0;
	if (text.len % GROUP_DIGITS != 0) {
		return -EINVAL;
	}
	for (size_t i = 0; i < text.len; i += GROUP_DIGITS) {
		int count = read_group(text.data + i, ret + *ret_len);

		if (count < 0 || (count < GROUP_BYTES && i + GROUP_DIGITS != text.len)) {
			return -EINVAL;
		}
		*ret_len += (size_t)count;
	}
	return 0;
}
