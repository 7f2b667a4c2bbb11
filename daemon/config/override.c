/*
 * override - ONCED__SECTION__NAME__KEY of the environment
 *
 * A variable is not taken apart (a name may hold __ itself): every key that
 * could be meant is spelled the environment's way and compared. Two that fit
 * are one too many.
 */
#include "config/override.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/err.h"
#include "config/kafka_rules.h"
#include "config/nearest.h"
#include "config/schema.h"
#include "config/text.h"

static const char prefix[] = "ONCED__";
enum { PREFIX_LEN = sizeof(prefix) - 1 };

/* The search for what one variable means. */
struct search {
	struct config_memory *memory;
	const struct config_handler_type *types;
	const char *wanted; /* the variable's name */
	struct nearest nearest;
	unsigned matches;
	size_t section; /* of the first match */
	const char *key;
	const char *first, *second; /* "[section] key", for the message about two */
	const char *family; /* the variable begins as a member of it would */
};

/* Upper case, everything but letters and digits as `_`. */
static void append_spelled(struct buffer *out, const char *name)
{
	for (; *name; name++) {
		buffer_append_char(out,
			isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_');
	}
}

static void spell_section(struct buffer *out, const struct document_section *section)
{
	static const char *const words[SECTION_KIND_COUNT] = {
		[SECTION_ONCED] = "ONCED",
		[SECTION_KAFKA] = "KAFKA",
		[SECTION_KAFKA_PRODUCER] = "KAFKA__PRODUCER",
		[SECTION_CONSUMER] = "CONSUMER",
		[SECTION_HANDLER] = "HANDLER",
		[SECTION_RETRY] = "RETRY",
	};

	buffer_printf(out, "%s%s__", prefix, words[section->kind]);
	if (section->name[0]) {
		append_spelled(out, section->name);
		buffer_append_str(out, "__");
	}
}

static void offer(struct search *search, size_t index, const char *key)
{
	struct pool *pool = &search->memory->pool;
	const struct document_section *section = &search->memory->document.sections[index];
	struct buffer spelled = BUFFER_INIT;
	const char *name;

	spell_section(&spelled, section);
	append_spelled(&spelled, key);
	name = pool_strdup(pool, buffer_str(&spelled));
	buffer_fini(&spelled);

	nearest_offer(&search->nearest, name);
	if (strcmp(name, search->wanted) != 0 ||
		(search->matches > 0 && search->section == index &&
			strcmp(search->key, key) == 0)) {
		return;
	}
	if (search->matches == 0) {
		search->section = index;
		search->key = key;
		search->first = pool_printf(pool, "[%s] %s", document_title(pool, section), key);
	} else {
		search->second = pool_printf(pool, "[%s] %s", document_title(pool, section), key);
	}
	search->matches++;
}

static void offer_kafka_names(struct search *search, size_t index)
{
	const char *name;

	for (size_t i = 0; (name = kafka_rules_name_at(i)) != NULL; i++) {
		if (!strchr(name, '*')) {
			offer(search, index, name);
		}
	}
}

/*
 * The spelling of a member's name cannot be undone (x-tenant, X_TENANT), so that only members that
 * a file has can be meant, and those are among the section's entries.
 */
static void note_family(struct search *search, size_t index, const struct config_param *family)
{
	struct buffer spelled = BUFFER_INIT;

	spell_section(&spelled, &search->memory->document.sections[index]);
	append_spelled(&spelled, family->name);
	if (strncmp(search->wanted, buffer_str(&spelled), spelled.len - 1) == 0) {
		search->family = family->name;
	}
	buffer_fini(&spelled);
}

static void offer_params(struct search *search, size_t index)
{
	const struct document_section *section = &search->memory->document.sections[index];
	const struct document_entry *entry = document_entry(section, "type");
	const struct config_handler_type *type =
		config_find_type(search->types, entry && entry->value ? entry->value : "");

	for (const struct config_param *param = type ? type->params : NULL; param && param->name;
		param++) {
		if (config_param_is_family(param)) {
			note_family(search, index, param);
		} else {
			offer(search, index, param->name);
		}
	}
}

static void offer_section(struct search *search, size_t index)
{
	const struct document_section *section = &search->memory->document.sections[index];

	for (size_t i = 0; i < schema_key_count; i++) {
		if (schema_keys[i].section == section->kind) {
			offer(search, index, schema_keys[i].name);
		}
	}
	for (size_t i = 0; i < section->entry_count; i++) {
		offer(search, index, section->entries[i].key);
	}
	if (section->kind == SECTION_KAFKA || section->kind == SECTION_KAFKA_PRODUCER) {
		offer_kafka_names(search, index);
	} else if (section->kind == SECTION_HANDLER) {
		offer_params(search, index);
	}
}

/* A librdkafka property nobody has named yet: its name has dots where the
 * variable has `_`. */
static void guess_kafka_name(struct search *search, enum section_kind kind)
{
	struct pool *pool = &search->memory->pool;
	struct document *document = &search->memory->document;
	struct document_section *section = document_find(document, kind, "");
	struct buffer spelled = BUFFER_INIT;
	const char *rest = NULL;
	char *key;

	spell_section(&spelled, section);
	if (strncmp(search->wanted, buffer_str(&spelled), spelled.len) == 0) {
		rest = search->wanted + spelled.len;
	}
	buffer_fini(&spelled);
	if (!rest || !rest[0] ||
		strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(rest) ||
		rest[0] == '_' || strstr(rest, "__")) {
		return;
	}
	key = pool_strdup(pool, rest);
	for (char *c = key; *c; c++) {
		*c = *c == '_' ? '.' : (char)tolower((unsigned char)*c);
	}
	search->section = (size_t)(section - document->sections);
	search->key = key;
	search->matches = 1;
}

static void find_meaning(struct search *search)
{
	search->nearest = nearest_to(search->wanted);
	for (size_t i = 0; i < search->memory->document.section_count; i++) {
		offer_section(search, i);
	}
	if (search->matches == 0) {
		guess_kafka_name(search, SECTION_KAFKA_PRODUCER);
	}
	if (search->matches == 0) {
		guess_kafka_name(search, SECTION_KAFKA);
	}
}

static void set_value(struct search *search, const char *value, const struct place *place,
	struct problems *problems)
{
	struct pool *pool = &search->memory->pool;
	struct document *document = &search->memory->document;
	struct document_section *section = &document->sections[search->section];
	const struct document_entry *existing = document_entry(section, search->key);
	struct document_entry entry = {
		.key = pool_strdup(pool, search->key),
		.value = pool_strdup(pool, value),
		.place = *place,
		.origin = pool_printf(pool, "environment %s", search->wanted),
		.is_secret = existing && existing->is_secret,
	};
	struct err err = ERR_INIT;
	unsigned line;

	if (text_check(value, strlen(value), &line, &err) < 0) {
		problems_add(problems, place, "%s: its value %s", search->wanted, err.text);
		entry.is_bad = true;
	}
	document_set(document, section, &entry);
}

static void apply_variable(struct config *config, const char *variable,
	const struct config_handler_type *types, struct problems *problems)
{
	static const struct place place = { "environment", UINT_MAX, 0 };
	const char *equals = strchr(variable, '=');
	struct search search = { .memory = config->memory, .types = types };

	if (!equals) {
		return;
	}
	search.wanted = pool_copy(&config->memory->pool, variable, (size_t)(equals - variable));
	find_meaning(&search);
	if (search.matches == 1) {
		set_value(&search, equals + 1, &place, problems);
	} else if (search.matches > 1) {
		problems_add(problems, &place, "%.200s could mean %s or %s; set it in the file",
			search.wanted, search.first, search.second);
	} else if (search.family) {
		problems_add(problems, &place,
			"%.200s: a key of %s can be overridden only where a file has it, for its "
			"spelling",
			search.wanted, search.family);
	} else if (search.nearest.best) {
		problems_add(problems, &place, "%.200s sets no known key; did you mean %s?",
			search.wanted, search.nearest.best);
	} else {
		problems_add(problems, &place,
			"%.200s sets no known key; it is ONCED__SECTION__NAME__KEY, for a section "
			"that the files declare",
			search.wanted);
	}
}

void override_apply(struct config *config, char *const *environment,
	const struct config_handler_type *types, struct problems *problems)
{
	for (size_t i = 0; environment && environment[i]; i++) {
		if (strncmp(environment[i], prefix, PREFIX_LEN) == 0) {
			apply_variable(config, environment[i], types, problems);
		}
	}
}
