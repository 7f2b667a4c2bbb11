/*
 * reader - a topic as a tool reads it: from where it likes, as no member of any group
 *
 * Runs in: oncectl, one thread. Offsets of the group it was opened with can be asked and committed,
 * as a group without members allows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"
#include "config/config.h"
#include "core/source.h"

struct kafka_reader;

/* All of it lives until the next call on the reader. */
struct kafka_reader_record {
	int32_t partition;
	int64_t offset, timestamp_ms; /* timestamp -1: none */
	struct slice key, value;
	const struct source_header *headers;
	size_t header_count;
};

enum kafka_reader_result {
	KAFKA_READER_NOTHING, /* within the time */
	KAFKA_READER_RECORD,
	KAFKA_READER_END, /* partition and offset say which log ends where, now */
};

/* `config` gives [kafka]; `group_id` is the group to ask and commit for. */
int kafka_reader_open(const struct config *config, const char *group_id, struct kafka_reader **ret,
	struct err *err);
/* Accepts NULL. */
void kafka_reader_close(struct kafka_reader *reader);
CLEANUP_DEFINE(struct kafka_reader, kafka_reader_close)

/* Partitions of a topic; -ENOENT when there is no such topic, -EAGAIN when nobody answers. */
int kafka_reader_partitions(struct kafka_reader *reader, const char *topic, struct err *err);

/*
 * Of partitions 0 to count - 1: where the logs begin (SOURCE_OFFSET_EARLIEST) or end
 * (SOURCE_OFFSET_LATEST), or their first record not older than a time in milliseconds; negative
 * where none is that new. -EAGAIN when it cannot be said.
 */
int kafka_reader_log_offsets(struct kafka_reader *reader, const char *topic, int64_t which,
	int64_t *ret, size_t count, struct err *err);

/* What the group has committed; SOURCE_OFFSET_NONE where it has not. */
int kafka_reader_committed(struct kafka_reader *reader, const char *topic, int64_t *ret,
	size_t count, struct err *err);

/* Waits for the answer. Negative offsets are left out. */
int kafka_reader_commit(struct kafka_reader *reader, const char *topic, const int64_t *offsets,
	size_t count, struct err *err);

/* Read from these offsets on, instead of what was read before; negative ones are left out. */
int kafka_reader_assign(struct kafka_reader *reader, const char *topic, const int64_t *from,
	size_t count, struct err *err);

/* A kafka_reader_result, or -EIO when reading was refused. */
int kafka_reader_next(struct kafka_reader *reader, int timeout_ms, struct kafka_reader_record *ret,
	struct err *err);

/* The ids of the groups the cluster knows; free each and the array. */
int kafka_reader_groups(
	struct kafka_reader *reader, char ***ret_ids, size_t *ret_count, struct err *err);
