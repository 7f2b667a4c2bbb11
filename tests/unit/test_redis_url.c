/*
 * test_redis_url - every form of the URL, and what is said about those that are none
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/redis/redis.h"

static void add(char *to, size_t size, const char *name, const char *value)
{
	size_t len = strlen(to);

	if (value) {
		snprintf(to + len, size - len, " %s=%s", name, value);
	}
}

/* What the URL says, in words; what it does not say is left out. */
static void describe(const struct red_url *url, char *to, size_t size)
{
	snprintf(to, size, "db=%d%s", url->db, url->is_tls ? " tls" : "");
	for (size_t i = 0; i < url->endpoint_count; i++) {
		size_t len = strlen(to);

		snprintf(to + len, size - len, " %s %d", url->endpoints[i].host,
			url->endpoints[i].port);
	}
	add(to, size, "user", url->user);
	add(to, size, "password", url->password);
	add(to, size, "path", url->path);
	add(to, size, "master", url->master);
	add(to, size, "ca", url->tls_ca);
	add(to, size, "cert", url->tls_cert);
	add(to, size, "key", url->tls_key);
}

static void each_form_is_read(void **state)
{
	static const struct {
		const char *url, *says;
	} good[] = {
		{ "redis://h", "db=0 h 6379" },
		{ "redis://h/", "db=0 h 6379" },
		{ "redis://h:7000/3", "db=3 h 7000" },
		{ "redis://h?db=4", "db=4 h 6379" },
		{ "redis://127.0.0.1:65535", "db=0 127.0.0.1 65535" },
		{ "redis://[::1]", "db=0 ::1 6379" },
		{ "redis://[::1]:7000/1", "db=1 ::1 7000" },
		{ "redis://u:p@h", "db=0 h 6379 user=u password=p" },
		{ "redis://u@h", "db=0 h 6379 user=u" },
		{ "redis://:p@h", "db=0 h 6379 password=p" },
		{ "redis://u:p%40%3a%2F@h", "db=0 h 6379 user=u password=p@:/" },
		{ "redis://u:p@p@h", "db=0 h 6379 user=u password=p@p" },
		{ "rediss://h", "db=0 tls h 6379" },
		{ "rediss://h/2?ca=/a%20b&cert=c&key=k", "db=2 tls h 6379 ca=/a b cert=c key=k" },
		{ "redis+unix:///run/redis.sock", "db=0 path=/run/redis.sock" },
		{ "redis+unix:///a%20b?db=2", "db=2 path=/a b" },
		{ "redis+unix://u:p@/s", "db=0 user=u password=p path=/s" },
		{ "redis+sentinel://a/shop", "db=0 a 26379 master=shop" },
		{ "redis+sentinel://u:p@a:1,b,[::1]:3/my%20shop/7",
			"db=7 a 1 b 26379 ::1 3 user=u password=p master=my shop" },
		{ "rediss+sentinel://a,b:1/shop/2?ca=/c",
			"db=2 tls a 26379 b 1 master=shop ca=/c" },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct red_url url;
		struct err err = ERR_INIT;
		char text[512];

		if (red_url_parse(good[i].url, &url, &err) != 0) {
			fail_msg("%s: %s", good[i].url, err.text);
		}
		describe(&url, text, sizeof(text));
		assert_string_equal(text, good[i].says);
		red_url_fini(&url);
	}
}

static void what_is_none_is_refused_with_a_remedy_and_without_its_text(void **state)
{
	static const char host[] = "the host is not readable";
	static const char option[] = "may stand behind ?";
	static const char number[] = "the number of the database";
	static const char login[] = "user and password are not readable";
	static const char master[] = "name the master";
	static const char socket[] = "a UNIX socket is written";
	static const struct {
		const char *url, *problem;
	} bad[] = {
		{ "http://secret", "unknown scheme" },
		{ "redis:secret", "unknown scheme" },
		{ "redis://", host },
		{ "redis://:7000", host },
		{ "redis://secret:port", host },
		{ "redis://secret:0", host },
		{ "redis://secret:65536", host },
		{ "redis://secret:", host },
		{ "redis://[secret", host },
		{ "redis://[]", host },
		{ "redis://[::1]secret", host },
		{ "redis://se%00cret", host },
		{ "redis://u:secret%4@h", login },
		{ "redis://u:secret%zz@h", login },
		{ "redis://u%00:secret@h", login },
		{ "redis://h/secret", number },
		{ "redis://h/-1", number },
		{ "redis://h/99999999", number },
		{ "redis://a,b", "several hosts are for Sentinels" },
		{ "redis://h?secret=1", option },
		{ "redis://h?db=", option },
		{ "redis://h?ca=secret", option },
		{ "rediss://h?ca=a&ca=secret", option },
		{ "redis+unix://", socket },
		{ "redis+unix:///", socket },
		{ "redis+unix://secret/path", socket },
		{ "redis+sentinel://a,b", master },
		{ "redis+sentinel://a/shop?ca=secret", option },
		{ "redis+sentinel://a/", master },
		{ "redis+sentinel://a/%zz", "the master's name is not readable" },
		{ "redis+sentinel://a//1", "the master's name is not readable" },
		{ "redis+sentinel://a,/secret", host },
		{ "redis+sentinel://a/shop/secret", number },
		{ "redis+sentinel://1,2,3,4,5,6,7,8,9/secret", host },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct red_url url;
		struct err err = ERR_INIT;

		if (red_url_parse(bad[i].url, &url, &err) != -EINVAL) {
			fail_msg("%s is taken", bad[i].url);
		}
		if (!strstr(err.text, bad[i].problem) || strstr(err.text, "secret")) {
			fail_msg("%s: %s", bad[i].url, err.text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_read),
		cmocka_unit_test(what_is_none_is_refused_with_a_remedy_and_without_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
