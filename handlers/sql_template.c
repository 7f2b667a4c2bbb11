/*
 * sql_template - statements with named parameters, made into statements with numbered ones
 *
 * Runs in: any process, any thread (pure).
 */
#include "sql_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql_lex.h"

#define SPACES " \t\n\v\f\r"

#define OWN_TRANSACTION "onced begins and ends the transaction itself"
#define SHARED_SESSION "the session is shared by all events"
#define ONE_ANSWER "it speaks its own protocol with the database"

static const struct field_syntax syntax = {
	.opening = ":",
	.closing = "",
	.hint = " (in an array slice put a blank behind the colon)",
};

/* Statements that may not be there, by their first word. */
static const struct refused {
	const char *word;
	const char *unless_followed_by; /* NULL: always refused */
	const char *reason;
} refused_words[] = {
	{ "begin", NULL, OWN_TRANSACTION },
	{ "start", NULL, OWN_TRANSACTION },
	{ "commit", NULL, OWN_TRANSACTION },
	{ "end", NULL, OWN_TRANSACTION },
	{ "rollback", NULL, OWN_TRANSACTION },
	{ "abort", NULL, OWN_TRANSACTION },
	{ "savepoint", NULL, OWN_TRANSACTION },
	{ "release", NULL, OWN_TRANSACTION },
	{ "prepare", NULL, OWN_TRANSACTION },
	{ "set", "constraints", SHARED_SESSION },
	{ "reset", NULL, SHARED_SESSION },
	{ "discard", NULL, SHARED_SESSION },
	{ "deallocate", NULL, SHARED_SESSION },
	{ "pragma", NULL, SHARED_SESSION },
	{ "attach", NULL, SHARED_SESSION },
	{ "detach", NULL, SHARED_SESSION },
	{ "copy", NULL, ONE_ANSWER },
};

/* One statement in the making. */
struct rewrite {
	struct sql_template *template;
	struct field_error *error;
	struct sql_statement *statement;
	const char *start, *p; /* the whole text; what is read next */
	char *out;
	size_t content; /* tokens that are not blank */
	const struct refused *pending; /* the first word, when the second decides */
	struct sql_token first;
};

/* ---- refusals ---- */

static int refuse(struct rewrite *rewrite, const struct refused *refused)
{
	return field_error_set(rewrite->error, rewrite->first.text, "%.*s is refused: %s",
		(int)rewrite->first.len, rewrite->first.text, refused->reason);
}

static const struct refused *refused_find(const struct sql_token *word)
{
	for (size_t i = 0; i < sizeof(refused_words) / sizeof(refused_words[0]); i++) {
		if (sql_token_is_word(word, refused_words[i].word)) {
			return &refused_words[i];
		}
	}
	return NULL;
}

/* Called with the first two tokens of a statement; what is refused by its first word ends here. */
static int check_word(struct rewrite *rewrite, const struct sql_token *token)
{
	const struct refused *refused = rewrite->pending;

	rewrite->pending = NULL;
	if (rewrite->content == 0) {
		rewrite->first = *token;
		refused = refused_find(token);
		if (refused && refused->unless_followed_by) {
			rewrite->pending = refused;
			return 0;
		}
		return refused ? refuse(rewrite, refused) : 0;
	}
	if (refused && !sql_token_is_word(token, refused->unless_followed_by)) {
		return refuse(rewrite, refused);
	}
	return 0;
}

static int bad_token(struct rewrite *rewrite, const struct sql_token *token)
{
	if (token->kind == SQL_TOKEN_DOLLAR) {
		return field_error_set(rewrite->error, token->text,
			"placeholders are written as names, not as %.*s: :payload.NAME, :event_id",
			token->len > 32 ? 32 : (int)token->len, token->text);
	}
	return field_error_set(rewrite->error, token->text, "the %s that starts here does not end",
		token->text[0] == '/' ? "comment" : "quote");
}

/* ---- parameters ---- */

/* The index of `param` among the template's; takes it over. -1: too many, or out of memory. */
static int intern_param(struct rewrite *rewrite, struct field *take_param)
{
	struct sql_template *template = rewrite->template;

	for (size_t i = 0; i < template->param_count; i++) {
		if (field_equal(&template->params[i], take_param)) {
			template->params[i].is_optional &= take_param->is_optional;
			field_fini(take_param);
			return (int)i;
		}
	}
	if (template->param_count == SQL_PARAMS_MAX) {
		field_fini(take_param);
		return field_error_set(rewrite->error, rewrite->p,
			"more than %d different parameters", SQL_PARAMS_MAX);
	}
	template->params[template->param_count] = *take_param;
	return (int)template->param_count++;
}

/* The number that the statement knows the template's param `index` by, from 1. */
static size_t number_of(struct sql_statement *statement, unsigned index)
{
	for (size_t i = 0; i < statement->param_count; i++) {
		if (statement->params[i] == index) {
			return i + 1;
		}
	}
	statement->params[statement->param_count++] = index;
	return statement->param_count;
}

/* Would "$1" run into what stands before it, or is the colon rather an array slice's? */
static bool is_glued(const struct rewrite *rewrite)
{
	char before = rewrite->p > rewrite->start ? rewrite->p[-1] : ' ';

	return sql_is_name_char(before) || strchr("$])'\"?:", before);
}

static int put_param(struct rewrite *rewrite)
{
	struct field param;
	size_t len;
	int index;

	if (is_glued(rewrite)) {
		return field_error_set(rewrite->error, rewrite->p,
			"put a blank before the parameter (or, in an array slice, behind the "
			"colon)");
	}
	if (field_parse(rewrite->p, &syntax, &param, &len, rewrite->error) < 0) {
		return -1;
	}
	index = intern_param(rewrite, &param);
	if (index < 0) {
		return -1;
	}
	rewrite->out +=
		sprintf(rewrite->out, "$%zu", number_of(rewrite->statement, (unsigned)index));
	rewrite->p += len;
	if (sql_is_name_char(*rewrite->p) || *rewrite->p == '$') {
		*rewrite->out++ = ' ';
	}
	return 0;
}

/* ---- statements ---- */

static void put_text(struct rewrite *rewrite, const struct sql_token *token)
{
	memcpy(rewrite->out, token->text, token->len);
	rewrite->out += token->len;
	rewrite->p += token->len;
}

static int put_token(struct rewrite *rewrite, const struct sql_token *token)
{
	switch (token->kind) {
	case SQL_TOKEN_BLANK:
		put_text(rewrite, token);
		return 0;
	case SQL_TOKEN_DOLLAR:
	case SQL_TOKEN_UNTERMINATED:
		return bad_token(rewrite, token);
	default:
		break;
	}
	if (check_word(rewrite, token) < 0) {
		return -1;
	}
	rewrite->content++;
	if (token->kind == SQL_TOKEN_PARAM) {
		return put_param(rewrite);
	}
	put_text(rewrite, token);
	return 0;
}

/* Read up to the end of the statement, which is left at rewrite->p. */
static int rewrite_tokens(struct rewrite *rewrite)
{
	for (;;) {
		struct sql_token token = sql_next_token(rewrite->p);

		if (token.kind == SQL_TOKEN_END || token.kind == SQL_TOKEN_SEMICOLON) {
			break;
		}
		if (put_token(rewrite, &token) < 0) {
			return -1;
		}
	}
	return rewrite->pending ? refuse(rewrite, rewrite->pending) : 0;
}

/* Room for the statement at `p`: ":key" is the shortest parameter, "$256 " the longest number. */
static struct sql_statement *add_statement(struct sql_template *template, const char *p)
{
	struct sql_statement *statements = realloc(
		template->statements, (template->statement_count + 1) * sizeof(*statements));
	struct sql_statement *statement;

	if (!statements) {
		return NULL;
	}
	template->statements = statements;
	statement = &statements[template->statement_count++];
	statement->text = malloc(2 * strlen(p) + 1);
	statement->params = malloc(SQL_PARAMS_MAX * sizeof(*statement->params));
	statement->param_count = 0;
	return statement->text && statement->params ? statement : NULL;
}

static void drop_last_statement(struct sql_template *template)
{
	struct sql_statement *statement = &template->statements[--template->statement_count];

	free(statement->text);
	free(statement->params);
}

/* Give back what add_statement() took too much; failing to is no harm. */
static void shrink(struct sql_statement *statement)
{
	char *text = realloc(statement->text, strlen(statement->text) + 1);

	statement->text = text ? text : statement->text;
}

/* The text that ends at `end`, without the white space there. */
static void finish_text(char *start, char *end)
{
	while (end > start && strchr(SPACES, end[-1])) {
		end--;
	}
	*end = '\0';
}

/* One statement from *p on, which is left at its end. */
static int parse_statement(
	struct sql_template *template, const char *start, const char **p, struct field_error *error)
{
	struct rewrite rewrite = {
		.template = template,
		.error = error,
		.start = start,
		.p = *p + strspn(*p, SPACES),
	};

	rewrite.statement = add_statement(template, *p);
	if (!rewrite.statement) {
		return field_error_set(error, *p, "out of memory");
	}
	rewrite.out = rewrite.statement->text;
	if (rewrite_tokens(&rewrite) < 0) {
		return -1;
	}
	finish_text(rewrite.statement->text, rewrite.out);
	if (rewrite.content > 0) {
		shrink(rewrite.statement);
	} else if (*rewrite.p == ';' || template->statement_count == 1) {
		return field_error_set(error, rewrite.p, "the statement is empty");
	} else {
		drop_last_statement(template);
	}
	*p = rewrite.p;
	return 0;
}

int sql_template_parse(const char *text, struct sql_template *ret, struct field_error *error)
{
	const char *p = text;
	int r = 0;

	*ret = (struct sql_template){ .statements = NULL };
	ret->params = malloc(SQL_PARAMS_MAX * sizeof(*ret->params));
	if (!ret->params) {
		r = field_error_set(error, text, "out of memory");
	}
	while (r == 0) {
		r = parse_statement(ret, text, &p, error);
		if (*p++ != ';') {
			break;
		}
	}
	if (r < 0) {
		field_error_locate(error, text);
	}
	return r;
}

void sql_template_fini(struct sql_template *template)
{
	while (template->statement_count > 0) {
		drop_last_statement(template);
	}
	for (size_t i = 0; i < template->param_count; i++) {
		field_fini(&template->params[i]);
	}
	free(template->statements);
	free(template->params);
	*template = (struct sql_template){ .statements = NULL };
}
