/*
 * embedded - a broker without a broker: librdkafka's mock cluster, in this process
 *
 * Runs in: the broker process of the demonstration; nothing else in it. Keeps records in memory and
 * forgets them with the process. It accepts every commit and knows no fencing, no retention and no
 * deletion: good enough to show onced at work, never to prove it right.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

struct kafka_embedded;

struct kafka_embedded_topic {
	const char *name;
	int partitions;
};

/* Listen on a free loopback port with these topics. 0 and `ret`, or -EIO with the sentence. */
int kafka_embedded_open(const struct kafka_embedded_topic *topics, size_t count,
	struct kafka_embedded **ret, struct err *err);

/* "127.0.0.1:41234"; lives as long as the broker. */
const char *kafka_embedded_bootstrap(const struct kafka_embedded *broker);

/* Accepts NULL. */
void kafka_embedded_close(struct kafka_embedded *broker);
CLEANUP_DEFINE(struct kafka_embedded, kafka_embedded_close)
