/*
 * dlq_line - a dead letter as a line of JSON, and back, byte for byte
 *
 *	{"topic": "orders.dlq", "partition": 0, "offset": 17, "timestamp": 1767225600000,
 *	 "key": "k", "headers": [["trace", "abc"], ["raw", {"base64": "AP8="}]], "value": "…"}
 *
 * A key, value, header's name or header's value is a string where it is UTF-8, an object with
 * `base64` where not, null where there is none. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "kafka/reader.h"

/* Appends the line, with its end. */
void dlq_line_write(
	const char *topic, const struct kafka_reader_record *record, struct buffer *out);

/* The record, in `arena`. -EINVAL says what is wrong with the line. */
int dlq_line_read(
	struct slice line, struct arena *arena, struct kafka_reader_record *ret, struct err *err);
