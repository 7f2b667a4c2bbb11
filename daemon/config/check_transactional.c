/*
 * check_transactional - what a consumer must be for Kafka transactions to hold
 *
 * A transaction holds records and offsets, and nothing else: an effect outside of it would happen
 * again when it is aborted. An offset covers all records before it, so these must be worked in
 * their order; and whoever commits it must be the member of the group that was assigned them.
 */
#include "config/check_transactional.h"

#include <string.h>

struct rule {
	const char *key; /* where the problem stands */
	bool (*is_broken)(const struct checking *checking, const struct config_consumer *consumer);
	const char *text;
};

static bool is_stored(const struct checking *checking, const struct config_consumer *consumer)
{
	const char *store = config_store_of(checking->config, consumer);

	return store && strcmp(store, "none:") != 0;
}

static bool is_unordered(const struct checking *checking, const struct config_consumer *consumer)
{
	return consumer->ordering != ORDERING_PARTITION;
}

static bool is_cooperative(const struct checking *checking, const struct config_consumer *consumer)
{
	return consumer->assignment != ASSIGNMENT_EAGER;
}

static bool is_listed(const struct checking *checking, const struct config_consumer *consumer)
{
	return consumer->groups != NULL;
}

static bool has_lanes(const struct checking *checking, const struct config_consumer *consumer)
{
	return consumer->lanes > 1;
}

static bool is_elsewhere(const struct checking *checking, const struct config_consumer *consumer)
{
	return config_producers_are_elsewhere(checking->config);
}

static const struct rule rules[] = {
	{ "store", is_stored,
		"transactional = yes needs store = none:, for a store is not part of a Kafka "
		"transaction; give the consumer that store, or leave transactional out: the store "
		"recognises repeats, too" },
	{ "ordering", is_unordered,
		"transactional = yes needs ordering = partition: the offset that is committed with "
		"a record must cover all records before it" },
	{ "assignment", is_cooperative,
		"transactional = yes needs assignment = eager: only then the group's generation "
		"tells what was assigned to whom" },
	{ "partitions", is_listed,
		"transactional = yes needs partitions = auto: the group's generation is what keeps "
		"a worker out that lost its partitions" },
	{ "lanes", has_lanes,
		"transactional = yes has one lane in each worker, for a producer has one "
		"transaction at a time; use more workers" },
	{ "transactional", is_elsewhere,
		"transactional = yes needs the producers in the cluster of the offsets: [kafka "
		"producer] bootstrap.servers names another" },
};

static void check_handler(const struct checking *checking, const struct config_consumer *consumer,
	const struct config_handler *handler)
{
	if (handler && strcmp(handler->type, "forward") != 0) {
		problems_add(checking->problems,
			check_place(checking, SECTION_CONSUMER, consumer->name, "transactional"),
			"[consumer %s] transactional = yes is for handlers of type forward, and "
			"[handler %s] is of type %s: its effects would not be in the transaction",
			consumer->name, handler->name, handler->type);
	}
}

void check_transactional(const struct checking *checking, const struct config_consumer *consumer)
{
	if (!consumer->is_transactional) {
		return;
	}
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (check_is_good(checking, SECTION_CONSUMER, consumer->name, rules[i].key) &&
			rules[i].is_broken(checking, consumer)) {
			problems_add(checking->problems,
				check_place(
					checking, SECTION_CONSUMER, consumer->name, rules[i].key),
				"[consumer %s] %s", consumer->name, rules[i].text);
		}
	}
	check_handler(checking, consumer, consumer->handler);
	for (size_t i = 0; i < consumer->route_count; i++) {
		check_handler(checking, consumer, consumer->routes[i].handler);
	}
}
