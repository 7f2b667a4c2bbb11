/*
 * envelope - the fields of an order envelope, found by someone who knows its shape
 *
 * Pure. Not a parser: it looks for the members in the order in which the generator writes them and
 * believes what it finds, so that the yardstick pays as little for JSON as can be paid.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct field {
	const char *data; /* in the value; strings without their quotes */
	size_t len;
};

enum {
	FIELD_EVENT_ID,
	FIELD_ORDER_ID,
	FIELD_CUSTOMER,
	FIELD_AMOUNT,
	FIELD_CURRENCY,
	FIELD_PLACED_US,
	FIELD_COUNT
};

/* False: a field is not where it should be. */
bool envelope_fields(const char *value, size_t len, struct field fields[FIELD_COUNT]);

/* The 16 bytes that a UUID of 36 characters stands for. False: it is none. */
bool envelope_uuid(struct field text, unsigned char uuid[16]);
