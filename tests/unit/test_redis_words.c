/*
 * test_redis_words - what a Redis says of itself and of its troubles, and what is made of it
 *
 * No server is asked: what they write, in their versions, is written here.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "store/redis/redis.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)

/* ---- troubles ---- */

static const struct {
	const char *text, *code;
	bool is_operators;
	const char *remedy; /* or another part of the sentence */
} troubles[] = {
	{ "READONLY You can't write against a read only replica.", "READONLY", false,
		"writes go to its master" },
	{ "READONLY You can't write against a read only replica. script: 3b1d, on "
	  "@user_script:1.",
		"READONLY", false, "writes go to its master" },
	{ "LOADING Redis is loading the dataset in memory", "LOADING", false, "in memory" },
	{ "OOM command not allowed when used memory > 'maxmemory'.", "OOM", false,
		"raise maxmemory" },
	{ "ERR Error running script (call to f_3b1d): @user_script:1: -OOM command not allowed "
	  "when used memory > 'maxmemory'.",
		"OOM", false, "raise maxmemory" },
	{ "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"MASTERDOWN", false, "is down" },
	{ "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
	  "persist to disk.",
		"MISCONF", false, "persist to disk" },
	{ "NOREPLICAS Not enough good replicas to write.", "NOREPLICAS", false, "good replicas" },
	{ "BUSY Redis is busy running a script.", "BUSY", false, "busy running" },
	{ "NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT", false, "EVAL" },
	{ "MOVED 3999 127.0.0.1:6381", "MOVED", true, "Redis Cluster is not supported" },
	{ "ASK 3999 127.0.0.1:6381", "ASK", true, "Redis Cluster is not supported" },
	{ "CROSSSLOT Keys in request don't hash to the same slot", "CROSSSLOT", true,
		"Redis Cluster is not supported" },
	{ "CLUSTERDOWN Hash slot not served", "CLUSTERDOWN", true,
		"Redis Cluster is not supported" },
	{ "NOAUTH Authentication required.", "NOAUTH", true, "set store.user and store.password" },
	{ "WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS", true,
		"is wrong" },
	{ "ERR invalid password", "WRONGPASS", true, "is wrong" },
	{ "ERR AUTH <password> called without any password configured for the default user.",
		"WRONGPASS", true, "is wrong" },
	{ "NOPERM this user has no permissions to run the 'set' command", "NOPERM", true,
		"docs/redis-store.md" },
	{ "ERR The user executing the script can't run this command or subcommand", "NOPERM", true,
		"docs/redis-store.md" },
	{ "ERR ACL failure in script: No permissions to access a key", "NOPERM", true,
		"docs/redis-store.md" },
	/* a word within the text is none */
	{ "ERR no room for an OOM here", "ERR", false, "no room" },
	{ "ERR max number of clients reached", "ERR", false, "max number of clients" },
	{ "OOMPH", "OOMPH", false, "OOMPH" },
};

static void each_trouble_has_its_meaning_and_none_is_a_records(void **state)
{
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		char *text = strdup(troubles[i].text);
		redisReply reply = { .type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text) };
		struct err err = ERR_INIT;
		bool is_operators;

		assert_int_equal(red_failure_of_reply(&reply, "SET", &is_operators, &err),
			STORE_UNAVAILABLE);
		if (strcmp(err.code, troubles[i].code) != 0 ||
			is_operators != troubles[i].is_operators ||
			!strstr(err.text, troubles[i].remedy) ||
			!strstr(err.text, "Redis refuses SET: ")) {
			fail_msg("%s: code %s: %s", text, err.code, err.text);
		}
		free(text);
	}
}

static void what_redis_quotes_of_a_command_is_not_repeated(void **state)
{
	char text[] = "ERR unknown command `AUTH`, with args beginning with: `planted` `secret` ";
	redisReply reply = { .type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text) };
	struct err err = ERR_INIT;
	bool is_operators;

	red_failure_of_reply(&reply, "AUTH", &is_operators, &err);
	assert_non_null(strstr(err.text, "unknown command `AUTH`"));
	assert_null(strstr(err.text, "planted"));
}

/* ---- parts of an answer ---- */

static const struct {
	const char *bytes;
	int result;
	bool is_answer; /* whole: nothing is waited for */
} announcements[] = {
	{ "*2\r\n:1\r\n:2\r\n", REDIS_OK, true },
	{ "*1048576\r\n:1\r\n", REDIS_OK, false },
	{ "*1048577\r\n:1\r\n", REDIS_ERR, false },
	{ "*1\r\n*1048577\r\n", REDIS_ERR, false },
	{ "*2147483647\r\n", REDIS_ERR, false },
	{ "*4294967297\r\n:1\r\n", REDIS_ERR, false },
	{ "*9223372036854775807\r\n", REDIS_ERR, false },
};

static void an_answer_that_announces_too_much_is_refused_before_there_is_room_for_it(void **state)
{
	for (size_t i = 0; i < sizeof(announcements) / sizeof(announcements[0]); i++) {
		redisReader *reader = redisReaderCreate();
		void *reply = NULL;
		int result;

		assert_int_equal(red_answer_bound(reader), 0);
		redisReaderFeed(reader, announcements[i].bytes, strlen(announcements[i].bytes));
		result = redisReaderGetReply(reader, &reply);
		if (result != announcements[i].result || !!reply != announcements[i].is_answer) {
			fail_msg("%s: %d", announcements[i].bytes, result);
		}
		if (result != REDIS_OK) {
			assert_true(strlen(red_answer_error(reader)) > 10);
		}
		if (reply) {
			freeReplyObject(reply);
		}
		redisReaderFree(reader);
	}
}

/* ---- greetings ---- */

struct line {
	struct red_store store;
	struct red_session session;
	int peer_fd;
};

static int line_open(void **state)
{
	struct line *line = test_calloc(1, sizeof(*line));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	line->peer_fd = fds[1];
	pthread_mutex_init(&line->store.lock, NULL);
	line->session.store = &line->store;
	line->session.context = redisConnectFd(fds[0]);
	line->session.interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	*state = line;
	return 0;
}

static int line_close(void **state)
{
	struct line *line = *state;

	red_link_close(&line->session);
	close(line->peer_fd);
	close(line->session.interrupt_fd);
	pthread_mutex_destroy(&line->store.lock);
	test_free(line);
	return 0;
}

/* The answer to INFO is there before it is asked for. */
static void answer(struct line *line, const char *info)
{
	assert_true(dprintf(line->peer_fd, "$%zu\r\n%s\r\n", strlen(info), info) > 0);
}

static void who_may_not_be_used_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *info;
		int result;
		const char *says;
		bool has_keepttl;
	} greetings[] = {
		{ "redis_version:5.0.14\r\nredis_mode:standalone\r\nrole:master\r\nloading:0\r\n",
			0, "", false },
		{ "redis_version:6.0.0\r\nrole:master\r\n", 0, "", true },
		{ "# Server\r\nredis_version:10.1.0\r\nrole:master\r\n", 0, "", true },
		{ "redis_version:4.0.14\r\nrole:master\r\n", -EINVAL,
			"this is Redis 4.0.14, onced needs 5 or newer" },
		{ "redis_version:7.0.15\r\nredis_mode:cluster\r\nrole:master\r\n", -EINVAL,
			"this is a node of Redis Cluster, which is not supported" },
		{ "redis_version:7.0.15\r\nredis_mode:sentinel\r\n", -EINVAL,
			"write redis+sentinel://HOST:PORT/MASTER" },
		{ "redis_version:7.0.15\r\nrole:slave\r\nmaster_host:db1\r\nmaster_port:6379\r\n",
			-EINVAL, "is a replica of db1:6379 and takes no writes" },
		{ "redis_version:7.0.15\r\nrole:master\r\nloading:1\r\n", 1,
			"Redis is loading its data" },
	};
	struct line *line = *state;

	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
		struct err err = ERR_INIT;

		line->session.has_keepttl = false;
		answer(line, greetings[i].info);
		if (red_greet(&line->session, clock_mono_us() + LONG_US, &err) !=
				greetings[i].result ||
			!strstr(err.text, greetings[i].says) ||
			line->session.has_keepttl != greetings[i].has_keepttl) {
			fail_msg("%s: %s", greetings[i].info, err.text);
		}
	}
}

static const char *greet(struct line *line, const char *info)
{
	static struct store_notice notice;
	struct err err = ERR_INIT;
	bool is_told;

	answer(line, info);
	assert_int_equal(red_greet(&line->session, clock_mono_us() + LONG_US, &err), 0);
	is_told = red_take_notice(&line->session.base, &notice);
	assert_true(!is_told || notice.is_loss);
	return is_told ? notice.text : NULL;
}

static void a_server_that_may_have_forgotten_is_told_once(void **state)
{
#define SERVER(run, replication, evicted)                                                          \
	"redis_version:7.0.15\r\nrole:master\r\nrun_id:" run "\r\nmaster_replid:" replication      \
	"\r\nevicted_keys:" evicted "\r\n"
	struct line *line = *state;

	assert_null(greet(line, SERVER("a", "x", "7")));
	assert_null(greet(line, SERVER("a", "x", "7")));
	assert_non_null(strstr(greet(line, SERVER("b", "x", "0")), "another Redis answers"));
	assert_null(greet(line, SERVER("b", "x", "0")));
	/* the same process, which followed another master meanwhile */
	assert_non_null(strstr(greet(line, SERVER("b", "y", "0")), "another Redis answers"));
	assert_non_null(strstr(greet(line, SERVER("b", "y", "3")), "threw 3 keys away"));
	assert_null(greet(line, SERVER("b", "y", "3")));
#undef SERVER
}

/* ---- what was written down ---- */

static enum store_failure ask_attempts(struct line *line, struct err *err)
{
	struct store_attempts *attempts;
	enum store_failure failure;
	size_t count;

	failure = red_load_attempts(
		&line->session.base, SLICE_LITERAL("t"), 0, 0, &attempts, &count, err);
	assert_int_equal(count, 0);
	assert_null(attempts);
	return failure;
}

static enum store_failure ask_pauses(struct line *line, struct err *err)
{
	struct pauses pauses = { 0 };
	int64_t now_ms = -1;
	enum store_failure failure;

	failure = red_load_pauses(&line->session.base, &pauses, &now_ms, err);
	assert_int_equal(now_ms, 0); /* what TIME says there is no time */
	assert_int_equal(pauses.count, 0);
	return failure;
}

static enum store_failure ask_seen(struct line *line, struct err *err)
{
	struct store_partition_seen seen;

	return red_get_seen(&line->session.base, SLICE_LITERAL("t"), 0, &seen, err);
}

static enum store_failure ask_row(struct line *line, struct err *err)
{
	const uint8_t key[STORE_KEY_SIZE] = { 0 };
	struct store_row row;

	return red_peek(&line->session.base, key, &row, err);
}

/* Never seen would begin the partition anew, and what is no text cannot be read as one. */
static void what_is_no_answer_of_redis_is_a_failure_of_the_store(void **state)
{
	static const struct {
		enum store_failure (*ask)(struct line *line, struct err *err);
		const char *answers;
		enum store_failure failure;
	} asked[] = {
		{ ask_attempts, "*0\r\n", STORE_OK },
		{ ask_attempts, "*2\r\n:1\r\n:2\r\n", STORE_UNAVAILABLE },
		{ ask_attempts, "*2\r\n$-1\r\n*0\r\n", STORE_UNAVAILABLE },
		{ ask_attempts, "*1\r\n$1\r\nx\r\n", STORE_UNAVAILABLE },
		{ ask_attempts, "$-1\r\n", STORE_UNAVAILABLE },
		{ ask_pauses, "*2\r\n:1\r\n:2\r\n*0\r\n", STORE_OK },
		{ ask_pauses, "*2\r\n$19\r\n9223372036854775807\r\n$1\r\n0\r\n*0\r\n", STORE_OK },
		{ ask_pauses, "*-1\r\n*2\r\n:1\r\n$-1\r\n", STORE_UNAVAILABLE },
		{ ask_pauses, "*0\r\n+OK\r\n", STORE_UNAVAILABLE },
		{ ask_seen, "$-1\r\n", STORE_OK },
		{ ask_seen, "*0\r\n", STORE_UNAVAILABLE },
		{ ask_seen, ":7\r\n", STORE_UNAVAILABLE },
		{ ask_row, "*2\r\n:1\r\n:2\r\n$-1\r\n", STORE_OK },
		{ ask_row, "*2\r\n*0\r\n$-1\r\n*0\r\n", STORE_STATEMENT },
	};
	struct line *line = *state;

	line->store.options.group_id = "g";
	line->store.options.cluster_id = "c";
	line->store.options.consumer = "c";
	line->store.options.lock_timeout_us = LONG_US;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct err err = ERR_INIT;

		assert_true(dprintf(line->peer_fd, "%s", asked[i].answers) > 0);
		if (asked[i].ask(line, &err) != asked[i].failure ||
			(err.text[0] == '\0') != (asked[i].failure == STORE_OK)) {
			fail_msg("%s: %s", asked[i].answers, err.text);
		}
	}
}

#define WITH_LINE(test) cmocka_unit_test_setup_teardown(test, line_open, line_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_trouble_has_its_meaning_and_none_is_a_records),
		cmocka_unit_test(what_redis_quotes_of_a_command_is_not_repeated),
		cmocka_unit_test(
			an_answer_that_announces_too_much_is_refused_before_there_is_room_for_it),
		WITH_LINE(who_may_not_be_used_is_refused_with_a_sentence),
		WITH_LINE(a_server_that_may_have_forgotten_is_told_once),
		WITH_LINE(what_is_no_answer_of_redis_is_a_failure_of_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
