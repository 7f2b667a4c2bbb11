/*
 * cases_postgres_set_value - what a set writes is what its statements one by one would have written
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cases.h"
#include "set_bench.h"

enum { SINGLE, SET };

/* ---- every type, any text ---- */

static const char *const types[] = { "smallint", "integer", "bigint", "numeric", "numeric(6,2)",
	"real", "double precision", "text", "varchar", "varchar(5)", "char(5)", "char", "bit(3)",
	"bit varying(3)", "bytea", "date", "timestamp", "timestamp(0)", "timestamptz", "interval",
	"time", "timetz", "boolean", "uuid", "json", "jsonb", "inet", "text[]", "integer[]",
	"varchar(3)[]", "char(3)[]", "bit(2)[]", "numeric(4,1)[]", "mood", "mood[]", "tsvector",
	"point", "money", "oid", "jsonpath" };

static const char *const texts[] = { NULL, "", " ", "1", "-0", "7 ", "12.345", "99999.995", "1e400",
	"0x10", "a", "abc", "abcde", "abcde   ", "abcdef", "abc  ", "101", "1010", "11", "\\x00ff",
	"\\000", "2024-02-29", "2023-02-29", "01/02/2024", "31/12/2024", "2024-01-01 12:00:00.6+02",
	"now", "infinity", "NaN", "1 day", "P1D", "12:34:56.789", "t", "true", "yes", "{}", "{1,2}",
	"{\"a\": 1, \"a\": 2}", "{abcd}", "{abc,NULL}", "{11,10}", "{good}", "null", "NULL",
	"127.0.0.1", "0190c9a5-3a3a-7c00-8000-0242ac120002", "good", "Good",
	"'quoted' \"twice\" \\ $1", "\xc3\xa4\xc3\xb6\xe2\x82\xac", "\xff", "(1,2)", "$12.30",
	"a b'c", "$.a" };

/* Parameters as they are, and with casts that cut, round and convert. */
static const char *const items[] = { "$1", "$1::text", "$1::varchar(2)", "$1::char(3)",
	"$1::numeric(3,1)", "$1::text::char(4)" };

/* One row by a statement or a set; the code of its failure. */
static void insert_one(struct set_bench *set, int way, const char *text, uint32_t group,
	char ret_code[sizeof(((struct err *)0)->code)])
{
	const struct store_ops *ops = set->session->ops;
	struct store_value value = text_of(text);
	struct store_flight flight;

	ops->savepoint(set->session, group);
	if (way == SINGLE) {
		ops->statement(set->session, SINGLE, &value, 1, 0);
	} else {
		set_bench_queue(set, SET, &text, 1, 1, 0);
	}
	ops->release(set->session, group);
	ops->flush(set->session, &flight);
	memcpy(ret_code, flight.err.code, sizeof(flight.err.code));
	if (flight.failure) {
		assert_true(flight.in_transaction);
		ops->rollback_to(set->session, group);
		ops->release(set->session, group);
		flush_expect(set->session, STORE_OK);
	}
}

static void expect_same_tables(struct bench *bench, const char *what)
{
	static const char all[] =
		"SELECT ((SELECT array_agg(a::text ORDER BY a.ctid) FROM a)"
		" IS NOT DISTINCT FROM (SELECT array_agg(b::text ORDER BY b.ctid) FROM b))::int";

	if (side_number(bench->side, all) != 1) {
		fail_msg("%s: a set wrote something else", what);
	}
}

static long check_type(struct bench *bench, const char *type, const char *item)
{
	char ddl[200], sql[2][100], codes[2][sizeof(((struct err *)0)->code)];
	struct set_bench *set;
	uint32_t group = 1;
	long rows;

	snprintf(ddl, sizeof(ddl),
		"DROP TABLE IF EXISTS a, b; CREATE TABLE a (v %s); CREATE TABLE b (v %s)", type,
		type);
	side_run(bench->side, ddl);
	snprintf(sql[SINGLE], sizeof(sql[0]), "INSERT INTO a VALUES (%s)", item);
	snprintf(sql[SET], sizeof(sql[1]), "INSERT INTO b VALUES (%s)", item);
	set = set_bench_open(bench,
		(struct store_statement[]){ { sql[SINGLE], 1, 0, -1 }, { sql[SET], 1, 0, -1 } }, 2);
	if (!set_bench_can(set, SET)) {
		set_bench_close(set);
		return -1; /* no such cast */
	}
	set->session->ops->begin(set->session);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		insert_one(set, SINGLE, texts[i], group++, codes[SINGLE]);
		insert_one(set, SET, texts[i], group++, codes[SET]);
		if (strcmp(codes[SINGLE], codes[SET]) != 0) {
			fail_msg("%s into %s: '%s' gives %s alone and %s in a set", texts[i], type,
				item, codes[SINGLE], codes[SET]);
		}
	}
	commit(set->session);
	expect_same_tables(bench, type);
	rows = side_number(bench->side, "SELECT count(*) FROM b");
	set_bench_close(set);
	return rows;
}

static void set_database(struct bench *bench, const char *setting)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
		"DO $$BEGIN EXECUTE format('ALTER DATABASE %%I %s', current_database()); END$$",
		setting);
	side_run(bench->side, sql);
}

static void every_type_reads_a_text_as_alone(void **state)
{
	struct bench *bench = *state;

	side_run(bench->side, "CREATE TYPE mood AS ENUM ('good', 'bad')");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		/* a set must be possible, and something must be fine */
		if (check_type(bench, types[i], "$1") < 2) {
			fail_msg("%s: nothing was compared", types[i]);
		}
	}
}

static void casts_in_the_statement_read_a_text_as_alone(void **state)
{
	static const char *const into[] = { "text", "varchar(5)", "char(5)", "numeric(4,1)" };
	struct bench *bench = *state;
	int compared = 0;

	for (size_t i = 0; i < sizeof(into) / sizeof(into[0]); i++) {
		for (size_t k = 0; k < sizeof(items) / sizeof(items[0]); k++) {
			compared += check_type(bench, into[i], items[k]) > 1;
		}
	}
	assert_in_range(compared, 15, 24);
}

static void settings_of_the_session_mean_the_same(void **state)
{
	struct bench *bench = *state;

	set_database(bench, "SET datestyle = ''SQL, DMY''");
	set_database(bench, "SET standard_conforming_strings = off");
	set_database(bench, "SET timezone = ''Asia/Kolkata''");
	side_run(bench->side, "CREATE TYPE mood AS ENUM ('good')");
	check_type(bench, "date", "$1");
	check_type(bench, "timestamptz", "$1");
	check_type(bench, "text", "$1");
	check_type(bench, "bytea", "$1");
	set_database(bench, "RESET ALL");
}

/* ---- whole rows ---- */

enum { ROWS = 300, COLUMNS = 7 };

#define WIDE_COLUMNS                                                                               \
	"(seq bigserial, id text, n int, amount numeric(12,2), body jsonb, at timestamptz,"        \
	" tags text[], note varchar(40), same text, fixed text DEFAULT 'd', one numeric, nil "     \
	"date,"                                                                                    \
	" made timestamptz, up text GENERATED ALWAYS AS (upper(note)) STORED)"
#define WIDE_SQL(table)                                                                            \
	"insert into " table                                                                       \
	" (id, n, amount, body, at, tags, note, same, one, nil, made)\n values ($1, $2,"           \
	" $3::numeric, $4, $5, $6, $7, $1::text, 1.50, NULL, now());"

static unsigned next_number(unsigned *random)
{
	*random = *random * 1103515245u + 12345u;
	return *random >> 16;
}

static char *random_text(unsigned *random, size_t column)
{
	static const char *const around[COLUMNS][2] = { { "id-", "" }, { "", "" }, { "", ".125" },
		{ "{\"x\": [], \"n\": ", "}" }, { "2024-02-03 04:05:06.1", "+01" },
		{ "{a,\"b c\",", "}" }, { "n\xc3\xb6te '", "' \\" } };

	if (column > 0 && next_number(random) % 5 == 0) {
		return next_number(random) % 2 && column == 6 ? xstrdup("") : NULL;
	}
	return xasprintf(
		"%s%u%s", around[column][0], next_number(random) % 1000, around[column][1]);
}

static void rows_are_the_same_and_in_the_same_order(void **state)
{
	struct bench *bench = *state;
	const struct store_statement statements[] = { { WIDE_SQL("a"), COLUMNS, 1, 1 },
		{ WIDE_SQL("b"), COLUMNS, 1, 1 } };
	char *all[ROWS * COLUMNS];
	struct set_bench *set;
	unsigned random = 7;

	side_run(bench->side, "CREATE TABLE a " WIDE_COLUMNS);
	side_run(bench->side, "CREATE TABLE b " WIDE_COLUMNS);
	set = set_bench_open(bench, statements, 2);
	assert_true(set_bench_can(set, SET));
	set->session->ops->begin(set->session);
	for (size_t i = 0; i < ROWS; i++) {
		struct store_value values[COLUMNS];
		for (size_t k = 0; k < COLUMNS; k++) {
			all[i * COLUMNS + k] = random_text(&random, k);
			values[k] = text_of(all[i * COLUMNS + k]);
		}
		set->session->ops->statement(set->session, SINGLE, values, COLUMNS, 0);
	}
	set_bench_queue(set, SET, (const char *const *)all, ROWS, COLUMNS, 0);
	commit(set->session);
	assert_int_equal(side_number(bench->side, "SELECT count(*) FROM b"), ROWS);
	assert_int_equal(
		side_number(bench->side, "SELECT count(DISTINCT (xmin::text, cmin::text)) FROM b"),
		1);
	expect_same_tables(bench, "wide rows");
	set_bench_close(set);
	for (size_t i = 0; i < ROWS * COLUMNS; i++) {
		free(all[i]);
	}
}

/* ---- failures, and what they leave ---- */

/* A set with `texts` into t, which fails; t must be usable and empty afterwards. */
static void check_refused(struct bench *bench, const char *ddl, const char *const *with,
	size_t count, const char *code)
{
	const struct store_statement insert = { "INSERT INTO t (id) VALUES ($1)", 1, 1, 1 };
	struct store_value fine = text_of("fine");
	struct set_bench *set;
	struct store_flight flight;

	side_run(bench->side, "DROP TABLE IF EXISTS t, p");
	side_run(bench->side, ddl);
	set = set_bench_open(bench, &insert, 1);
	flight = set_bench_try(set, 0, with, count);
	assert_int_equal(flight.failure, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_SET);
	assert_int_equal(flight.tag, 7);
	assert_string_equal(flight.err.code, code);
	assert_true(flight.in_transaction);
	set->session->ops->rollback_to(set->session, 1);
	set->session->ops->release(set->session, 1);
	set->session->ops->savepoint(set->session, 2);
	set->session->ops->statement(set->session, 0, &fine, 1, 3);
	set->session->ops->release(set->session, 2);
	commit(set->session);
	assert_int_equal(side_number(bench->side, "SELECT count(*) FROM t"), 1);
	set_bench_close(set);
}

static void a_refused_set_names_its_tag_and_leaves_nothing(void **state)
{
	static const char *const twice[] = { "a", "b", "a" };
	static const char *const long_one[] = { "a", "four", "b" };

	check_refused(*state, "CREATE TABLE t (id text UNIQUE)", twice, 3, "23505");
	check_refused(*state, "CREATE TABLE t (id text, EXCLUDE (id WITH =))", twice, 3, "23P01");
	check_refused(*state, "CREATE TABLE t (id text CHECK (id <> 'b'))", twice, 3, "23514");
	check_refused(*state, "CREATE TABLE t (id text NOT NULL)", (const char *[]){ "a", NULL }, 2,
		"23502");
	check_refused(
		*state, "CREATE TABLE t (id char(4) CHECK (id <> 'four'))", long_one, 3, "23514");
	check_refused(*state,
		"CREATE TABLE p (id text PRIMARY KEY); INSERT INTO p VALUES ('a'), ('fine');"
		"CREATE TABLE t (id text REFERENCES p)",
		twice, 3, "23503");
}

static void a_nul_byte_is_the_sets_failure(void **state)
{
	struct bench *bench = *state;
	const struct store_statement insert = { "INSERT INTO t (id) VALUES ($1)", 1, 0, -1 };
	const struct store_value values[] = { text_of("a"), { STORE_VALUE_TEXT, { "b\0c", 3 } } };
	const struct store_value *rows[] = { &values[0], &values[1] };
	struct set_bench *set;
	struct store_flight flight;

	side_run(bench->side, "CREATE TABLE t (id text)");
	set = set_bench_open(bench, &insert, 1);
	set->session->ops->begin(set->session);
	set->session->ops->savepoint(set->session, 1);
	set->session->ops->statement_set(set->session, 0, rows, 2, 5);
	flight = flush_expect(set->session, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_SET);
	assert_string_equal(flight.err.code, "22021");
	assert_true(flight.in_transaction);
	rollback(set->session);
	set_bench_close(set);
}

static void a_conflict_inside_a_set_keeps_the_first(void **state)
{
	static const char *const with[] = { "a", "b", "a", "old", "b" };
	struct bench *bench = *state;
	const struct store_statement insert = {
		"INSERT INTO t (id) VALUES ($1) ON CONFLICT (id) DO NOTHING", 1, 0, -1
	};
	struct set_bench *set;

	side_run(bench->side, "CREATE TABLE t (n serial, id text PRIMARY KEY)");
	side_run(bench->side, "INSERT INTO t (id) VALUES ('old')");
	set = set_bench_open(bench, &insert, 1);
	set_bench_apply(set, 0, with, 5);
	assert_int_equal(side_number(bench->side, "SELECT count(*) FROM t"), 3);
	assert_int_equal(side_number(bench->side, "SELECT n FROM t WHERE id = 'a'"), 2);
	assert_int_equal(side_number(bench->side, "SELECT n FROM t WHERE id = 'b'"), 3);
	set_bench_close(set);
}

static void a_deferred_constraint_fails_the_commit_of_a_set(void **state)
{
	static const char *const with[] = { "a", "orphan" };
	struct bench *bench = *state;
	const struct store_statement insert = { "INSERT INTO t (id) VALUES ($1)", 1, 0, -1 };
	struct set_bench *set;
	struct store_flight flight;

	side_run(bench->side,
		"CREATE TABLE p (id text PRIMARY KEY); INSERT INTO p VALUES ('a');"
		"CREATE TABLE t (id text REFERENCES p DEFERRABLE INITIALLY DEFERRED)");
	set = set_bench_open(bench, &insert, 1);
	assert_int_equal(set_bench_try(set, 0, with, 2).failure, STORE_OK);
	set->session->ops->commit(set->session);
	flight = flush_expect(set->session, STORE_STATEMENT);
	assert_int_equal(flight.op, STORE_OP_COMMIT);
	assert_false(flight.in_transaction);
	set_bench_close(set);
}

static void a_set_over_its_time_is_ended(void **state)
{
	static const char *const with[] = { "a", "b", "c", "d" };
	struct bench *bench = *state;
	const struct store_statement insert = { "INSERT INTO t (id) VALUES ($1)", 1, 0, -1 };
	struct set_bench *set;
	struct store_flight flight;
	struct bench impatient = *bench;

	side_run(bench->side,
		"CREATE TABLE t (id text, slept bool DEFAULT (pg_sleep(0.4) IS NULL))");
	impatient.options.statement_timeout_us = 1200000;
	set = set_bench_open(&impatient, &insert, 1);
	flight = set_bench_try(set, 0, with, 4);
	assert_int_equal(flight.failure, STORE_TIMEOUT);
	assert_int_equal(flight.op, STORE_OP_SET);
	set->session->ops->rollback_to(set->session, 1);
	set->session->ops->release(set->session, 1);
	flush_expect(set->session, STORE_OK);
	set_bench_queue(set, 0, with, 1, 1, 8);
	commit(set->session);
	assert_int_equal(side_number(bench->side, "SELECT count(*) FROM t"), 1);
	set_bench_close(set);
}

/* The user's own may come before ours by name, not in a set. */
static void a_function_of_the_same_name_does_no_harm(void **state)
{
	static const char *const with[] = { "a", "b" };
	struct bench *bench = *state;
	const struct store_statement insert = { "INSERT INTO t (id) VALUES ($1)", 1, 0, -1 };
	struct set_bench *set;

	side_run(bench->side,
		"CREATE FUNCTION unnest(text[]) RETURNS SETOF text LANGUAGE sql"
		" AS 'SELECT ''wrong'''; CREATE TABLE t (id text)");
	set = set_bench_open(bench, &insert, 1);
	set_bench_apply(set, 0, with, 2);
	assert_int_equal(
		side_number(bench->side, "SELECT count(*) FROM t WHERE id IN ('a', 'b')"), 2);
	set_bench_close(set);
}

static const struct CMUnitTest cases[] = {
	CASE(every_type_reads_a_text_as_alone),
	CASE(casts_in_the_statement_read_a_text_as_alone),
	CASE(settings_of_the_session_mean_the_same),
	CASE(rows_are_the_same_and_in_the_same_order),
	CASE(a_refused_set_names_its_tag_and_leaves_nothing),
	CASE(a_nul_byte_is_the_sets_failure),
	CASE(a_conflict_inside_a_set_keeps_the_first),
	CASE(a_deferred_constraint_fails_the_commit_of_a_set),
	CASE(a_set_over_its_time_is_ended),
	CASE(a_function_of_the_same_name_does_no_harm),
};
CASE_LIST(postgres_set_value_cases, cases);
