/*
 * publisher - the port through which handlers write records to topics
 *
 * Implemented by kafka/publisher.c. publish() waits for the acknowledgement, and may be called by
 * any number of threads. Apart from the sink: dead letters must get through in a state in which
 * handlers do not, and are sent with other promises.
 */
#pragma once

#include "base/err.h"
#include "core/sink.h"

struct publisher;

/* A topic that records will be written to. */
struct publisher_topic {
	const char *name;
	int64_t timeout_ms; /* an answer is waited for so long */
};

struct publisher_options {
	const struct config *config;
	const char *client_id;
	const struct publisher_topic *topics; /* borrowed for the publisher's life */
	size_t topic_count;
};

enum publisher_result {
	PUBLISHER_ACKED, /* all in-sync replicas have it */
	/* the record's own fault: it was refused when it stood alone in its request */
	PUBLISHER_REFUSED,
	/*
	 * no acknowledgement: the broker, the topic or a right is missing, or time is up. The
	 * record may be in the topic all the same.
	 */
	PUBLISHER_UNAVAILABLE,
	PUBLISHER_FAILED, /* the broker's word is none of these: try again */
};

struct publisher_ops {
	/* Are the values of [kafka] and [kafka producer] such that open() would take them? */
	int (*check)(const struct publisher_options *options, struct err *err);
	/* Needs no broker. -EINVAL: a value is refused. */
	int (*open)(
		const struct publisher_options *options, struct publisher **ret, struct err *err);
	/*
	 * Write a record to the topic of that index, and wait for the answer up to its timeout; the
	 * message's own topic and tag mean nothing. `err` is set unless it is acknowledged: a word
	 * and a sentence, with what to do. An answer that comes later changes nothing. Any thread.
	 */
	enum publisher_result (*publish)(struct publisher *publisher, size_t topic,
		const struct sink_message *message, struct err *err);
	/* Nobody publishes any more. Accepts NULL. */
	void (*close)(struct publisher *publisher);
};
