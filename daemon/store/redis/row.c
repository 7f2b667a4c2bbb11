/*
 * row - look at one key's row, and forget it, when a person asks
 *
 * Runs in: the session's thread. A row says neither where its record stood nor when it ended.
 */
#include <stdio.h>
#include <string.h>

#include "store/redis/redis.h"

enum { ANSWER_TIME, ANSWER_ROW, ANSWERS };

static void copy_hex(struct slice bytes, char *ret, size_t size)
{
	ret[0] = '\0';
	for (size_t i = 0; i < bytes.len && 2 * i + 2 < size; i++) {
		snprintf(ret + 2 * i, 3, "%02x", (uint8_t)bytes.data[i]);
	}
}

static enum store_failure read_answer(
	const redisReply *reply, int64_t now_ms, struct store_row *ret, struct err *err)
{
	struct red_row row;

	if (reply->type == REDIS_REPLY_NIL) {
		return STORE_OK;
	}
	if (reply->type != REDIS_REPLY_STRING ||
		!red_row_read(slice_from(reply->str, reply->len), &row)) {
		err_set(err, 0, "the key of this event holds what onced did not write");
		return STORE_STATEMENT;
	}
	ret->is_there = true;
	ret->outcome = row.kind == 'D' ? STORE_OUTCOME_DONE
		: row.kind == 'X'      ? STORE_OUTCOME_DLQ
				       : STORE_OUTCOME_RUNNING;
	if (ret->outcome == STORE_OUTCOME_RUNNING) {
		ret->left_us = (row.until_ms - now_ms) * 1000;
	}
	if (row.tag.len) {
		copy_hex(slice_from(row.tag.data, STORE_DIGEST_SIZE), ret->digest,
			sizeof(ret->digest));
	}
	snprintf(ret->decision, sizeof(ret->decision), "%.*s", (int)row.why.len,
		row.why.len ? row.why.data : "");
	return STORE_OK;
}

enum store_failure red_peek(
	struct store_session *session, const uint8_t *key, struct store_row *ret, struct err *err)
{
	static const char *const doing[ANSWERS] = { "TIME", "GET" };
	struct red_session *red = red_session(session);
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	redisReply *replies[ANSWERS] = { NULL };
	enum store_failure failure;
	bool is_operators;

	*ret = (struct store_row){ .partition = -1, .offset = -1, .timestamp_ms = -1, .at_ms = -1 };
	red_words(&out, "TIME", NULL);
	red_command(&out, 2);
	red_part_str(&out, "GET");
	red_part_key(&out, key);
	failure = red_link_exchange(
		red, slice_from(out.data, out.len), replies, ANSWERS, red_deadline_us(red), err);
	if (failure) {
		return failure;
	}
	for (size_t i = 0; i < ANSWERS && !failure; i++) {
		if (replies[i]->type == REDIS_REPLY_ERROR) {
			failure = red_failure_of_reply(replies[i], doing[i], &is_operators, err);
		}
	}
	if (!failure) {
		failure = read_answer(
			replies[ANSWER_ROW], red_read_time_ms(replies[ANSWER_TIME]), ret, err);
	}
	red_replies_free(replies, ANSWERS);
	return failure;
}

enum store_failure red_forget(struct store_session *session, const uint8_t *key,
	enum store_forgotten *ret, struct err *err)
{
	static const enum store_forgotten results[] = { STORE_FORGOTTEN, STORE_NOTHING_TO_FORGET,
		STORE_STILL_RUNNING };
	struct red_session *red = red_session(session);
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	redisReply *reply;
	enum store_failure failure;

	*ret = STORE_NOTHING_TO_FORGET;
	red_script_command(red, &out, RED_SCRIPT_FORGET, 1, 0);
	red_part_key(&out, key);
	failure = red_ask_one(red, &out, "EVALSHA (to forget an event: GET, DEL)", &reply, err);
	if (failure) {
		return failure;
	}
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer < 3) {
		*ret = results[reply->integer];
	} else {
		err_set(err, 0, "the key of this event holds what onced did not write");
		failure = STORE_STATEMENT;
	}
	red_replies_free(&reply, 1);
	return failure;
}
