/*
 * test_sql_template - named parameters, what is left alone, and what is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/sql_template.h"

static struct sql_template template;
static struct field_error error;

static void parse(const char *text)
{
	if (sql_template_parse(text, &template, &error) < 0) {
		fail_msg("%u:%u: %s in: %s", error.line, error.column, error.text, text);
	}
}

static int teardown(void **state)
{
	sql_template_fini(&template);
	return 0;
}

/* One statement comes out as `expected`. */
static void assert_rewritten(const char *text, const char *expected)
{
	parse(text);
	assert_int_equal(template.statement_count, 1);
	assert_string_equal(template.statements[0].text, expected);
	sql_template_fini(&template);
}

static void assert_untouched(const char *text)
{
	assert_rewritten(text, text);
}

static void assert_refused(const char *text, unsigned line, unsigned column, const char *says)
{
	assert_int_equal(sql_template_parse(text, &template, &error), -1);
	if (!strstr(error.text, says)) {
		fail_msg("\"%s\" does not say \"%s\"", error.text, says);
	}
	assert_int_equal(error.line, line);
	assert_int_equal(error.column, column);
	sql_template_fini(&template);
}

static void assert_param(size_t index, enum field_root root, const char *name, const char *written)
{
	assert_true(index < template.param_count);
	assert_int_equal(template.params[index].root, root);
	assert_string_equal(template.params[index].written, written);
	if (name) {
		assert_string_equal(template.params[index].name, name);
	} else {
		assert_null(template.params[index].name);
	}
}

/* ---- parameters ---- */

static void names_become_numbers_in_order_of_appearance(void **state)
{
	parse("INSERT INTO orders (id, customer, body)\n"
	      "    VALUES (:payload.order_id, :payload.customer.id, :payload)");
	assert_int_equal(template.statement_count, 1);
	assert_string_equal(template.statements[0].text,
		"INSERT INTO orders (id, customer, body)\n    VALUES ($1, $2, $3)");
	assert_int_equal(template.statements[0].param_count, 3);
	assert_int_equal(template.param_count, 3);
	assert_param(0, FIELD_PATH, "payload.order_id", ":payload.order_id");
	assert_param(1, FIELD_PATH, "payload.customer.id", ":payload.customer.id");
	assert_param(2, FIELD_PATH, "payload", ":payload");
}

static void every_root_is_known(void **state)
{
	parse("f(:event_id,:event_type,:source,:key,:topic,:partition,:offset,:timestamp,"
	      ":timestamp_ms,:attempt,:headers.trace,:value,:value.a.b,:payload)");
	assert_int_equal(template.param_count, 14);
	assert_param(0, FIELD_EVENT_ID, NULL, ":event_id");
	assert_param(1, FIELD_EVENT_TYPE, NULL, ":event_type");
	assert_param(2, FIELD_SOURCE, NULL, ":source");
	assert_param(3, FIELD_KEY, NULL, ":key");
	assert_param(4, FIELD_TOPIC, NULL, ":topic");
	assert_param(5, FIELD_PARTITION, NULL, ":partition");
	assert_param(6, FIELD_OFFSET, NULL, ":offset");
	assert_param(7, FIELD_TIMESTAMP, NULL, ":timestamp");
	assert_param(8, FIELD_TIMESTAMP_MS, NULL, ":timestamp_ms");
	assert_param(9, FIELD_ATTEMPT, NULL, ":attempt");
	assert_param(10, FIELD_HEADER, "trace", ":headers.trace");
	assert_param(11, FIELD_VALUE, NULL, ":value");
	assert_param(12, FIELD_PATH, "a.b", ":value.a.b");
	assert_param(13, FIELD_PATH, "payload", ":payload");
}

static void the_same_parameter_has_the_same_number(void **state)
{
	assert_rewritten(
		"f(:key, :topic, :key, :value.payload.a, :payload.a)", "f($1, $2, $1, $3, $3)");
}

static void a_parameter_may_be_absent_only_if_every_use_says_so(void **state)
{
	parse("f(:payload.a?, :payload.b?, :payload.b, :payload.c, :payload.c?, :key)");
	assert_string_equal(template.statements[0].text, "f($1, $2, $2, $3, $3, $4)");
	assert_true(template.params[0].is_optional);
	assert_false(template.params[1].is_optional);
	assert_false(template.params[2].is_optional);
	assert_false(template.params[3].is_optional);
	assert_string_equal(template.params[0].written, ":payload.a");
}

static void members_in_quotes_may_hold_anything(void **state)
{
	parse("f(:headers.\"content-type\", :payload.\"a.b\".c, :payload.\"say \"\"hi\"\"\", "
	      ":payload.\"back\\slash\", :headers.x.y, :payload.items.0.sku)");
	assert_string_equal(template.statements[0].text, "f($1, $2, $3, $4, $5, $6)");
	assert_param(0, FIELD_HEADER, "content-type", ":headers.\"content-type\"");
	assert_param(1, FIELD_PATH, "payload.a\\.b.c", ":payload.\"a.b\".c");
	assert_param(2, FIELD_PATH, "payload.say \"hi\"", ":payload.\"say \"\"hi\"\"\"");
	assert_param(3, FIELD_PATH, "payload.back\\\\slash", ":payload.\"back\\slash\"");
	assert_param(4, FIELD_HEADER, "x.y", ":headers.x.y");
	assert_param(5, FIELD_PATH, "payload.items.0.sku", ":payload.items.0.sku");
}

static void names_beyond_ascii_need_no_quotes(void **state)
{
	parse("f(:payload.stra\xc3\x9f"
	      "e)");
	assert_param(0, FIELD_PATH,
		"payload.stra\xc3\x9f"
		"e",
		":payload.stra\xc3\x9f"
		"e");
}

static void a_number_never_runs_into_what_follows(void **state)
{
	assert_rewritten("f(:payload.a?1)", "f($1 1)");
	assert_rewritten("f(:payload.\"a\"1)", "f($1 1)");
	assert_rewritten("f(:payload.\"a\"b)", "f($1 b)");
	assert_rewritten("f(:key::text)", "f($1::text)");
	assert_rewritten("f(:payload.tags[1])", "f($1[1])");
}

static void casts_may_follow_and_operators_precede(void **state)
{
	assert_rewritten("UPDATE t SET a=:payload.a::numeric(10,2),b=-:payload.b WHERE c>:offset",
		"UPDATE t SET a=$1::numeric(10,2),b=-$2 WHERE c>$3");
	assert_rewritten("SELECT :payload::jsonb ? 'a'", "SELECT $1::jsonb ? 'a'");
	assert_rewritten("SELECT :payload ?| array['a']", "SELECT $1 ?| array['a']");
}

/* ---- left alone ---- */

static void casts_slices_and_assignments_are_left_alone(void **state)
{
	assert_untouched("SELECT x::int, a[1:2], a[:2], a[1:], a[ : ], f(n := 1), b ::text");
}

static void quoted_text_is_left_alone(void **state)
{
	assert_untouched("SELECT ':key', 'it''s :key', '', ''':key'");
	assert_untouched("SELECT E'\\':key', e'\\\\', E'a'':key', 'back\\'");
	assert_untouched("SELECT ':a;b', U&':key', N':key'");
	assert_untouched("SELECT \":key\", \"a\"\":key\", \"a;b\"");
	assert_untouched("SELECT E'a'\n  '\\':key'");
	assert_untouched("SELECT E'a' -- not a continuation without a newline before");
	assert_untouched("SELECT E'a'\n-- between\n'\\':key'");
	assert_rewritten("SELECT 'a\\', :key", "SELECT 'a\\', $1");
	assert_rewritten("SELECT E'a' '\\', :key", "SELECT E'a' '\\', $1");
	assert_rewritten("SELECT se'\\', :key", "SELECT se'\\', $1");
}

static void comments_are_left_alone(void **state)
{
	assert_untouched("SELECT 1 -- :key ; 'open");
	assert_rewritten("SELECT 1 -- :topic\n, :key", "SELECT 1 -- :topic\n, $1");
	assert_rewritten("SELECT 1 -- :topic\r, :key", "SELECT 1 -- :topic\r, $1");
	assert_untouched("/*+ hint :key */ SELECT 1 /* :a /* ; */ ' */");
	assert_rewritten("SELECT /* /* */ :topic */ :key", "SELECT /* /* */ :topic */ $1");
	assert_rewritten("SELECT 2 / 1 * :key - -:offset", "SELECT 2 / 1 * $1 - -$2");
}

static void dollar_quotes_are_left_alone(void **state)
{
	assert_untouched("SELECT $$:key;$1$$, $tag$ :key $$ $other$ $tag$");
	assert_untouched("SELECT $a1$ :key $a$ $a1$");
	assert_rewritten("SELECT a$b$c, :key, $b$ :key $b$", "SELECT a$b$c, $1, $b$ :key $b$");
}

/* ---- statements ---- */

static void semicolons_separate_statements_that_count_for_themselves(void **state)
{
	parse("INSERT INTO a VALUES (:key, :topic);\n  UPDATE b SET x = :topic, y = :offset; ");
	assert_int_equal(template.statement_count, 2);
	assert_string_equal(template.statements[0].text, "INSERT INTO a VALUES ($1, $2)");
	assert_string_equal(template.statements[1].text, "UPDATE b SET x = $1, y = $2");
	assert_int_equal(template.param_count, 3);
	assert_int_equal(template.statements[1].param_count, 2);
	assert_int_equal(template.statements[1].params[0], 1);
	assert_int_equal(template.statements[1].params[1], 2);
}

static void what_follows_the_last_semicolon_may_be_a_comment(void **state)
{
	assert_rewritten("SELECT 1; -- done", "SELECT 1");
	assert_rewritten("SELECT 1;\n", "SELECT 1");
}

static void a_statement_may_have_no_parameters(void **state)
{
	assert_untouched("UPDATE counters SET n = n + 1");
}

static void empty_statements_are_refused(void **state)
{
	assert_refused("", 1, 1, "empty");
	assert_refused(" \n ", 2, 2, "empty");
	assert_refused(";", 1, 1, "empty");
	assert_refused("-- nothing", 1, 11, "empty");
	assert_refused("SELECT 1;;", 1, 10, "empty");
	assert_refused("SELECT 1; /* x */ ; SELECT 2", 1, 19, "empty");
}

static void transaction_control_is_refused(void **state)
{
	static const char *const words[] = { "BEGIN", "Begin", "COMMIT", "END", "ROLLBACK", "ABORT",
		"SAVEPOINT a", "RELEASE a", "START TRANSACTION", "ROLLBACK TO a",
		"COMMIT PREPARED 'a'", "PREPARE TRANSACTION 'a'", "begin;" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_refused(words[i], 1, 1, "transaction itself");
	}
	assert_refused("SELECT 1;\n /* now */ commit", 2, 12, "commit is refused");
	assert_refused("-- a\n/* b */BEGIN/* c */", 2, 8, "BEGIN is refused");
}

static void what_changes_the_session_is_refused(void **state)
{
	static const char *const words[] = { "SET SESSION x = 1", "SET x = 1", "SET LOCAL x = 1",
		"set", "SET\"constraints\" = 1", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
		"RESET x", "DISCARD ALL", "DEALLOCATE ALL", "PRAGMA synchronous = off",
		"ATTACH 'a' AS b" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_refused(words[i], 1, 1, "shared by all events");
	}
	assert_refused("COPY t FROM STDIN", 1, 1, "COPY is refused");
	assert_untouched("SET CONSTRAINTS ALL DEFERRED");
	assert_untouched("set /* x */ constraints all immediate");
}

static void the_same_words_elsewhere_are_fine(void **state)
{
	assert_untouched("UPDATE t SET begin = 1");
	assert_untouched("SELECT CASE WHEN a THEN 1 END");
	assert_untouched("\"commit\"");
	assert_untouched("beginning");
}

/* ---- refusals ---- */

static void unknown_names_are_refused_with_the_nearest(void **state)
{
	assert_refused("SELECT :paylod.id", 1, 8, "did you mean :payload?");
	assert_refused("SELECT\n  :EVENT_ID", 2, 3, "did you mean :event_id?");
	assert_refused("SELECT :header.a", 1, 8, "did you mean :headers?");
	assert_refused("SELECT :order_id", 1, 8, ":payload.NAME");
	assert_refused(
		"SELECT :a_name_that_is_longer_than_any_root_could_ever_be", 1, 8, "known are");
	assert_refused("SELECT a[:n]", 1, 10, "unknown parameter :n");
}

static void malformed_names_are_refused(void **state)
{
	assert_refused("SELECT :payload.", 1, 17, "must follow the dot");
	assert_refused("SELECT :payload..a", 1, 17, "must follow the dot");
	assert_refused("SELECT :payload.-a", 1, 17, "must follow the dot");
	assert_refused("SELECT :payload.\"\"", 1, 17, "empty");
	assert_refused("SELECT :payload.\"a", 1, 17, "does not end");
	assert_refused("SELECT :payload.\"a\"\"", 1, 17, "does not end");
	assert_refused("SELECT :event_id.a", 1, 17, "no members");
	assert_refused("SELECT :headers", 1, 8, ":headers.NAME");
	assert_refused("SELECT :headers.content-type", 1, 24, "double quotes");
	assert_untouched("SELECT 1");
	assert_rewritten("SELECT :headers.a - b", "SELECT $1 - b");
}

static void placeholders_of_others_are_refused(void **state)
{
	assert_refused("SELECT $1", 1, 8, "not as $1");
	assert_refused("SELECT $name", 1, 8, "not as $name");
	assert_refused("SELECT $", 1, 8, "not as $");
	assert_refused("SELECT $1$ :key $1$", 1, 8, "not as $1");
}

static void a_parameter_glued_to_something_is_refused(void **state)
{
	assert_refused("SELECT a:key", 1, 9, "blank before");
	assert_refused("SELECT a[1:payload.n]", 1, 11, "array slice");
	assert_refused("SELECT a[f(1):payload.n]", 1, 14, "array slice");
	assert_refused("SELECT :key:topic", 1, 12, "blank before");
	assert_refused("SELECT :payload.a?:topic", 1, 19, "blank before");
	assert_rewritten("SELECT a[1: :payload.n]", "SELECT a[1: $1]");
	assert_rewritten("SELECT a[1:(:payload.n)]", "SELECT a[1:($1)]");
}

static void what_does_not_end_is_refused_where_it_starts(void **state)
{
	assert_refused("SELECT 'abc", 1, 8, "quote");
	assert_refused("SELECT 'abc''", 1, 8, "quote");
	assert_refused("SELECT E'abc\\'", 1, 8, "quote");
	assert_refused("SELECT E'abc\\", 1, 8, "quote");
	assert_refused("SELECT\n\"abc", 2, 1, "quote");
	assert_refused("SELECT $a$ $b$", 1, 8, "quote");
	assert_refused("SELECT /* /* */", 1, 8, "comment");
}

static void columns_are_counted_in_characters(void **state)
{
	assert_refused("SELECT '\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80', :x", 1, 15, "unknown");
	assert_refused("SELECT 1,\n\t'\xc3\xa9',\n\n  :x", 4, 3, "unknown");
}

static char *many_params(int count)
{
	char *text = malloc((size_t)count * 32 + 16), *to = text + sprintf(text, "SELECT 0");

	for (int i = 0; i < count; i++) {
		to += sprintf(to, ", :payload.p%d", i);
	}
	return text;
}

static void parameters_are_bounded(void **state)
{
	char *most = many_params(SQL_PARAMS_MAX), *too_many = many_params(SQL_PARAMS_MAX + 1);

	parse(most);
	assert_int_equal(template.statements[0].param_count, SQL_PARAMS_MAX);
	assert_non_null(strstr(template.statements[0].text, ", $256"));
	sql_template_fini(&template);
	assert_int_equal(sql_template_parse(too_many, &template, &error), -1);
	assert_non_null(strstr(error.text, "more than 256"));
	free(most);
	free(too_many);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_become_numbers_in_order_of_appearance),
		TEST(every_root_is_known),
		TEST(the_same_parameter_has_the_same_number),
		TEST(a_parameter_may_be_absent_only_if_every_use_says_so),
		TEST(members_in_quotes_may_hold_anything),
		TEST(names_beyond_ascii_need_no_quotes),
		TEST(a_number_never_runs_into_what_follows),
		TEST(casts_may_follow_and_operators_precede),
		TEST(casts_slices_and_assignments_are_left_alone),
		TEST(quoted_text_is_left_alone),
		TEST(comments_are_left_alone),
		TEST(dollar_quotes_are_left_alone),
		TEST(semicolons_separate_statements_that_count_for_themselves),
		TEST(what_follows_the_last_semicolon_may_be_a_comment),
		TEST(a_statement_may_have_no_parameters),
		TEST(empty_statements_are_refused),
		TEST(transaction_control_is_refused),
		TEST(what_changes_the_session_is_refused),
		TEST(the_same_words_elsewhere_are_fine),
		TEST(unknown_names_are_refused_with_the_nearest),
		TEST(malformed_names_are_refused),
		TEST(placeholders_of_others_are_refused),
		TEST(a_parameter_glued_to_something_is_refused),
		TEST(what_does_not_end_is_refused_where_it_starts),
		TEST(columns_are_counted_in_characters),
		TEST(parameters_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
