#include "demo/orders.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { REPEAT_REACH = 100 };

const char *const order_fate[ORDER_KINDS] = {
	[ORDER_MALFORMED] = "undecodable",
	[ORDER_FORBIDDEN] = "rejected",
	[ORDER_ORPHAN] = "exhausted",
};

/* Order `first` and every `step`th after it, before `end`. 40 repeats of 2000 are 2 %. */
static const struct {
	enum order_kind kind;
	unsigned first, step, end;
} plan[] = {
	{ ORDER_REPEAT, 25, 50, ORDER_COUNT },
	{ ORDER_MALFORMED, 63, 250, ORDER_COUNT },
	{ ORDER_FLAKY, 80, 160, ORDER_COUNT },
	{ ORDER_FORBIDDEN, 104, 330, ORDER_COUNT },
	/* early, so that others succeed after them: only then are a record's attempts used up */
	{ ORDER_ORPHAN, 150, 300, ORDER_COUNT / 2 },
};

static enum order_kind planned_kind(unsigned index)
{
	for (size_t i = 0; i < sizeof(plan) / sizeof(plan[0]); i++) {
		if (index >= plan[i].first && index < plan[i].end &&
			(index - plan[i].first) % plan[i].step == 0) {
			return plan[i].kind;
		}
	}
	return ORDER_GOOD;
}

/* Numbers that look drawn, the same every time. */
static unsigned draw(uint64_t *state, unsigned bound)
{
	*state = *state * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(*state >> 33) % bound;
}

const char *order_event_id(unsigned number, char ret[24])
{
	snprintf(ret, 24, "order-%06u", number);
	return ret;
}

static void write_value(struct order *order, const char *amount)
{
	char id[24];

	snprintf(order->value, sizeof(order->value),
		"{\"event_id\":\"%s\",\"event_type\":\"order.placed\",\"payload\":"
		"{\"customer\":\"%s\",\"amount\":%s,\"failures\":%d}}",
		order_event_id(order->number, id), order->customer, amount,
		order->kind == ORDER_FLAKY ? ORDER_FLAKY_FAILURES : 0);
}

/* Ways in which producers go wrong: the text around the number. */
static const struct {
	const char *before, *after;
} malformed[] = {
	{ "{\"event_id\":\"order-", "\",\"payload\":{\"customer\":\"custom" },
	{ "<order id=\"", "\"/>" },
	{ "{'event_id': 'order-", "'}" },
	{ "{\"event_id\":\"order-", "\",}" },
};

static void write_malformed(struct order *order)
{
	size_t shape = order->number % (sizeof(malformed) / sizeof(malformed[0]));

	snprintf(order->value, sizeof(order->value), "%s%06u%s", malformed[shape].before,
		order->number, malformed[shape].after);
}

/* The nearest one at or before `index` that is applied; the first order of all is good. */
static const struct order *original_at(const struct order *orders, unsigned index)
{
	while (orders[index].kind != ORDER_GOOD && orders[index].kind != ORDER_FLAKY) {
		index--;
	}
	return &orders[index];
}

static void make(struct order *orders, unsigned index, uint64_t *random)
{
	struct order *order = &orders[index];
	unsigned customer = draw(random, ORDER_CUSTOMERS), cents = 500 + draw(random, 50000);
	char amount[32];

	order->kind = planned_kind(index);
	order->number = index;
	order->place.offset = -1;
	snprintf(order->customer, sizeof(order->customer), "customer-%02u", customer);
	snprintf(amount, sizeof(amount), "%u.%02u", cents / 100, cents % 100);
	switch (order->kind) {
	case ORDER_REPEAT: {
		unsigned back = 1 + draw(random, index < REPEAT_REACH ? index : REPEAT_REACH);

		*order = *original_at(orders, index - back);
		order->kind = ORDER_REPEAT;
		return;
	}
	case ORDER_MALFORMED:
		write_malformed(order);
		return;
	case ORDER_FORBIDDEN:
		write_value(order, "-19.90");
		return;
	case ORDER_ORPHAN:
		snprintf(order->customer, sizeof(order->customer), "nobody-%u", index);
		write_value(order, amount);
		return;
	default:
		write_value(order, amount);
	}
}

void orders_make(struct order *orders)
{
	uint64_t random = 1;

	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		make(orders, i, &random);
	}
}
