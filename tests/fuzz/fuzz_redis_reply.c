/*
 * fuzz_redis_reply - answers of a server, through hiredis, and what must hold of each reading
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds: an error reply is a failure of the
 * store with a word and a sentence, and shows no argument of a script; a row that is read lies
 * within its bytes; an answer about leases either is understood or leaves every event undecided.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_driver.h"
#include "store/redis/redis.h"

enum { CLAIMS = 3 };

#define TAG "0123456789abcdef01234567"
#define LEASE                                                                                      \
	"0123456789abcdef"                                                                         \
	"1767323045678"                                                                            \
	"stampabc"

static const struct slice answers[] = {
	SLICE_LITERAL("*1\r\n$4\r\nmark\r\n"),
	SLICE_LITERAL("*3\r\n$4\r\nmark\r\n:1\r\n:1503\r\n"),
	SLICE_LITERAL("*5\r\n$4\r\nmark\r\n:1\r\n:1\r\n:3\r\n$2\r\nD\0\r\n"),
	SLICE_LITERAL("*3\r\n$4\r\nmark\r\n:2\r\n$26\r\nD\x18" TAG "\r\n"),
	SLICE_LITERAL("*3\r\n$4\r\nmark\r\n:2\r\n$39\r\nR\0" LEASE "\r\n"),
	SLICE_LITERAL("*3\r\n$4\r\nmark\r\n:1\r\n$14\r\nX\0positionwhy!\r\n"),
	SLICE_LITERAL("*4\r\n:1\r\n:2\r\n:2\r\n:0\r\n"),
	/* pairs that no script says: taken for leases once */
	SLICE_LITERAL("*5\r\n$4\r\nmark\r\n:1\r\n*0\r\n:1\r\n:3\r\n"),
	SLICE_LITERAL("*3\r\n$4\r\nmark\r\n:2\r\n:-1\r\n"),
	SLICE_LITERAL("*3\r\n$4\r\nmark\r\n:1\r\n:9223372036854775807\r\n"),
	SLICE_LITERAL("*0\r\n"),
	/* room for 16 GB was taken once */
	SLICE_LITERAL("*2147483647\r\n"),
	SLICE_LITERAL("+OK\r\n"),
	SLICE_LITERAL("$-1\r\n"),
	SLICE_LITERAL("-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
	SLICE_LITERAL("-ERR Error running script (call to f_0): @user_script:3: NOPERM no, "
		      "with args beginning with: secret-4711\r\n"),
	SLICE_LITERAL("-MOVED 1 127.0.0.1:7001\r\n"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("\r\n"),
	SLICE_LITERAL("*"),
	SLICE_LITERAL("$"),
	SLICE_LITERAL(":"),
	SLICE_LITERAL("-"),
	SLICE_LITERAL("+"),
	SLICE_LITERAL(":1\r\n"),
	SLICE_LITERAL(":-1\r\n"),
	SLICE_LITERAL(":9223372036854775807\r\n"),
	SLICE_LITERAL(":-9223372036854775808\r\n"),
	SLICE_LITERAL("$-1\r\n"),
	SLICE_LITERAL("*-1\r\n"),
	SLICE_LITERAL("*3\r\n"),
	SLICE_LITERAL("$2\r\nD\0\r\n"),
	SLICE_LITERAL("-ERR x\r\n"),
	SLICE_LITERAL(", with args secret-4711"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(answers) / sizeof(answers[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return answers[i];
}

/* ---- errors ---- */

static const char *check_error(const redisReply *reply)
{
	struct err err = ERR_INIT;
	bool is_operators;

	if (red_failure_of_reply(reply, "leases", &is_operators, &err) != STORE_UNAVAILABLE) {
		return "an error that is a record's fault";
	}
	if (!memchr(err.code, '\0', sizeof(err.code)) || !err.text[0]) {
		return "an error that says nothing";
	}
	return strstr(reply->str, ", with args") && strstr(err.text, "secret-4711") &&
			strstr(reply->str, "secret-4711") > strstr(reply->str, ", with args")
		? "an argument is shown"
		: NULL;
}

/* ---- rows ---- */

static bool lies_in(struct slice part, struct slice whole)
{
	return slice_is_null(part) ||
		(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static const char *check_row(struct slice bytes)
{
	struct red_row row;

	if (!red_row_read(bytes, &row)) {
		return NULL;
	}
	return lies_in(row.tag, bytes) && lies_in(row.position, bytes) && lies_in(row.why, bytes)
		? NULL
		: "a row beyond its bytes";
}

/* ---- leases ---- */

/* Each pair is a number of ours and what it says; by the letter, apart from the reader. */
static bool is_understood(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 == 0) {
		return false;
	}
	for (size_t i = 1; i < reply->elements; i += 2) {
		const redisReply *number = reply->element[i], *verdict = reply->element[i + 1];

		if (number->type != REDIS_REPLY_INTEGER || number->integer < 1 ||
			number->integer > CLAIMS ||
			(verdict->type != REDIS_REPLY_STRING &&
				(verdict->type != REDIS_REPLY_INTEGER || verdict->integer < 0))) {
			return false;
		}
	}
	return true;
}

/* A row is judged by what it says, and may say nothing that counts. */
static bool has_row(const redisReply *reply)
{
	for (size_t i = 2; i < reply->elements; i += 2) {
		if (reply->element[i]->type == REDIS_REPLY_STRING) {
			return true;
		}
	}
	return false;
}

static const char *check_claims(const struct store_claim *claims, const redisReply *reply)
{
	bool is_heard = is_understood(reply);

	for (size_t i = 0; i < CLAIMS; i++) {
		if (!is_heard && claims[i].verdict != CLAIM_UNKNOWN) {
			return "a verdict out of no answer";
		}
		if (is_heard && !has_row(reply) && claims[i].verdict == CLAIM_UNKNOWN) {
			return "an answer that was not heard";
		}
		if (claims[i].verdict == CLAIM_BUSY && claims[i].busy_us < 0) {
			return "busy until before now";
		}
	}
	return NULL;
}

static const char *check_leases(const redisReply *reply)
{
	static struct red_store store = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.options.cluster_id = "cluster" };
	struct red_session session = { .store = &store, .decisions = ARENA_INIT };
	struct store_claim claims[CLAIMS];
	struct red_op op = { .kind = RED_LEASE, .claims = claims, .count = CLAIMS };
	const char *wrong;

	memset(claims, 0, sizeof(claims));
	for (size_t i = 0; i < CLAIMS; i++) {
		claims[i].position.topic = SLICE_LITERAL("t");
	}
	store_claims_forget(claims, CLAIMS);
	red_judge(&session, &op, reply);
	wrong = check_claims(claims, reply);
	op.kind = RED_END;
	red_judge(&session, &op, reply);
	arena_fini(&session.decisions);
	return wrong;
}

static const char *check(const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) {
		return check_error(reply);
	}
	if (reply->type == REDIS_REPLY_STRING) {
		return check_row(slice_from(reply->str, reply->len));
	}
	return check_leases(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	redisReader *reader = redisReaderCreate();
	const char *wrong = NULL;
	void *reply = NULL;

	if (red_answer_bound(reader) < 0) {
		fuzz_fail("no memory", slice_from((const char *)data, size));
	}
	redisReaderFeed(reader, (const char *)data, size);
	while (!wrong && redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
		wrong = check(reply);
		freeReplyObject(reply);
		reply = NULL;
	}
	redisReaderFree(reader);
	if (wrong) {
		fuzz_fail(wrong, slice_from((const char *)data, size));
	}
	return 0;
}
