/*
 * test_statement_text - which statements the store refuses to run
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/statement_text.h"

static void effects_may_run(void **state)
{
	static const char *const statements[] = {
		"INSERT INTO orders VALUES ($1)",
		"with x as (select 1) insert into orders select * from x",
		"UPDATE commits SET begin = 1",
		"COMMITTED",
		"",
		"-- COMMIT\nDELETE FROM orders",
		"/* COMMIT /* ROLLBACK */ */ DELETE FROM orders",
		"SELECT 'COMMIT'",
		"/* never closed",
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		assert_null(statement_text_refused(statements[i]));
	}
}

static void what_ends_or_shapes_the_transaction_may_not(void **state)
{
	static const char *const statements[][2] = {
		{ "COMMIT", "COMMIT" },
		{ "  rollback to savepoint x", "ROLLBACK" },
		{ ";; \n\tEnd", "END" },
		{ "-- quietly\r\nBEGIN", "BEGIN" },
		{ "/* a /* b */ c */abort", "ABORT" },
		{ "savepoint s", "SAVEPOINT" },
		{ "PREPARE TRANSACTION 'x'", "PREPARE" },
		{ "PRAGMA synchronous=OFF", "PRAGMA" },
		{ "COPY orders FROM STDIN", "COPY" },
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		const char *word = statement_text_refused(statements[i][0]);

		assert_non_null(word);
		assert_string_equal(word, statements[i][1]);
	}
}

static void settings_may_last_as_long_as_the_transaction(void **state)
{
	assert_null(statement_text_refused("SET LOCAL work_mem = '1MB'"));
	assert_null(statement_text_refused("set /* x */ constraints all immediate"));
	assert_string_equal(statement_text_refused("SET work_mem = '1MB'"), "SET");
	assert_string_equal(statement_text_refused("SET SESSION work_mem = '1MB'"), "SET");
	assert_string_equal(statement_text_refused("SET"), "SET");
	assert_string_equal(statement_text_refused("RESET ALL"), "RESET");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(effects_may_run),
		cmocka_unit_test(what_ends_or_shapes_the_transaction_may_not),
		cmocka_unit_test(settings_may_last_as_long_as_the_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
