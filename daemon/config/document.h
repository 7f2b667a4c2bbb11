/*
 * document - the sections and keys of all files together, as text
 *
 * What the files said, before anyone asked what it means: sections merged by kind and name, values
 * expanded, each with the place it came from. Duplicates and unknown sections are problems here;
 * unknown keys are found by assemble. Owned by one configuration; kept for config_dump().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/ini.h"
#include "config/problem.h"
#include "config/pool.h"

enum section_kind {
	SECTION_ONCED,
	SECTION_KAFKA,
	SECTION_KAFKA_PRODUCER,
	SECTION_CONSUMER,
	SECTION_HANDLER,
	SECTION_RETRY,
	SECTION_KIND_COUNT
};

enum { CONFIG_NAME_MAX = 64 };

struct document_entry {
	const char *key;
	const char *value; /* expanded */
	const char *raw; /* as written; NULL when it was not in a file */
	struct place place;
	const char *origin; /* "file:line" or "environment NAME"; NULL: a default that travelled */
	bool is_secret; /* came from a file of its own */
	bool is_bad; /* already told; its meaning is unknown */
	const unsigned *value_lines;
	size_t value_line_count;
};

struct document_section {
	enum section_kind kind;
	const char *name; /* "" where the kind has no names */
	struct place place; /* its first header; line 0 when there was none */
	struct document_entry *entries;
	size_t entry_count, entry_capacity;
};

struct document {
	struct document_section *sections;
	size_t section_count, section_capacity;
	size_t entry_count; /* of all sections */
	unsigned file_count;
	bool is_overfull; /* told once that there are too many keys */
};

/* What reading needs beside the document itself. */
struct document_reading {
	struct pool *pool;
	struct document *document;
	struct problems *problems;
	char *const *environment;
};

/* Take in one text. `name` is how problems call the file. */
void document_read(const struct document_reading *reading, const char *name, const char *text,
	size_t len, enum ini_dialect dialect);

/* NULL where there is none. Pointers hold until the document grows. */
struct document_section *document_find(
	const struct document *document, enum section_kind kind, const char *name);
struct document_entry *document_entry(const struct document_section *section, const char *key);

/* The section, made (at `place`) if it is not there. */
struct document_section *document_require(struct document *document, enum section_kind kind,
	const char *name, const struct place *place);

/* Set a key from somewhere else than a file, replacing what is there. Strings are in the pool. */
void document_set(struct document *document, struct document_section *section,
	const struct document_entry *entry);

/* "consumer orders", "kafka producer", "onced": what stands between the brackets. */
const char *document_title(struct pool *pool, const struct document_section *section);

void document_fini(struct document *document);
