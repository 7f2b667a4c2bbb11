/*
 * cases_memory - what only the store in memory can show: its bound, its end, its words
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "store/stores.h"

#define LONG_US ((int64_t)60 * 1000 * 1000)

static const struct store_lease lease = { .owner = "A", .lease_us = LONG_US };

static enum claim_verdict take(struct store_session *session, const char *id)
{
	struct store_claim claim = claim_of(id, 1);

	session->ops->lease(session, &lease, &claim, 1);
	flush_expect(session, STORE_OK);
	return claim.verdict;
}

static void mark(struct store_session *session, const char *id)
{
	struct store_claim claim = claim_of(id, 1);

	session->ops->end_leases(session, &lease, STORE_LEASE_DONE, &claim, 1);
	flush_expect(session, STORE_OK);
}

static struct store *open_small(const struct bench *bench)
{
	struct store_options options = bench->options;

	options.url = "memory:3";
	return bench_open_store(bench, &options);
}

static void the_least_recently_used_event_is_forgotten_first(void **state)
{
	static const char *const ids[] = { "a", "b", "c" };
	struct store *store = open_small(*state);
	struct store_session *session = bench_open_session(store);

	for (size_t i = 0; i < 3; i++) {
		take(session, ids[i]);
		mark(session, ids[i]);
	}
	assert_int_equal(take(session, "a"), CLAIM_DUPLICATE); /* used again */
	take(session, "d");
	assert_int_equal(take(session, "a"), CLAIM_DUPLICATE);
	assert_int_equal(take(session, "b"), CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
}

static void a_lease_is_not_forgotten(void **state)
{
	struct store *store = open_small(*state);
	struct store_session *session = bench_open_session(store);

	take(session, "a");
	for (char c = 'b'; c < 'h'; c++) {
		char id[2] = { c, '\0' };

		take(session, id);
		mark(session, id);
	}
	assert_int_equal(take(session, "a"), CLAIM_TAKEN_OVER);
	session->ops->session_close(session);
	store->ops->close(store);
}

static void stores_of_one_process_share_what_they_remember_and_the_last_forgets_it(void **state)
{
	struct bench *bench = *state;
	struct store *first = open_small(bench), *second = open_small(bench);
	struct store_session *session = bench_open_session(first);

	take(session, "a");
	mark(session, "a");
	session->ops->session_close(session);
	first->ops->close(first);
	session = bench_open_session(second);
	assert_int_equal(take(session, "a"), CLAIM_DUPLICATE);
	session->ops->session_close(session);
	second->ops->close(second);

	first = open_small(bench);
	session = bench_open_session(first);
	assert_int_equal(take(session, "a"), CLAIM_NEW);
	session->ops->session_close(session);
	first->ops->close(first);
}

static void what_it_does_not_promise_is_told_once(void **state)
{
	struct bench *bench = *state;
	struct store_notice notice;

	assert_true(bench->session->ops->take_notice(bench->session, &notice));
	assert_non_null(strstr(notice.text, "for development"));
	assert_false(bench->session->ops->take_notice(bench->session, &notice));
}

static void a_number_of_events_that_is_none_is_refused(void **state)
{
	static const char *const urls[] = { "memory:0", "memory:-1", "memory:many", "memory:1k",
		"memory:999999999999999999999" };
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct err err = ERR_INIT;
	struct store *store;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		options.url = urls[i];
		assert_int_equal(stores_find(urls[i])->open(&options, &store, &err), -EINVAL);
	}
}

static const struct CMUnitTest cases[] = {
	CASE(the_least_recently_used_event_is_forgotten_first),
	CASE(a_lease_is_not_forgotten),
	CASE(stores_of_one_process_share_what_they_remember_and_the_last_forgets_it),
	CASE(what_it_does_not_promise_is_told_once),
	CASE(a_number_of_events_that_is_none_is_refused),
};
CASE_LIST(memory_cases, cases);
