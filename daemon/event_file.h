/*
 * event_file - records from a file instead of Kafka, one JSON object a line
 *
 * A line that has a member `value` describes a record:
 *
 *	{"key": "k", "value": {"order_id": 1}, "headers": {"ce_id": "7"}, "topic": "orders",
 *	 "partition": 3, "offset": 42, "timestamp": 1767225600000}
 *
 * all of it but `value` optional. A value that is a string is the bytes of that string, any other
 * its JSON text as written; null is a tombstone. A line without `value` is a value itself. Empty
 * lines are passed over. Runs in: `onced test-handler`.
 */
#pragma once

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "core/source.h"

struct path_set;

struct event_line {
	unsigned number; /* in the file, from 1 */
	struct slice key, value;
	const char *topic; /* NULL: not said */
	int32_t partition; /* 0: not said */
	int64_t offset, timestamp_ms; /* -1: not said */
	struct source_header *headers;
	size_t header_count;
};

struct event_file {
	const char *path;
	FILE *file;
	unsigned line; /* read so far */
	char *text; /* of the line */
	size_t capacity;
	struct path_set *paths;
	struct arena arena; /* of the line */
};

int event_file_open(struct event_file *file, const char *path, struct err *err);
void event_file_close(struct event_file *file);

/*
 * The next record: 0, and `ret` until the next call; 1 at the end; -EINVAL, the sentence beginning
 * "FILE:LINE:".
 */
int event_file_next(struct event_file *file, struct event_line *ret, struct err *err);
