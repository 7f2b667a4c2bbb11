/*
 * fuzz_sql_template - statements with named parameters, and what must hold of every rewritten one
 *
 * See tests/support/fuzz_driver.h for how to run it. What holds: numbers 1 to the count are all
 * used; every parameter of the template is used by a statement; rewriting a statement again, with
 * its numbers made names, gives the same statement; an error is inside the text.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "fuzz_driver.h"
#include "handlers/sql_lex.h"
#include "handlers/sql_template.h"

static const struct slice statements[] = {
	SLICE_LITERAL("INSERT INTO orders (id, body) VALUES (:payload.order_id, :payload)"),
	SLICE_LITERAL(
		"UPDATE t SET a = :payload.\"odd name\"?, b = :headers.\"x-y\"::int; SELECT 1;"),
	SLICE_LITERAL("f(:event_id,:event_type,:source,:key,:topic,:partition,:offset,:timestamp)"),
	SLICE_LITERAL("f(:timestamp_ms,:attempt,:value,:value.a.0.b,:payload.a?1)"),
	SLICE_LITERAL("SELECT 'it''s', E'a\\'b'\n 'c\\'', \"x\"\"y\", $$a$$, $t$ b $t$ -- c\n"),
	SLICE_LITERAL("SELECT /* a /* b */ c */ x::int, a[1:2], a[:2], f(n := :key)"),
	SLICE_LITERAL("SET CONSTRAINTS ALL DEFERRED"),
	SLICE_LITERAL("COMMIT"),
	SLICE_LITERAL("SELECT $1, a$b"),
	SLICE_LITERAL("SELECT '\xc3\xa9\xe2\x82\xac', :payload.stra\xc3\x9f"
		      "e"),
};

const struct slice fuzz_words[] = {
	SLICE_LITERAL("'"),
	SLICE_LITERAL("''"),
	SLICE_LITERAL("\""),
	SLICE_LITERAL("E'"),
	SLICE_LITERAL("\\'"),
	SLICE_LITERAL("$$"),
	SLICE_LITERAL("$t$"),
	SLICE_LITERAL("$1"),
	SLICE_LITERAL("--"),
	SLICE_LITERAL("\n"),
	SLICE_LITERAL("/*"),
	SLICE_LITERAL("*/"),
	SLICE_LITERAL(";"),
	SLICE_LITERAL(":"),
	SLICE_LITERAL("::"),
	SLICE_LITERAL(":="),
	SLICE_LITERAL("?"),
	SLICE_LITERAL("."),
	SLICE_LITERAL(" "),
	SLICE_LITERAL("("),
	SLICE_LITERAL(" :key"),
	SLICE_LITERAL(" :payload.a"),
	SLICE_LITERAL(" :payload.\"a\""),
	SLICE_LITERAL("BEGIN"),
	SLICE_LITERAL("SET"),
	{ NULL, 0 },
};

size_t fuzz_corpus_count(void)
{
	return sizeof(statements) / sizeof(statements[0]);
}

struct slice fuzz_corpus_at(size_t i)
{
	return statements[i];
}

/*
 * The statement with ":value.pN?" for "$N"; the numbers met are marked. Anything that the lexer
 * finds in it but a placeholder is copied.
 */
static const char *name_numbers(const char *sql, bool *met, size_t count, struct buffer *out)
{
	for (;;) {
		struct sql_token token = sql_next_token(sql);

		if (token.kind == SQL_TOKEN_END) {
			return NULL;
		}
		if (token.kind == SQL_TOKEN_DOLLAR) {
			char *end;
			unsigned long number = strtoul(token.text + 1, &end, 10);

			if (number == 0 || number > count || end != token.text + token.len) {
				return "a placeholder that is no parameter's number";
			}
			met[number - 1] = true;
			buffer_printf(out, ":value.p%lu?", number);
		} else if (token.kind == SQL_TOKEN_PARAM || token.kind == SQL_TOKEN_SEMICOLON ||
			token.kind == SQL_TOKEN_UNTERMINATED) {
			return "a token that rewriting leaves behind";
		} else {
			buffer_append(out, token.text, token.len);
		}
		sql = token.text + token.len;
	}
}

static const char *check_again(const struct sql_statement *statement, const char *named)
{
	struct sql_template again;
	struct field_error error;
	const char *wrong = NULL;

	if (sql_template_parse(named, &again, &error) < 0) {
		wrong = "a rewritten statement is refused";
	} else if (again.statement_count != 1 ||
		strcmp(again.statements[0].text, statement->text) != 0) {
		wrong = "a rewritten statement is not what it was";
	}
	sql_template_fini(&again);
	return wrong;
}

static const char *check_statement(
	const struct sql_template *template, const struct sql_statement *statement, bool *used)
{
	_cleanup_(buffer_fini) struct buffer named = BUFFER_INIT;
	bool met[SQL_PARAMS_MAX] = { false };
	const char *wrong = name_numbers(statement->text, met, statement->param_count, &named);

	for (size_t i = 0; !wrong && i < statement->param_count; i++) {
		if (!met[i] || statement->params[i] >= template->param_count) {
			return "a number that is not in the statement";
		}
		used[statement->params[i]] = true;
	}
	return wrong ? wrong : check_again(statement, buffer_str(&named));
}

static const char *check_template(const struct sql_template *template)
{
	bool used[SQL_PARAMS_MAX] = { false };
	const char *wrong = NULL;

	if (template->statement_count == 0) {
		return "no statement, and no error";
	}
	for (size_t i = 0; !wrong && i < template->statement_count; i++) {
		wrong = check_statement(template, &template->statements[i], used);
	}
	for (size_t i = 0; !wrong && i < template->param_count; i++) {
		wrong = used[i] ? NULL : "a parameter of no statement";
	}
	return wrong;
}

static const char *check_error(const char *text, const struct field_error *error)
{
	if (error->at < text || error->at > text + strlen(text)) {
		return "an error outside the text";
	}
	return error->line > 0 && error->column > 0 && error->text[0] ? NULL
								      : "an error says nothing";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	struct sql_template template;
	struct field_error error;
	const char *wrong;

	if (sql_template_parse(text, &template, &error) < 0) {
		wrong = check_error(text, &error);
	} else {
		wrong = check_template(&template);
	}
	sql_template_fini(&template);
	if (wrong) {
		fuzz_fail(wrong, slice_from_str(text));
	}
	return 0;
}
