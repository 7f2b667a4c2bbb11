/*
 * schema - every key of the configuration, once
 *
 * One row a key: where it stands, what it may hold, where it goes, what it is for. Parser, checks,
 * config_dump(), the sample file and the manual read these rows; a key exists by being here.
 * Keys that have no rows: those of [kafka] (librdkafka's own names, see kafka_rules),
 * `route.TYPE` of a consumer, and those of a handler's type.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/diff.h"
#include "config/document.h"

/* What a value is; schema_type.c knows how each is read and written. */
enum schema_type {
	SCHEMA_STRING, /* one line; max: bytes */
	SCHEMA_TEXT, /* any lines; max: bytes */
	SCHEMA_STORE_URL,
	SCHEMA_PATH, /* absolute; max: bytes */
	SCHEMA_ADDRESS, /* of base/address.h; NULL is off */
	SCHEMA_TOPIC, /* NULL with SCHEMA_MAY_BE_NONE */
	SCHEMA_TOPICS,
	SCHEMA_INSTANCE_ID,
	SCHEMA_SQLSTATES,
	SCHEMA_BOOL,
	SCHEMA_UNSIGNED,
	SCHEMA_INTEGER,
	SCHEMA_SIZE,
	SCHEMA_DURATION,
	SCHEMA_RATE, /* min 1: not off */
	SCHEMA_FACTOR,
	SCHEMA_ENUM,
	SCHEMA_PARTITIONS, /* of struct config_consumer: `groups` and `group_count` */
	SCHEMA_EVENT_ID,
	SCHEMA_EVENT_SOURCE,
	SCHEMA_FILTER,
	SCHEMA_TIERS,
	SCHEMA_HANDLER, /* a pointer to one of config->handlers */
	SCHEMA_RETRY, /* a pointer to one of config->retries */
	SCHEMA_TYPE_COUNT
};

enum {
	SCHEMA_REQUIRED = 1 << 0,
	SCHEMA_SECRET = 1 << 1, /* never shown */
	SCHEMA_MAY_BE_NONE = 1 << 2, /* `none` gives NULL */
	SCHEMA_DEFAULTS_TO_NAME = 1 << 3, /* the section's name */
	SCHEMA_MAY_BE_OFF = 1 << 4, /* sizes, times and integers: `off` gives 0 */
};

struct schema_key {
	enum section_kind section;
	const char *name;
	enum schema_type type;
	size_t offset; /* in the section's struct */
	const char *default_text; /* as a person would write it; NULL: none */
	int64_t min, max; /* numbers, times, sizes: inclusive */
	const char *const *words; /* SCHEMA_ENUM: in the order of the enum, NULL at the end */
	unsigned flags;
	enum config_rule rule; /* how a reload applies a change of it */
	const char *help; /* one or two sentences */
};

/* All keys, sections together, in the order of the manual. */
extern const struct schema_key schema_keys[];
extern const size_t schema_key_count;

/* NULL where the section has no such key. */
const struct schema_key *schema_find(enum section_kind section, const char *name);

static inline void *schema_field(const struct schema_key *key, void *object)
{
	return (char *)object + key->offset;
}

static inline const void *schema_const_field(const struct schema_key *key, const void *object)
{
	return (const char *)object + key->offset;
}
