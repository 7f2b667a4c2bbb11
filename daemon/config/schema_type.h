/*
 * schema_type - how each type of value is read and written
 *
 * Pure. What is written is read back to the same value, byte for byte.
 */
#pragma once

#include <stdbool.h>

#include "base/buffer.h"
#include "base/err.h"
#include "config/schema.h"
#include "config/pool.h"

struct schema_context {
	struct pool *pool; /* owns what is read */
	const struct config *config; /* handlers and retries to refer to */
	const char *name; /* of the section */
};

/* Read `text` into its field of `object`. -EINVAL with "must be ..." in `err`, field untouched. */
int schema_parse(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *object, struct err *err);

/* Set the field to the key's default, or leave it empty where there is none. */
void schema_set_default(
	const struct schema_key *key, const struct schema_context *context, void *object);

/* Append the field as text. False where there is nothing to write. */
bool schema_write(const struct schema_key *key, const void *object, struct buffer *out);

/* Items of a list, each `is_valid`; "is not FORM", where one is not. In the context's pool. */
int schema_parse_strings(const char *text, const struct schema_context *context,
	bool (*is_valid)(const char *item), const char *form, void *field, struct err *err);

/* Any text, split. -EINVAL for an empty item or too many. Items are in `pool`. */
int schema_split_items(
	struct pool *pool, const char *text, struct config_strings *ret, struct err *err);

/* The types whose values are lists; in schema_list.c and the other schema_*.c. */
int schema_parse_topics(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
int schema_parse_sqlstates(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
bool schema_write_strings(const struct schema_key *key, const void *field, struct buffer *out);
int schema_parse_partitions(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
bool schema_write_partitions(const struct schema_key *key, const void *field, struct buffer *out);
int schema_parse_event_id(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
int schema_parse_event_source(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
bool schema_write_id_sources(const struct schema_key *key, const void *field, struct buffer *out);
int schema_parse_filter(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
bool schema_write_filter(const struct schema_key *key, const void *field, struct buffer *out);
int schema_parse_tiers(const struct schema_key *key, const char *text,
	const struct schema_context *context, void *field, struct err *err);
bool schema_write_tiers(const struct schema_key *key, const void *field, struct buffer *out);
/* Its topic, once prefix and group are known. */
void schema_name_tier(struct pool *pool, struct config_consumer *consumer, size_t i);
