/*
 * test_rehearsal - a session that does everything and keeps nothing, over the scripted store
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/rehearsal.h"
#include "fake_store.h"

static struct store *store;
static struct store_session *real;
static struct rehearsal rehearsal;
static struct store_claim claim;

static int setup(void **state)
{
	static const struct store_statement statements[] = { { "INSERT", 1, 0, -1 },
		{ "UPDATE", 1, 0, -1 } };
	const struct store_options options = {
		.url = "fake:", .scope = "s", .statements = statements, .statement_count = 2
	};
	struct err err;

	assert_int_equal(fake_store_ops.open(&options, &store, &err), 0);
	assert_int_equal(fake_store_ops.session_open(store, &real, &err), 0);
	assert_int_equal(fake_store_ops.session_ready(real, &err), 0);
	rehearsal_init(&rehearsal, real);
	claim = (struct store_claim){ .key = { 1 },
		.position = { SLICE_LITERAL("orders"), 0, 7, -1 },
		.event_id = SLICE_LITERAL("a") };
	return 0;
}

static int teardown(void **state)
{
	rehearsal_fini(&rehearsal);
	assert_string_equal(fake_store_misuse(store), "");
	assert_int_equal(fake_store_rows(store)->row_count, 0);
	assert_int_equal(fake_store_count_value(store, "x"), 0);
	fake_store_ops.session_close(real);
	fake_store_ops.close(store);
	return 0;
}

static enum claim_verdict run(enum store_failure expected)
{
	static const struct store_value value = { STORE_VALUE_TEXT, SLICE_LITERAL("x") };
	struct store_flight flight;

	rehearsal.ops.begin(&rehearsal.base);
	rehearsal.ops.claim(&rehearsal.base, &claim, 1);
	assert_int_equal(rehearsal.ops.flush(&rehearsal.base, &flight), STORE_OK);
	if (claim.verdict != CLAIM_NEW) {
		rehearsal.ops.rollback(&rehearsal.base);
		assert_int_equal(rehearsal.ops.flush(&rehearsal.base, &flight), STORE_OK);
		return claim.verdict;
	}
	rehearsal.ops.savepoint(&rehearsal.base, 1);
	rehearsal.ops.statement(&rehearsal.base, 1, &value, 1, 0);
	rehearsal.ops.release(&rehearsal.base, 1);
	rehearsal.ops.commit(&rehearsal.base);
	assert_int_equal(rehearsal.ops.flush(&rehearsal.base, &flight), expected);
	if (expected) {
		rehearsal.ops.rollback(&rehearsal.base);
		assert_int_equal(rehearsal.ops.flush(&rehearsal.base, &flight), STORE_OK);
	}
	return CLAIM_NEW;
}

static void what_a_transaction_did_the_next_one_sees(void **state)
{
	assert_int_equal(run(STORE_OK), CLAIM_NEW);
	assert_int_equal(rehearsal.statement_count, 1);
	assert_int_equal(rehearsal.statements[0], 1);
	assert_int_equal(run(STORE_OK), CLAIM_DUPLICATE);
	assert_int_equal(rehearsal.statement_count, 0);
	assert_null(strstr(fake_store_journal(store), "commit"));
}

static void a_query_sees_the_transactions_before_and_is_told(void **state)
{
	struct store_flight flight;
	struct store_rows rows;

	assert_int_equal(run(STORE_OK), CLAIM_NEW);
	rehearsal.ops.begin(&rehearsal.base);
	rehearsal.ops.query(&rehearsal.base, 1, NULL, 0, 3, &rows);
	assert_int_equal(rehearsal.ops.flush(&rehearsal.base, &flight), STORE_OK);
	assert_int_equal(rows.row_count, 1);
	assert_true(slice_equal_str(rows.values[0], "1"));
	assert_int_equal(rehearsal.statement_count, 1);
	assert_int_equal(rehearsal.statements[0], 1);
}

static void a_transaction_rolled_back_is_not_seen(void **state)
{
	const struct fake_fault fault = {
		.op = STORE_OP_STATEMENT, .times = 1, .failure = STORE_STATEMENT, .code = "23505"
	};

	fake_store_fail(store, &fault);
	assert_int_equal(run(STORE_STATEMENT), CLAIM_NEW);
	assert_int_equal(run(STORE_OK), CLAIM_NEW);
}

static void nothing_is_kept_however_it_ends(void **state)
{
	struct store_flight flight;

	assert_int_equal(run(STORE_OK), CLAIM_NEW);
	claim.key[0] = 2;
	rehearsal.ops.begin(&rehearsal.base);
	rehearsal.ops.claim(&rehearsal.base, &claim, 1);
	rehearsal.ops.commit(&rehearsal.base);
	assert_int_equal(rehearsal.ops.flush(&rehearsal.base, &flight), STORE_OK);
}

static void a_lost_connection_takes_all_of_it_along(void **state)
{
	const struct fake_fault fault = {
		.op = STORE_OP_STATEMENT, .times = 1, .failure = STORE_LOST
	};
	static const struct store_value value = { STORE_VALUE_TEXT, SLICE_LITERAL("x") };
	struct store_flight flight;
	struct err err;

	assert_int_equal(run(STORE_OK), CLAIM_NEW);
	fake_store_fail(store, &fault);
	rehearsal.ops.begin(&rehearsal.base);
	rehearsal.ops.statement(&rehearsal.base, 0, &value, 1, 0);
	assert_int_equal(rehearsal.ops.flush(&rehearsal.base, &flight), STORE_LOST);
	assert_int_equal(fake_store_ops.session_ready(real, &err), 0);
	assert_int_equal(run(STORE_OK), CLAIM_NEW);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_transaction_did_the_next_one_sees),
		TEST(a_query_sees_the_transactions_before_and_is_told),
		TEST(a_transaction_rolled_back_is_not_seen),
		TEST(nothing_is_kept_however_it_ends),
		TEST(a_lost_connection_takes_all_of_it_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
