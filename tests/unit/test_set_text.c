/*
 * test_set_text - which inserts are understood, and how they are written for many rows
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "store/postgres/set_text.h"

static const char *const types[] = { "text", "integer", "numeric" };

struct written {
	unsigned params;
	const char *sql, *expected;
};

#define U1 "pg_catalog.unnest($1)::text"
#define U2 "pg_catalog.unnest($2)::integer"
#define U3 "pg_catalog.unnest($3)::numeric"

static void inserts_of_one_row_are_written_for_many(void **state)
{
	static const struct written cases[] = {
		{ 1, "INSERT INTO t VALUES ($1)", "INSERT INTO t SELECT " U1 " WHERE guard" },
		{ 2, "INSERT INTO t (a, b) VALUES ($1, $2)",
			"INSERT INTO t (a, b) SELECT " U1 ", " U2 " WHERE guard" },
		{ 2, "insert\n\tinto t(a,b)values($2,$1) ; ",
			"insert\n\tinto t(a,b) SELECT " U2 ", " U1 " WHERE guard" },
		{ 1, "INSERT INTO s.t VALUES ($1)", "INSERT INTO s.t SELECT " U1 " WHERE guard" },
		{ 1, "INSERT INTO \"S\" . \"a\"\"b\" (\"c d\") VALUES ($1)",
			"INSERT INTO \"S\" . \"a\"\"b\" (\"c d\") SELECT " U1 " WHERE guard" },
		{ 1, "INSERT INTO t$1 (a$) VALUES ($1)",
			"INSERT INTO t$1 (a$) SELECT " U1 " WHERE guard" },
		{ 1, "INSERT INTO t\xc3\xa4 VALUES ($1)",
			"INSERT INTO t\xc3\xa4 SELECT " U1 " WHERE guard" },
		{ 3, "INSERT INTO t VALUES ($1::uuid, $2::text::varchar(5), $3::numeric(10, 2))",
			"INSERT INTO t SELECT " U1 "::uuid, " U2 "::text::varchar(5), " U3
			"::numeric(10, 2) WHERE guard" },
		{ 1, "INSERT INTO t VALUES ($1 :: s.\"T\" [ ])",
			"INSERT INTO t SELECT " U1 " :: s.\"T\" [ ] WHERE guard" },
		{ 1,
			"INSERT INTO t VALUES ($1, 'it''s', 7, -1.5, NULL, true, FALSE::bool, "
			"now(),"
			" current_timestamp::date)",
			"INSERT INTO t SELECT " U1 ", 'it''s', 7, -1.5, NULL, true, FALSE::bool,"
			" now(), current_timestamp::date WHERE guard" },
		{ 1, "INSERT INTO t VALUES ('', '''', $1)",
			"INSERT INTO t SELECT '', '''', " U1 " WHERE guard" },
		{ 1, "INSERT INTO t VALUES ('--', '/*', '$2', ');', $1)",
			"INSERT INTO t SELECT '--', '/*', '$2', ');', " U1 " WHERE guard" },
		{ 1, "INSERT INTO t VALUES ($1, $1)",
			"INSERT INTO t SELECT " U1 ", " U1 " WHERE guard" },
		{ 1, "INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING",
			"INSERT INTO t SELECT " U1 " WHERE guard ON CONFLICT DO NOTHING" },
		{ 1, "INSERT INTO t VALUES ($1) on conflict (a, \"b\") do nothing;",
			"INSERT INTO t SELECT " U1
			" WHERE guard on conflict (a, \"b\") do nothing" },
		{ 1, "INSERT INTO t VALUES ($1) ON CONFLICT ON CONSTRAINT k DO NOTHING",
			"INSERT INTO t SELECT " U1
			" WHERE guard ON CONFLICT ON CONSTRAINT k DO NOTHING" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pg_set_text text;
		char *written;
		if (!pg_set_text_read(cases[i].sql, cases[i].params, &text)) {
			fail_msg("refused: %s", cases[i].sql);
		}
		written = pg_set_text_write(&text, types, "guard");
		assert_string_equal(written, cases[i].expected);
		free(written);
	}
}

static void what_may_mean_something_else_for_many_is_refused(void **state)
{
	static const struct {
		unsigned params;
		const char *sql;
	} cases[] = {
		{ 1, "" },
		{ 1, "UPDATE t SET a = $1" },
		{ 1, "DELETE FROM t WHERE a = $1" },
		{ 1, "SELECT f($1)" },
		{ 1, "WITH x AS (SELECT 1) INSERT INTO t VALUES ($1)" },
		{ 1, "INSERT INTO t SELECT $1" },
		{ 1, "INSERT INTO t DEFAULT VALUES" },
		{ 1, "INSERT INTO t AS x VALUES ($1)" },
		{ 1, "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES ($1)" },
		{ 2, "INSERT INTO t VALUES ($1), ($2)" },
		{ 1, "INSERT INTO t VALUES ($1) RETURNING a" },
		{ 1, "INSERT INTO t VALUES ($1); SELECT 1" },
		{ 1, "INSERT INTO t VALUES ($1);;" },
		{ 1, "INSERT INTO t (a[1]) VALUES ($1)" },
		{ 1, "INSERT INTO t (a.b) VALUES ($1)" },
		{ 1, "INSERT INTO t () VALUES ($1)" },
		{ 1, "INSERT INTO t VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = 1" },
		{ 1, "INSERT INTO t VALUES ($1) ON CONFLICT (lower(a)) DO NOTHING" },
		{ 1, "INSERT INTO t VALUES ($1) ON CONFLICT (a) WHERE b DO NOTHING" },
		{ 1, "INSERT INTO t VALUES ($1) ON CONFLICT (a COLLATE \"C\") DO NOTHING" },
		/* a parameter less, one more, one that is none */
		{ 0, "INSERT INTO t VALUES (1)" },
		{ 2, "INSERT INTO t VALUES ($1)" },
		{ 1, "INSERT INTO t VALUES ($1, $2)" },
		{ 1, "INSERT INTO t VALUES ($0)" },
		{ 1, "INSERT INTO t VALUES ($1, $00001)" },
		{ 1, "INSERT INTO t VALUES ($4294967297)" },
		{ 1, "INSERT INTO t VALUES ($1a)" },
		{ 1, "INSERT INTO t VALUES ($)" },
		/* expressions */
		{ 1, "INSERT INTO t VALUES ($1 + 1)" },
		{ 1, "INSERT INTO t VALUES ($1 || 'x')" },
		{ 1, "INSERT INTO t VALUES (($1))" },
		{ 1, "INSERT INTO t VALUES (f($1))" },
		{ 1, "INSERT INTO t VALUES ($1, nextval('s'))" },
		{ 1, "INSERT INTO t VALUES ($1, now)" },
		{ 1, "INSERT INTO t VALUES ($1, s.now())" },
		{ 1, "INSERT INTO t VALUES ($1, clock_timestamp())" },
		{ 1, "INSERT INTO t VALUES ($1, current_timestamp(3))" },
		{ 1, "INSERT INTO t VALUES ($1, NULLIF('a', 'b'))" },
		{ 1, "INSERT INTO t VALUES ($1, (SELECT max(n) FROM t))" },
		{ 1, "INSERT INTO t VALUES ($1, DEFAULT)" },
		{ 1, "INSERT INTO t VALUES (CAST($1 AS int))" },
		{ 1, "INSERT INTO t VALUES (int $1)" },
		{ 1, "INSERT INTO t VALUES ($1::text COLLATE \"C\")" },
		{ 1, "INSERT INTO t VALUES ($1::double precision)" },
		{ 1, "INSERT INTO t VALUES ($1::int[3])" },
		{ 1, "INSERT INTO t VALUES ($1::numeric(-2))" },
		{ 1, "INSERT INTO t VALUES ($1::numeric())" },
		{ 1, "INSERT INTO t VALUES ($1, 1e5)" },
		{ 1, "INSERT INTO t VALUES ($1, - 5)" },
		{ 1, "INSERT INTO t VALUES ($1, 5 - 4)" },
		{ 1, "INSERT INTO t VALUES ($1,)" },
		{ 1, "INSERT INTO t VALUES ($1" },
		/* texts that depend on a setting, or go on elsewhere */
		{ 1, "INSERT INTO t VALUES ($1, E'a')" },
		{ 1, "INSERT INTO t VALUES ($1, 'a\\')" },
		{ 1, "INSERT INTO t VALUES ($1, '\\''')" },
		{ 1, "INSERT INTO t VALUES ($1, B'1')" },
		{ 1, "INSERT INTO t VALUES ($1, U&'a')" },
		{ 1, "INSERT INTO t VALUES ($1, $$a$$)" },
		{ 1, "INSERT INTO t VALUES ($1, $a$b$a$)" },
		{ 1, "INSERT INTO t VALUES ($1, 'a'\n'b')" },
		{ 1, "INSERT INTO t VALUES ($1, 'a)" },
		{ 1, "INSERT INTO U&\"t\" VALUES ($1)" },
		{ 1, "INSERT INTO \"t\\\" VALUES ($1)" },
		{ 1, "INSERT INTO \"t VALUES ($1)" },
		{ 1, "INSERT INTO 1t VALUES ($1)" },
		{ 1, "INSERT INTO s. VALUES ($1)" },
		/* any comment keeps a statement to itself */
		{ 1, "/* x */ INSERT INTO t VALUES ($1)" },
		{ 1, "INSERT /* x */ INTO t VALUES ($1)" },
		{ 1, "INSERT INTO t /* x */ VALUES ($1)" },
		{ 1, "INSERT INTO t (a /* x */) VALUES ($1)" },
		{ 1, "INSERT INTO t VALUES (/* x */ $1)" },
		{ 1, "INSERT INTO t VALUES ($1 /* x */)" },
		{ 1, "INSERT INTO t VALUES ($1) /* x */" },
		{ 1, "INSERT INTO t VALUES ($1) -- x" },
		{ 1, "INSERT INTO t -- x\n VALUES ($1)" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pg_set_text text;
		if (pg_set_text_read(cases[i].sql, cases[i].params, &text)) {
			fail_msg("taken: %s", cases[i].sql);
		}
	}
}

static void the_table_is_named_as_it_was_written(void **state)
{
	static const char *const names[] = { "t", "S.T", "\"Odd \"\".\" . \"x\"", "a.b.c" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buffer sql = BUFFER_INIT;
		struct pg_set_text text;

		buffer_printf(&sql, "INSERT INTO %s(a) VALUES ($1)", names[i]);
		assert_true(pg_set_text_read(buffer_str(&sql), 1, &text));
		assert_true(slice_equal_str(text.table, names[i]));
		buffer_fini(&sql);
	}
}

/* "INSERT INTO t VALUES ($1, 1, 1 ...)" of so many items. */
static bool takes_items(unsigned count)
{
	struct buffer sql = BUFFER_INIT;
	struct pg_set_text text;
	bool is_taken;

	buffer_append_str(&sql, "INSERT INTO t VALUES ($1");
	for (unsigned i = 1; i < count; i++) {
		buffer_append_str(&sql, ", 1");
	}
	buffer_append_str(&sql, ")");
	is_taken = pg_set_text_read(buffer_str(&sql), 1, &text);
	buffer_fini(&sql);
	return is_taken;
}

static void more_items_than_there_is_room_for_are_refused(void **state)
{
	struct pg_set_text text;

	assert_true(takes_items(PG_SET_ITEMS_MAX));
	assert_false(takes_items(PG_SET_ITEMS_MAX + 1));
	assert_false(pg_set_text_read("INSERT INTO t VALUES ($1)", PG_SET_ITEMS_MAX + 1, &text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inserts_of_one_row_are_written_for_many),
		cmocka_unit_test(what_may_mean_something_else_for_many_is_refused),
		cmocka_unit_test(the_table_is_named_as_it_was_written),
		cmocka_unit_test(more_items_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
