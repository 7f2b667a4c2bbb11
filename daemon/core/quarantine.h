/*
 * quarantine - which record kills workers, and when that is proved
 *
 * Pure. Each death that counts is told to quarantine_death(): which record the worker's page names,
 * and whether that record was the only one in work. A record that was worked among others is a
 * suspect and no more: it is isolated, and only deaths while it was alone are counted against it.
 * With `after` of them it is condemned: a dead letter, without another call of the handler.
 *
 * What counts as a death at all is the caller's to judge (an operator's kill -9 does not). A
 * position is compared whole: a recreated topic uses offsets again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
	QUARANTINE_CLUSTER_MAX = 64,
	QUARANTINE_TOPIC_MAX = 256,
	QUARANTINE_CODE_MAX = 32,
	QUARANTINE_TEXT_MAX = 256,
	/* Suspects of a consumer at one time; one more takes the place of the oldest not proved. */
	QUARANTINE_ENTRIES_MAX = 64,
};

struct quarantine_position {
	char cluster_id[QUARANTINE_CLUSTER_MAX]; /* "" unknown */
	char topic[QUARANTINE_TOPIC_MAX];
	int32_t partition;
	int64_t offset, timestamp_ms;
};

struct quarantine_entry {
	struct quarantine_position at;
	unsigned deaths; /* of workers that had it in hand and named it */
	unsigned alone; /* of these, while nothing else was in work */
	int64_t first_ms, last_ms; /* wall clock of the first and last of them */
	bool is_timeout; /* the last one was killed by us over its handler's timeout */
	bool is_condemned;
	char code[QUARANTINE_CODE_MAX]; /* one word: "SIGSEGV", "exit-3" */
	char text[QUARANTINE_TEXT_MAX]; /* how the last one ended, one line */
};

struct quarantine {
	unsigned after; /* deaths alone that prove it */
	struct quarantine_entry entries[QUARANTINE_ENTRIES_MAX];
	size_t count;
	unsigned strays; /* deaths in a row that proved nothing */
};

struct quarantine_death {
	const struct quarantine_position *named; /* NULL: nobody knows */
	bool was_alone; /* nothing else was in work; only with `named` */
	bool is_timeout;
	const char *code, *text;
	int64_t now_ms; /* wall clock */
};

enum quarantine_step {
	/* the named record is worked alone from now on */
	QUARANTINE_ISOLATE,
	/* all that was in hand is: nobody is named, or the one named before was not all of it */
	QUARANTINE_ISOLATE_ALL,
	/* proved: dead letter */
	QUARANTINE_CONDEMN,
};

void quarantine_init(struct quarantine *quarantine, unsigned after);

/* A worker died. `ret` (may be NULL): the record's entry, NULL when nobody is named. */
enum quarantine_step quarantine_death(struct quarantine *quarantine,
	const struct quarantine_death *death, const struct quarantine_entry **ret);

/* Everything below `committed` has ended. True when something was forgotten. */
bool quarantine_settled(struct quarantine *quarantine, const char *topic, int32_t partition,
	int64_t committed);

/* Forget what killed nobody since `before_ms`. True when something was forgotten. */
bool quarantine_expire(struct quarantine *quarantine, int64_t before_ms);

/* One line an entry, for a file that a new supervisor reads. */
void quarantine_write(const struct quarantine *quarantine, struct buffer *out);
/* Add what such a text holds. Returns how many of its lines are none of ours and were left out. */
unsigned quarantine_read(struct quarantine *quarantine, const char *text);
