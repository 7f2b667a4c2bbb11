#include "demo/audit.h"

#include <stdlib.h>

void audit_init(struct audit *audit, const struct order *orders)
{
	*audit = (struct audit){ .orders = orders };
}

void audit_add_row(struct audit *audit, const char *event_id, unsigned attempt)
{
	const char *dash = strchr(event_id, '-');
	unsigned long number = dash ? strtoul(dash + 1, NULL, 10) : ORDER_COUNT;
	char expected[24];

	audit->row_count++;
	audit->retried_orders += attempt > 1;
	if (number >= ORDER_COUNT ||
		strcmp(order_event_id((unsigned)number, expected), event_id) != 0) {
		audit->wrong++;
		return;
	}
	audit->rows[number]++;
}

/* ORDER_COUNT when no record was there. */
static unsigned find_place(const struct audit *audit, struct kafka_place place)
{
	unsigned i = 0;

	while (i < ORDER_COUNT &&
		(audit->orders[i].place.partition != place.partition ||
			audit->orders[i].place.offset != place.offset)) {
		i++;
	}
	return i;
}

/* Bytes as they were, reason as it should be. */
static bool is_faithful(const struct order *order, const struct audit_letter *letter)
{
	const char *reason = order_fate[order->kind];

	return reason && slice_equal_str(letter->reason, reason) &&
		slice_equal_str(letter->key, order->customer) &&
		slice_equal_str(letter->value, order->value);
}

void audit_add_letter(struct audit *audit, const struct audit_letter *letter)
{
	unsigned index = find_place(audit, letter->origin);

	if (index == ORDER_COUNT || !is_faithful(&audit->orders[index], letter)) {
		audit->wrong++;
		return;
	}
	if (audit->letters[index]++ > 0) {
		audit->letter_repeats++;
		return;
	}
	audit->letter_count++;
}

static void judge(struct audit *audit, unsigned index)
{
	const struct order *order = &audit->orders[index];
	bool is_applied = audit->rows[order->number] > 0, is_dead = audit->letters[index] > 0;
	bool should_die = order_fate[order->kind] != NULL;

	if (order->place.offset < 0) {
		return; /* the broker never had it */
	}
	audit->produced[order->kind]++;
	audit->both += is_applied && is_dead;
	if (should_die) {
		/* what is no JSON has no id; the others' must not have taken effect */
		audit->wrong += is_applied;
	}
	if (should_die ? is_dead : is_applied) {
		audit->ended[order->kind]++;
	} else {
		audit->lost++;
	}
}

void audit_finish(struct audit *audit)
{
	for (unsigned i = 0; i < ORDER_COUNT; i++) {
		judge(audit, i);
		audit->applied_once += audit->rows[i] == 1;
		audit->applied_twice += audit->rows[i] > 1;
	}
}

bool audit_holds(const struct audit *audit)
{
	const unsigned *ended = audit->ended;

	return audit->lost == 0 && audit->applied_twice == 0 && audit->both == 0 &&
		audit->wrong == 0 && audit->row_count == audit->applied_once &&
		audit->applied_once == ended[ORDER_GOOD] + ended[ORDER_FLAKY] &&
		audit->letter_count ==
		ended[ORDER_MALFORMED] + ended[ORDER_FORBIDDEN] + ended[ORDER_ORPHAN];
}
