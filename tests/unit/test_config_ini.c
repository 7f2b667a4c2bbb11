/*
 * test_config_ini - the lines of an INI text, put together
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/err.h"
#include "config/ini.h"
#include "config/text.h"

/* What the reader said, one call a line: "[title]", "line key=value", "!line", "lost". */
static struct buffer said;

static void on_section(void *context, unsigned line, const char *title)
{
	buffer_printf(&said, "[%s]\n", title);
}

static void on_pair(void *context, const struct ini_pair *pair)
{
	buffer_printf(&said, "%u %s%s=%s\n", pair->line, pair->key, pair->is_secret ? "!" : "",
		pair->value);
}

static void on_lined_pair(void *context, const struct ini_pair *pair)
{
	buffer_printf(&said, "%s at", pair->key);
	for (size_t i = 0; i < pair->value_line_count; i++) {
		buffer_printf(&said, " %u", pair->value_lines[i]);
	}
	buffer_append_char(&said, '\n');
}

static void on_problem(void *context, unsigned line, const char *what)
{
	buffer_printf(&said, "!%u\n", line);
}

static void on_lost(void *context)
{
	buffer_append_str(&said, "lost\n");
}

static const char *read_as(const char *text, enum ini_dialect dialect)
{
	static const struct ini_sink sink = { on_section, on_pair, on_problem, on_lost };

	buffer_clear(&said);
	ini_parse(text, strlen(text), dialect, &sink, NULL);
	return buffer_str(&said);
}

static const char *read_text(const char *text)
{
	return read_as(text, INI_PEOPLE);
}

static void keys_and_values_lose_the_blanks_around_them(void **state)
{
	assert_string_equal(read_text("[ a  b ]\t\nkey =\t value with = and ]  \r\nother=x"),
		"[a  b]\n2 key=value with = and ]\n3 other=x\n");
}

static void a_line_that_starts_with_a_blank_continues_the_value(void **state)
{
	assert_string_equal(read_text("a = 1\n  2\n\t3 \nb = 4\n"), "1 a=1\n2\n3\n4 b=4\n");
	assert_string_equal(read_text("a =\n  1\n"), "1 a=\n1\n");
}

static void an_empty_line_belongs_to_a_value_that_goes_on(void **state)
{
	assert_string_equal(read_text("a = 1\n\n \n  2\n\n\nb = 3\n"), "1 a=1\n\n\n2\n7 b=3\n");
}

static void a_comment_stands_at_the_start_of_a_line_and_ends_no_value(void **state)
{
	assert_string_equal(read_text("# x\n; y\na = 1 ; not # one\n# between\n  # nor this\n"),
		"3 a=1 ; not # one\n# nor this\n");
}

static void each_line_of_a_value_knows_where_it_stood(void **state)
{
	static const struct ini_sink sink = { on_section, on_lined_pair, on_problem, on_lost };
	static const char text[] = "\na = 1\n# c\n  2\n\n  3\nb = 1\n";

	buffer_clear(&said);
	ini_parse(text, strlen(text), INI_PEOPLE, &sink, NULL);
	assert_string_equal(buffer_str(&said), "a at 2 4 5 6\nb at 7\n");
}

static void a_bad_line_is_told_once_with_what_continues_it(void **state)
{
	assert_string_equal(read_text("nonsense\n  more\n  more\na = 1\n"), "!1\n4 a=1\n");
	assert_string_equal(read_text("  first\n  second\n"), "!1\n");
	assert_string_equal(read_text(" \n= 1\n"), "!2\n");
}

static void a_bad_header_loses_its_section(void **state)
{
	assert_string_equal(read_text("[a\nb = 1\n"), "!1\nlost\n2 b=1\n");
	assert_string_equal(read_text("[\n"), "!1\nlost\n");
	assert_string_equal(read_text("[a] x\n"), "!1\nlost\n");
	assert_string_equal(read_text("[]\n"), "[]\n");
}

static void a_line_has_no_limit(void **state)
{
	enum { LENGTH = 1000000 };
	struct buffer text = BUFFER_INIT;

	buffer_append_str(&text, "a = ");
	memset(buffer_reserve(&text, LENGTH), 'x', LENGTH);
	text.len += LENGTH;
	buffer_append_str(&text, "\nb = 2\n");
	assert_int_equal(strlen(read_text(buffer_str(&text))), strlen("1 a=\n2 b=2\n") + LENGTH);
	buffer_fini(&text);
}

static void the_exact_dialect_keeps_every_byte_of_a_value(void **state)
{
	assert_string_equal(
		read_as("[a]\nk =  two blanks \nl = \n\t\n\t\tx\r\nm =! s\n# c\nn = !x\n",
			INI_EXACT),
		"[a]\n2 k= two blanks \n3 l=\n\n\tx\r\n6 m!=s\n8 n=!x\n");
}

static void a_nul_and_bad_utf8_are_found_with_their_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		unsigned line; /* 0: fine */
	} cases[] = {
		{ "plain\n", 6, 0 },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, 0 },
		{ "a\nb\0c", 5, 2 },
		{ "\n\n\xff", 3, 3 },
		{ "\xc3", 1, 1 },
		{ "\xc0\x80", 2, 1 }, /* overlong */
		{ "\xed\xa0\x80", 3, 1 }, /* surrogate */
		{ "\xf4\x90\x80\x80", 4, 1 }, /* past U+10FFFF */
		{ "\xe2\x82", 2, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned line = 0;
		int r = text_check(cases[i].text, cases[i].len, &line, NULL);

		assert_int_equal(line, cases[i].line);
		assert_true((r == 0) == (cases[i].line == 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_values_lose_the_blanks_around_them),
		cmocka_unit_test(a_line_that_starts_with_a_blank_continues_the_value),
		cmocka_unit_test(an_empty_line_belongs_to_a_value_that_goes_on),
		cmocka_unit_test(a_comment_stands_at_the_start_of_a_line_and_ends_no_value),
		cmocka_unit_test(each_line_of_a_value_knows_where_it_stood),
		cmocka_unit_test(a_bad_line_is_told_once_with_what_continues_it),
		cmocka_unit_test(a_bad_header_loses_its_section),
		cmocka_unit_test(a_line_has_no_limit),
		cmocka_unit_test(the_exact_dialect_keeps_every_byte_of_a_value),
		cmocka_unit_test(a_nul_and_bad_utf8_are_found_with_their_line),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buffer_fini(&said);
	return failed;
}
