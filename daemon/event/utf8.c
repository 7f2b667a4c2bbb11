/*
 * utf8 - is this UTF-8, as RFC 3629 has it?
 *
 * Runs in: worker, any thread (pure). Reads eight bytes at a time as long as they are ASCII.
 */
#include "event/utf8.h"

#include <stdint.h>

static bool is_continuation(const char *p)
{
	return ((unsigned char)*p & 0xc0) == 0x80;
}

/* The second byte shows overlong forms, surrogates and code points that are too high. */
static bool is_second_byte(unsigned char lead, const char *p)
{
	unsigned char second = (unsigned char)*p;

	switch (lead) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return is_continuation(p);
	}
}

unsigned utf8_sequence(const char *p, const char *end)
{
	unsigned char lead = (unsigned char)*p;
	unsigned length;

	if (lead < 0x80) {
		return 1;
	}
	if (lead < 0xc2 || lead > 0xf4) {
		return 0;
	}
	length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if ((size_t)(end - p) < length || !is_second_byte(lead, p + 1)) {
		return 0;
	}
	for (unsigned i = 2; i < length; i++) {
		if (!is_continuation(p + i)) {
			return 0;
		}
	}
	return length;
}

/* Past the ASCII bytes at `p`, in steps of eight. */
static const char *skip_ascii(const char *p, const char *end)
{
	uint64_t word;

	while ((size_t)(end - p) >= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if (word & 0x8080808080808080u) {
			break;
		}
		p += sizeof(word);
	}
	return p;
}

bool utf8_is_valid(struct slice s)
{
	const char *p = s.data, *end;

	if (!p) {
		return true;
	}
	end = p + s.len;
	while ((p = skip_ascii(p, end)) < end) {
		unsigned length = utf8_sequence(p, end);

		if (length == 0) {
			return false;
		}
		p += length;
	}
	return true;
}
