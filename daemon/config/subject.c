/*
 * subject - one section being given its meaning, and what is told about its
 * keys
 */
#include "config/subject.h"

#include <ctype.h>
#include <string.h>

#include "config/nearest.h"
#include "config/schema.h"

enum { QUOTE_MAX = 60 };

/* The value for a message: cut, and without bytes that would change the
 * terminal. */
static const char *quote(struct pool *pool, const char *value)
{
	size_t len = strlen(value);
	bool is_cut = len > QUOTE_MAX;
	char *text;

	for (len = is_cut ? QUOTE_MAX : len; is_cut && len > 0 && (value[len] & 0xc0) == 0x80;) {
		len--;
	}
	text = pool_copy(pool, value, len);
	for (size_t i = 0; i < len; i++) {
		if (iscntrl((unsigned char)text[i])) {
			text[i] = ' ';
		}
	}
	return is_cut ? pool_printf(pool, "%s...", text) : text;
}

void subject_tell_bad_value(const struct subject *subject, struct document_entry *entry,
	bool is_secret, const char *sentence)
{
	struct problems *problems = subject->assembly->problems;

	entry->is_bad = true;
	if (is_secret || entry->value[0] == '\0') {
		problems_add(problems, &entry->place, "[%s] %.100s: %s", subject->title, entry->key,
			sentence);
		return;
	}
	problems_add(problems, &entry->place, "[%s] %.100s = %s: %s", subject->title, entry->key,
		quote(subject->assembly->pool, entry->value), sentence);
}

/* ---- unknown keys ---- */

/* Another kind of section that has a key of this name. */
static const char *other_home(enum section_kind kind, const char *name)
{
	static const char *const titles[SECTION_KIND_COUNT] = {
		[SECTION_ONCED] = "[onced]",
		[SECTION_CONSUMER] = "[consumer NAME]",
		[SECTION_HANDLER] = "[handler NAME]",
		[SECTION_RETRY] = "[retry]",
	};

	for (size_t i = 0; i < SECTION_KIND_COUNT; i++) {
		if ((enum section_kind)i != kind && schema_find((enum section_kind)i, name)) {
			return titles[i];
		}
	}
	return strcmp(name, "bootstrap.servers") == 0 ? "[kafka]" : NULL;
}

void subject_tell_unknown_key(const struct subject *subject, struct document_entry *entry)
{
	struct problems *problems = subject->assembly->problems;
	enum section_kind kind = subject->section->kind;
	struct nearest nearest = nearest_to(entry->key);
	const char *home = other_home(kind, entry->key);

	for (size_t i = 0; i < schema_key_count; i++) {
		if (schema_keys[i].section == kind) {
			nearest_offer(&nearest, schema_keys[i].name);
		}
	}
	config_offer_params(&nearest, subject->params, subject->assembly->pool);
	entry->is_bad = true;
	if (home) {
		problems_add(problems, &entry->place, "[%s] %s: unknown key here; it belongs to %s",
			subject->title, entry->key, home);
	} else if (nearest.best) {
		problems_add(problems, &entry->place, "[%s] %.100s: unknown key; did you mean %s?",
			subject->title, entry->key, nearest.best);
	} else {
		problems_add(problems, &entry->place, "[%s] %.100s: unknown key", subject->title,
			entry->key);
	}
}

/* ---- continuation lines that look like keys ---- */

static bool is_key_here(const struct subject *subject, const char *name)
{
	enum section_kind kind = subject->section->kind;

	switch (kind) {
	case SECTION_KAFKA:
	case SECTION_KAFKA_PRODUCER:
		/* librdkafka's names all have a dot or an underscore; the lines of a PEM
     * have none. */
		return strpbrk(name, "._") != NULL;
	case SECTION_CONSUMER:
		return schema_find(kind, name) ||
			strncmp(name, SUBJECT_ROUTE_PREFIX, SUBJECT_ROUTE_PREFIX_LEN) == 0;
	default:
		return schema_find(kind, name) || config_find_param(subject->params, name);
	}
}

/* The name in "name = ..." at the start of `line`, or NULL. */
static const char *key_like(struct pool *pool, const char *line)
{
	size_t len = 0, blanks;

	while (isalnum((unsigned char)line[len]) || (line[len] && strchr("._-", line[len]))) {
		len++;
	}
	blanks = strspn(line + len, " \t");
	return len > 0 && line[len + blanks] == '=' ? pool_copy(pool, line, len) : NULL;
}

void subject_check_continuation(const struct subject *subject, struct document_entry *entry)
{
	const char *line = entry->raw;

	for (size_t i = 1; line && i < entry->value_line_count; i++) {
		struct place place = entry->place;
		const char *name;

		line = strchr(line, '\n') + 1;
		place.line = entry->value_lines[i];
		name = key_like(subject->assembly->pool, line);
		if (name && is_key_here(subject, name)) {
			entry->is_bad = true;
			problems_add(subject->assembly->problems, &place,
				"[%s] %s: the line starts with a blank, so it continues the value "
				"of %.100s; take the blanks away if it is a key",
				subject->title, name, entry->key);
		}
	}
}
