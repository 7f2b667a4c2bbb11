/*
 * records - attempts, partitions seen, pauses
 *
 * Runs in: the session's thread. Attempts of a partition are one hash, a field for each record; it
 * expires with the retention. What was seen of a partition, and pauses, stay.
 *
 *	onced:attempts:GROUP:CLUSTER:TOPIC:PARTITION  OFFSET.TIMESTAMP -> "ATTEMPTS FIRST LAST"
 *	onced:seen:GROUP:CLUSTER:TOPIC:PARTITION      committed
 *	onced:pauses:CONSUMER                         SCOPE -> "SINCE PAUSED UNTIL\nWHO\nREASON"
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/redis/redis.h"

static void partition_key(struct buffer *ret, const struct red_session *session, const char *what,
	struct slice topic, int32_t partition)
{
	const struct store_options *options = &session->store->options;

	buffer_printf(ret, "onced:%s:%s:%s:%.*s:%" PRId32, what, options->group_id,
		options->cluster_id, (int)topic.len, topic.data, partition);
}

enum store_failure red_ask_one(struct red_session *session, const struct buffer *out,
	const char *doing, redisReply **ret, struct err *err)
{
	bool is_operators;
	enum store_failure failure = red_link_exchange(
		session, slice_from(out->data, out->len), ret, 1, red_deadline_us(session), err);

	if (failure == STORE_OK && (*ret)->type == REDIS_REPLY_ERROR) {
		failure = red_failure_of_reply(*ret, doing, &is_operators, err);
		red_replies_free(ret, 1);
	}
	return failure;
}

/* What answers need not be a Redis: nothing is read of what Redis does not say. */
static enum store_failure answers_nonsense(const char *doing, struct err *err)
{
	return err_set(
		err, STORE_UNAVAILABLE, "Redis answers %s with what Redis does not say", doing);
}

static bool are_texts(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0) {
		return false;
	}
	for (size_t i = 0; i < reply->elements; i++) {
		if (reply->element[i]->type != REDIS_REPLY_STRING) {
			return false;
		}
	}
	return true;
}

int64_t red_read_time_ms(const redisReply *reply)
{
	enum { DIGITS_MAX = 12 };

	if (!are_texts(reply) || reply->elements != 2 || reply->element[0]->len > DIGITS_MAX ||
		reply->element[1]->len > DIGITS_MAX) {
		return 0;
	}
	return strtoll(reply->element[0]->str, NULL, 10) * 1000 +
		strtoll(reply->element[1]->str, NULL, 10) / 1000;
}

/* ---- attempts ---- */

void red_op_put_attempts(struct store_session *session, const struct store_attempts *attempts)
{
	struct red_session *red = red_session(session);
	const struct store_position *at = &attempts->position;
	_cleanup_(buffer_fini) struct buffer key = BUFFER_INIT;
	char field[48], value[80], keep[24];

	partition_key(&key, red, "attempts", at->topic, at->partition);
	snprintf(field, sizeof(field), "%" PRId64 ".%" PRId64, at->offset, at->timestamp_ms);
	snprintf(value, sizeof(value), "%u %" PRId64 " %" PRId64, attempts->attempts,
		attempts->first_failure_ms, attempts->last_failure_ms);
	snprintf(keep, sizeof(keep), "%" PRId64, red->store->keep_ms);
	red_op_begin(red, RED_RECORD, STORE_OP_DECIDE);
	red_words(&red->queue.bytes, "HSET", buffer_str(&key), field, value, NULL);
	red_op_end(red);
	red_op_begin(red, RED_RECORD, STORE_OP_DECIDE);
	red_words(&red->queue.bytes, "PEXPIRE", buffer_str(&key), keep, NULL);
	red_op_end(red);
}

void red_op_delete_attempts(struct store_session *session, const struct store_position *position)
{
	struct red_session *red = red_session(session);
	_cleanup_(buffer_fini) struct buffer key = BUFFER_INIT;
	char field[48];

	partition_key(&key, red, "attempts", position->topic, position->partition);
	snprintf(field, sizeof(field), "%" PRId64 ".%" PRId64, position->offset,
		position->timestamp_ms);
	red_op_begin(red, RED_RECORD, STORE_OP_DECIDE);
	red_words(&red->queue.bytes, "HDEL", buffer_str(&key), field, NULL);
	red_op_end(red);
}

static bool read_attempts(const char *field, const char *value, struct store_attempts *ret)
{
	return sscanf(field, "%" SCNd64 ".%" SCNd64, &ret->position.offset,
		       &ret->position.timestamp_ms) == 2 &&
		sscanf(value, "%u %" SCNd64 " %" SCNd64, &ret->attempts, &ret->first_failure_ms,
			&ret->last_failure_ms) == 3;
}

static int compare_attempts(const void *left, const void *right)
{
	const struct store_attempts *a = left, *b = right;

	return (a->position.offset > b->position.offset) -
		(a->position.offset < b->position.offset);
}

static struct store_attempts *collect_attempts(const redisReply *reply, struct slice topic,
	int32_t partition, int64_t from, size_t *ret_count)
{
	struct store_attempts *all = NULL;
	size_t count = 0, capacity = 0;

	for (size_t i = 0; i + 1 < reply->elements; i += 2) {
		struct store_attempts one = { .position = {
						      .topic = topic, .partition = partition } };

		if (read_attempts(reply->element[i]->str, reply->element[i + 1]->str, &one) &&
			one.position.offset >= from) {
			ARRAY_GROW(all, count, capacity);
			all[count++] = one;
		}
	}
	if (count) {
		qsort(all, count, sizeof(*all), compare_attempts);
	}
	*ret_count = count;
	return all;
}

enum store_failure red_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err)
{
	struct red_session *red = red_session(session);
	_cleanup_(buffer_fini) struct buffer key = BUFFER_INIT, out = BUFFER_INIT;
	enum store_failure failure;
	redisReply *reply;

	*ret = NULL;
	*ret_count = 0;
	partition_key(&key, red, "attempts", topic, partition);
	red_words(&out, "HGETALL", buffer_str(&key), NULL);
	failure = red_ask_one(red, &out, "HGETALL", &reply, err);
	if (failure) {
		return failure;
	}
	if (are_texts(reply)) {
		*ret = collect_attempts(reply, topic, partition, from, ret_count);
	} else {
		failure = answers_nonsense("HGETALL", err);
	}
	red_replies_free(&reply, 1);
	return failure;
}

/* ---- partitions seen ---- */

enum store_failure red_get_seen(struct store_session *session, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err)
{
	struct red_session *red = red_session(session);
	_cleanup_(buffer_fini) struct buffer key = BUFFER_INIT, out = BUFFER_INIT;
	enum store_failure failure;
	redisReply *reply;

	*ret = (struct store_partition_seen){ .is_seen = false, .committed = -1 };
	partition_key(&key, red, "seen", topic, partition);
	red_words(&out, "GET", buffer_str(&key), NULL);
	failure = red_ask_one(red, &out, "GET", &reply, err);
	if (failure) {
		return failure;
	}
	if (reply->type == REDIS_REPLY_STRING) {
		ret->is_seen = true;
		ret->committed = strtoll(reply->str, NULL, 10);
	} else if (reply->type != REDIS_REPLY_NIL) {
		failure = answers_nonsense("GET", err);
	}
	red_replies_free(&reply, 1);
	return failure;
}

enum store_failure red_put_seen(struct store_session *session, struct slice topic,
	int32_t partition, int64_t committed, struct err *err)
{
	struct red_session *red = red_session(session);
	_cleanup_(buffer_fini) struct buffer key = BUFFER_INIT, out = BUFFER_INIT;
	enum store_failure failure;
	redisReply *reply;
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, committed);
	partition_key(&key, red, "seen", topic, partition);
	red_words(&out, "SET", buffer_str(&key), text, NULL);
	failure = red_ask_one(red, &out, "SET", &reply, err);
	if (failure == STORE_OK) {
		red_replies_free(&reply, 1);
	}
	return failure;
}

/* ---- pauses ---- */

static void pauses_key(struct buffer *ret, const struct red_session *session)
{
	buffer_printf(ret, "onced:pauses:%s", session->store->options.consumer);
}

/* A line of it, behind `text`; what follows it. */
static const char *read_line(const char *text, char *ret, size_t size)
{
	size_t len = strcspn(text, "\n");

	snprintf(ret, size, "%.*s", (int)len, text);
	return text + len + (text[len] == '\n');
}

static bool read_pause(
	const char *consumer, const char *scope, const char *value, struct pause *ret)
{
	const char *text = strchr(value, '\n');
	int is_paused;

	*ret = (struct pause){ .since_ms = 0 };
	if (!text ||
		sscanf(value, "%" SCNd64 " %d %" SCNd64, &ret->since_ms, &is_paused,
			&ret->until_ms) != 3) {
		return false;
	}
	ret->is_paused = is_paused != 0;
	text = read_line(text + 1, ret->who, sizeof(ret->who));
	read_line(text, ret->reason, sizeof(ret->reason));
	return pause_scope_read(ret, consumer, scope) && pause_is_valid(ret);
}

enum store_failure red_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err)
{
	static const char *const doing[] = { "TIME", "HGETALL" };
	struct red_session *red = red_session(session);
	const char *consumer = red->store->options.consumer;
	_cleanup_(buffer_fini) struct buffer key = BUFFER_INIT, out = BUFFER_INIT;
	enum store_failure failure;
	redisReply *replies[2];

	pauses_key(&key, red);
	red_words(&out, "TIME", NULL);
	red_words(&out, "HGETALL", buffer_str(&key), NULL);
	if (red_ask(red, &out, doing, replies, 2, red_deadline_us(red), err) != 0) {
		return red->context ? STORE_UNAVAILABLE : STORE_LOST;
	}
	*ret_now_ms = red_read_time_ms(replies[0]);
	failure = are_texts(replies[1]) ? STORE_OK : answers_nonsense("HGETALL", err);
	for (size_t i = 0; !failure && i < replies[1]->elements; i += 2) {
		redisReply **field = replies[1]->element + i;
		struct pause pause;

		if (read_pause(consumer, field[0]->str, field[1]->str, &pause)) {
			(void)pauses_put(pauses, &pause);
		}
	}
	red_replies_free(replies, 2);
	return failure;
}

/* By the script's text, not by its digest: pauses are rare, and NOSCRIPT is no answer then. */
enum store_failure red_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err)
{
	struct red_session *red = red_session(session);
	_cleanup_(buffer_fini) struct buffer key = BUFFER_INIT, out = BUFFER_INIT;
	_cleanup_(buffer_fini) struct buffer scope = BUFFER_INIT, value = BUFFER_INIT;
	struct pause clean = *pause;
	enum store_failure failure;
	redisReply *reply;
	char since[24];

	pause_clean(clean.who);
	pause_clean(clean.reason);
	pauses_key(&key, red);
	pause_scope_write(pause, red->store->options.consumer, &scope);
	snprintf(since, sizeof(since), "%" PRId64, pause->since_ms);
	buffer_printf(&value, "%s %d %" PRId64 "\n%s\n%s", since, pause->is_paused, pause->until_ms,
		clean.who, clean.reason);
	red_words(&out, "EVAL", red_scripts[RED_SCRIPT_PAUSE], "1", buffer_str(&key),
		buffer_str(&scope), since, buffer_str(&value), NULL);
	failure = red_ask_one(red, &out, "EVAL", &reply, err);
	if (failure == STORE_OK) {
		red_replies_free(&reply, 1);
	}
	return failure;
}
