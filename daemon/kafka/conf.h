/*
 * conf - librdkafka configurations from ours
 *
 * Later entries win: our defaults, then [kafka] (and [kafka producer]), then what onced owns.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "config/config.h"
#include "core/publisher.h"
#include "core/sink.h"
#include "core/source.h"
#include "core/transactor.h"

/* Newer than the headers we build with may be. */
#define KAFKA_RESP_ERR_INVALID_DIFFERENT_RECORD ((rd_kafka_resp_err_t)-138)
#define KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH ((rd_kafka_resp_err_t)110)
#define KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID ((rd_kafka_resp_err_t)111)

/* Features by the version of the library that runs. */
#define KAFKA_VERSION_QUEUE_BACKOFF 0x020200ff /* fetch.queue.backoff.ms */
#define KAFKA_VERSION_METRICS_PUSH 0x020500ff /* enable.metrics.push, on by default */
#define KAFKA_VERSION_SCRAM 0x020601ff /* logs in to Kafka 4 by SCRAM */
#define KAFKA_VERSION_COOPERATIVE 0x020a00ff /* commits during a cooperative rebalance are safe */
#define KAFKA_VERSION_CONSUMER_PROTOCOL 0x020c00ff /* group.protocol=consumer is no preview */

/*
 * The caller owns `ret` (rd_kafka_conf_destroy or rd_kafka_new). -EINVAL: names the property;
 * secrets are not repeated.
 */
int kafka_conf_consumer(
	const struct source_options *options, rd_kafka_conf_t **ret, struct err *err);
int kafka_conf_producer(const struct sink_options *options, rd_kafka_conf_t **ret, struct err *err);
/* A client that is no member of `group_id`, nor of any other. */
int kafka_conf_reader(const struct config *config, const char *group_id, rd_kafka_conf_t **ret,
	struct err *err);
/* `is_single`: no two records share a request. */
int kafka_conf_publisher(const struct publisher_options *options, bool is_single,
	rd_kafka_conf_t **ret, struct err *err);
int kafka_conf_transactor(
	const struct transactor_options *options, rd_kafka_conf_t **ret, struct err *err);

/* Records in one partition's queue, above which nothing more is fetched for it. */
enum { KAFKA_QUEUE_MESSAGES = 10000 };

/* The bound of one partition's queue, bytes. */
int64_t kafka_queue_bound_bytes(const struct source_options *options);

/* What that queue may take in memory at most, small records and the last answer included. */
int64_t kafka_queue_memory_bytes(const struct source_options *options);

/* librdkafka's own lines become ours. */
void kafka_log(const rd_kafka_t *rk, int level, const char *facility, const char *text);

/*
 * Why rd_kafka_new() made no client, right behind it: -EAGAIN, for want of a thread, or -EINVAL,
 * what `section` says cannot be; with err.
 */
int kafka_no_client(const char *section, const char *text, struct err *err);

/* Fill err with code and sentence of a librdkafka error. Returns `result`. */
int kafka_err(struct err *err, int result, rd_kafka_resp_err_t code, const char *what);
