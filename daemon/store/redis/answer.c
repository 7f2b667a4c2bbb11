/*
 * answer - how many parts an answer may have
 *
 * Runs in: the session's thread. hiredis takes room for as many parts as an answer announces, up to
 * 16 or 32 GB, before the first has come. Nothing that answers us has reason to say a number like
 * that: it is refused when it is announced.
 */
#include <errno.h>
#include <pthread.h>

#include "store/redis/redis.h"

#if HIREDIS_MAJOR >= 1
typedef size_t parts_number;
#else
typedef int parts_number;
#endif

/* hiredis's own functions, and the same but for the one that takes the room; written once. */
static redisReplyObjectFunctions theirs, bounded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *create_bounded_array(const redisReadTask *task, parts_number count)
{
	return count <= RED_ANSWER_PARTS ? theirs.createArray(task, count) : NULL;
}

static void copy(void)
{
	redisReader *reader = redisReaderCreate();

	if (reader) {
		theirs = *reader->fn;
		bounded = theirs;
		bounded.createArray = create_bounded_array;
		redisReaderFree(reader);
	}
}

int red_answer_bound(redisReader *reader)
{
	pthread_once(&once, copy);
	if (!bounded.createArray) {
		return -ENOMEM;
	}
	reader->fn = &bounded;
	return 0;
}

const char *red_answer_error(const redisReader *reader)
{
	return reader->err == REDIS_ERR_OOM ? "an answer with more parts than there is reason for"
					    : reader->errstr;
}
