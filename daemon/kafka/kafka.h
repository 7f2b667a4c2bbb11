/*
 * kafka - what the rest of onced may know of librdkafka
 *
 * The only directory that includes librdkafka. Runs in: worker, probe, embedded broker; never in
 * the supervisor.
 */
#pragma once

#include <stddef.h>

#include "core/publisher.h"
#include "core/sink.h"
#include "core/source.h"
#include "core/transactor.h"

extern const struct source_ops kafka_source_ops;
extern const struct sink_ops kafka_sink_ops;
extern const struct publisher_ops kafka_publisher_ops;
extern const struct transactor_ops kafka_transactor_ops;

/* "2.0.2" of the library that runs, not the one compiled against. */
const char *kafka_version(void);

/* The same as a number, 0x020002ff. */
unsigned kafka_version_number(void);

/* builtin.features of the library. Returns `ret`. */
const char *kafka_features(char *ret, size_t size);
