/*
 * bench - one store under test, and a side door into it; Redis and memory: bench_keyed.c
 *
 * Runs in: the contract test.
 */
#include "bench.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/stores.h"

enum { SIDE_WAIT_US = 10000000 };

struct side {
	PGconn *conn;
	sqlite3 *db;
};

/* ---- side door ---- */

static void ignore_notice(void *arg, const char *message)
{
}

static struct side *side_open_url(const char *url)
{
	struct side *side = NEW(struct side);

	if (strncmp(url, "sqlite:", 7) == 0) {
		assert_int_equal(sqlite3_open(url + 7, &side->db), SQLITE_OK);
		sqlite3_busy_timeout(side->db, 5000);
		return side;
	}
	side->conn = PQconnectdb(url);
	if (PQstatus(side->conn) != CONNECTION_OK) {
		fail_msg("side door: %s", PQerrorMessage(side->conn));
	}
	PQsetNoticeProcessor(side->conn, ignore_notice, NULL);
	return side;
}

struct side *side_open(const struct bench *bench)
{
	return side_open_url(bench->url);
}

void side_close(struct side *side)
{
	if (side) {
		PQfinish(side->conn);
		sqlite3_close(side->db);
		free(side);
	}
}

static int on_row(void *arg, int count, char **values, char **names)
{
	*(long *)arg = values[0] ? strtol(values[0], NULL, 10) : 0;
	return 0;
}

static long sqlite_number(struct side *side, const char *sql)
{
	char *message = NULL;
	long number = 0;

	if (sqlite3_exec(side->db, sql, on_row, &number, &message) != SQLITE_OK) {
		fail_msg("side door: %s: %s", sql, message);
	}
	return number;
}

long side_number(struct side *side, const char *sql)
{
	PGresult *result;
	long number = 0;

	if (side->db) {
		return sqlite_number(side, sql);
	}
	result = PQexec(side->conn, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK &&
		PQresultStatus(result) != PGRES_COMMAND_OK) {
		fail_msg("side door: %s: %s", sql, PQerrorMessage(side->conn));
	}
	if (PQntuples(result) > 0) {
		number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
	}
	PQclear(result);
	return number;
}

void side_run(struct side *side, const char *sql)
{
	side_number(side, sql);
}

void side_wait(struct side *side, const char *sql, long expected)
{
	int64_t deadline_us = clock_mono_us() + SIDE_WAIT_US;
	struct timespec pause = { .tv_nsec = 2000000 };

	while (side_number(side, sql) != expected) {
		if (clock_mono_us() > deadline_us) {
			fail_msg("never became %ld: %s", expected, sql);
		}
		nanosleep(&pause, NULL);
	}
}

/* ---- statements and tables of the user ---- */

static const char for_ever_postgres[] = "SELECT pg_sleep(60)";
static const char for_ever_sqlite[] =
	"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

/* What differs between the two. */
static const struct dialect {
	const char *odd_values, *many_rows, *long_text, *fails_late;
} postgres_dialect = {
	.odd_values = "SELECT $1::text, NULL, '', '\\x00ff'::bytea, ''::bytea, 12.50",
	.many_rows = "SELECT generate_series(1, $1::int)",
	.long_text = "SELECT repeat('x', $1::int)",
	.fails_late = "SELECT 10 / (3 - x) FROM generate_series(1, 5) AS x",
}, sqlite_dialect = {
	.odd_values = "SELECT $1, NULL, '', x'00ff', x'', '12.50'",
	.many_rows = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c"
		     " WHERE x < CAST($1 AS INTEGER)) SELECT x FROM c",
	.long_text = "SELECT replace(hex(zeroblob(CAST($1 AS INTEGER) / 2)), '0', 'x')",
	.fails_late = "WITH c(x) AS (VALUES (1), (2), (-9223372036854775808)) SELECT abs(x) FROM c",
};

static void fill_statements(struct store_statement *statements, bool is_postgres)
{
	const struct dialect *dialect = is_postgres ? &postgres_dialect : &sqlite_dialect;
	const struct store_statement common[BENCH_STATEMENT_COUNT] = {
		[INSERT_EFFECT] = { "INSERT INTO effects (id, note) VALUES ($1, $2)", 2, 0, -1 },
		[UPDATE_ONE_EFFECT] = { "UPDATE effects SET note = $2 WHERE id = $1", 2, 1, 1 },
		[INSERT_CHILD] = { "INSERT INTO children (parent) VALUES ($1)", 1, 0, -1 },
		[INSERT_VALUE] = { "INSERT INTO kinds (n, t, b) VALUES ($1, $2, $3)", 3, 0, -1 },
		[MISSING_TABLE] = { "INSERT INTO nowhere (id) VALUES ($1)", 1, 0, -1 },
		[RUNS_FOR_EVER] = { is_postgres ? for_ever_postgres : for_ever_sqlite, 0, 0, -1 },
		[CONTROLS_TRANSACTION] = { " /* quietly */ commit", 0, 0, -1 },
		[WRONG_PARAMETERS] = { "INSERT INTO effects (id, note) VALUES ($1, $2)", 1, 0, -1 },
		[LOCK_EFFECT] = { "UPDATE effects SET note = 'locked' WHERE id = $1", 1, 0, -1 },
		[ECHO_EFFECT] = { "INSERT INTO effects (id, note) VALUES ($1, $2) RETURNING *", 2,
			1, 1 },
		[ALL_EFFECTS] = { "SELECT id, note FROM effects ORDER BY id", 0, 0, -1 },
		[NOTE_OF_EFFECT] = { "SELECT note FROM effects WHERE id = $1", 1, 1, 1 },
		[ODD_VALUES] = { dialect->odd_values, 1, 0, -1 },
		[MANY_ROWS] = { dialect->many_rows, 1, 0, -1 },
		[LONG_TEXT] = { dialect->long_text, 1, 0, -1 },
		[FAILS_LATE] = { dialect->fails_late, 0, 0, -1 },
	};

	memcpy(statements, common, sizeof(common));
}

static const char *const user_tables[] = {
	"CREATE TABLE effects (id text, note text CHECK (note <> 'poison'))",
	"CREATE TABLE parents (id text PRIMARY KEY)",
	"CREATE TABLE children (parent text REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
	"CREATE TABLE kinds (n numeric, t text, b boolean)",
};

static void drop_everything(struct bench *bench)
{
	if (bench->redis) {
		redis_side(bench, "FLUSHALL", NULL);
		return;
	}
	if (bench->is_keyed) {
		return; /* gone with the last store */
	}
	if (bench->is_postgres) {
		side_run(bench->side, "DROP SCHEMA IF EXISTS onced, public CASCADE");
		side_run(bench->side, "CREATE SCHEMA public");
		return;
	}
	side_close(bench->side);
	for (size_t i = 0; i < 3; i++) {
		static const char *const suffixes[] = { "", "-wal", "-shm" };
		char path[128];

		snprintf(path, sizeof(path), "%s/store.db%s", bench->directory, suffixes[i]);
		unlink(path);
	}
	bench->side = side_open(bench);
}

/* ---- opening ---- */

struct bench *bench_new(bool is_postgres)
{
	struct bench *bench = NEW(struct bench);
	struct store_statement *statements = xcalloc(BENCH_STATEMENT_COUNT, sizeof(*statements));

	bench->is_postgres = is_postgres;
	fill_statements(statements, is_postgres);
	bench->options = (struct store_options){
		.url = bench->url,
		.scope = "orders",
		.consumer = "orders",
		.group_id = "orders-service",
		.cluster_id = "cluster",
		.statement_timeout_us = 5000000,
		.lock_timeout_us = 4000000,
		.idle_timeout_us = 10000000,
		.reconnect_max_us = 1000000,
		.statements = statements,
		.statement_count = BENCH_STATEMENT_COUNT,
	};
	return bench;
}

int bench_open_sqlite(void **state)
{
	struct bench *bench = bench_new(false);

	strcpy(bench->directory, "/tmp/onced-store-XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	snprintf(bench->url, sizeof(bench->url), "sqlite:%s/store.db", bench->directory);
	bench->side = side_open(bench);
	*state = bench;
	return 0;
}

static void url_of_database(char *ret, size_t size, const char *base)
{
	snprintf(ret, size, "%s%cdbname=store_contract_%d", base, strchr(base, '?') ? '&' : '?',
		(int)getpid());
}

/* A database of our own: cases drop whatever is in it. */
int bench_open_postgres(void **state)
{
	const char *base = getenv("ONCED_TEST_POSTGRES");
	struct bench *bench = bench_new(true);
	struct side *side = side_open_url(base);
	char sql[128];

	snprintf(sql, sizeof(sql), "CREATE DATABASE store_contract_%d", (int)getpid());
	side_run(side, sql);
	side_close(side);
	url_of_database(bench->url, sizeof(bench->url), base);
	bench->side = side_open(bench);
	*state = bench;
	return 0;
}

int bench_open_pgbouncer(void **state)
{
	struct bench *bench;

	bench_open_postgres(state);
	bench = *state;
	url_of_database(bench->store_url, sizeof(bench->store_url), getenv("ONCED_TEST_PGBOUNCER"));
	bench->options.url = bench->store_url;
	bench->options.prepare = STORE_PREPARE_NO; /* what auto comes to, without the detour */
	return 0;
}

/* A connection of the server for as long as that of the client: what is prepared stays. */
int bench_open_pgbouncer_session(void **state)
{
	struct bench *bench;

	bench_open_postgres(state);
	bench = *state;
	url_of_database(
		bench->store_url, sizeof(bench->store_url), getenv("ONCED_TEST_PGBOUNCER_SESSION"));
	bench->options.url = bench->store_url;
	return 0;
}

int bench_open_partitioned(void **state)
{
	struct bench *bench;

	bench_open_postgres(state);
	bench = *state;
	bench->options.partitions = 4;
	return 0;
}

static void drop_database(void)
{
	struct side *side = side_open_url(getenv("ONCED_TEST_POSTGRES"));
	char sql[128];

	snprintf(sql, sizeof(sql), "DROP DATABASE store_contract_%d WITH (FORCE)", (int)getpid());
	side_run(side, sql);
	side_close(side);
}

int bench_close(void **state)
{
	struct bench *bench = *state;

	if (!bench->is_postgres) {
		drop_everything(bench);
	}
	side_close(bench->side);
	redis_side_close(bench->redis);
	if (bench->is_postgres) {
		drop_database();
	} else if (!bench->is_keyed) {
		char path[128];

		snprintf(path, sizeof(path), "%s/store.db", bench->directory);
		unlink(path);
		rmdir(bench->directory);
	}
	free((void *)bench->options.statements);
	free(bench);
	return 0;
}

struct store *bench_open_store(const struct bench *bench, const struct store_options *options)
{
	struct store *store = NULL;
	struct err err = ERR_INIT;
	const struct store_ops *ops = stores_find(bench->url);

	assert_non_null(ops);
	if (ops->open(options, &store, &err) != 0) {
		fail_msg("open: %s", err.text);
	}
	return store;
}

struct store_session *bench_open_session(struct store *store)
{
	struct store_session *session = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(store->ops->session_open(store, &session, &err), 0);
	if (store->ops->session_ready(session, &err) != 0) {
		fail_msg("session_ready: %s", err.text);
	}
	return session;
}

int bench_setup(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;
	unsigned applied;

	drop_everything(bench);
	bench->store = bench_open_store(bench, &bench->options);
	if (bench->store->ops->migrate(bench->store, &applied, &err) != 0) {
		fail_msg("migrate: %s", err.text);
	}
	for (size_t i = 0; !bench->is_keyed && i < sizeof(user_tables) / sizeof(user_tables[0]);
		i++) {
		side_run(bench->side, user_tables[i]);
	}
	bench->session = bench_open_session(bench->store);
	return 0;
}

int bench_teardown(void **state)
{
	struct bench *bench = *state;

	bench->store->ops->session_close(bench->session);
	bench->store->ops->close(bench->store);
	bench->session = NULL;
	bench->store = NULL;
	return 0;
}

/* ---- rows ---- */

long bench_count_rows(struct bench *bench, enum bench_row kind)
{
	static const char *const conditions[] = {
		[ROW_ANY] = "1 = 1",
		[ROW_RUNNING] = "outcome = 2 AND owner IS NOT NULL AND until IS NOT NULL",
		[ROW_DONE] = "outcome = 0 AND owner IS NULL AND until IS NULL",
		[ROW_DEAD] = "outcome = 1 AND owner IS NULL AND until IS NULL",
	};
	char sql[160];

	if (bench->is_keyed) {
		return bench->redis ? redis_side_count_rows(bench, kind) : BENCH_UNSEEN;
	}
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE %s",
		bench->is_postgres ? "onced.processed_events" : "onced_processed_events",
		conditions[kind]);
	return side_number(bench->side, sql);
}

/* ---- shorthands ---- */

struct store_claim claim_of(const char *id, int64_t offset)
{
	struct store_claim claim = {
		.position = { SLICE_LITERAL("orders"), 0, offset, 1700000000000 },
		.event_id = slice_from_str(id),
	};
	size_t len = strlen(id);

	memcpy(claim.key, id, len < STORE_KEY_SIZE ? len : STORE_KEY_SIZE);
	return claim;
}

struct store_value text_of(const char *text)
{
	return (struct store_value){ text ? STORE_VALUE_TEXT : STORE_VALUE_NULL,
		slice_from_str(text) };
}

struct store_value number_of(const char *text)
{
	return (struct store_value){ STORE_VALUE_NUMBER, slice_from_str(text) };
}

void queue_effect(struct store_session *session, const char *id, const char *note, uint32_t tag)
{
	struct store_value values[] = { text_of(id), text_of(note) };

	session->ops->statement(session, INSERT_EFFECT, values, 2, tag);
}

void queue_update(struct store_session *session, const char *id, const char *note, uint32_t tag)
{
	struct store_value values[] = { text_of(id), text_of(note) };

	session->ops->statement(session, UPDATE_ONE_EFFECT, values, 2, tag);
}

struct store_flight flush_expect(struct store_session *session, enum store_failure expected)
{
	struct store_flight flight;

	if (session->ops->flush(session, &flight) != expected) {
		fail_msg("expected %s, got %s: %s %s", store_failure_name(expected),
			store_failure_name(flight.failure), flight.err.code, flight.err.text);
	}
	assert_int_equal(flight.failure, expected);
	return flight;
}

void begin_claim(struct store_session *session, struct store_claim *claims, size_t count)
{
	struct store_flight flight;

	session->ops->begin(session);
	session->ops->claim(session, claims, count);
	flight = flush_expect(session, STORE_OK);
	assert_true(flight.in_transaction);
}

void commit(struct store_session *session)
{
	struct store_flight flight;

	session->ops->commit(session);
	flight = flush_expect(session, STORE_OK);
	assert_false(flight.in_transaction);
}

void rollback(struct store_session *session)
{
	struct store_flight flight;

	session->ops->rollback(session);
	flight = flush_expect(session, STORE_OK);
	assert_false(flight.in_transaction);
}

enum claim_verdict claim_alone(struct store_session *session, struct store_claim claim)
{
	begin_claim(session, &claim, 1);
	commit(session);
	return claim.verdict;
}

void expect_effects(struct bench *bench, long expected)
{
	assert_int_equal(side_number(bench->side, "SELECT count(*) FROM effects"), expected);
}
