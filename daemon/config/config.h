/*
 * config - the configuration as the program uses it
 *
 * One immutable tree of plain structs, filled by the schema table (schema.c), checked by check.c.
 * Durations are microseconds, sizes bytes. All strings belong to the tree and live until
 * config_free(). Runs in: every process, no I/O after config_load().
 *
 * The names and meanings of keys are the product's surface; see onced.ini(5) and conf/onced.ini.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"

/* A list of names and values in the order written ([kafka] and other pass-through tables). */
struct config_pair {
	char *name, *value;
	bool is_secret; /* masked by config_dump() */
	const char *origin; /* "file:line" or "environment NAME" */
};
struct config_pairs {
	struct config_pair *items;
	size_t count;
};

struct config_strings {
	char **items;
	size_t count;
};

enum config_ordering { ORDERING_PARTITION, ORDERING_KEY, ORDERING_NONE };
enum config_assignment { ASSIGNMENT_EAGER, ASSIGNMENT_COOPERATIVE, ASSIGNMENT_CONSUMER };
enum config_offset_initial { OFFSET_INITIAL_EARLIEST, OFFSET_INITIAL_LATEST };
enum config_offset_lost { OFFSET_LOST_HOLD, OFFSET_LOST_EARLIEST, OFFSET_LOST_LATEST };
enum config_dlq_headers { DLQ_HEADERS_NONE, DLQ_HEADERS_PLAIN };
enum config_dlq_oversized { DLQ_OVERSIZED_HOLD, DLQ_OVERSIZED_HEADERS_ONLY };
enum config_event_missing { EVENT_MISSING_POSITION, EVENT_MISSING_DLQ, EVENT_MISSING_NONE };
enum config_event_digest { EVENT_DIGEST_PAYLOAD, EVENT_DIGEST_VALUE, EVENT_DIGEST_OFF };
/* in the order of enum store_prepare */
enum config_store_prepare { STORE_PREPARED_AUTO, STORE_PREPARED_YES, STORE_PREPARED_NO };
enum config_tombstone { TOMBSTONE_HANDLE, TOMBSTONE_SKIP };
enum config_jitter { JITTER_FULL, JITTER_NONE };
enum config_missing { MISSING_REJECT, MISSING_NULL };

/* "5 in 1m": more than `count` in `window_us`. count 0 = off. */
struct config_rate {
	unsigned count;
	int64_t window_us;
};

/* "0-3 | 4-7": one list of partition numbers per worker. */
struct config_partition_group {
	int32_t *partitions; /* sorted, unique */
	size_t count;
};

/* A place where the event id, or its source, is looked for. */
enum config_id_source_kind {
	ID_SOURCE_HEADER,
	ID_SOURCE_JSON,
	ID_SOURCE_BINARY, /* event.id: CloudEvents' headers */
	ID_SOURCE_STRUCTURED, /* event.id: a CloudEvent as JSON */
	ID_SOURCE_CLOUDEVENTS, /* event.source: that of an id found as one of these two */
	ID_SOURCE_TOPIC, /* event.source */
};
struct config_id_source {
	enum config_id_source_kind kind;
	char *name; /* header name, or JSON path "a.b.c", or "" */
};
struct config_id_sources {
	struct config_id_source *items; /* the first that has it decides */
	size_t count;
};

/* One condition of `filter`; all have to hold. */
enum config_field { CONFIG_FIELD_HEADER, CONFIG_FIELD_JSON, CONFIG_FIELD_KEY };
enum config_relation { CONFIG_IS, CONFIG_IS_NOT, CONFIG_IS_PRESENT, CONFIG_IS_ABSENT };
struct config_condition {
	enum config_field field;
	char *name; /* of the header, or the JSON path; "" for the key */
	enum config_relation relation;
	struct config_strings values; /* IS, IS_NOT: any of them */
};
struct config_filter {
	struct config_condition *conditions;
	size_t count;
};

/* One of `retry.topics`: where a record that failed waits for so long. */
struct config_tier {
	int64_t delay_us;
	char *topic; /* PREFIX.DELAY */
};
struct config_tiers {
	struct config_tier *items; /* shortest delay first */
	size_t count; /* 0: retries wait in place */
};

struct config_retry {
	char *name; /* "" for the plain [retry] section */
	unsigned attempts; /* 0 = for ever */
	int64_t delay_us, delay_max_us, deadline_us;
	double factor;
	enum config_jitter jitter;
};

struct config_handler {
	char *name;
	char *type; /* name of a built-in */
	/* the topic it writes to, and the key that says so; NULL: none, or types are unchecked */
	const char *target, *target_key;
	int64_t timeout_us;
	struct config_strings retry_on, reject_on, hold_on; /* patterns of verdict.h */
	/* the remaining keys, to be read by the handler type's own parameter table */
	struct config_pairs params;
};

struct config_route {
	char *event_type;
	const struct config_handler *handler;
};

struct config_consumer {
	char *name;
	struct config_strings topics;
	char *group_id;
	char *owner; /* who answers for it; NULL: nobody is named */
	unsigned workers;
	struct config_partition_group *groups; /* NULL: the group protocol assigns */
	size_t group_count; /* equals `workers` where groups are given */
	enum config_assignment assignment;
	char *instance_id; /* "auto", "off" or a template with %H, %c, %n */
	unsigned lanes; /* 0: chosen by where the handlers make their effects */
	enum config_ordering ordering;
	bool is_transactional; /* what is forwarded and the offsets are one Kafka transaction */
	unsigned batch_max;
	int64_t batch_linger_us, batch_time_us;
	unsigned in_flight_max;
	int64_t in_flight_bytes;
	int64_t ahead_max; /* offsets per partition */
	int64_t prefetch_bytes; /* per worker */
	int64_t commit_interval_us, revoke_timeout_us;
	enum config_offset_initial offset_initial;
	enum config_offset_lost offset_lost;
	const struct config_handler *handler; /* NULL: only routes */
	struct config_route *routes;
	size_t route_count;
	const struct config_retry *retry;
	char *store; /* URL, NULL: that of [onced] */
	struct config_tiers tiers;
	char *tier_prefix; /* NULL: not given, GROUP.retry */
	char *dedup_scope;
	int64_t dedup_retention_us; /* 0: for ever */
	char *rebuild_sql; /* NULL: none */
	char *dlq_topic; /* NULL: "none" was written */
	enum config_dlq_headers dlq_headers;
	enum config_dlq_oversized dlq_oversized;
	int64_t claim_lease_us;
	struct config_rate dlq_breaker;
	unsigned quarantine_after; /* deaths alone that condemn a record */
	enum config_tombstone tombstone;
	struct config_rate rate, rate_key; /* count 0: no limit */
	struct config_filter filter; /* others are settled as skipped */
	struct config_id_sources event_id, event_source;
	enum config_event_missing event_missing;
	enum config_event_digest event_digest;
};

struct config {
	/* [onced] */
	char *store; /* URL */
	char *store_user, *store_password; /* NULL when not given */
	char *store_sentinel_user, *store_sentinel_password; /* the same */
	bool store_migrate;
	int64_t store_statement_timeout_us; /* 0: the handler's timeout */
	int64_t store_lock_timeout_us, store_idle_timeout_us, store_reconnect_max_us;
	enum config_store_prepare store_prepare;
	char *http_listen; /* address and port, NULL: off */
	bool ready_strict;
	char *control_socket, *state_dir;
	int64_t drain_timeout_us, status_interval_us;
	int64_t stop_timeout_us; /* 0: not said */
	unsigned replicas; /* onceds with this configuration at once */
	enum log_format log_format;
	enum log_level log_level;
	struct config_rate restart_intensity;
	int64_t worker_memory_max_bytes; /* 0 off */
	int64_t worker_max_records; /* 0 off */
	bool worker_core_memory;

	/* librdkafka properties for all clients, deny list already applied */
	struct config_pairs kafka;
	struct config_pairs kafka_producer; /* [kafka producer]: on top, for dead letters */

	struct config_consumer *consumers;
	size_t consumer_count;
	struct config_handler *handlers;
	size_t handler_count;
	struct config_retry *retries;
	size_t retry_count;

	struct config_memory *memory; /* owns every string above; private to config/ */
};

/*
 * What the configuration knows of a handler type: its name and its keys. The fields are those of
 * the handler ABI's parameter table, which this layer does not see; main.c copies them.
 */
struct config_param {
	const char *name; /* NULL ends the table; "headers.*" is a family: any headers.NAME */
	const char *help;
	const char *default_value; /* NULL: none */
	bool is_required;
	bool is_sql; /* continuation lines may look like `key =` */
};
struct config_handler_type {
	const char *name; /* NULL ends the table */
	const char *help;
	const struct config_param *params; /* NULL: none */
	bool takes_more; /* further keys are the business of code that is not loaded here */
	const char *target_key; /* the key that names a topic it writes to; NULL: none */
};

/* Errors are collected, all at once: one "file:line: what, and the nearest valid name" per line. */
struct config_errors {
	struct buffer text; /* lines ending in \n; "" when there is none */
	unsigned count;
};

#define CONFIG_ERRORS_INIT ((struct config_errors){ BUFFER_INIT, 0 })

void config_errors_fini(struct config_errors *errors);

/*
 * Read `path` and the .ini files of conf.d beside it (sorted), expand ${ENV}, @file, @cred:NAME,
 * apply ONCED__ overrides from `environment` (NULL-terminated, as environ; taken as they are), fill
 * defaults, check everything that needs no network and no foreign code. `types` are the handler
 * types there are; NULL leaves types and their keys unchecked. `config_load_fd` reads what
 * config_serialize() wrote, origins of keys included: no conf.d, no expansion, no overrides, types
 * unchecked.
 * Returns 0 and a tree the caller frees, or -EINVAL with `errors` filled. -errno where the file
 * cannot be read (also a line in `errors`). Strings of `types` and `environment` are not kept.
 */
int config_load(const char *path, char *const *environment, const struct config_handler_type *types,
	struct config **ret, struct config_errors *errors);
int config_load_fd(int fd, struct config **ret, struct config_errors *errors);

/*
 * What config_dump() wrote, of a process that goes by it; what is masked stays so. No conf.d, no
 * overrides, types unchecked. Returns as config_load() does.
 */
int config_load_dump(
	const struct buffer *text, struct config **ret, struct config_errors *errors);

/* Accepts NULL. Overwrites secrets before freeing them. */
void config_free(struct config *config);
CLEANUP_DEFINE(struct config, config_free)

/*
 * For people: every effective key after a comment with its origin ("# conf/onced.ini:12",
 * "# default", "# environment ONCED__..."), secrets masked as "***". `non_default_only` leaves out
 * what nobody wrote.
 */
void config_dump(const struct config *config, bool non_default_only, struct buffer *out);

/*
 * For one worker: the resolved [onced], [kafka*], the one consumer and what it refers to, in INI
 * form with secrets in clear. Goes into a sealed memfd and nowhere else.
 */
void config_serialize(
	const struct config *config, const struct config_consumer *consumer, struct buffer *out);

/*
 * The commented sample with every key at its default, keys of the handler `types` (may be NULL)
 * included. conf/onced.ini is this text; a test compares.
 */
void config_write_sample(const struct config_handler_type *types, struct buffer *out);

/* The same keys for the manual page onced.ini(5), in scdoc's form; manual.c. */
void config_write_manual(const struct config_handler_type *types, struct buffer *out);

/*
 * Check the keys of a handler whose type takes more than its table says, once the code they are for
 * has told its own. `owner` is how messages call that code. Adds "file:line: what" lines to
 * `errors`; 0 or -EINVAL.
 */
int config_check_params(const struct config_handler *handler, const struct config_param *params,
	const char *owner, struct config_errors *errors);

/* The URL of the store that a consumer's events are remembered in. */
const char *config_store_of(const struct config *config, const struct config_consumer *consumer);
/* The first consumer with the store of `consumer`; perhaps that itself. */
const struct config_consumer *config_first_of_store(
	const struct config *config, const struct config_consumer *consumer);
/* NULL where there is none of that name. */
const struct config_consumer *config_find_consumer(const struct config *config, const char *name);
/* The handler is foreign code inside the worker: what it does wrong, the worker dies of. */
bool config_handler_is_in_process(const struct config_handler *handler);
bool config_consumer_is_in_process(const struct config_consumer *consumer);
/* The i-th topic it reads: its own, then its retry topics; NULL behind the last. */
const char *config_consumer_topic(const struct config_consumer *consumer, size_t i);
bool config_consumer_reads(const struct config_consumer *consumer, const char *topic);
/* Which of its retry topics that is; -1: none. */
int config_consumer_tier(const struct config_consumer *consumer, const char *topic);
/* Some worker's list has it; without lists Kafka gives it to one. */
bool config_consumer_has(const struct config_consumer *consumer, int32_t partition);
/* The brokers assign its partitions, and hold the times of its sessions (KIP-848). */
bool config_consumer_is_assigned_by_brokers(const struct config_consumer *consumer);
/* [kafka producer] names brokers, and none of ours: what is written goes to another cluster. */
bool config_producers_are_elsewhere(const struct config *config);
const char *config_pairs_get(const struct config_pairs *pairs, const char *name);
const struct config_pair *config_pairs_find(const struct config_pairs *pairs, const char *name);

/* 1 to 249 of A-Z a-z 0-9 . _ -, and neither . nor .. */
bool config_is_topic_name(const char *name);

/* Whether `name` is a key that handlers of every type have. */
bool config_is_handler_key(const char *name);
