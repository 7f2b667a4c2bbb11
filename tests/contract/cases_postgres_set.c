/*
 * cases_postgres_set - where Postgres may be sent one statement for many records, and where not
 */
#include <string.h>

#include "cases.h"
#include "set_bench.h"

#define FUNCTION                                                                                   \
	"CREATE FUNCTION f(text) RETURNS text IMMUTABLE LANGUAGE plpgsql"                          \
	" AS 'BEGIN RETURN $1; END';"
#define TRIGGER_FUNCTION                                                                           \
	"CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"

/* ---- the catalogue ---- */

struct table_case {
	const char *what, *ddl;
	const char *sql; /* of one parameter; NULL: INSERT INTO t (id) VALUES ($1) */
	long rows; /* 0: any */
};

static void check_table(struct bench *bench, const struct table_case *c, bool expected)
{
	const struct store_statement statement = { c->sql ? c->sql
							  : "INSERT INTO t (id) VALUES ($1)",
		1, c->rows, c->rows ? c->rows : -1 };
	struct set_bench *set;

	bench_teardown((void **)&bench);
	bench_setup((void **)&bench);
	side_run(bench->side, "DROP SCHEMA IF EXISTS \"Odd.S\" CASCADE");
	side_run(bench->side, c->ddl);
	set = set_bench_open(bench, &statement, 1);
	if (set_bench_can(set, 0) != expected) {
		fail_msg("%s: %s", c->what, expected ? "no sets" : "sets");
	}
	set_bench_close(set);
}

static void tables_where_a_set_means_the_same(void **state)
{
	static const struct table_case tables[] = {
		{ "plain", "CREATE TABLE t (id text)", "INSERT INTO t VALUES ($1)", 0 },
		{ "one row each", "CREATE TABLE t (id text)", NULL, 1 },
		{ "a key", "CREATE TABLE t (id text PRIMARY KEY)",
			"INSERT INTO t VALUES ($1) ON CONFLICT (id) DO NOTHING", 0 },
		{ "defaults of Postgres's own",
			"CREATE TABLE t (n bigserial, i int GENERATED ALWAYS AS IDENTITY, id text,"
			" at timestamptz DEFAULT now(), u uuid DEFAULT gen_random_uuid(),"
			" r float DEFAULT random())",
			NULL, 0 },
		{ "checks and generated columns of Postgres's own",
			"CREATE TABLE t (id text CHECK (length(id) < 9),"
			" low text GENERATED ALWAYS AS (lower(id)) STORED);"
			"CREATE INDEX ON t (upper(id)) WHERE id <> ''",
			NULL, 0 },
		{ "a reference to another table",
			"CREATE TABLE p (id text PRIMARY KEY); CREATE TABLE t (id text REFERENCES "
			"p)",
			NULL, 0 },
		{ "a reference from another table",
			"CREATE TABLE t (id text PRIMARY KEY); CREATE TABLE c (id text REFERENCES "
			"t)",
			NULL, 0 },
		{ "a deferred key", "CREATE TABLE t (id text UNIQUE DEFERRABLE INITIALLY DEFERRED)",
			NULL, 0 },
		{ "an exclusion", "CREATE TABLE t (id text, EXCLUDE (id WITH =))", NULL, 0 },
		{ "an enum", "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE t (id mood)",
			NULL, 0 },
		{ "an array", "CREATE TABLE t (id int[])", NULL, 0 },
		{ "odd names",
			"CREATE SCHEMA \"Odd.S\"; CREATE TABLE \"Odd.S\".\"T $1 \"\"x\"\" 'y'\""
			" (\"i d\" text)",
			"INSERT INTO \"Odd.S\" . \"T $1 \"\"x\"\" 'y'\" (\"i d\") VALUES ($1)", 0 },
		{ "a dollar in a name", "CREATE TABLE t$1 (id$ text)",
			"INSERT INTO T$1 (ID$) VALUES ($1)", 0 },
		{ "a parent by inheritance",
			"CREATE TABLE t (id text); CREATE TABLE child () INHERITS (t)", NULL, 0 },
		{ "an unlogged table", "CREATE UNLOGGED TABLE t (id text)", NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		check_table(*state, &tables[i], true);
	}
}

static void tables_where_it_may_not(void **state)
{
	static const struct table_case tables[] = {
		{ "no table", "SELECT 1", NULL, 0 },
		{ "a view", "CREATE TABLE b (id text); CREATE VIEW t AS SELECT * FROM b", NULL, 0 },
		{ "a partitioned table",
			"CREATE TABLE t (id text) PARTITION BY LIST (id);"
			"CREATE TABLE a PARTITION OF t DEFAULT",
			NULL, 0 },
		{ "a partition that refers to its parent",
			"CREATE TABLE w (id text PRIMARY KEY, up text REFERENCES w)"
			" PARTITION BY LIST (id); CREATE TABLE t PARTITION OF w DEFAULT",
			NULL, 0 },
		{ "a row trigger",
			TRIGGER_FUNCTION "CREATE TABLE t (id text); CREATE TRIGGER x AFTER INSERT"
					 " ON t FOR EACH ROW EXECUTE FUNCTION g()",
			NULL, 0 },
		{ "a statement trigger",
			TRIGGER_FUNCTION "CREATE TABLE t (id text); CREATE TRIGGER x AFTER INSERT"
					 " ON t FOR EACH STATEMENT EXECUTE FUNCTION g()",
			NULL, 0 },
		{ "a constraint trigger",
			TRIGGER_FUNCTION "CREATE TABLE t (id text); CREATE CONSTRAINT TRIGGER x"
					 " AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
					 " FOR EACH ROW EXECUTE FUNCTION g()",
			NULL, 0 },
		{ "a rule",
			"CREATE TABLE t (id text); CREATE TABLE o (id text); CREATE RULE r AS"
			" ON INSERT TO t DO ALSO INSERT INTO o VALUES (NEW.id)",
			NULL, 0 },
		{ "row security",
			"CREATE TABLE t (id text); ALTER TABLE t ENABLE ROW LEVEL SECURITY", NULL,
			0 },
		{ "a reference to itself",
			"CREATE TABLE t (id text PRIMARY KEY, up text REFERENCES t)", NULL, 0 },
		{ "a function in a default",
			FUNCTION "CREATE TABLE t (id text, d text DEFAULT f('x'))", NULL, 0 },
		{ "a function in a check", FUNCTION "CREATE TABLE t (id text CHECK (f(id) <> ''))",
			NULL, 0 },
		{ "a function in an index",
			FUNCTION "CREATE TABLE t (id text); CREATE UNIQUE INDEX ON t (f(id))", NULL,
			0 },
		{ "a function in an index's condition",
			FUNCTION "CREATE TABLE t (id text);"
				 "CREATE UNIQUE INDEX ON t (id) WHERE f(id) = 'x'",
			NULL, 0 },
		{ "a function in a generated column",
			FUNCTION
			"CREATE TABLE t (id text, d text GENERATED ALWAYS AS (f(id)) STORED)",
			NULL, 0 },
		{ "an operator in a check",
			"CREATE FUNCTION same(text, text) RETURNS bool IMMUTABLE LANGUAGE sql"
			" AS 'SELECT true'; CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text,"
			" FUNCTION = same); CREATE TABLE t (id text CHECK (id === 'x'))",
			NULL, 0 },
		{ "a domain", "CREATE DOMAIN d AS varchar(3); CREATE TABLE t (id d)", NULL, 0 },
		{ "a domain beside it", "CREATE DOMAIN d AS text; CREATE TABLE t (id text, x d)",
			NULL, 0 },
		{ "an array of a domain",
			"CREATE DOMAIN d AS text; CREATE TABLE t (id text, x d[])", NULL, 0 },
		{ "a domain in a cast", "CREATE DOMAIN d AS varchar(3); CREATE TABLE t (id text)",
			"INSERT INTO t VALUES ($1::d)", 0 },
		{ "a composite", "CREATE TYPE c AS (a int); CREATE TABLE t (id c)", NULL, 0 },
		{ "a type with a cast of its own", "CREATE TABLE t (id name)", NULL, 0 },
		{ "the internal char", "CREATE TABLE t (id \"char\")", NULL, 0 },
		{ "one row, or none by a conflict", "CREATE TABLE t (id text PRIMARY KEY)",
			"INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING", 1 },
		{ "two rows each", "CREATE TABLE t (id text)", NULL, 2 },
		{ "a comment", "CREATE TABLE t (id text)",
			"INSERT INTO t (id) /* one by one */ VALUES ($1)", 0 },
		{ "an answer", "CREATE TABLE t (id text)", "INSERT INTO t VALUES ($1) RETURNING id",
			0 },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		check_table(*state, &tables[i], false);
	}
}

/* ---- what changes while a connection lives ---- */

static const struct store_statement insert_t = { "INSERT INTO t (id) VALUES ($1)", 1, 0, -1 };

/* The set learned of the table as it was; then `ddl` happened. */
static void check_change(struct bench *bench, const char *ddl, bool is_set_afterwards)
{
	static const char *const texts[] = { "a", "b", "c" };
	struct set_bench *set;
	struct store_flight flight;

	bench_teardown((void **)&bench);
	bench_setup((void **)&bench);
	side_run(bench->side, "CREATE TABLE t (id text)");
	set = set_bench_open(bench, &insert_t, 1);
	set_bench_apply(set, 0, texts, 3);
	side_run(bench->side, ddl);
	flight = set_bench_try(set, 0, texts, 3);
	if (flight.failure != STORE_STATEMENT || flight.op != STORE_OP_SET || flight.tag != 7) {
		fail_msg("%s: the set went in", ddl);
	}
	set->session->ops->rollback_to(set->session, 1);
	set->session->ops->statement(
		set->session, 0, &(struct store_value){ .text = SLICE_NULL }, 1, 1);
	set->session->ops->release(set->session, 1);
	commit(set->session);
	set_bench_ready(set);
	if (set_bench_can(set, 0) != is_set_afterwards) {
		fail_msg("%s: afterwards %s", ddl, is_set_afterwards ? "no sets" : "sets");
	}
	if (is_set_afterwards) {
		set_bench_apply(set, 0, texts, 3);
	}
	set_bench_close(set);
}

static void a_table_that_changed_stops_the_next_set(void **state)
{
	check_change(*state,
		TRIGGER_FUNCTION "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW"
				 " EXECUTE FUNCTION g()",
		false);
	check_change(*state,
		TRIGGER_FUNCTION "CREATE TABLE n (id text); CREATE TRIGGER x AFTER INSERT ON n"
				 " FOR EACH STATEMENT EXECUTE FUNCTION g();"
				 "ALTER TABLE t RENAME TO o; ALTER TABLE n RENAME TO t",
		false);
	check_change(*state, "ALTER TABLE t ENABLE ROW LEVEL SECURITY", false);
	check_change(*state,
		"CREATE TABLE o (id text);"
		"CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO o VALUES (NEW.id)",
		false);
	check_change(*state, FUNCTION "ALTER TABLE t ADD CHECK (f(id) <> 'x')", false);
	check_change(*state,
		"DELETE FROM t; ALTER TABLE t ADD UNIQUE (id);"
		"ALTER TABLE t ADD up text REFERENCES t (id)",
		false);
	check_change(*state, "ALTER TABLE t ADD CHECK (id <> 'x')", true);
	check_change(*state, "DROP TABLE t; CREATE TABLE t (id text)", true);
}

static void a_harmless_change_stops_nothing(void **state)
{
	static const char *const texts[] = { "a", "b", "c" };
	struct bench *bench = *state;
	struct set_bench *set;

	side_run(bench->side, "CREATE TABLE t (id text)");
	set = set_bench_open(bench, &insert_t, 1);
	set_bench_apply(set, 0, texts, 3);
	side_run(bench->side, "ALTER TABLE t ADD n bigserial; CREATE INDEX ON t (id)");
	side_run(bench->side, "ALTER TABLE t ALTER id TYPE varchar(20)");
	set_bench_apply(set, 0, texts, 3);
	assert_int_equal(side_number(bench->side, "SELECT max(n) FROM t"), 6);
	set_bench_close(set);
}

#define BACKENDS                                                                                   \
	"FROM pg_stat_activity WHERE application_name = 'onced orders'"                            \
	" AND datname = current_database()"

static void a_new_connection_learns_anew(void **state)
{
	struct bench *bench = *state;
	struct set_bench *set;

	side_run(bench->side, TRIGGER_FUNCTION "CREATE TABLE t (id text)");
	set = set_bench_open(bench, &insert_t, 1);
	side_run(bench->side,
		"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()");
	/* in a transaction: what a pooler loses between two it replaces, and nobody notices */
	set->session->ops->begin(set->session);
	flush_expect(set->session, STORE_OK);
	side_run(bench->side, "SELECT pg_terminate_backend(pid) " BACKENDS);
	side_wait(bench->side, "SELECT count(*) " BACKENDS, 0);
	set->session->ops->rollback(set->session);
	flush_expect(set->session, STORE_LOST);
	assert_false(set_bench_can(set, 0));
	set_bench_ready(set);
	assert_false(set_bench_can(set, 0));
	set_bench_close(set);
}

static void other_values_than_parameters_are_no_set(void **state)
{
	struct bench *bench = *state;
	struct set_bench *set;

	side_run(bench->side, "CREATE TABLE t (id text)");
	set = set_bench_open(bench, &insert_t, 1);
	assert_true(set->session->ops->can_set(set->session, 0, 1));
	assert_false(set->session->ops->can_set(set->session, 0, 0));
	assert_false(set->session->ops->can_set(set->session, 0, 2));
	set_bench_close(set);
}

static const struct CMUnitTest cases[] = {
	CASE(tables_where_a_set_means_the_same),
	CASE(tables_where_it_may_not),
	CASE(a_table_that_changed_stops_the_next_set),
	CASE(a_harmless_change_stops_nothing),
	CASE(a_new_connection_learns_anew),
	CASE(other_values_than_parameters_are_no_set),
};
CASE_LIST(postgres_set_cases, cases);
