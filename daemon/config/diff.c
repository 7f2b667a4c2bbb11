/*
 * diff - what differs between two configurations, and what it takes to apply it
 */
#include "config/diff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/mask.h"
#include "config/schema_type.h"
#include "config/text.h"
#include "config/write.h"

const char *const config_rule_names[CONFIG_RULES] = {
	[CONFIG_UNCHANGED] = "unchanged",
	[CONFIG_LIVE] = "live",
	[CONFIG_SLOTS] = "resizes",
	[CONFIG_ROLLS] = "rolls",
	[CONFIG_REPLACES] = "replaces",
	[CONFIG_NEEDS_RESTART] = "needs a restart",
};

/* One key with its value, as write_walk() tells it. */
struct line {
	enum section_kind kind;
	const char *section, *key, *value, *origin;
	bool is_secret, is_matched;
};

struct lines {
	struct line *items;
	size_t count, capacity;
	struct pool pool;
	enum section_kind kind; /* of the section that is being told */
	const char *section;
};

static void lines_fini(struct lines *lines)
{
	free(lines->items);
	pool_fini(&lines->pool);
}

static void on_section(void *context, enum section_kind kind, const char *name)
{
	struct lines *lines = context;
	const struct document_section section = { .kind = kind, .name = name };

	lines->kind = kind;
	lines->section = document_title(&lines->pool, &section);
}

static void on_key(
	void *context, const char *key, const char *value, bool is_secret, const char *origin)
{
	struct lines *lines = context;

	ARRAY_GROW(lines->items, lines->count, lines->capacity);
	lines->items[lines->count++] = (struct line){
		.kind = lines->kind,
		.section = lines->section,
		.key = pool_strdup(&lines->pool, key),
		.value = pool_strdup(&lines->pool, value),
		.origin = origin ? pool_strdup(&lines->pool, origin) : NULL,
		.is_secret = is_secret,
	};
}

static void read_lines(
	const struct config *config, const struct config_consumer *consumer, struct lines *lines)
{
	static const struct write_visitor visitor = { on_section, on_key };

	write_walk(config, consumer, &visitor, lines);
}

/* Both sides come in about the same order: looked for from where the last one was, around. */
static struct line *find_line(struct lines *lines, const struct line *wanted, size_t *at)
{
	for (size_t i = 0; i < lines->count; i++) {
		size_t place = (*at + i) % lines->count;
		struct line *line = &lines->items[place];

		if (strcmp(line->key, wanted->key) == 0 &&
			strcmp(line->section, wanted->section) == 0) {
			*at = place + 1;
			return line;
		}
	}
	return NULL;
}

static const char *shown(struct pool *pool, const struct line *line)
{
	_cleanup_(text_wipe) struct buffer text = BUFFER_INIT;

	if (!line) {
		return NULL;
	}
	if (line->is_secret) {
		return pool_strdup(pool, "***");
	}
	mask_url(line->value, &text);
	return pool_strdup(pool, buffer_str(&text));
}

static enum config_rule rule_of(const struct line *line)
{
	const struct schema_key *key = schema_find(line->kind, line->key);

	return key ? key->rule : CONFIG_ROLLS;
}

/* One of them may be NULL. */
static void add(struct config_diff *diff, const struct line *before, const struct line *after)
{
	const struct line *line = after ? after : before;

	ARRAY_GROW(diff->items, diff->count, diff->capacity);
	diff->items[diff->count++] = (struct config_change){
		.section = pool_strdup(&diff->pool, line->section),
		.key = pool_strdup(&diff->pool, line->key),
		.before = shown(&diff->pool, before),
		.after = shown(&diff->pool, after),
		.origin = after && after->origin ? pool_strdup(&diff->pool, after->origin) : NULL,
		.rule = rule_of(line),
	};
}

static void compare(struct lines *before, struct lines *after, struct config_diff *diff)
{
	size_t at = 0;

	for (size_t i = 0; i < after->count; i++) {
		const struct line *line = &after->items[i];
		struct line *was = find_line(before, line, &at);

		if (was) {
			was->is_matched = true;
		}
		if (!was || strcmp(was->value, line->value) != 0) {
			add(diff, was, line);
		}
	}
	for (size_t i = 0; i < before->count; i++) {
		if (!before->items[i].is_matched) {
			add(diff, &before->items[i], NULL);
		}
	}
}

static void drop(struct config_diff *diff, const char *section, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; i < diff->count; i++) {
		if (strcmp(diff->items[i].section, section) != 0 ||
			strcmp(diff->items[i].key, key) != 0) {
			diff->items[kept++] = diff->items[i];
		}
	}
	diff->count = kept;
}

/* Where the table alone does not say it. */
static void judge(const struct config_consumer *before, const struct config_consumer *after,
	struct config_diff *diff)
{
	if (!before || !after) {
		return;
	}
	if (before->store && after->store) {
		drop(diff, "onced", "store"); /* it has its own */
	}
	for (size_t i = 0; i < diff->count; i++) {
		/* Each worker has its share of the rate. */
		if (diff->items[i].rule == CONFIG_SLOTS && after->rate.count > 0) {
			diff->items[i].rule = CONFIG_ROLLS;
		}
	}
}

void config_diff(const struct config *before, const struct config_consumer *consumer_before,
	const struct config *after, const struct config_consumer *consumer_after,
	struct config_diff *ret)
{
	_cleanup_(lines_fini) struct lines lines_before = { 0 }, lines_after = { 0 };

	*ret = (struct config_diff){ 0 };
	read_lines(before, consumer_before, &lines_before);
	read_lines(after, consumer_after, &lines_after);
	compare(&lines_before, &lines_after, ret);
	judge(consumer_before, consumer_after, ret);
}

void config_diff_fini(struct config_diff *diff)
{
	free(diff->items);
	pool_fini(&diff->pool);
	*diff = (struct config_diff){ 0 };
}

enum config_rule config_diff_rule(const struct config_diff *diff)
{
	enum config_rule rule = CONFIG_UNCHANGED;

	for (size_t i = 0; i < diff->count; i++) {
		rule = diff->items[i].rule > rule ? diff->items[i].rule : rule;
	}
	return rule;
}

/* Also where it was written: the dump tells where the value in use comes from. */
static void keep_origin(
	const struct schema_key *key, const struct config *before, struct config *after)
{
	struct document *document = &after->memory->document;
	struct document_section *section = document_find(document, key->section, "");
	const struct document_entry *was = document_entry(
		document_find(&before->memory->document, key->section, ""), key->name);
	struct document_entry entry = {
		.key = key->name,
		.value = "",
		.place = after->memory->place,
		.origin =
			was && was->origin ? pool_strdup(&after->memory->pool, was->origin) : NULL,
	};

	if (section && (was || document_entry(section, key->name))) {
		document_set(document, section, &entry);
	}
}

void config_keep(const struct config *before, struct config *after)
{
	const struct schema_context context = { .pool = &after->memory->pool, .config = after };

	for (size_t i = 0; i < schema_key_count; i++) {
		const struct schema_key *key = &schema_keys[i];
		_cleanup_(buffer_fini) struct buffer text = BUFFER_INIT;
		struct err err = ERR_INIT;

		if (key->rule != CONFIG_NEEDS_RESTART || !schema_write(key, before, &text)) {
			continue;
		}
		assert(key->section == SECTION_ONCED);
		/* It was read from such text before. */
		if (schema_parse(key, buffer_str(&text), &context, after, &err) == 0) {
			keep_origin(key, before, after);
		}
	}
}
