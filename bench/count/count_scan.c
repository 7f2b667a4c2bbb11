/*
 * count_scan - the scanner on order envelopes: the id and five parameters of each
 */
#include <stdio.h>
#include <stdlib.h>

#include "event/scan.h"
#include "orders.h"

static const char *const paths[] = { "event_id", "payload.order_id", "payload.customer",
	"payload.amount", "payload.currency", "payload.placed_us" };

enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

int main(int argc, char **argv)
{
	unsigned rounds = rounds_of(argc, argv);
	struct path_set *set = path_set_new();
	struct json_ref refs[PATHS];

	for (size_t i = 0; i < PATHS; i++) {
		path_set_add(set, paths[i]);
	}
	for (unsigned i = 0; i < rounds * ORDERS; i++) {
		if (scan_json(set, order_value(i), refs, NULL) != SCAN_OK ||
			refs[PATHS - 1].kind != JSON_KIND_NUMBER) {
			fprintf(stderr, "order %u does not scan\n", i);
			return 1;
		}
	}
	path_set_free(set);
	return 0;
}
