/*
 * dlq_case - records as dead-letter topics hold them
 */
#pragma once

#include "kafka/reader.h"

#define HEADER(name, value)                                                                        \
	{ { "" name, sizeof(name) - 1 }, { "" value, sizeof(value) - 1 } }

#define RECORD(headers_, key_, value_)                                                             \
	(struct kafka_reader_record) \
	{ \
		.partition = 1, .offset = 7, .timestamp_ms = 1700000000000, \
		.key = slice_from_str(key_), .value = slice_from_str(value_), .headers = headers_, \
		.header_count = sizeof(headers_) / sizeof((headers_)[0]) \
	}

static const struct source_header onced_headers[] = {
	HEADER("trace", "abc"),
	HEADER("x-error", "the record's own"),
	HEADER("onced-reason", "rejected"),
	HEADER("onced-error", "null value in column"),
	HEADER("onced-code", "23502"),
	HEADER("onced-attempts", "3"),
	HEADER("onced-first-failure", "2026-01-02T03:04:05.678Z"),
	HEADER("onced-last-failure", "2026-01-02T03:04:06.000Z"),
	HEADER("onced-topic", "orders"),
	HEADER("onced-partition", "4"),
	HEADER("onced-offset", "123456789012"),
	HEADER("onced-timestamp", "1600000000001"),
	HEADER("onced-consumer", "billing"),
	HEADER("onced-handler", "insert"),
	HEADER("onced-event-id", "e-1"),
	HEADER("x-error", "null value in column"),
};

/* Twice dead-lettered: Spring appends. */
static const struct source_header spring_headers[] = {
	HEADER("trace", "abc"),
	HEADER("kafka_dlt-original-topic", "old"),
	HEADER("kafka_dlt-original-topic", "orders"),
	HEADER("kafka_dlt-original-partition", "\0\0\0\1"),
	HEADER("kafka_dlt-original-partition", "\0\0\1\2"),
	HEADER("kafka_dlt-original-offset", "\0\0\0\0\0\0\0\1"),
	HEADER("kafka_dlt-original-offset", "\0\0\0\1\0\0\0\2"),
	HEADER("kafka_dlt-original-timestamp", "\0\0\1\x8b\xcf\xe5\x68\0"),
	HEADER("kafka_dlt-original-timestamp-type", "CreateTime"),
	HEADER("kafka_dlt-original-consumer-group", "billing"),
	HEADER("kafka_dlt-exception-fqcn",
		"org.springframework.kafka.listener.ListenerExecutionFailedException"),
	HEADER("kafka_dlt-exception-cause-fqcn", "java.lang.NullPointerException"),
	HEADER("kafka_dlt-exception-message", "Listener failed"),
};

static const struct source_header connect_headers[] = {
	HEADER("__connect.errors.topic", "orders"),
	HEADER("__connect.errors.partition", "3"),
	HEADER("__connect.errors.offset", "99"),
	HEADER("__connect.errors.connector.name", "sink-jdbc"),
	HEADER("__connect.errors.task.id", "0"),
	HEADER("__connect.errors.stage", "VALUE_CONVERTER"),
	HEADER("__connect.errors.exception.class.name",
		"org.apache.kafka.connect.errors.DataException"),
	HEADER("__connect.errors.exception.message", "Converting byte[] failed"),
	HEADER("trace", "abc"),
};
