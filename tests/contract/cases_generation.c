/*
 * cases_generation - a rebuild begins a new generation of the scope: once, and alone
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "cases.h"

static const struct store_generation second = { 2, "first rebuild" };

static int begin(
	struct bench *bench, const struct store_generation *next, const char *sql, struct err *err)
{
	return bench->store->ops->begin_generation(bench->store, next, sql, err);
}

static void begin_second(struct bench *bench, const char *sql)
{
	struct err err = ERR_INIT;

	if (begin(bench, &second, sql, &err) != 0) {
		fail_msg("begin_generation: %s", err.text);
	}
}

static struct store_generation look(const struct bench *bench)
{
	struct store_generation generation = { 0, "" };
	struct err err = ERR_INIT;

	if (bench->store->ops->look_generation(bench->store, &generation, &err) != 0) {
		fail_msg("look_generation: %s", err.text);
	}
	return generation;
}

static void make_effect(struct bench *bench, const char *id)
{
	struct store_claim claim = claim_of(id, 1);

	begin_claim(bench->session, &claim, 1);
	queue_effect(bench->session, id, "x", 0);
	commit(bench->session);
}

/* The process starts again, as it must. */
static void reopen(struct bench *bench)
{
	bench_teardown((void **)&bench);
	bench->store = bench_open_store(bench, &bench->options);
	bench->session = bench_open_session(bench->store);
}

/* ---- the switch ---- */

static void a_scope_begins_with_its_first_generation(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(bench->session->generation, 1);
	assert_int_equal(look(bench).number, 1);
	assert_string_equal(look(bench).rebuild, "");
}

static void a_new_generation_comes_with_the_rebuilds_own_statements(void **state)
{
	struct bench *bench = *state;

	make_effect(bench, "a");
	begin_second(bench, "DELETE FROM effects; -- all\nINSERT INTO effects VALUES ('b', 'y');");
	expect_effects(bench, 1);
	assert_int_equal(look(bench).number, 2);
	assert_string_equal(look(bench).rebuild, "first rebuild");
	reopen(bench);
	assert_int_equal(bench->session->generation, 2);
	assert_int_equal(claim_alone(bench->session, claim_of("c", 3)), CLAIM_NEW);
}

static void the_same_rebuild_begins_it_only_once(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;

	begin_second(bench, "DELETE FROM effects");
	reopen(bench);
	make_effect(bench, "a");
	assert_int_equal(begin(bench, &second, "DELETE FROM effects", &err), 1);
	expect_effects(bench, 1);
	assert_int_equal(look(bench).number, 2);
}

static void another_rebuild_that_was_slower_is_refused(void **state)
{
	struct bench *bench = *state;
	struct store_generation late = { 2, "second rebuild" }, far = { 4, "third" };
	struct err err = ERR_INIT;

	begin_second(bench, NULL);
	reopen(bench);
	make_effect(bench, "a");
	assert_int_equal(begin(bench, &late, "DELETE FROM effects", &err), -EINVAL);
	assert_non_null(strstr(err.text, "generation 2"));
	assert_int_equal(begin(bench, &far, "DELETE FROM effects", &err), -EINVAL);
	expect_effects(bench, 1);
	assert_string_equal(look(bench).rebuild, "first rebuild");
}

static void statements_that_fail_change_nothing(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;

	make_effect(bench, "a");
	assert_true(begin(bench, &second, "DELETE FROM effects; DELETE FROM nowhere", &err) < 0);
	assert_non_null(strstr(err.text, "rebuild.sql"));
	assert_non_null(strstr(err.text, "nowhere"));
	expect_effects(bench, 1);
	assert_int_equal(look(bench).number, 1);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 2)), CLAIM_DUPLICATE);
}

static void statements_that_end_the_transaction_are_refused(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;

	assert_int_equal(
		begin(bench, &second, "DELETE FROM effects; COMMIT; DELETE FROM effects", &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "COMMIT"));
	assert_int_equal(look(bench).number, 1);
}

static void a_scope_that_no_worker_used_yet_can_be_rebuilt(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store *store;
	struct err err = ERR_INIT;

	options.scope = "refunds";
	store = bench_open_store(bench, &options);
	assert_int_equal(store->ops->begin_generation(store, &second, NULL, &err), 0);
	store->ops->close(store);
	assert_int_equal(look(bench).number, 1);
}

static void the_groups_attempts_are_forgotten(void **state)
{
	struct bench *bench = *state;
	struct store_attempts attempts = {
		.position = { SLICE_LITERAL("orders"), 0, 10, 1700000000000 },
		.attempts = 3,
	};
	const char *count = bench->is_postgres ? "SELECT count(*) FROM onced.delivery_attempts"
					       : "SELECT count(*) FROM onced_delivery_attempts";

	bench->session->ops->begin(bench->session);
	bench->session->ops->put_attempts(bench->session, &attempts);
	commit(bench->session);
	assert_int_equal(side_number(bench->side, count), 1);
	begin_second(bench, NULL);
	assert_int_equal(side_number(bench->side, count), 0);
}

/* ---- who is late ---- */

static void a_session_of_an_earlier_generation_applies_nothing_more(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	struct store_session *other = NULL;
	struct store_flight flight;
	struct err err = ERR_INIT;

	begin_second(bench, NULL);
	for (int i = 0; i < 2; i++) {
		bench->session->ops->begin(bench->session);
		bench->session->ops->claim(bench->session, &claim, 1);
		queue_effect(bench->session, "a", "x", 0);
		bench->session->ops->commit(bench->session);
		flight = flush_expect(bench->session, STORE_UNAVAILABLE);
		assert_int_equal(flight.op, STORE_OP_BEGIN);
		assert_string_equal(flight.err.code, STORE_CODE_STALE);
		rollback(bench->session);
	}
	expect_effects(bench, 0);
	/* nor by a new connection of the same process */
	assert_int_equal(bench->store->ops->session_open(bench->store, &other, &err), 0);
	assert_int_equal(other->ops->session_ready(other, &err), -EINVAL);
	assert_string_equal(err.code, STORE_CODE_STALE);
	other->ops->session_close(other);
	reopen(bench);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
}

static void *begin_in_thread(void *arg)
{
	begin_second(arg, "DELETE FROM effects");
	return NULL;
}

/* Its effect is there before the statements look, whenever they come. */
static void an_open_transaction_ends_before_a_generation_begins(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 1);
	pthread_t thread;

	begin_claim(bench->session, &claim, 1);
	queue_effect(bench->session, "a", "x", 0);
	flush_expect(bench->session, STORE_OK);
	pthread_create(&thread, NULL, begin_in_thread, bench);
	if (bench->is_postgres) {
		side_wait(bench->side,
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
			1);
	}
	commit(bench->session);
	pthread_join(thread, NULL);
	expect_effects(bench, 0);
}

/* ---- what is left of the earlier ones ---- */

static void rows_of_earlier_generations_are_swept_whatever_their_age(void **state)
{
	struct bench *bench = *state;
	struct store_lease lease = { .lease_us = 60 * 1000000 };
	struct store_claim leased = claim_of("leased", 2);
	struct store_sweep sweep = { .rows = 1000 };
	uint64_t deleted = 0;
	const char *count = bench->is_postgres ? "SELECT count(*) FROM onced.processed_events"
					       : "SELECT count(*) FROM onced_processed_events";
	struct err err = ERR_INIT;

	make_effect(bench, "a");
	bench->session->ops->begin(bench->session);
	bench->session->ops->lease(bench->session, &lease, &leased, 1);
	commit(bench->session);
	begin_second(bench, NULL);
	bench->options.retention_us = (int64_t)1000000;
	reopen(bench);
	bench->options.retention_us = 0;
	make_effect(bench, "b");
	/* SQLite goes by age, and not to the last millisecond */
	side_run(bench->side,
		bench->is_postgres ? "SELECT 1"
				   : "UPDATE onced_processed_events SET at = at - 5000");
	while (!sweep.is_pass_over) {
		assert_int_equal(
			bench->session->ops->sweep(bench->session, &sweep, &err), STORE_OK);
		assert_int_equal(sweep.wait_us, 0);
		deleted += sweep.deleted;
	}
	assert_int_equal(deleted, 2);
	assert_int_equal(side_number(bench->side, count), 1);
	assert_int_equal(claim_alone(bench->session, claim_of("b", 9)), CLAIM_DUPLICATE);
}

static const struct CMUnitTest cases[] = {
	CASE(a_scope_begins_with_its_first_generation),
	CASE(a_new_generation_comes_with_the_rebuilds_own_statements),
	CASE(the_same_rebuild_begins_it_only_once),
	CASE(another_rebuild_that_was_slower_is_refused),
	CASE(statements_that_fail_change_nothing),
	CASE(statements_that_end_the_transaction_are_refused),
	CASE(a_scope_that_no_worker_used_yet_can_be_rebuilt),
	CASE(the_groups_attempts_are_forgotten),
	CASE(a_session_of_an_earlier_generation_applies_nothing_more),
	CASE(an_open_transaction_ends_before_a_generation_begins),
	CASE(rows_of_earlier_generations_are_swept_whatever_their_age),
};
CASE_LIST(generation_cases, cases);
