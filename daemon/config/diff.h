/*
 * diff - what differs between two configurations, and what it takes to apply it
 *
 * Pure. Values are compared as they are resolved: what moved in its file, or was written another
 * way, is no change. Keys without a row in the schema (of [kafka], of handlers' types, routes) are
 * read by workers, and roll them.
 */
#pragma once

#include <stddef.h>

#include "config/config.h"
#include "config/pool.h"

/* How a reload applies a change of a key; the later ones do what the earlier ones do, and more. */
enum config_rule {
	CONFIG_UNCHANGED,
	CONFIG_LIVE, /* at once, no worker is touched */
	CONFIG_SLOTS, /* workers are started or drained, the others untouched */
	CONFIG_ROLLS, /* workers are replaced, one at a time */
	CONFIG_REPLACES, /* all of the consumer's workers leave, then all start */
	CONFIG_NEEDS_RESTART, /* not by a reload: it stays as it is */
	CONFIG_RULES
};
extern const char *const config_rule_names[CONFIG_RULES];

struct config_change {
	const char *section; /* "consumer orders" */
	const char *key;
	const char *before, *after; /* as shown: secrets masked; NULL where it has none */
	const char *origin; /* of `after`; NULL: a default, or none */
	enum config_rule rule;
};

struct config_diff {
	struct config_change *items;
	size_t count, capacity;
	struct pool pool; /* owns all strings */
};

/*
 * What differs, in the order of `after`, what is gone at the end. With consumers, of what a worker
 * of each is given; NULL compares all of it.
 */
void config_diff(const struct config *before, const struct config_consumer *consumer_before,
	const struct config *after, const struct config_consumer *consumer_after,
	struct config_diff *ret);
void config_diff_fini(struct config_diff *diff);

/* The heaviest rule. */
enum config_rule config_diff_rule(const struct config_diff *diff);

/* Take over from `before` what a reload cannot change; no other process knows `after` yet. */
void config_keep(const struct config *before, struct config *after);
