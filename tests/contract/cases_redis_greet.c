/*
 * cases_redis_greet - who may be used as a store, and what is said where not
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "store/stores.h"

/* The URL under test with another login, and options of one's own. */
static int ready_as(const struct bench *bench, const char *user, const char *password,
	const char *scope, struct err *err)
{
	struct store_options options = bench->options;
	struct store_session *session = NULL;
	struct store *store;
	int result;

	options.user = user;
	options.password = password;
	options.scope = scope;
	store = bench_open_store(bench, &options);
	assert_int_equal(store->ops->session_open(store, &session, err), 0);
	result = store->ops->session_ready(session, err);
	store->ops->session_close(session);
	store->ops->close(store);
	return result;
}

#define RIGHTS                                                                                     \
	"~onced:*", "+auth", "+select", "+info", "+script|load", "+evalsha", "+eval", "+time",     \
		"+get", "+mget", "+set", "+del", "+hset", "+hget", "+hgetall", "+hdel", "+pexpire"

static void give(struct bench *bench, const char *less)
{
	redis_side(bench, "ACL", "SETUSER", "small", "reset", "on", ">secret", "~onced:*", "+@all",
		less, NULL);
}

static void the_documented_rights_suffice(void **state)
{
	struct bench *bench = *state;
	static const char *const rights[] = { RIGHTS };
	struct err err = ERR_INIT;

	redis_side(bench, "ACL", "SETUSER", "small", "reset", "on", ">secret", NULL);
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		redis_side(bench, "ACL", "SETUSER", "small", rights[i], NULL);
	}
	if (ready_as(bench, "small", "secret", "orders", &err) != 0) {
		fail_msg("%s", err.text);
	}
}

static void every_right_that_is_missing_is_named(void **state)
{
	static const struct {
		const char *less, *name;
	} missing[] = {
		{ "-info", "INFO" },
		{ "-script|load", "SCRIPT" },
		{ "-evalsha", "EVALSHA" },
		{ "-time", "TIME" },
		{ "-get", "GET" },
		{ "-mget", "MGET" },
		{ "-set", "SET" },
		{ "-del", "DEL" },
		{ "-hset", "HSET" },
		{ "-hgetall", "HGETALL" },
		{ "-hdel", "HDEL" },
		{ "-pexpire", "PEXPIRE" },
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		struct err err = ERR_INIT;

		give(bench, missing[i].less);
		if (ready_as(bench, "small", "secret", "orders", &err) != -EINVAL ||
			!strstr(err.text, missing[i].name) || strcmp(err.code, "NOPERM") != 0) {
			fail_msg("without %s: %s %s", missing[i].name, err.code, err.text);
		}
	}
}

static void keys_of_other_names_are_not_needed_and_ours_are(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;

	redis_side(bench, "ACL", "SETUSER", "small", "reset", "on", ">secret", "~other:*", "+@all",
		NULL);
	assert_int_equal(ready_as(bench, "small", "secret", "orders", &err), -EINVAL);
	assert_string_equal(err.code, "NOPERM");
}

static void a_wrong_login_is_an_operators_affair_and_never_repeated(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;

	assert_int_equal(ready_as(bench, "admin", "planted-wrong", "orders", &err), -EINVAL);
	assert_string_equal(err.code, "WRONGPASS");
	assert_null(strstr(err.text, "planted-wrong"));
	assert_int_equal(ready_as(bench, "nobody", "planted-wrong", "orders", &err), -EINVAL);
	assert_null(strstr(err.text, "planted-wrong"));
}

static void a_scope_belongs_to_one_group(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_session *session;
	struct err err = ERR_INIT;
	struct store *store;

	options.group_id = "another-service";
	store = bench_open_store(bench, &options);
	store->ops->session_open(store, &session, &err);
	assert_int_equal(store->ops->session_ready(session, &err), -EINVAL);
	assert_non_null(strstr(err.text, "belongs to group orders-service"));
	store->ops->session_close(session);
	store->ops->close(store);
}

static bool take_notice(struct store_session *session, const char *words)
{
	struct store_notice notice;
	bool is_there = false;

	while (session->ops->take_notice(session, &notice)) {
		is_there |= strstr(notice.text, words) != NULL;
	}
	return is_there;
}

static void a_policy_that_throws_keys_away_is_told(void **state)
{
	struct bench *bench = *state;
	struct store_session *session;
	struct store *store;

	assert_false(take_notice(bench->session, "maxmemory-policy"));
	redis_side(bench, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru", NULL);
	store = bench_open_store(bench, &bench->options);
	session = bench_open_session(store);
	redis_side(bench, "CONFIG", "SET", "maxmemory-policy", "noeviction", NULL);
	assert_true(take_notice(session, "maxmemory-policy is allkeys-lru"));
	session->ops->session_close(session);
	store->ops->close(store);
}

static void nobody_there_is_worth_another_try(void **state)
{
	static const char *const urls[] = { "redis://127.0.0.1:1/0",
		"redis+unix:///nowhere/redis.sock",
		"redis+sentinel://127.0.0.1:1,127.0.0.1:2/shop" };
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct store_options options = bench->options;
		struct store_session *session;
		struct err err = ERR_INIT;
		struct store *store;

		options.url = urls[i];
		store = bench_open_store(bench, &options);
		store->ops->session_open(store, &session, &err);
		assert_int_equal(store->ops->session_ready(session, &err), 1);
		assert_true(err.text[0] != '\0');
		store->ops->session_close(session);
		store->ops->close(store);
	}
}

static void urls_that_name_no_redis_are_refused_without_their_words(void **state)
{
	static const char *const urls[] = { "redis://", "redis://:secret@", "redis://host:port/0",
		"redis://host:6379/zero", "redis://host:0/0", "redis://host:70000/0",
		"redis://user:sec%zzret@host/0", "redis://host/0?timeout=secret",
		"redis://one,two/0", "redis+unix://host/path", "redis+unix:///",
		"redis+sentinel://one,two", "redis+sentinel://one,two/", "redis://[::1/0",
		"redis://secret%/0", "redis://host/0?ca=/secret" };
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct store_options options = bench->options;
		struct err err = ERR_INIT;
		struct store *store;

		options.url = urls[i];
		if (stores_find(urls[i])->open(&options, &store, &err) != -EINVAL) {
			fail_msg("not refused: %s", urls[i]);
		}
		assert_null(strstr(err.text, "sec"));
	}
}

static const struct CMUnitTest cases[] = {
	CASE(the_documented_rights_suffice),
	CASE(every_right_that_is_missing_is_named),
	CASE(keys_of_other_names_are_not_needed_and_ours_are),
	CASE(a_wrong_login_is_an_operators_affair_and_never_repeated),
	CASE(a_scope_belongs_to_one_group),
	CASE(a_policy_that_throws_keys_away_is_told),
	CASE(nobody_there_is_worth_another_try),
	CASE(urls_that_name_no_redis_are_refused_without_their_words),
};
CASE_LIST(redis_greet_cases, cases);
