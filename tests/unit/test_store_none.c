/*
 * test_store_none - the store that remembers nothing, and how stores are found
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/stores.h"

static void stores_are_found_by_their_scheme(void **state)
{
	assert_string_equal(stores_find("postgresql:///shop")->scheme, "postgresql");
	assert_string_equal(stores_find("postgres://host/shop")->scheme, "postgresql");
	assert_string_equal(stores_find("sqlite:/var/lib/onced/store.db")->scheme, "sqlite");
	assert_string_equal(stores_find("none:")->scheme, "none");
	assert_null(stores_find("mysql://host/shop"));
	assert_null(stores_find(""));
	assert_null(stores_find("postgresql"));
}

static int open_none(void **state)
{
	const struct store_options options = { .url = "none:" };
	struct store_session *session = NULL;
	struct store *store = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(stores_find("none:")->open(&options, &store, &err), 0);
	assert_int_equal(store->ops->session_open(store, &session, &err), 0);
	assert_int_equal(store->ops->session_ready(session, &err), 0);
	store->ops->close(store);
	*state = session;
	return 0;
}

static int close_none(void **state)
{
	struct store_session *session = *state;

	session->ops->session_close(session);
	return 0;
}

static void every_claim_is_new_every_time(void **state)
{
	struct store_session *session = *state;
	struct store_claim claim = { .key = { 1 }, .position = { SLICE_LITERAL("t"), 0, 1, 2 } };
	struct store_flight flight;

	for (int i = 0; i < 2; i++) {
		claim.verdict = CLAIM_UNKNOWN;
		session->ops->begin(session);
		session->ops->claim(session, &claim, 1);
		session->ops->commit(session);
		assert_int_equal(session->ops->flush(session, &flight), STORE_OK);
		assert_int_equal(claim.verdict, CLAIM_NEW);
		assert_false(flight.in_transaction);
	}
}

static void a_statement_has_nowhere_to_run(void **state)
{
	struct store_session *session = *state;
	struct store_flight flight;

	session->ops->statement(session, 0, NULL, 0, 7);
	session->ops->statement(session, 0, NULL, 0, 8);
	assert_int_equal(session->ops->flush(session, &flight), STORE_STATEMENT);
	assert_int_equal(flight.tag, 7);
	assert_int_equal(session->ops->flush(session, &flight), STORE_OK);
}

static void nothing_was_ever_seen(void **state)
{
	struct store_session *session = *state;
	struct store_partition_seen seen;
	struct err err = ERR_INIT;

	session->ops->put_seen(session, SLICE_LITERAL("t"), 0, 5, &err);
	assert_int_equal(
		session->ops->get_seen(session, SLICE_LITERAL("t"), 0, &seen, &err), STORE_OK);
	assert_false(seen.is_seen);
	assert_int_equal(seen.committed, -1);
}

static void nothing_follows_the_scheme(void **state)
{
	const struct store_options options = { .url = "none:really" };
	struct store *store = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(stores_find("none:really")->open(&options, &store, &err), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_are_found_by_their_scheme),
		cmocka_unit_test_setup_teardown(
			every_claim_is_new_every_time, open_none, close_none),
		cmocka_unit_test_setup_teardown(
			a_statement_has_nowhere_to_run, open_none, close_none),
		cmocka_unit_test_setup_teardown(nothing_was_ever_seen, open_none, close_none),
		cmocka_unit_test(nothing_follows_the_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
