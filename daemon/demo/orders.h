/*
 * orders - the stream of sample orders: mostly good, some sent twice, some that cannot be applied
 *
 * Pure; the same stream every time. The words for each kind are what the report counts by.
 */
#pragma once

#include <stddef.h>

#include "kafka/client.h"

enum order_kind {
	ORDER_GOOD,
	ORDER_FLAKY, /* fails twice, then goes in */
	ORDER_REPEAT, /* an earlier good one, sent a second time */
	ORDER_MALFORMED, /* no JSON: dead letter, undecodable */
	ORDER_FORBIDDEN, /* breaks a CHECK of the table: dead letter, rejected */
	ORDER_ORPHAN, /* its customer never comes: retried, then dead letter, exhausted */
	ORDER_KINDS
};

/*
 * What an order of each kind must end as: the reason of its dead letter, NULL where it is applied.
 */
extern const char *const order_fate[ORDER_KINDS];

struct order {
	enum order_kind kind;
	unsigned number; /* of the event id; a repeat has that of its original */
	char customer[24]; /* the record's key */
	char value[256]; /* the record's value */
	struct kafka_place place; /* offset -1 until the broker acknowledged it */
};

enum {
	ORDER_COUNT = 2000,
	ORDER_CUSTOMERS = 40, /* customer-00 and on */
	ORDER_FLAKY_FAILURES = 2,
};

/* Fill `orders[ORDER_COUNT]`. */
void orders_make(struct order *orders);

/* "order-000017", as in the value. */
const char *order_event_id(unsigned number, char ret[24]);
