/*
 * bench_keyed - Redis and memory under test
 *
 * Runs in: the contract test. Redis is named by ONCED_TEST_REDIS, with the login of an
 * administrator: its database is emptied again and again.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench.h"

enum { WORDS_MAX = 16 };

struct redis_side {
	redisContext *context;
};

int bench_open_memory(void **state)
{
	struct bench *bench = bench_new(false);

	bench->is_keyed = bench->forgets = true;
	strcpy(bench->url, "memory:5000");
	*state = bench;
	return 0;
}

/* "redis://USER:PASSWORD@HOST:PORT/0", as servers.py writes it. */
static void log_in(struct redis_side *side, const char *url)
{
	char user[64], password[128], host[64];
	redisReply *reply;
	int port;

	if (sscanf(url, "redis://%63[^:]:%127[^@]@%63[^:]:%d/", user, password, host, &port) != 4) {
		fail_msg("ONCED_TEST_REDIS is not redis://USER:PASSWORD@HOST:PORT/0");
	}
	side->context = redisConnect(host, port);
	if (!side->context || side->context->err) {
		fail_msg("side door: cannot connect to Redis");
	}
	reply = redisCommand(side->context, "AUTH %s %s", user, password);
	if (!reply || reply->type == REDIS_REPLY_ERROR) {
		fail_msg("side door: %s", reply ? reply->str : "no answer");
	}
	freeReplyObject(reply);
}

int bench_open_redis(void **state)
{
	struct bench *bench = bench_new(false);

	bench->is_keyed = bench->forgets = true;
	snprintf(bench->url, sizeof(bench->url), "%s", getenv("ONCED_TEST_REDIS"));
	bench->redis = NEW(struct redis_side);
	log_in(bench->redis, bench->url);
	*state = bench;
	return 0;
}

void redis_side_close(struct redis_side *side)
{
	if (side) {
		redisFree(side->context);
		free(side);
	}
}

static redisReply *ask(struct bench *bench, int count, const char **words)
{
	redisReply *reply = redisCommandArgv(bench->redis->context, count, words, NULL);

	if (!reply || reply->type == REDIS_REPLY_ERROR) {
		fail_msg("side door: %s: %s", words[0], reply ? reply->str : "no answer");
	}
	return reply;
}

long redis_side(struct bench *bench, const char *word, ...)
{
	const char *words[WORDS_MAX];
	redisReply *reply;
	int count = 0;
	long number;
	va_list args;

	va_start(args, word);
	for (; word && count < WORDS_MAX; word = va_arg(args, const char *)) {
		words[count++] = word;
	}
	va_end(args);
	reply = ask(bench, count, words);
	number = reply->type == REDIS_REPLY_INTEGER ? (long)reply->integer : 0;
	freeReplyObject(reply);
	return number;
}

/* In Redis: a question for each row takes minutes where the processors are busy. */
long redis_side_count_rows(struct bench *bench, enum bench_row kind)
{
	static const char *const letters[] = {
		[ROW_ANY] = "", [ROW_RUNNING] = "R", [ROW_DONE] = "D", [ROW_DEAD] = "X"
	};
	static const char script[] =
		"local count = 0 "
		"for _, key in ipairs(redis.call('KEYS', 'onced:id:*')) do "
		"  local row = redis.call('GET', key) "
		"  if ARGV[1] == '' or row and row:sub(1, 1) == ARGV[1] then count = count + 1 end "
		"end "
		"return count";

	return redis_side(bench, "EVAL", script, "0", letters[kind], NULL);
}
