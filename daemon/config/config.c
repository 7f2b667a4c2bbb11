/*
 * config - a configuration from birth to death, and look-ups in it
 */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/internal.h"

struct config *config_new(const char *name)
{
	struct config *config = NEW(struct config);

	config->memory = NEW(struct config_memory);
	config->memory->place.file = pool_strdup(&config->memory->pool, name);
	return config;
}

void config_free(struct config *config)
{
	if (!config) {
		return;
	}
	document_fini(&config->memory->document);
	pool_fini(&config->memory->pool);
	free(config->memory);
	free(config);
}

void config_errors_fini(struct config_errors *errors)
{
	buffer_fini(&errors->text);
	errors->count = 0;
}

const char *config_store_of(const struct config *config, const struct config_consumer *consumer)
{
	return consumer->store ? consumer->store : config->store;
}

const struct config_consumer *config_first_of_store(
	const struct config *config, const struct config_consumer *consumer)
{
	const char *store = config_store_of(config, consumer);
	const struct config_consumer *first = config->consumers;

	while (first != consumer && strcmp(config_store_of(config, first), store) != 0) {
		first++;
	}
	return first;
}

const struct config_consumer *config_find_consumer(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->consumer_count; i++) {
		if (strcmp(config->consumers[i].name, name) == 0) {
			return &config->consumers[i];
		}
	}
	return NULL;
}

const struct config_pair *config_pairs_find(const struct config_pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (strcmp(pairs->items[i].name, name) == 0) {
			return &pairs->items[i];
		}
	}
	return NULL;
}

const char *config_pairs_get(const struct config_pairs *pairs, const char *name)
{
	const struct config_pair *pair = config_pairs_find(pairs, name);

	return pair ? pair->value : NULL;
}

const struct config_handler_type *config_find_type(
	const struct config_handler_type *types, const char *name)
{
	for (; types && types->name; types++) {
		if (strcmp(types->name, name) == 0) {
			return types;
		}
	}
	return NULL;
}

bool config_consumer_is_assigned_by_brokers(const struct config_consumer *consumer)
{
	return consumer->assignment == ASSIGNMENT_CONSUMER && !consumer->groups;
}

const char *config_consumer_topic(const struct config_consumer *consumer, size_t i)
{
	size_t own = consumer->topics.count;

	if (i < own) {
		return consumer->topics.items[i];
	}
	return i - own < consumer->tiers.count ? consumer->tiers.items[i - own].topic : NULL;
}

bool config_consumer_reads(const struct config_consumer *consumer, const char *topic)
{
	const char *read;

	for (size_t i = 0; (read = config_consumer_topic(consumer, i)); i++) {
		if (strcmp(read, topic) == 0) {
			return true;
		}
	}
	return false;
}

int config_consumer_tier(const struct config_consumer *consumer, const char *topic)
{
	for (size_t i = 0; i < consumer->tiers.count; i++) {
		if (strcmp(consumer->tiers.items[i].topic, topic) == 0) {
			return (int)i;
		}
	}
	return -1;
}

bool config_consumer_has(const struct config_consumer *consumer, int32_t partition)
{
	for (size_t g = 0; g < consumer->group_count; g++) {
		for (size_t i = 0; i < consumer->groups[g].count; i++) {
			if (consumer->groups[g].partitions[i] == partition) {
				return true;
			}
		}
	}
	return !consumer->groups;
}

/* The next name of a list, without the blanks around it; false at its end. */
static bool next_broker(const char **list, struct slice *ret)
{
	size_t len;

	*list += strspn(*list, ", \t");
	len = strcspn(*list, ", \t");
	*ret = slice_from(*list, len);
	*list += len;
	return len > 0;
}

bool config_producers_are_elsewhere(const struct config *config)
{
	const char *here = config_pairs_get(&config->kafka, "bootstrap.servers");
	const char *there = config_pairs_get(&config->kafka_producer, "bootstrap.servers");
	struct slice ours, theirs;

	while (there && here && next_broker(&here, &ours)) {
		for (const char *list = there; next_broker(&list, &theirs);) {
			if (slice_equal(ours, theirs)) {
				return false;
			}
		}
	}
	return there;
}

bool config_handler_is_in_process(const struct config_handler *handler)
{
	return handler && strcmp(handler->type, "plugin") == 0;
}

bool config_consumer_is_in_process(const struct config_consumer *consumer)
{
	bool is_in_process = config_handler_is_in_process(consumer->handler);

	for (size_t i = 0; i < consumer->route_count; i++) {
		is_in_process =
			is_in_process || config_handler_is_in_process(consumer->routes[i].handler);
	}
	return is_in_process;
}
