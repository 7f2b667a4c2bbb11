/*
 * consumer - the Kafka side of the bare loops
 *
 * A plain consumer of the topic and group named in the environment, offsets committed by hand.
 */
#pragma once

#include <librdkafka/rdkafka.h>

/* BENCH_KAFKA, BENCH_TOPIC, BENCH_GROUP. Ends the program when that fails. */
rd_kafka_t *consumer_open(void);

/* The environment variable, or the end of the program. */
const char *need(const char *name);

/* Say what went wrong and end. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
