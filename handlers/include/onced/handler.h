/*
 * onced/handler.h - the interface between onced and a handler
 *
 * Built-in handlers and plugins use this header and nothing else of onced. A handler is a const
 * struct onced_handler: a name, a table of parameters, and functions. ONCED_EXPORT_HANDLER() makes
 * a plugin of it. onced calls
 *
 *	check()  before open(), and where configuration is checked; no network, no foreign effects
 *	open()   once per lane (a lane is one thread); returns the handler's state for that lane
 *	handle() for every event, on the lane's thread; or handle_batch() for many of them
 *	close()  once per lane, mirror of open()
 *
 * so that a handler needs no locks of its own. Slices given out are borrowed until handle() returns
 * unless said otherwise. Nothing here is secret-safe for logging but event ids and positions.
 */
#ifndef ONCED_HANDLER_H
#define ONCED_HANDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONCED_HANDLER_ABI 1

/* The program gives these functions to plugins. */
#pragma GCC visibility push(default)

/* Bytes that belong to someone else. data == NULL is "absent" or null, and differs from empty. */
struct onced_bytes {
	const char *data;
	size_t len;
};

/* What became of the event. */
enum onced_result {
	ONCED_DONE = 0, /* the effect is made (or recorded in the transaction) */
	ONCED_SKIP, /* deliberately nothing to do; settled as skipped, with the reason */
	ONCED_RETRY, /* transient: try again after the retry policy's delay */
	ONCED_REJECT, /* the event's own fault: dead letter */
	ONCED_UNAVAILABLE, /* what the handler depends on is down: hold, no attempt is burnt */
};

enum { ONCED_CODE_MAX = 32, ONCED_REASON_MAX = 1024 };

/* Filled by handle(). Zeroed before the call, so that returning at once means DONE. */
struct onced_outcome {
	enum onced_result result;
	int64_t retry_after_ms; /* RETRY: not before this, a day at most; 0: by the policy */
	char code[ONCED_CODE_MAX]; /* a machine's word: SQLSTATE, HTTP status */
	char reason[ONCED_REASON_MAX]; /* a person's sentence; no payload, no secret */
};

/* Set result, code (NULL: none) and reason in one call. */
void onced_outcome_set(struct onced_outcome *outcome, enum onced_result result, const char *code,
	const char *reason_format, ...) __attribute__((format(printf, 4, 5)));

/* ---- the event: opaque, read by accessors ---- */

struct onced_event;

struct onced_bytes onced_event_topic(const struct onced_event *event);
int32_t onced_event_partition(const struct onced_event *event);
int64_t onced_event_offset(const struct onced_event *event);
int64_t onced_event_timestamp_ms(const struct onced_event *event); /* -1: none */
struct onced_bytes onced_event_key(const struct onced_event *event);
struct onced_bytes onced_event_value(const struct onced_event *event);
/* The value if it is one JSON text (strict RFC 8259), else absent. Reads all of it at each call. */
struct onced_bytes onced_event_json(const struct onced_event *event);
struct onced_bytes onced_event_id(const struct onced_event *event); /* absent if it has none */
/* Of the envelope: the text at "event_type", absent where there is none. */
struct onced_bytes onced_event_type(const struct onced_event *event);
struct onced_bytes onced_event_source(const struct onced_event *event);
unsigned onced_event_attempt(const struct onced_event *event); /* 1 for the first */

size_t onced_event_header_count(const struct onced_event *event);
/* The i-th header in the record's order; false past the end. */
bool onced_event_header_at(const struct onced_event *event, size_t i, struct onced_bytes *ret_name,
	struct onced_bytes *ret_value);
/* The last header of that name (Kafka's own rule); false when there is none. */
bool onced_event_header(
	const struct onced_event *event, const char *name, struct onced_bytes *ret_value);

/* A value found by a path that open() asked for with onced_need_path(). */
enum onced_kind {
	ONCED_ABSENT,
	ONCED_NULL,
	ONCED_TRUE,
	ONCED_FALSE,
	ONCED_NUMBER, /* the number's text, as written */
	ONCED_STRING, /* escapes replaced */
	ONCED_OBJECT, /* JSON text */
	ONCED_ARRAY, /* JSON text */
};
enum onced_kind onced_event_path(
	const struct onced_event *event, int path, struct onced_bytes *ret_text);

/*
 * One line in onced's log, level info, beside the event's position, id and attempt. Say nothing of
 * the payload. Any number of lines may be dropped when the log cannot keep up.
 */
void onced_log(const struct onced_event *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The same for what belongs to no event. `handler` is onced_setup_handler_name(). Any thread, from
 * open() to close().
 */
void onced_log_line(const char *handler, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The value as a tree of jansson's, for handlers that include <jansson.h>. It is built when it is
 * first asked for, which costs many times what onced_need_path() does, and freed when handle()
 * returns: borrowed, and not to be changed. NULL, and `ret_why` (a static sentence; NULL: not
 * wanted), where a tree could not say what the value says: no JSON, a key twice in an object, an
 * integer beyond 64 bits, a number beyond a double, a zero byte in a string. Numbers that are no
 * integers are doubles, and so rounded: take amounts by onced_need_path(), as they are written.
 */
struct json_t;
struct json_t *onced_event_tree(const struct onced_event *event, const char **ret_why);

/* ---- set-up ---- */

/* One configured parameter, as written (secrets resolved). */
struct onced_param {
	const char *name, *value;
};

/*
 * A row of a handler's parameter table; ends with name == NULL. A name that ends in ".*" stands for
 * a family: "headers.*" allows headers.accept, headers.x-tenant ...
 */
struct onced_param_spec {
	const char *name;
	const char *help;
	const char *default_value; /* NULL: none */
	bool is_required;
	bool is_sql; /* continuation lines may look like `key =` */
};

/* What check() and open() are given. */
struct onced_setup;

const char *onced_setup_handler_name(const struct onced_setup *setup);
/* The configured value or the table's default; NULL when neither. */
const char *onced_setup_param(const struct onced_setup *setup, const char *name);
/*
 * The i-th configured parameter in the order of the file, families' members included; false past
 * the end.
 */
bool onced_setup_param_at(const struct onced_setup *setup, size_t i, struct onced_param *ret);
int64_t onced_setup_timeout_ms(const struct onced_setup *setup);
/* Say what is wrong, in one sentence; the last one counts. Returns -1, to be returned at once. */
int onced_setup_fail(struct onced_setup *setup, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Ask for a JSON path of the value ("payload.order_id", "" for the whole value as JSON text). onced
 * finds all asked paths in one pass. Returns the index for onced_event_path() (the same for the
 * same path in every lane), or -1 with the reason set.
 */
int onced_need_path(struct onced_setup *setup, const char *path);

/*
 * Ask for a statement of the event's transaction, parameters written $1, $2 ... Returns its index
 * for onced_tx_send() and onced_tx_query(), or -1 with the reason set (no transactional store
 * configured, an effect elsewhere, transaction control in the text). It is prepared on the store's
 * connection when first reached.
 * `rows_min`/`rows_max`: the affected-row counts that are fine (rows_max < 0: any number); others
 * REJECT the event.
 */
int onced_need_statement(struct onced_setup *setup, const char *sql, unsigned param_count,
	long rows_min, long rows_max);

/* True when the configured store applies effects in the dedup transaction (Postgres, SQLite). */
bool onced_setup_is_transactional(const struct onced_setup *setup);

/* ---- the event's transaction ---- */

/* How a bound value is meant; stores without types of their own (SQLite) use it. */
enum onced_value_kind {
	ONCED_VALUE_NULL,
	ONCED_VALUE_TEXT,
	ONCED_VALUE_NUMBER,
	ONCED_VALUE_BOOL,
	ONCED_VALUE_JSON,
};

struct onced_value {
	enum onced_value_kind kind;
	struct onced_bytes text; /* numbers as written, booleans as "true" and "false" */
};

/*
 * Record a statement of the event's transaction. It is sent with the batch, its error is attributed
 * to this event, and it is sent again after a rollback without another call of handle(). Values are
 * copied where they do not lie in the event itself. Returns 0; wrong use aborts.
 */
int onced_tx_send(const struct onced_event *event, int statement, const struct onced_value *values,
	size_t count);

/*
 * Execute a statement of the event's transaction now and have its rows: they show what was sent
 * before, for earlier events too. NULL: there is no answer, because the statement failed (or one
 * sent before it did), or because the transaction must be begun anew. Return at once then: what
 * onced found is what becomes of the event, whatever the outcome says.
 *
 * handle() is called again when the transaction is redone: what it read may have changed. It keeps
 * nothing of a call that it would not want twice. Each query waits for the database, and a batch
 * with queries has at most 50 events a transaction.
 *
 * The statement's row counts are checked. An answer over ONCED_ROWS_MAX rows or
 * ONCED_ROWS_BYTES_MAX bytes (each value counts 16 more) rejects the event, with code
 * result-too-large. Wrong use aborts.
 */
struct onced_rows;
enum { ONCED_ROWS_MAX = 10000, ONCED_ROWS_BYTES_MAX = 4 * 1024 * 1024 };

const struct onced_rows *onced_tx_query(const struct onced_event *event, int statement,
	const struct onced_value *values, size_t count);

/* Rows live until the next query, or until handle() returns. */
size_t onced_rows_count(const struct onced_rows *rows);
size_t onced_rows_columns(const struct onced_rows *rows);
/*
 * A value, absent when it is NULL: text as the database writes it, with a zero byte behind it; of
 * bytea and BLOB the bytes. One outside of the rows aborts.
 */
struct onced_bytes onced_rows_value(const struct onced_rows *rows, size_t row, size_t column);

/* ---- records to topics ---- */

struct onced_header {
	struct onced_bytes name, value;
};

/* A record to be written. An absent key or value, or value of a header, is null. */
struct onced_record {
	int32_t partition; /* -1: by key */
	int64_t timestamp_ms; /* -1: the time of writing */
	struct onced_bytes key, value;
	const struct onced_header *headers; /* in order; a name may repeat */
	size_t header_count;
};

/*
 * Ask for a topic that records will be written to. Returns its index for onced_publish(), or -1
 * with the reason set: no topic's name, a handler whose `effect` is not ELSEWHERE. A worker does
 * not start with a topic that its own consumer reads or has its dead letters in.
 */
int onced_need_topic(struct onced_setup *setup, const char *topic);

/*
 * Write a record and wait until all in-sync replicas have it, at most the handler's timeout. 0, or
 * -1 with `outcome` set: REJECT for a record that the topic refuses by itself, UNAVAILABLE where
 * broker, topic or right are missing or no answer came in time, RETRY for the rest. Then the record
 * may have been written all the same: the promise is at least once.
 */
int onced_publish(const struct onced_event *event, int topic, const struct onced_record *record,
	struct onced_outcome *outcome);

/* ---- the handler ---- */

/* Where the effect of a handler is made. */
enum onced_effect {
	/* in the event's transaction, or nowhere: claims and effects commit together, in batches */
	ONCED_EFFECT_TRANSACTION = 0,
	/*
	 * elsewhere (another service, another process): the claim is committed as a lease before
	 * handle(), and marked done after it. One event a lane; no transaction is open meanwhile.
	 */
	ONCED_EFFECT_ELSEWHERE,
};

/*
 * Grows at its end only; what an older plugin's is too short for is zero. `abi` changes when
 * anything before the end does.
 */
struct onced_handler {
	uint32_t abi; /* ONCED_HANDLER_ABI */
	uint32_t size; /* sizeof(struct onced_handler) */
	const char *name;
	const char *help; /* one sentence */
	const struct onced_param_spec *params;
	enum onced_effect effect;

	/* 0, or -1 after onced_setup_fail(). May be NULL. */
	int (*check)(struct onced_setup *setup);
	/*
	 * 0 and `ret_state`, or -1 after onced_setup_fail(); what is in `ret_state` by then is
	 * closed all the same. May be NULL. -1 blames the configuration, for which a daemon that
	 * starts ends. -ENOMEM, -EAGAIN, -EMFILE or -ENFILE, after onced_setup_fail(), too, say
	 * what the process lacks at the moment: it is tried again. check() may say so as well.
	 */
	int (*open)(struct onced_setup *setup, void **ret_state);
	/* May be NULL where handle_batch is not. */
	void (*handle)(void *state, const struct onced_event *event, struct onced_outcome *outcome);
	/* Not called without a state. May be NULL. */
	void (*close)(void *state);

	/*
	 * Several events in one call: all that a batch has for this handler, in its order, which
	 * keeps that of each strand. Called instead of handle(), for one event, too; then `handle`
	 * may be NULL. Only for effects in the transaction. The i-th outcome, zeroed before, is the
	 * i-th event's; each statement is sent for the event it was recorded with, in the order of
	 * the events. A call may be in vain for an event: where an earlier one of its strand does
	 * not end (RETRY, UNAVAILABLE, a statement's failure), its statements are dropped and it
	 * comes again. onced_tx_query() is not for handle_batch(): nobody could say whose failure
	 * it was; what asks is held as UNAVAILABLE. `timeout` is that of the call. NULL: none.
	 */
	void (*handle_batch)(void *state, const struct onced_event *const *events,
		struct onced_outcome *outcomes, size_t count);
};

/*
 * Once, in a plugin: what the file offers to onced, which looks for this one name. Built with
 * ONCED_HANDLER_STATIC the same source is linked into a program, and several handlers stand beside
 * each other: the name has the handler's own behind it.
 */
#ifdef ONCED_HANDLER_STATIC
#define ONCED_EXPORT_HANDLER(handler) ONCED_EXPORT_AS(onced_plugin_handler_##handler, handler)
#else
#define ONCED_EXPORT_HANDLER(handler) ONCED_EXPORT_AS(onced_plugin_handler, handler)
#endif
#define ONCED_EXPORT_AS(symbol, handler) \
	extern const struct onced_handler *const symbol __attribute__((visibility("default"))); \
	const struct onced_handler *const symbol = &(handler)
/* How it is looked up. */
#define ONCED_EXPORT_SYMBOL "onced_plugin_handler"

/* handler.size of the first release of this ABI: no handler is smaller. */
#define ONCED_HANDLER_SIZE_MIN (offsetof(struct onced_handler, close) + sizeof(void (*)(void *)))

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
