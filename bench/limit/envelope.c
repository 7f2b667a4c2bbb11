#include "envelope.h"

#include <string.h>

#define MARK(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct {
	const char *text;
	size_t len;
} marks[FIELD_COUNT] = {
	[FIELD_EVENT_ID] = MARK("\"event_id\":"),
	[FIELD_ORDER_ID] = MARK("\"order_id\":"),
	[FIELD_CUSTOMER] = MARK("\"customer\":"),
	[FIELD_AMOUNT] = MARK("\"amount\":"),
	[FIELD_CURRENCY] = MARK("\"currency\":"),
	[FIELD_PLACED_US] = MARK("\"placed_us\":"),
};

static struct field field_at(const char *at, const char *end)
{
	bool is_string = at < end && *at == '"';
	struct field field = { is_string ? at + 1 : at, 0 };

	for (at = field.data; at < end; at++) {
		if (is_string ? *at == '"' : (*at == ',' || *at == '}')) {
			break;
		}
	}
	field.len = (size_t)(at - field.data);
	return field;
}

bool envelope_fields(const char *value, size_t len, struct field fields[FIELD_COUNT])
{
	const char *at = value, *end = value + len;

	for (int i = 0; i < FIELD_COUNT; i++) {
		at = memmem(at, (size_t)(end - at), marks[i].text, marks[i].len);
		if (!at) {
			return false;
		}
		fields[i] = field_at(at + marks[i].len, end);
		at = fields[i].data + fields[i].len;
	}
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool envelope_uuid(struct field text, unsigned char uuid[16])
{
	size_t nibbles = 0;

	if (text.len != 36) {
		return false;
	}
	memset(uuid, 0, 16);
	for (size_t i = 0; i < text.len; i++) {
		int value = digit(text.data[i]);
		if (text.data[i] == '-') {
			continue;
		}
		if (value < 0 || nibbles == 32) {
			return false;
		}
		uuid[nibbles / 2] = (unsigned char)(uuid[nibbles / 2] << 4 | value);
		nibbles++;
	}
	return nibbles == 32;
}
