/*
 * cases_schema - migrations, and the sessions that refuse to work with the wrong tables
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "cases.h"

enum { MIGRATIONS_AT_ONCE = 5 };

/* What session_ready says to a session of a store with these options. */
static int ready_with(
	const struct bench *bench, const struct store_options *options, struct err *err)
{
	struct store *store = bench_open_store(bench, options);
	struct store_session *session = NULL;
	int result;

	assert_int_equal(store->ops->session_open(store, &session, err), 0);
	result = store->ops->session_ready(session, err);
	store->ops->session_close(session);
	store->ops->close(store);
	return result;
}

static unsigned migrate(struct store *store)
{
	struct err err = ERR_INIT;
	unsigned applied = 99;

	if (store->ops->migrate(store, &applied, &err) != 0) {
		fail_msg("migrate: %s", err.text);
	}
	return applied;
}

static void drop_tables(struct bench *bench)
{
	static const char *const sqlite[] = {
		"DROP VIEW onced_events",
		"DROP TABLE onced_schema_version",
		"DROP TABLE onced_scopes",
		"DROP TABLE onced_topics",
		"DROP TABLE onced_processed_events",
		"DROP TABLE onced_delivery_attempts",
		"DROP TABLE onced_partitions_seen",
		"DROP TABLE onced_pauses",
		"DROP TABLE onced_sweeps",
	};

	if (bench->is_postgres) {
		side_run(bench->side, "DROP SCHEMA onced CASCADE");
		return;
	}
	for (size_t i = 0; i < sizeof(sqlite) / sizeof(sqlite[0]); i++) {
		side_run(bench->side, sqlite[i]);
	}
}

static struct store_schema look(const struct bench *bench)
{
	struct store_schema schema;
	struct err err = ERR_INIT;

	if (bench->store->ops->look_schema(bench->store, &schema, &err) != 0) {
		fail_msg("look_schema: %s", err.text);
	}
	return schema;
}

static void looking_at_the_schema_changes_nothing(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(look(bench).version, look(bench).known);
	drop_tables(bench);
	assert_int_equal(look(bench).version, 0);
	assert_int_equal(look(bench).version, 0);
	assert_int_equal(migrate(bench->store), look(bench).known);
	assert_string_equal(look(bench).migrations[0].name, "0001_tables.sql");
}

/* As the first version left it, with an event that took effect. */
static void the_first_schema_is_brought_up_with_its_rows(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
	if (bench->is_postgres) {
		side_run(bench->side, "DROP TABLE onced.sweeps");
		side_run(bench->side, "DROP FUNCTION onced.partition_events");
		side_run(bench->side, "DROP FUNCTION onced.hold_generation");
		side_run(bench->side,
			"ALTER TABLE onced.scopes DROP base, DROP generation, DROP rebuild");
		side_run(bench->side, "DELETE FROM onced.schema_version WHERE version > 1");
	} else {
		side_run(bench->side, "DROP TABLE onced_sweeps");
		side_run(bench->side, "ALTER TABLE onced_scopes DROP base");
		side_run(bench->side, "ALTER TABLE onced_scopes DROP generation");
		side_run(bench->side, "ALTER TABLE onced_scopes DROP rebuild");
		side_run(bench->side, "DELETE FROM onced_schema_version WHERE version > 1");
	}
	assert_int_equal(look(bench).version, 1);
	assert_int_equal(migrate(bench->store), look(bench).known - 1);
	assert_int_equal(look(bench).version, look(bench).known);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 2)), CLAIM_DUPLICATE);
}

static void a_second_migration_has_nothing_to_do(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(migrate(bench->store), 0);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
}

static void missing_tables_are_an_operators_affair(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;

	drop_tables(bench);
	assert_int_equal(ready_with(bench, &bench->options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "oncectl migrate"));
}

static void *migrate_in_thread(void *arg)
{
	struct bench *bench = arg;
	struct store *store = bench_open_store(bench, &bench->options);
	unsigned applied = migrate(store);

	store->ops->close(store);
	return (void *)(uintptr_t)applied;
}

static void several_migrations_at_once_apply_everything_once(void **state)
{
	struct bench *bench = *state;
	pthread_t threads[MIGRATIONS_AT_ONCE];
	uintptr_t sum = 0;

	drop_tables(bench);
	for (int i = 0; i < MIGRATIONS_AT_ONCE; i++) {
		pthread_create(&threads[i], NULL, migrate_in_thread, bench);
	}
	for (int i = 0; i < MIGRATIONS_AT_ONCE; i++) {
		void *applied;

		pthread_join(threads[i], &applied);
		sum += (uintptr_t)applied;
	}
	assert_int_equal(sum, look(bench).known);
	assert_int_equal(side_number(bench->side,
				 bench->is_postgres ? "SELECT count(*) FROM onced.schema_version"
						    : "SELECT count(*) FROM onced_schema_version"),
		look(bench).known);
}

static void a_newer_schema_is_refused(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;
	unsigned applied;

	side_run(bench->side,
		bench->is_postgres ? "INSERT INTO onced.schema_version (version) VALUES (1000)"
				   : "INSERT INTO onced_schema_version (version) VALUES (1000)");
	assert_int_equal(ready_with(bench, &bench->options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "1000"));
	assert_true(bench->store->ops->migrate(bench->store, &applied, &err) < 0);
	assert_non_null(strstr(err.text, "newer"));
}

static void a_scope_belongs_to_the_group_that_came_first(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct err err = ERR_INIT;

	options.group_id = "thief";
	assert_int_equal(ready_with(bench, &options, &err), -EINVAL);
	assert_non_null(strstr(err.text, "orders-service"));
	assert_non_null(strstr(err.text, "dedup.scope"));
	options.scope = "thief";
	assert_int_equal(ready_with(bench, &options, &err), 0);
}

static void a_flush_before_session_ready_is_lost_and_harmless(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = NULL;
	struct store_flight flight;
	struct err err = ERR_INIT;

	assert_int_equal(bench->store->ops->session_open(bench->store, &session, &err), 0);
	session->ops->begin(session);
	queue_effect(session, "a", "x", 1);
	flight = flush_expect(session, STORE_LOST);
	assert_int_equal(flight.op, STORE_OP_BEGIN);
	assert_false(flight.in_transaction);
	rollback(session);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	session->ops->session_close(session);
}

static const struct CMUnitTest cases[] = {
	CASE(looking_at_the_schema_changes_nothing),
	CASE(the_first_schema_is_brought_up_with_its_rows),
	CASE(a_second_migration_has_nothing_to_do),
	CASE(missing_tables_are_an_operators_affair),
	CASE(several_migrations_at_once_apply_everything_once),
	CASE(a_newer_schema_is_refused),
	CASE(a_scope_belongs_to_the_group_that_came_first),
	CASE(a_flush_before_session_ready_is_lost_and_harmless),
};
CASE_LIST(schema_cases, cases);
