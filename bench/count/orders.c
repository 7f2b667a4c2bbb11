#include "orders.h"

#include <stdio.h>
#include <stdlib.h>

struct order {
	char key[16], value[320];
	size_t key_len, value_len;
};

static struct order *order(unsigned number)
{
	static struct order orders[ORDERS];
	struct order *o = &orders[number % ORDERS];
	unsigned customer = number * 7919 % 20000;

	if (!o->value_len) {
		o->key_len = (size_t)snprintf(o->key, sizeof(o->key), "c-%06u", customer);
		o->value_len = (size_t)snprintf(o->value, sizeof(o->value),
			"{\"event_id\":\"%08x-0000-4000-8000-%012x\",\"event_type\":\"order."
			"placed\","
			"\"timestamp\":\"2026-01-01T00:00:00Z\",\"schema_version\":1,\"payload\":{"
			"\"order_id\":%u,\"customer\":\"c-%06u\",\"amount\":%u.%02u,\"currency\":"
			"\"EUR\","
			"\"placed_us\":%llu,\"note\":\"%024x\"}}",
			number * 2654435761u, number, 1000000 + number, customer,
			number % 900 + 100, number % 100, 1767225600000000ull + number,
			number * 40503u);
	}
	return o;
}

struct slice order_value(unsigned number)
{
	return slice_from(order(number)->value, order(number)->value_len);
}

struct slice order_key(unsigned number)
{
	return slice_from(order(number)->key, order(number)->key_len);
}

unsigned rounds_of(int argc, char **argv)
{
	unsigned long rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	if (rounds == 0 || rounds > 1000000) {
		fprintf(stderr, "usage: %s ROUNDS (of %d records)\n", argv[0], ORDERS);
		exit(2);
	}
	return (unsigned)rounds;
}
