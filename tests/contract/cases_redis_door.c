/*
 * cases_redis_door - TLS, and Sentinels that want a login: who comes in, and what the others hear
 *
 * The server's certificate is for localhost and for no address; clients must show one, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cases.h"
#include "proxy.h"
#include "store/stores.h"

static int ready(const struct bench *bench, const struct store_options *options, struct err *err)
{
	struct store_session *session = NULL;
	struct store *store = bench_open_store(bench, options);
	int result;

	assert_int_equal(store->ops->session_open(store, &session, err), 0);
	result = store->ops->session_ready(session, err);
	store->ops->session_close(session);
	store->ops->close(store);
	return result;
}

/* ---- TLS ---- */

static char *tls_url(const char *host, const char *port, const char *ca, bool has_certificate)
{
	const char *files = getenv("ONCED_TEST_REDIS_FILES");
	_cleanup_free_ char *own = has_certificate
		? xasprintf("&cert=%s/client.pem&key=%s/client.key", files, files)
		: xstrdup("");

	return xasprintf("rediss://admin:secret-of-the-side-door@%s:%s/0?db=0%s%s%s%s%s", host,
		port, ca ? "&ca=" : "", ca ? files : "", ca ? "/" : "", ca ? ca : "", own);
}

static void a_stream_carries_a_large_batch(void **state)
{
	enum { MANY = 20000 };
	struct bench *bench = *state;
	_cleanup_free_ char *url =
		tls_url("localhost", getenv("ONCED_TEST_REDIS_TLS"), "ca.pem", true);
	const struct store_lease lease = { .owner = "A", .lease_us = 60000000 };
	struct store_claim *claims = test_calloc(MANY, sizeof(*claims));
	struct store_options options = bench->options;
	struct store_session *session;
	struct store *store;
	char id[16];

	options.url = url;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "n%d", i);
		claims[i] = claim_of(id, i);
	}
	for (int pass = 0; pass < 2; pass++) {
		session->ops->lease(session, &lease, claims, MANY);
		flush_expect(session, STORE_OK);
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(claims[i].verdict, CLAIM_TAKEN_OVER);
	}
	session->ops->end_leases(session, &lease, STORE_LEASE_DONE, claims, MANY);
	flush_expect(session, STORE_OK);
	assert_int_equal(bench_count_rows(bench, ROW_DONE), MANY);
	redis_side(bench, "CLIENT", "KILL", "TYPE", "normal", NULL);
	session->ops->lease(session, &lease, claims, 1);
	flush_expect(session, STORE_LOST);
	assert_int_equal(session->ops->session_ready(session, NULL), 0);
	session->ops->lease(session, &lease, claims, 1);
	flush_expect(session, STORE_OK);
	assert_int_equal(claims[0].verdict, CLAIM_DUPLICATE);
	session->ops->session_close(session);
	store->ops->close(store);
	test_free(claims);
}

static void a_handshake_that_fails_says_why_in_a_sentence(void **state)
{
	static const struct {
		const char *host, *ca;
		bool has_certificate;
		int result;
		const char *says;
	} doors[] = {
		{ "localhost", "ca.pem", true, 0, "" },
		{ "localhost", "other.pem", true, -EINVAL,
			"the certificate of localhost is not trusted" },
		{ "localhost", NULL, true, -EINVAL, "the certificate of localhost is not trusted" },
		{ "127.0.0.1", "ca.pem", true, -EINVAL, "is not for 127.0.0.1" },
		{ "localhost", "ca.pem", false, 1, "certificate required" },
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		_cleanup_free_ char *url = tls_url(doors[i].host, getenv("ONCED_TEST_REDIS_TLS"),
			doors[i].ca, doors[i].has_certificate);
		struct store_options options = bench->options;
		struct err err = ERR_INIT;

		options.url = url;
		if (ready(bench, &options, &err) != doors[i].result ||
			!strstr(err.text, doors[i].says)) {
			fail_msg("%s, %s: %s", doors[i].host, doors[i].ca, err.text);
		}
		assert_null(strstr(err.text, "secret"));
	}
}

static void files_that_are_no_good_are_refused_before_anything_is_sent(void **state)
{
	static const char *const urls[] = { "rediss://localhost/0?ca=/nowhere/ca.pem",
		"rediss://localhost/0?cert=/nowhere/client.pem",
		"rediss://localhost/0?key=/nowhere/client.key" };
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct store_options options = bench->options;
		struct err err = ERR_INIT;
		struct store *store;

		options.url = urls[i];
		assert_int_equal(stores_find(urls[i])->open(&options, &store, &err), -EINVAL);
		assert_non_null(strstr(err.text, "/nowhere/"));
	}
}

/* TLS where none is, and none where it is: worth another try, and told. */
static void the_wrong_port_is_told(void **state)
{
	struct bench *bench = *state;
	const char *plain = strrchr(bench->url, ':') + 1;
	_cleanup_free_ char *port = xstrndup(plain, strcspn(plain, "/"));
	_cleanup_free_ char *with = tls_url("localhost", port, "ca.pem", true);
	_cleanup_free_ char *without =
		xasprintf("redis://admin:x@127.0.0.1:%s/0", getenv("ONCED_TEST_REDIS_TLS"));
	struct store_options options = bench->options;
	struct err err = ERR_INIT;

	options.url = with;
	assert_int_equal(ready(bench, &options, &err), 1);
	assert_non_null(strstr(err.text, "TLS with localhost"));
	options.url = without;
	assert_int_equal(ready(bench, &options, &err), 1);
	assert_non_null(strstr(err.text, "connection to Redis lost"));
}

/* ---- answers that never come ---- */

/* It was done, and nobody was told: whoever asks again learns it, and nothing is done twice. */
static void behind_a_lost_answer_stands_what_was_done(void **state)
{
	static const struct {
		const char *id;
		enum store_lease_end how;
		enum claim_verdict next;
	} ends[] = {
		{ "renewed", STORE_LEASE_RENEWED, CLAIM_TAKEN_OVER },
		{ "released", STORE_LEASE_RELEASED, CLAIM_NEW },
		{ "done", STORE_LEASE_DONE, CLAIM_DUPLICATE },
		{ "dead", STORE_LEASE_DLQ, CLAIM_SETTLED_DLQ },
	};
	struct bench *bench = *state;
	const char *port = strrchr(bench->url, ':') + 1;
	_cleanup_free_ char *server = xasprintf("host=127.0.0.1 port=%d", atoi(port));
	struct proxy *proxy = proxy_open(server);
	_cleanup_free_ char *url =
		xasprintf("%.*s%d/0", (int)(port - bench->url), bench->url, proxy_port(proxy));
	const struct store_lease lease = { .owner = "A", .lease_us = 60000000 };
	struct store_options options = bench->options;
	struct store_session *session;
	struct store *store;

	options.url = url;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct store_claim claim = claim_of(ends[i].id, (int)i);

		claim.decision = SLICE_LITERAL("why");
		proxy_lose_next_answer(proxy);
		session->ops->lease(session, &lease, &claim, 1);
		flush_expect(session, STORE_LOST);
		assert_int_equal(session->ops->session_ready(session, NULL), 0);
		session->ops->lease(session, &lease, &claim, 1);
		flush_expect(session, STORE_OK);
		assert_int_equal(claim.verdict, CLAIM_TAKEN_OVER);
		proxy_lose_next_answer(proxy);
		session->ops->end_leases(session, &lease, ends[i].how, &claim, 1);
		flush_expect(session, STORE_LOST);
		assert_int_equal(session->ops->session_ready(session, NULL), 0);
		session->ops->lease(session, &lease, &claim, 1);
		flush_expect(session, STORE_OK);
		if (claim.verdict != ends[i].next) {
			fail_msg("%s: %d", ends[i].id, claim.verdict);
		}
	}
	assert_int_equal(bench_count_rows(bench, ROW_RUNNING), 2);
	assert_int_equal(bench_count_rows(bench, ROW_DONE), 1);
	assert_int_equal(bench_count_rows(bench, ROW_DEAD), 1);
	session->ops->session_close(session);
	store->ops->close(store);
	proxy_close(proxy);
}

/* ---- Sentinels ---- */

static void a_sentinels_login_is_one_of_its_own(void **state)
{
	static const struct {
		const char *user, *password;
		int result;
		const char *says;
	} logins[] = {
		{ NULL, "planted-secret-of-sentinel", 0, "" },
		{ "asker", "planted-secret-of-sentinel", 0, "" },
		{ NULL, NULL, -EINVAL, "wants a login: set store.sentinel.password" },
		{ NULL, "wrong", -EINVAL,
			"store.sentinel.user or store.sentinel.password is wrong" },
		{ "nobody", "planted-secret-of-sentinel", -EINVAL, "is wrong" },
		{ "mute", "planted-secret-of-sentinel", -EINVAL,
			"+sentinel|get-master-addr-by-name" },
	};
	struct bench *bench = *state;
	_cleanup_free_ char *url =
		xasprintf("redis+sentinel://admin:secret-of-the-side-door@127.0.0.1:%s/shop",
			getenv("ONCED_TEST_SENTINEL"));

	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		struct store_options options = bench->options;
		struct err err = ERR_INIT;

		options.url = url;
		options.sentinel_user = logins[i].user;
		options.sentinel_password = logins[i].password;
		if (ready(bench, &options, &err) != logins[i].result ||
			!strstr(err.text, logins[i].says)) {
			fail_msg("%s: %s", logins[i].user ? logins[i].user : "(default)", err.text);
		}
		assert_null(strstr(err.text, "planted"));
	}
}

static const struct CMUnitTest cases[] = {
	CASE(a_stream_carries_a_large_batch),
	CASE(a_handshake_that_fails_says_why_in_a_sentence),
	CASE(files_that_are_no_good_are_refused_before_anything_is_sent),
	CASE(the_wrong_port_is_told),
	CASE(behind_a_lost_answer_stands_what_was_done),
	CASE(a_sentinels_login_is_one_of_its_own),
};
CASE_LIST(redis_door_cases, cases);
