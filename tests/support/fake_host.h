/*
 * fake_host - the host side of onced/handler.h for tests of handlers
 *
 * One lane. Statements that a handler sends and the record it publishes are kept, with copies of
 * their values; lines that it logs too. Queries are answered as the test says. Paths are found by
 * the real scanner. Wrong use of the interface (an index that was never given out, another number
 * of values than parameters) aborts, as the contract says.
 */
#pragma once

#include <pthread.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "event/event_id.h"
#include "event/scan.h"
#include "onced/handler.h"

struct fake_statement {
	char *sql;
	unsigned param_count;
	long rows_min, rows_max;
};

struct fake_event;

/* One onced_tx_send(), or onced_tx_query(). */
struct fake_sent {
	const struct fake_event *event;
	int statement;
	bool is_query;
	const struct onced_value *values;
	size_t count;
};

/* One onced_publish(). */
struct fake_published {
	int topic;
	struct onced_record record; /* with copies of all bytes */
};

/* What a query is answered. */
struct fake_answer {
	bool is_refused; /* no answer: the handler is to return */
	size_t row_count, column_count;
	const char *const *values; /* row by row; NULL is NULL */
};

struct onced_setup {
	struct fake_host *host;
	char reason[1024]; /* "" when nothing failed */
};

struct fake_host {
	const struct onced_handler *handler;
	const struct onced_param *params; /* borrowed; ends with name == NULL */
	bool is_transactional;
	int64_t timeout_ms; /* the handler's `timeout` */
	struct onced_setup setup;
	void *state; /* the handler's */

	struct path_set *paths;
	struct fake_statement *statements;
	size_t statement_count, statement_capacity;
	struct fake_sent *sent; /* by the last event */
	size_t sent_count, sent_capacity;
	char **topics; /* asked for */
	size_t topic_count, topic_capacity;
	struct fake_published published; /* by the last event */
	unsigned published_count;
	enum onced_result publish_result; /* what is said of it; DONE: acknowledged */
	const struct fake_answer *answers; /* borrowed: one a query, in order */
	size_t answer_count, answered;
	bool is_batch; /* handle_batch() is under way */
	bool is_refused; /* the last event's handler was told to return */
	struct buffer log; /* of all events, a newline behind each */
	struct arena arena; /* of the last event */
};

/* What onced_log_line() wrote, of all hosts: "NAME: TEXT\n". The test empties and frees it. */
struct fake_host_lines {
	pthread_mutex_t lock;
	struct buffer text;
};
extern struct fake_host_lines fake_host_lines;

/* An event as a test writes it; what is left out is null, 0 or none. */
struct fake_event {
	const char *topic;
	int32_t partition;
	int64_t offset, timestamp_ms;
	struct slice key, value, id, type, source;
	unsigned attempt;
	const struct event_header *headers;
	size_t header_count;
};

void fake_host_init(struct fake_host *host, const struct onced_handler *handler,
	const struct onced_param *params);
/* Closes the handler if it is open. */
void fake_host_fini(struct fake_host *host);

/* The handler's check() and open(); 0 when it has none. The reason is in host->setup. */
int fake_host_check(struct fake_host *host);
int fake_host_open(struct fake_host *host);

/* Hand over an event. A value that is not JSON has no paths. */
struct onced_outcome fake_host_handle(struct fake_host *host, const struct fake_event *event);

/* Hand over many in one call; the outcomes are the caller's. */
void fake_host_handle_batch(struct fake_host *host, const struct fake_event *fakes,
	struct onced_outcome *outcomes, size_t count);
