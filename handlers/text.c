/*
 * text - can these bytes be a text value of a database?
 *
 * Runs in: worker, lane threads (pure).
 */
#include "text.h"

#include <string.h>

/* Well-formed sequences by their lead byte: how long, and what the second byte may be. */
static const struct sequence {
	unsigned char lead_min, lead_max, length, second_min, second_max;
} sequences[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static const struct sequence *sequence_of(unsigned char lead)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		if (lead >= sequences[i].lead_min && lead <= sequences[i].lead_max) {
			return &sequences[i];
		}
	}
	return NULL;
}

/* Length of the sequence at `p`, which is not ASCII; 0 when it is malformed or cut off. */
static size_t sequence_length(const unsigned char *p, const unsigned char *end)
{
	const struct sequence *sequence = sequence_of(*p);

	if (!sequence || (size_t)(end - p) < sequence->length || p[1] < sequence->second_min ||
		p[1] > sequence->second_max) {
		return 0;
	}
	for (size_t i = 2; i < sequence->length; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	return sequence->length;
}

bool text_is_storable(struct onced_bytes bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.data, *end = p + bytes.len;

	if (bytes.len == 0) {
		return true;
	}
	if (memchr(bytes.data, '\0', bytes.len)) {
		return false;
	}
	while (p < end) {
		size_t length = *p < 0x80 ? 1 : sequence_length(p, end);

		if (length == 0) {
			return false;
		}
		p += length;
	}
	return true;
}
