/*
 * schema_identity - where the event id and its source are looked for
 *
 * Lists of places. What a place means is known to event/event_id; here are its words.
 */
#include <errno.h>
#include <string.h>

#include "config/schema_type.h"

enum { NAME_MAX_BYTES = 512 };

/* Which key may have it. */
enum { FOR_ID = 1, FOR_SOURCE = 2 };

static const struct {
	const char *word; /* ends in ':': a name follows */
	unsigned keys;
} places[] = {
	[ID_SOURCE_HEADER] = { "header:", FOR_ID | FOR_SOURCE },
	[ID_SOURCE_JSON] = { "json:", FOR_ID | FOR_SOURCE },
	[ID_SOURCE_BINARY] = { "cloudevents:binary", FOR_ID },
	[ID_SOURCE_STRUCTURED] = { "cloudevents:structured", FOR_ID },
	[ID_SOURCE_CLOUDEVENTS] = { "cloudevents", FOR_SOURCE },
	[ID_SOURCE_TOPIC] = { "topic", FOR_SOURCE },
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* The name behind the word, or NULL: it is not that place. */
static const char *name_behind(const char *item, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(item, word, len) != 0) {
		return NULL;
	}
	if (word[len - 1] != ':') {
		return item[len] == '\0' ? item + len : NULL;
	}
	return item[len] != '\0' && strlen(item + len) <= NAME_MAX_BYTES ? item + len : NULL;
}

static bool parse_place(const char *item, unsigned key, struct config_id_source *ret)
{
	for (size_t i = 0; i < PLACES; i++) {
		const char *name = name_behind(item, places[i].word);

		if (name && places[i].keys & key) {
			ret->kind = (enum config_id_source_kind)i;
			ret->name = (char *)(uintptr_t)name;
			return true;
		}
	}
	return false;
}

static bool is_id_place(const char *item)
{
	struct config_id_source ignored;

	return parse_place(item, FOR_ID, &ignored);
}

static bool is_source_place(const char *item)
{
	struct config_id_source ignored;

	return parse_place(item, FOR_SOURCE, &ignored);
}

static void fill_places(const struct config_strings *strings, unsigned key, struct pool *pool,
	struct config_id_sources *ret)
{
	ret->items = pool_alloc(pool, strings->count * sizeof(*ret->items));
	ret->count = strings->count;
	for (size_t i = 0; i < strings->count; i++) {
		parse_place(strings->items[i], key, &ret->items[i]);
	}
}

int schema_parse_event_id(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct config_strings strings = { 0 };
	int r = schema_parse_strings(text, context, is_id_place,
		"header:NAME, json:PATH, cloudevents:binary or cloudevents:structured "
		"(header:event_id, json:payload.id)",
		&strings, err);

	if (r == 0) {
		fill_places(&strings, FOR_ID, context->pool, field);
	}
	return r;
}

int schema_parse_event_source(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err)
{
	struct config_id_sources *sources = field;
	struct config_strings strings = { 0 };
	int r = schema_parse_strings(text, context, is_source_place,
		"cloudevents, header:NAME, json:PATH or topic", &strings, err);

	for (size_t i = 0; r == 0 && i + 1 < strings.count; i++) {
		if (strcmp(strings.items[i], places[ID_SOURCE_TOPIC].word) == 0) {
			return err_set(err, -EINVAL,
				"must not go on behind topic, which every record has");
		}
	}
	if (r == 0) {
		fill_places(&strings, FOR_SOURCE, context->pool, sources);
	}
	return r;
}

bool schema_write_id_sources(const struct schema_key *key, const void *field, struct buffer *out)
{
	const struct config_id_sources *sources = field;

	for (size_t i = 0; i < sources->count; i++) {
		const struct config_id_source *source = &sources->items[i];

		buffer_printf(
			out, "%s%s%s", i > 0 ? ", " : "", places[source->kind].word, source->name);
	}
	return sources->count > 0;
}
