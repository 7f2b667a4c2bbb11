/*
 * write - a configuration as text again
 */
#include "config/write.h"

#include <string.h>

#include "config/schema_type.h"
#include "config/subject.h"
#include "config/text.h"

struct walk {
	const struct config *config;
	const struct config_consumer *only; /* NULL: all */
	const struct write_visitor *visitor;
	void *context;
};

static const struct document_entry *find_entry(
	const struct walk *walk, enum section_kind kind, const char *name, const char *key)
{
	return document_entry(document_find(&walk->config->memory->document, kind, name), key);
}

/* The keys of the table for one section. */
static void write_keys(
	const struct walk *walk, enum section_kind kind, const char *name, const void *object)
{
	_cleanup_(text_wipe) struct buffer value = BUFFER_INIT;

	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];
		const struct document_entry *entry;

		buffer_clear(&value);
		if (key->section != kind || !schema_write(key, object, &value)) {
			continue;
		}
		entry = find_entry(walk, kind, name, key->name);
		walk->visitor->key(walk->context, key->name, buffer_str(&value),
			(key->flags & SCHEMA_SECRET) || (entry && entry->is_secret),
			entry ? entry->origin : NULL);
	}
}

static void write_pairs(const struct walk *walk, const struct config_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct config_pair *pair = &pairs->items[i];

		walk->visitor->key(
			walk->context, pair->name, pair->value, pair->is_secret, pair->origin);
	}
}

static void write_consumer(const struct walk *walk, const struct config_consumer *consumer)
{
	walk->visitor->section(walk->context, SECTION_CONSUMER, consumer->name);
	write_keys(walk, SECTION_CONSUMER, consumer->name, consumer);
	for (size_t i = 0; i < consumer->route_count; i++) {
		const struct config_route *route = &consumer->routes[i];
		struct buffer key = BUFFER_INIT;
		const struct document_entry *entry;

		buffer_printf(&key, "%s%s", SUBJECT_ROUTE_PREFIX, route->event_type);
		entry = find_entry(walk, SECTION_CONSUMER, consumer->name, buffer_str(&key));
		walk->visitor->key(walk->context, buffer_str(&key), route->handler->name,
			entry && entry->is_secret, entry ? entry->origin : NULL);
		buffer_fini(&key);
	}
}

static bool uses_handler(
	const struct config_consumer *consumer, const struct config_handler *handler)
{
	for (size_t i = 0; i < consumer->route_count; i++) {
		if (consumer->routes[i].handler == handler) {
			return true;
		}
	}
	return consumer->handler == handler;
}

static void write_consumers(const struct walk *walk)
{
	for (size_t i = 0; i < walk->config->consumer_count; i++) {
		if (!walk->only || walk->only == &walk->config->consumers[i]) {
			write_consumer(walk, &walk->config->consumers[i]);
		}
	}
}

static void write_handlers(const struct walk *walk)
{
	for (size_t i = 0; i < walk->config->handler_count; i++) {
		const struct config_handler *handler = &walk->config->handlers[i];

		if (!walk->only || uses_handler(walk->only, handler)) {
			walk->visitor->section(walk->context, SECTION_HANDLER, handler->name);
			write_keys(walk, SECTION_HANDLER, handler->name, handler);
			write_pairs(walk, &handler->params);
		}
	}
}

static void write_retries(const struct walk *walk)
{
	for (size_t i = 0; i < walk->config->retry_count; i++) {
		const struct config_retry *retry = &walk->config->retries[i];

		if (!walk->only || walk->only->retry == retry) {
			walk->visitor->section(walk->context, SECTION_RETRY, retry->name);
			write_keys(walk, SECTION_RETRY, retry->name, retry);
		}
	}
}

void write_walk(const struct config *config, const struct config_consumer *consumer,
	const struct write_visitor *visitor, void *context)
{
	const struct walk walk = { config, consumer, visitor, context };

	visitor->section(context, SECTION_ONCED, "");
	write_keys(&walk, SECTION_ONCED, "", config);
	visitor->section(context, SECTION_KAFKA, "");
	write_pairs(&walk, &config->kafka);
	if (config->kafka_producer.count > 0) {
		visitor->section(context, SECTION_KAFKA_PRODUCER, "");
		write_pairs(&walk, &config->kafka_producer);
	}
	write_consumers(&walk);
	write_handlers(&walk);
	write_retries(&walk);
}
