/*
 * start - where a newly assigned partition is read from
 *
 * Pure. A partition whose group has a committed offset inside the log starts there. Without one it
 * is either new to the group (starts by policy), added to the topic later (starts at its
 * beginning), or *lost*: the store has seen it before, or its offset is out of range, and then
 * skipping would be silent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum start_policy { START_EARLIEST, START_LATEST, START_HOLD };

struct start_facts {
	int32_t partition;
	int64_t committed; /* -1: the group has none */
	int64_t log_begin, log_end;
	bool is_seen; /* the store has a row for it */
	int64_t seen_committed; /* of that row, -1 none */
	/* partition count the group wrote with its commits ("n=..."), -1: no commit has one */
	int32_t known_count;
	enum start_policy initial, lost;
};

enum start_kind {
	START_COMMITTED, /* go on where the group stands */
	START_INITIAL, /* first time: by offset.initial */
	START_ADDED, /* partition added after the group's first commit: at its beginning */
	START_LOST, /* by offset.lost; `offset` is -1 for hold */
};

struct start_decision {
	enum start_kind kind;
	int64_t offset; /* -1: hold */
};

struct start_decision start_decide(const struct start_facts *facts);

/* Commit metadata: "n=12". Returns -1 for anything else. */
int32_t start_parse_count(const char *metadata);
