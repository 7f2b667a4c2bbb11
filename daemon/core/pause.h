/*
 * pause - what is paused on purpose: who said so, why, and until when
 *
 * Pure; time is an argument. A pause has a scope: a consumer, one of its topics, one partition.
 * Each scope keeps the last word about it, and the newest stamp wins, wherever it was said: here,
 * by the dead-letter breaker, or on another host, by way of the store. A word that a scope is
 * resumed also ends what was paused before inside of it.
 *
 * Used by the supervisor, which keeps them in state.dir, and by workers, which obey them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
	PAUSE_TOPIC_MAX = 256,
	PAUSE_WHO_MAX = 64,
	PAUSE_REASON_MAX = 256,
	PAUSE_SENTENCE_MAX = 512,
	PAUSES_MAX = 1024, /* of one consumer's topics and partitions */
};

/* Stamps further ahead of a clock than this are no stamps: nothing newer could end them. */
#define PAUSE_AHEAD_MS ((int64_t)24 * 3600 * 1000)

struct pause {
	char topic[PAUSE_TOPIC_MAX]; /* "": the whole consumer */
	int32_t partition; /* -1: all of the topic */
	uint8_t is_paused; /* 0: resumed */
	/* 1: its workers have left the group; of this host alone, not for the store */
	uint8_t is_released;
	char who[PAUSE_WHO_MAX], reason[PAUSE_REASON_MAX];
	int64_t since_ms; /* the stamp, wall clock */
	int64_t until_ms; /* wall clock, 0: until resumed */
};

struct pauses {
	struct pause *items;
	size_t count, capacity;
};

void pauses_fini(struct pauses *pauses);

/* Is this a scope, with texts that end? For what strangers say. */
bool pause_is_valid(const struct pause *pause);
bool pause_is_same_scope(const struct pause *left, const struct pause *right);

/* Is something newer known about this scope, or the same? */
bool pauses_is_known(const struct pauses *pauses, const struct pause *pause);

/*
 * Take in one word. True when it is news; an older one than what is known is none. Where there are
 * PAUSES_MAX, what is in force stays, and partitions that are paused no more make room for it. A
 * word about the whole consumer always has room.
 */
bool pauses_put(struct pauses *pauses, const struct pause *pause);

/* A stamp newer than all that is known. */
int64_t pauses_stamp(const struct pauses *pauses, int64_t now_ms);

/*
 * What pauses a partition now, the widest scope first; NULL: nothing does. With topic "" only the
 * consumer's own. Borrowed until the next put.
 */
const struct pause *pauses_find(
	const struct pauses *pauses, const char *topic, int32_t partition, int64_t now_ms);

/* Is anything narrower than the consumer paused? */
bool pauses_has_parts(const struct pauses *pauses, int64_t now_ms);

/* "by ann (uid 0) until 2026-11-21T20:00:00Z: disk is full" */
void pause_sentence(const struct pause *pause, char ret[PAUSE_SENTENCE_MAX]);

/* Control characters become blanks, so that a text stays on its line. */
void pause_clean(char *text);

/* CONSUMER, CONSUMER:TOPIC or CONSUMER:TOPIC:PARTITION. */
void pause_scope_write(const struct pause *pause, const char *consumer, struct buffer *out);
/* Fills in topic and partition. False: not of this consumer, or no scope. */
bool pause_scope_read(struct pause *pause, const char *consumer, const char *text);

/* As lines of text, and back; `ret_strangers` counts lines that are none. */
void pauses_write(const struct pauses *pauses, struct buffer *out);
void pauses_read(struct pauses *pauses, const char *text, unsigned *ret_strangers);
