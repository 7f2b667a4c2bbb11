/*
 * assemble - give the document its meaning
 *
 * Handlers and retries come first: consumers point to them.
 */
#include "config/assemble.h"

#include <string.h>

#include "base/err.h"
#include "config/kafka_rules.h"
#include "config/mask.h"
#include "config/nearest.h"
#include "config/schema.h"
#include "config/schema_type.h"
#include "config/subject.h"

/* ---- keys of the table ---- */

static bool is_secret_row(const struct schema_key *key, const struct document_entry *entry)
{
	/* A store's URL may hold a password. */
	return entry->is_secret || (key->flags & SCHEMA_SECRET) || key->type == SCHEMA_STORE_URL;
}

static void set_defaults(const struct subject *subject, const struct schema_context *context)
{
	for (size_t i = 0; i < schema_key_count; i++) {
		if (schema_keys[i].section == subject->section->kind) {
			schema_set_default(&schema_keys[i], context, subject->object);
		}
	}
}

static void set_key(const struct subject *subject, const struct schema_context *context,
	const struct schema_key *key, struct document_entry *entry)
{
	struct err err = ERR_INIT;

	subject_check_continuation(subject, entry);
	if (!entry->is_bad && schema_parse(key, entry->value, context, subject->object, &err) < 0) {
		subject_tell_bad_value(subject, entry, is_secret_row(key, entry), err.text);
	}
}

static void check_required(const struct subject *subject)
{
	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];

		if (key->section != subject->section->kind || !(key->flags & SCHEMA_REQUIRED) ||
			document_entry(subject->section, key->name)) {
			continue;
		}
		problems_add(subject->assembly->problems, &subject->section->place,
			"[%s] %s is missing%s", subject->title, key->name,
			key->flags & SCHEMA_MAY_BE_NONE ? "; write none if there shall be none"
							: "");
	}
}

/* ---- keys without a row ---- */

static bool is_secret_pair(
	const struct document_section *section, const struct document_entry *entry)
{
	return entry->is_secret || kafka_rules_is_secret(entry->key) ||
		(section->kind == SECTION_HANDLER && mask_names_secret(entry->key));
}

static struct config_pair *append_pair(struct pool *pool, struct config_pairs *pairs,
	const struct document_section *section, const struct document_entry *entry)
{
	struct config_pair *pair;

	if (!pairs->items) {
		pairs->items = pool_alloc(pool, section->entry_count * sizeof(*pairs->items));
	}
	pair = &pairs->items[pairs->count++];
	*pair = (struct config_pair){
		.name = pool_strdup(pool, entry->key),
		.value = pool_strdup(pool, entry->value),
		.is_secret = is_secret_pair(section, entry),
		.origin = entry->origin,
	};
	return pair;
}

static void add_route(const struct subject *subject, const struct schema_context *context,
	struct document_entry *entry)
{
	static const struct schema_key row = {
		.type = SCHEMA_HANDLER,
		.offset = offsetof(struct config_route, handler),
	};
	struct config_consumer *consumer = subject->object;
	struct config_route route = { .event_type = NULL };
	struct err err = ERR_INIT;

	subject_check_continuation(subject, entry);
	if (entry->is_bad) {
		return;
	}
	if (entry->key[SUBJECT_ROUTE_PREFIX_LEN] == '\0') {
		subject_tell_bad_value(
			subject, entry, entry->is_secret, "name the event type: route.TYPE");
		return;
	}
	if (schema_parse(&row, entry->value, context, &route, &err) < 0) {
		subject_tell_bad_value(subject, entry, entry->is_secret, err.text);
		return;
	}
	if (!consumer->routes) {
		consumer->routes = pool_alloc(subject->assembly->pool,
			subject->section->entry_count * sizeof(*consumer->routes));
	}
	route.event_type =
		pool_strdup(subject->assembly->pool, entry->key + SUBJECT_ROUTE_PREFIX_LEN);
	consumer->routes[consumer->route_count++] = route;
}

/* A key that names a topic: what it must look like is not the handler's business alone. */
static void set_target(const struct subject *subject, struct document_entry *entry)
{
	struct config_handler *handler = subject->object;

	if (config_is_topic_name(entry->value)) {
		handler->target = pool_strdup(subject->assembly->pool, entry->value);
		handler->target_key = entry->key;
		return;
	}
	subject_tell_bad_value(subject, entry, entry->is_secret,
		"must be the name of one topic (1 to 249 of A-Z a-z 0-9 . _ -)");
}

static bool is_target(const struct subject *subject, const struct document_entry *entry)
{
	return subject->type && subject->type->target_key &&
		strcmp(subject->type->target_key, entry->key) == 0;
}

static void add_param(const struct subject *subject, struct document_entry *entry)
{
	struct config_handler *handler = subject->object;
	const struct config_param *param = config_find_param(subject->params, entry->key);

	if (!param && !subject->is_type_open) {
		subject_tell_unknown_key(subject, entry);
		return;
	}
	/* Of an unknown type nobody can say which keys are SQL. */
	if (param && !param->is_sql) {
		subject_check_continuation(subject, entry);
	}
	if (!entry->is_bad && is_target(subject, entry)) {
		set_target(subject, entry);
	}
	if (!entry->is_bad) {
		append_pair(subject->assembly->pool, &handler->params, subject->section, entry);
	}
}

static void set_other(const struct subject *subject, const struct schema_context *context,
	struct document_entry *entry)
{
	if (subject->section->kind == SECTION_CONSUMER &&
		strncmp(entry->key, SUBJECT_ROUTE_PREFIX, SUBJECT_ROUTE_PREFIX_LEN) == 0) {
		add_route(subject, context, entry);
	} else if (subject->section->kind == SECTION_HANDLER) {
		add_param(subject, entry);
	} else {
		subject_tell_unknown_key(subject, entry);
	}
}

/* ---- sections ---- */

static void assemble_section(struct subject *subject)
{
	const struct schema_context context = {
		.pool = subject->assembly->pool,
		.config = subject->assembly->config,
		.name = subject->section->name,
	};

	set_defaults(subject, &context);
	for (size_t i = 0; i < subject->section->entry_count; i++) {
		struct document_entry *entry = &subject->section->entries[i];
		const struct schema_key *key = schema_find(subject->section->kind, entry->key);

		if (key) {
			set_key(subject, &context, key, entry);
		} else {
			set_other(subject, &context, entry);
		}
	}
	check_required(subject);
}

/* Find the type before its keys are looked at. */
static void find_type(struct subject *subject)
{
	const struct assembly *assembly = subject->assembly;
	struct document_entry *entry = document_entry(subject->section, "type");
	struct nearest nearest = nearest_to(entry ? entry->value : "");
	const char *sentence = "there is no such handler type";

	subject->type = NULL;
	subject->is_type_open = true;
	if (!assembly->types || !entry || entry->is_bad) {
		return;
	}
	subject->type = config_find_type(assembly->types, entry->value);
	if (subject->type) {
		subject->params = subject->type->params;
		subject->is_type_open = subject->type->takes_more;
		return;
	}
	for (const struct config_handler_type *type = assembly->types; type->name; type++) {
		nearest_offer(&nearest, type->name);
	}
	if (nearest.best) {
		sentence =
			pool_printf(assembly->pool, "%s; did you mean %s?", sentence, nearest.best);
	}
	subject_tell_bad_value(subject, entry, entry->is_secret, sentence);
}

static bool has_param(const struct subject *subject, const struct config_param *param)
{
	for (size_t i = 0; i < subject->section->entry_count; i++) {
		if (config_param_covers(param, subject->section->entries[i].key)) {
			return true;
		}
	}
	return false;
}

static void check_required_params(const struct subject *subject)
{
	for (const struct config_param *param = subject->params; param && param->name; param++) {
		if (param->is_required && !has_param(subject, param)) {
			problems_add(subject->assembly->problems, &subject->section->place,
				"[%s] %s is missing; the type %s needs it", subject->title,
				param->name, subject->type->name);
		}
	}
}

static void assemble_kafka(const struct subject *subject)
{
	for (size_t i = 0; i < subject->section->entry_count; i++) {
		struct document_entry *entry = &subject->section->entries[i];
		const char *refusal = kafka_rules_refusal(entry->key, entry->value);

		subject_check_continuation(subject, entry);
		if (!entry->is_bad && refusal) {
			entry->is_bad = true;
			problems_add(subject->assembly->problems, &entry->place,
				"[%s] %.100s: not allowed: %s", subject->title, entry->key,
				refusal);
		}
		if (!entry->is_bad) {
			append_pair(
				subject->assembly->pool, subject->object, subject->section, entry);
		}
	}
}

static void assemble_kind(
	const struct assembly *assembly, enum section_kind kind, void *objects, size_t size)
{
	char *object = objects;

	for (size_t i = 0; i < assembly->document->section_count; i++) {
		struct document_section *section = &assembly->document->sections[i];
		struct subject subject = {
			.assembly = assembly,
			.section = section,
			.object = object,
		};

		if (section->kind != kind) {
			continue;
		}
		subject.title = document_title(assembly->pool, section);
		object += size;
		if (kind == SECTION_KAFKA || kind == SECTION_KAFKA_PRODUCER) {
			assemble_kafka(&subject);
			continue;
		}
		if (kind == SECTION_HANDLER) {
			find_type(&subject);
		}
		assemble_section(&subject);
		if (kind == SECTION_HANDLER) {
			check_required_params(&subject);
		}
	}
}

/* The objects of one kind of section, with their names set. `name_offset`: of a
 * char * in them. */
static void *make_objects(const struct assembly *assembly, enum section_kind kind, size_t size,
	size_t name_offset, size_t *ret_count)
{
	const struct document *document = assembly->document;
	char *objects;
	size_t count = 0;

	for (size_t i = 0; i < document->section_count; i++) {
		count += document->sections[i].kind == kind;
	}
	objects = pool_alloc(assembly->pool, count * size);
	*ret_count = 0;
	for (size_t i = 0; i < document->section_count; i++) {
		if (document->sections[i].kind == kind) {
			*(char **)(objects + *ret_count * size + name_offset) =
				pool_strdup(assembly->pool, document->sections[i].name);
			*ret_count += 1;
		}
	}
	return objects;
}

/* As many workers as lists of partitions, where nobody said how many. */
static void derive_workers(const struct assembly *assembly)
{
	struct config *config = assembly->config;

	for (size_t i = 0; i < config->consumer_count; i++) {
		struct config_consumer *consumer = &config->consumers[i];
		struct document_section *section =
			document_find(assembly->document, SECTION_CONSUMER, consumer->name);
		const struct document_entry *partitions = document_entry(section, "partitions");

		if (consumer->groups && !document_entry(section, "workers")) {
			const struct document_entry workers = {
				.key = "workers",
				.value = "",
				.place = partitions->place,
				.origin = partitions->origin,
			};

			consumer->workers = (unsigned)consumer->group_count;
			document_set(assembly->document, section, &workers);
		}
	}
}

/* The topics of the retries: what their consumer calls them, or its group. */
static void name_tiers(const struct assembly *assembly)
{
	for (size_t i = 0; i < assembly->config->consumer_count; i++) {
		struct config_consumer *consumer = &assembly->config->consumers[i];

		for (size_t t = 0; t < consumer->tiers.count; t++) {
			schema_name_tier(assembly->pool, consumer, t);
		}
	}
}

void assemble(
	struct config *config, const struct config_handler_type *types, struct problems *problems)
{
	const struct assembly assembly = {
		.config = config,
		.types = types,
		.pool = &config->memory->pool,
		.document = &config->memory->document,
		.problems = problems,
	};

	config->handlers = make_objects(&assembly, SECTION_HANDLER, sizeof(*config->handlers),
		offsetof(struct config_handler, name), &config->handler_count);
	config->retries = make_objects(&assembly, SECTION_RETRY, sizeof(*config->retries),
		offsetof(struct config_retry, name), &config->retry_count);
	config->consumers = make_objects(&assembly, SECTION_CONSUMER, sizeof(*config->consumers),
		offsetof(struct config_consumer, name), &config->consumer_count);

	assemble_kind(&assembly, SECTION_ONCED, config, 0);
	assemble_kind(&assembly, SECTION_KAFKA, &config->kafka, 0);
	assemble_kind(&assembly, SECTION_KAFKA_PRODUCER, &config->kafka_producer, 0);
	assemble_kind(&assembly, SECTION_HANDLER, config->handlers, sizeof(*config->handlers));
	assemble_kind(&assembly, SECTION_RETRY, config->retries, sizeof(*config->retries));
	assemble_kind(&assembly, SECTION_CONSUMER, config->consumers, sizeof(*config->consumers));
	derive_workers(&assembly);
	name_tiers(&assembly);
}
