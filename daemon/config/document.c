/*
 * document - the sections and keys of all files together, as text
 */
#include "config/document.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/memory.h"
#include "config/expand.h"
#include "config/nearest.h"

/* Far above any use; keeps the search for duplicates from growing without
 * bound. */
enum { DOCUMENT_ENTRIES_MAX = 10000, DOCUMENT_SECTIONS_MAX = 2000 };

enum section_naming { NAMING_NONE, NAMING_OPTIONAL, NAMING_REQUIRED };

static const struct {
	const char *word;
	enum section_naming naming;
} section_words[SECTION_KIND_COUNT] = {
	[SECTION_ONCED] = { "onced", NAMING_NONE },
	[SECTION_KAFKA] = { "kafka", NAMING_NONE },
	[SECTION_KAFKA_PRODUCER] = { "kafka producer", NAMING_NONE },
	[SECTION_CONSUMER] = { "consumer", NAMING_REQUIRED },
	[SECTION_HANDLER] = { "handler", NAMING_REQUIRED },
	[SECTION_RETRY] = { "retry", NAMING_OPTIONAL },
};

/* One text being read. */
struct cursor {
	const struct document_reading *reading;
	const char *file;
	unsigned file_index;
	enum ini_dialect dialect;
	size_t section; /* index of the current one */
	bool has_section; /* any header seen yet */
	bool is_lost; /* the current section's header was bad */
};

static struct place place_at(const struct cursor *cursor, unsigned line)
{
	return (struct place){ cursor->file, cursor->file_index, line };
}

struct document_section *document_find(
	const struct document *document, enum section_kind kind, const char *name)
{
	for (size_t i = 0; i < document->section_count; i++) {
		struct document_section *section = &document->sections[i];

		if (section->kind == kind && strcmp(section->name, name) == 0) {
			return section;
		}
	}
	return NULL;
}

struct document_entry *document_entry(const struct document_section *section, const char *key)
{
	for (size_t i = 0; section && i < section->entry_count; i++) {
		if (strcmp(section->entries[i].key, key) == 0) {
			return &section->entries[i];
		}
	}
	return NULL;
}

struct document_section *document_require(struct document *document, enum section_kind kind,
	const char *name, const struct place *place)
{
	struct document_section *section = document_find(document, kind, name);

	if (section) {
		return section;
	}
	ARRAY_GROW(document->sections, document->section_count, document->section_capacity);
	section = &document->sections[document->section_count];
	*section = (struct document_section){ .kind = kind, .name = name, .place = *place };
	document->section_count++;
	return section;
}

static void append_entry(struct document *document, struct document_section *section,
	const struct document_entry *entry)
{
	ARRAY_GROW(section->entries, section->entry_count, section->entry_capacity);
	section->entries[section->entry_count] = *entry;
	section->entry_count++;
	document->entry_count++;
}

void document_set(struct document *document, struct document_section *section,
	const struct document_entry *entry)
{
	struct document_entry *existing = document_entry(section, entry->key);

	if (existing) {
		*existing = *entry;
	} else {
		append_entry(document, section, entry);
	}
}

const char *document_title(struct pool *pool, const struct document_section *section)
{
	const char *word = section_words[section->kind].word;

	return section->name[0] ? pool_printf(pool, "%s %s", word, section->name) : word;
}

static bool is_valid_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i])) {
			return false;
		}
	}
	return len > 0 && len <= CONFIG_NAME_MAX;
}

/* The name that follows `word` in `title`, "" when nothing does, NULL when it
 * is another section's. */
static const char *name_after(const char *title, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(title, word, len) != 0) {
		return NULL;
	}
	if (title[len] != '\0' && title[len] != ' ' && title[len] != '\t') {
		return NULL;
	}
	return title + len + strspn(title + len, " \t");
}

static int find_kind(const char *title, enum section_kind *ret_kind, const char **ret_name)
{
	const char *found = NULL;

	/* The longest word wins: "kafka producer" is not a [kafka] named producer. */
	for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
		const char *name = name_after(title, section_words[i].word);

		if (name && (!found || strlen(name) < strlen(found))) {
			found = name;
			*ret_kind = (enum section_kind)i;
		}
	}
	*ret_name = found;
	return found ? 0 : -1;
}

static void unknown_section(struct cursor *cursor, const struct place *place, const char *title)
{
	struct nearest nearest = nearest_to(title), by_word;
	char word[CONFIG_NAME_MAX];
	size_t len = strcspn(title, " \t");

	memcpy(word, title, len < sizeof(word) ? len : 0);
	word[len < sizeof(word) ? len : 0] = '\0';
	by_word = nearest_to(word);
	for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
		nearest_offer(&nearest, section_words[i].word);
		nearest_offer(&by_word, section_words[i].word);
	}
	if (!nearest.best) {
		nearest.best = by_word.best;
	}
	if (nearest.best) {
		problems_add(cursor->reading->problems, place,
			"unknown section [%.100s]; did you mean [%s]?", title, nearest.best);
	} else {
		problems_add(cursor->reading->problems, place,
			"unknown section [%.100s]; there are [onced], [kafka], [kafka producer], "
			"[consumer NAME], [handler NAME], [retry] and [retry NAME]",
			title);
	}
}

/* Does the name fit the kind of section? Tells what is wrong. */
static bool check_naming(
	struct cursor *cursor, const struct place *place, enum section_kind kind, const char *name)
{
	const char *word = section_words[kind].word;
	enum section_naming naming = section_words[kind].naming;

	if (naming == NAMING_NONE && name[0]) {
		problems_add(cursor->reading->problems, place, "[%s] takes no name; write [%s]",
			word, word);
		return false;
	}
	if (naming == NAMING_REQUIRED && !name[0]) {
		problems_add(cursor->reading->problems, place, "[%s] needs a name: [%s NAME]", word,
			word);
		return false;
	}
	if (name[0] && !is_valid_name(name)) {
		problems_add(cursor->reading->problems, place,
			"[%s %.100s]: a name is 1 to %d of A-Z a-z 0-9 _ . -", word, name,
			CONFIG_NAME_MAX);
		return false;
	}
	return true;
}

static void on_section(void *context, unsigned line, const char *title)
{
	struct cursor *cursor = context;
	struct document *document = cursor->reading->document;
	struct place place = place_at(cursor, line);
	enum section_kind kind = SECTION_ONCED;
	const char *name;
	struct document_section *section;

	cursor->has_section = true;
	cursor->is_lost = true;
	if (find_kind(title, &kind, &name) < 0) {
		unknown_section(cursor, &place, title);
		return;
	}
	if (!check_naming(cursor, &place, kind, name)) {
		return;
	}
	if (document->section_count == DOCUMENT_SECTIONS_MAX) {
		problems_add(cursor->reading->problems, &place, "more than %d sections",
			DOCUMENT_SECTIONS_MAX);
		return;
	}
	cursor->is_lost = false;
	name = pool_strdup(cursor->reading->pool, name);
	section = document_require(document, kind, name, &place);
	if (section->place.line == 0) {
		section->place = place;
	}
	cursor->section = (size_t)(section - document->sections);
}

/* May this key be added? Tells why not. */
static bool check_room(struct cursor *cursor, const struct place *place,
	const struct document_section *section, const char *key)
{
	struct problems *problems = cursor->reading->problems;
	struct document *document = cursor->reading->document;
	const struct document_entry *earlier = document_entry(section, key);

	if (earlier) {
		problems_add(problems, place, "[%s] %.100s: already set at %s:%u",
			document_title(cursor->reading->pool, section), key, earlier->place.file,
			earlier->place.line);
		return false;
	}
	if (document->entry_count >= DOCUMENT_ENTRIES_MAX) {
		if (!document->is_overfull) {
			problems_add(problems, place, "more than %d keys", DOCUMENT_ENTRIES_MAX);
		}
		document->is_overfull = true;
		return false;
	}
	return true;
}

static void add_pair(struct cursor *cursor, struct document_section *section,
	const struct ini_pair *pair, const struct place *place)
{
	struct pool *pool = cursor->reading->pool;
	size_t lines_size = pair->value_line_count * sizeof(*pair->value_lines);
	struct document_entry entry = {
		.key = pool_strdup(pool, pair->key),
		.raw = pool_strdup(pool, pair->value),
		.place = *place,
		.origin = pair->origin ? pool_strdup(pool, pair->origin) : NULL,
		.is_secret = pair->is_secret,
		.value_lines = memcpy(pool_alloc(pool, lines_size), pair->value_lines, lines_size),
		.value_line_count = pair->value_line_count,
	};

	if (cursor->dialect == INI_PEOPLE) {
		entry.origin = pool_printf(pool, "%s:%u", cursor->file, pair->line);
	}
	entry.value = entry.raw;
	append_entry(cursor->reading->document, section, &entry);
}

static void expand_entry(
	struct cursor *cursor, const struct document_section *section, struct document_entry *entry)
{
	struct pool *pool = cursor->reading->pool;
	struct err err = ERR_INIT;
	char *value = NULL;

	if (expand_value(pool, entry->raw, cursor->reading->environment, &value, &entry->is_secret,
		    &err) < 0) {
		problems_add(cursor->reading->problems, &entry->place, "[%s] %.100s: %s",
			document_title(pool, section), entry->key, err.text);
		entry->is_bad = true;
		return;
	}
	entry->value = value;
}

static void on_pair_of(struct cursor *cursor, const struct ini_pair *pair, bool is_expanded)
{
	struct document *document = cursor->reading->document;
	struct place place = place_at(cursor, pair->line);
	struct document_section *section;

	if (cursor->is_lost) {
		return;
	}
	if (!cursor->has_section) {
		problems_add(cursor->reading->problems, &place,
			"%.100s: a key before the first [section]", pair->key);
		return;
	}
	section = &document->sections[cursor->section];
	if (!check_room(cursor, &place, section, pair->key)) {
		return;
	}
	add_pair(cursor, section, pair, &place);
	if (is_expanded) {
		expand_entry(cursor, section, &section->entries[section->entry_count - 1]);
	} else {
		section->entries[section->entry_count - 1].raw = NULL;
	}
}

static void on_pair(void *context, const struct ini_pair *pair)
{
	on_pair_of(context, pair, true);
}

static void on_exact_pair(void *context, const struct ini_pair *pair)
{
	on_pair_of(context, pair, false);
}

static void on_problem(void *context, unsigned line, const char *what)
{
	struct cursor *cursor = context;
	struct place place = place_at(cursor, line);

	problems_add(cursor->reading->problems, &place, "%s", what);
}

static void on_lost(void *context)
{
	struct cursor *cursor = context;

	cursor->has_section = true;
	cursor->is_lost = true;
}

void document_read(const struct document_reading *reading, const char *name, const char *text,
	size_t len, enum ini_dialect dialect)
{
	struct cursor cursor = {
		.reading = reading,
		.file = pool_strdup(reading->pool, name),
		.file_index = reading->document->file_count++,
		.dialect = dialect,
	};
	const struct ini_sink sink = {
		.section = on_section,
		.pair = dialect == INI_EXACT ? on_exact_pair : on_pair,
		.problem = on_problem,
		.lost = on_lost,
	};

	ini_parse(text, len, dialect, &sink, &cursor);
}

void document_fini(struct document *document)
{
	for (size_t i = 0; i < document->section_count; i++) {
		free(document->sections[i].entries);
	}
	free(document->sections);
	*document = (struct document){ 0 };
}
