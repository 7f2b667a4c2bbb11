/*
 * audit - what became of every record that was produced
 *
 * Pure. Holds the produced records against the effects found in the database and the dead letters
 * read back from their topic. Nothing here comes from onced's own counters.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"
#include "demo/orders.h"

struct audit_letter {
	struct kafka_place origin; /* onced-partition, onced-offset */
	struct slice reason; /* onced-reason */
	struct slice key, value;
};

/* By kind: how many records were produced, and how many of them ended as they should. */
struct audit {
	const struct order *orders; /* ORDER_COUNT */
	unsigned rows[ORDER_COUNT]; /* effects by order number */
	unsigned letters[ORDER_COUNT]; /* dead letters by index in `orders` */

	unsigned produced[ORDER_KINDS], ended[ORDER_KINDS];
	unsigned row_count, applied_once, applied_twice, retried_orders;
	unsigned letter_count, letter_repeats;
	unsigned both; /* effect and dead letter */
	unsigned wrong; /* effects and dead letters that no record explains; other bytes */
	unsigned lost;
};

void audit_init(struct audit *audit, const struct order *orders);

/* A row of the effects table. */
void audit_add_row(struct audit *audit, const char *event_id, unsigned attempt);

void audit_add_letter(struct audit *audit, const struct audit_letter *letter);

/* After all were added: fill the counts. */
void audit_finish(struct audit *audit);

/* Does every record have its one end? */
bool audit_holds(const struct audit *audit);
