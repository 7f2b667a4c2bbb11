/*
 * dlq_filter - which dead letters are meant
 *
 * Pure. All that is given must match. What is not given matches everything.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dlq_letter.h"

struct path_set;

/* As on the command line; NULL: not given. Borrowed by the filter. */
struct dlq_filter_words {
	const char *reason, *code, *since, *until, *event_id, *key, *where, *position;
	const char *consumer; /* letters that name another are not meant */
};

struct dlq_filter {
	struct dlq_filter_words words;
	int64_t since_ms, until_ms;
	struct path_set *paths; /* the one of `where` */
	const char *where_value;
	struct slice topic; /* of `position`: */
	int64_t partition, first, last;
};

/* -EINVAL says which word is wrong and how it is written. */
int dlq_filter_init(struct dlq_filter *filter, const struct dlq_filter_words *words, int64_t now_ms,
	struct err *err);
/* Accepts one that dlq_filter_init() refused. */
void dlq_filter_fini(struct dlq_filter *filter);

bool dlq_filter_matches(const struct dlq_filter *filter, const struct dlq_letter *letter);

/* "TOPIC:P:OFFSET" or "TOPIC:P:OFFSET-OFFSET"; `ret_topic` borrows from text. 0 or -EINVAL. */
int dlq_position_parse(const char *text, struct slice *ret_topic, int64_t *ret_partition,
	int64_t *ret_first, int64_t *ret_last);
