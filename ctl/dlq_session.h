/*
 * dlq_session - one dead-letter topic, opened to work on
 *
 * Runs in: oncectl. Opening reads the topic once, from the committed offset of its group
 * `onced-dlq-TOPIC` (or from its beginning), to know what is open: a letter's mark lies behind it.
 */
#pragma once

#include <stdbool.h>

#include "arguments.h"
#include "config/config.h"
#include "dlq_book.h"
#include "dlq_filter.h"
#include "dlq_letter.h"
#include "kafka/reader.h"
#include "verbs.h"

/* Options that the verbs share; ctl_option() finds them by these names. */
#define DLQ_TOPIC_OPTION                                                                           \
	{                                                                                          \
		"--topic", "TOPIC", "this dead-letter topic instead of the consumer's dlq.topic"   \
	}
#define DLQ_FILTER_OPTIONS                                                                         \
	DLQ_TOPIC_OPTION,                                                                          \
		{ "--reason", "LIST", "failed so: rejected,exhausted; or a class name" },          \
		{ "--code", "LIST", "SQLSTATE, HTTP status, signal, stage" },                      \
		{ "--since", "TIME", "failed since then: 2h (ago), 2026-01-02T03:04:05Z" },        \
		{ "--until", "TIME", "failed until then" },                                        \
		{ "--event-id", "ID", "of this event" }, { "--key", "KEY", "of this key" },        \
		{ "--where", "PATH=VALUE", "of a JSON value: payload.customer_id=4" },             \
		{ "--position", "T:P:O[-O]", "where they came from: topic, partition, offsets" },  \
		{ "--limit", "N", "no more than so many" },                                        \
	{                                                                                          \
		"--all", NULL, "those that are settled, too"                                       \
	}

struct dlq_session {
	const struct ctl *ctl;
	struct config *config;
	const struct config_consumer *consumer; /* NULL: only a topic was named */
	const char *topic;
	char *group;
	struct kafka_reader *reader;
	struct dlq_book book;
	struct dlq_filter filter;
	int64_t limit; /* INT64_MAX: none */
	bool takes_all; /* settled letters, too */
};

#define DLQ_SESSION_INIT ((struct dlq_session){ 0 })

enum dlq_session_how {
	DLQ_HAS_FILTER = 1, /* the verb has DLQ_FILTER_OPTIONS, else DLQ_TOPIC_OPTION alone */
	DLQ_TAKES_ALL = 2, /* settled letters, too, without being asked */
	DLQ_UNREAD = 4, /* nothing is read: the book stays empty */
	DLQ_BY_POSITION = 8, /* the last argument is a position, which may name the topic */
};

/*
 * The verb's first argument is the consumer; it may be missing where --topic is given. Returns
 * CTL_OK, or another status after a sentence on standard error.
 */
int dlq_session_open(struct dlq_session *session, const struct ctl *ctl, unsigned how);
/* Accepts one that was refused. */
void dlq_session_close(struct dlq_session *session);

/* Read on to where the logs end now; returns as above. */
int dlq_session_catch_up(struct dlq_session *session);

/* A letter and what became of it; false ends the reading. */
typedef bool dlq_letter_fn(void *arg, const struct dlq_letter *letter, enum dlq_state state);

/*
 * All letters that the filter means, partition by partition, open ones only unless `takes_all`, no
 * more than `limit`, and none that came after the session was opened. CTL_OK, or another status.
 */
int dlq_session_each(struct dlq_session *session, dlq_letter_fn *fn, void *arg);

/* Any record; false ends the reading of its partition. */
typedef bool dlq_record_fn(void *arg, const struct kafka_reader_record *record);

/* Everything from `from` up to below `to`, of one partition. */
int dlq_session_read(struct dlq_session *session, size_t partition, int64_t from, int64_t to,
	dlq_record_fn *fn, void *arg);

/* Commit for the group, in each partition, where its first open letter is. */
int dlq_session_commit(struct dlq_session *session);

/* "oncectl dlq …: sentence" on standard error; the status that goes with `result`. */
int dlq_session_fail(const struct dlq_session *session, int result, const struct err *err);
