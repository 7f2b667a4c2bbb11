/*
 * cases_sqlite - what only SQLite can show: one writer, one file
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "store/stores.h"

static void another_writer_makes_the_store_unavailable_and_burns_nothing(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_claim claim = claim_of("a", 1);
	struct store *store;
	struct store_session *session;
	struct store_flight flight;

	options.lock_timeout_us = 50000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	side_run(bench->side, "BEGIN IMMEDIATE");
	session->ops->begin(session);
	session->ops->claim(session, &claim, 1);
	flight = flush_expect(session, STORE_UNAVAILABLE);
	assert_int_equal(flight.op, STORE_OP_BEGIN);
	assert_string_equal(flight.err.code, "SQLITE_BUSY");
	assert_false(flight.in_transaction);
	side_run(bench->side, "ROLLBACK");
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
}

static int ready_of_url(const struct bench *bench, const char *url, struct err *err)
{
	struct store_options options = bench->options;
	struct store_session *session = NULL;
	struct store *store;
	int result;

	options.url = url;
	store = bench_open_store(bench, &options);
	assert_int_equal(store->ops->session_open(store, &session, err), 0);
	result = store->ops->session_ready(session, err);
	store->ops->session_close(session);
	store->ops->close(store);
	return result;
}

static void a_missing_file_or_directory_is_an_operators_affair(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;
	char url[128];

	snprintf(url, sizeof(url), "sqlite:%s/other.db", bench->directory);
	assert_int_equal(ready_of_url(bench, url, &err), -EINVAL);
	assert_int_equal(ready_of_url(bench, "sqlite:/no/such/place/store.db", &err), -EINVAL);
	assert_non_null(strstr(err.text, "/no/such/place"));
}

static void urls_without_a_file_are_refused(void **state)
{
	static const char *const urls[] = {
		"sqlite:", "sqlite::memory:", "sqlite://host/store.db"
	};
	struct bench *bench = *state;
	struct store *store = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct store_options options = bench->options;

		options.url = urls[i];
		assert_int_equal(stores_find(urls[i])->open(&options, &store, &err), -EINVAL);
	}
}

static void a_file_moved_away_is_noticed_and_the_new_one_is_used(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;
	struct err err = ERR_INIT;
	unsigned applied;
	char from[128], to[128];

	claim_alone(session, claim_of("a", 1));
	snprintf(from, sizeof(from), "%s/store.db", bench->directory);
	snprintf(to, sizeof(to), "%s/moved.db", bench->directory);
	assert_int_equal(rename(from, to), 0);
	session->ops->begin(session);
	queue_effect(session, "a", "x", 1);
	session->ops->commit(session);
	flight = flush_expect(session, STORE_UNAVAILABLE);
	assert_string_equal(flight.err.code, "SQLITE_READONLY_DBMOVED");
	rollback(session);
	assert_int_equal(session->ops->session_ready(session, &err), -EINVAL);
	unlink(to);
	assert_int_equal(bench->store->ops->migrate(bench->store, &applied, &err), 0);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
}

static const struct CMUnitTest cases[] = {
	CASE(another_writer_makes_the_store_unavailable_and_burns_nothing),
	CASE(a_missing_file_or_directory_is_an_operators_affair),
	CASE(urls_without_a_file_are_refused),
	CASE(a_file_moved_away_is_noticed_and_the_new_one_is_used),
};
CASE_LIST(sqlite_cases, cases);
