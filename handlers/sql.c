/*
 * sql - a handler that applies an event by SQL statements of the event's transaction
 *
 * Runs in: worker, lane threads. One state a lane. Values are bound, never pasted into the text.
 * Invariant: nothing is sent before every value was found, so that a rejected event leaves nothing.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "builtins.h"
#include "field_bind.h"
#include "sql_template.h"

static const struct onced_param_spec params[] = {
	{
		.name = "statement",
		.help = "One or more SQL statements, separated by semicolons, with parameters like "
			":payload.order_id, :event_id, :headers.NAME, :key, :value",
		.is_required = true,
		.is_sql = true,
	},
	{
		.name = "missing",
		.help = "What to do when a parameter is not in the event: `reject` it, or bind "
			"`null`; one written :payload.note? is always null then",
		.default_value = "reject",
	},
	{
		.name = "rows",
		.help = "How many rows each statement must affect: `any`, `some` (one or more) or "
			"a "
			"number; others reject the event",
		.default_value = "any",
	},
	{ .name = NULL },
};

/* The configuration, read. */
struct settings {
	struct sql_template template;
	bool is_null_fine;
	long rows_min, rows_max;
};

struct sql_state {
	struct settings settings;
	int *paths; /* a param's path; -1 for what is none */
	int *statements; /* what onced_need_statement() called them */
	struct field_binding *bindings; /* by param */
	struct onced_value *values; /* of the statement being sent */
};

/* ---- settings ---- */

static int read_missing(struct onced_setup *setup, struct settings *settings)
{
	const char *missing = onced_setup_param(setup, "missing");

	settings->is_null_fine = strcmp(missing, "null") == 0;
	if (!settings->is_null_fine && strcmp(missing, "reject") != 0) {
		return onced_setup_fail(setup, "missing: `%s` is neither reject nor null", missing);
	}
	return 0;
}

static int read_row_count(struct onced_setup *setup, const char *rows, struct settings *settings)
{
	char *end;

	errno = 0;
	settings->rows_min = settings->rows_max = strtol(rows, &end, 10);
	if (rows[0] < '0' || rows[0] > '9' || *end || errno) {
		return onced_setup_fail(
			setup, "rows: `%s` is neither any, some nor a number", rows);
	}
	return 0;
}

static int read_rows(struct onced_setup *setup, struct settings *settings)
{
	const char *rows = onced_setup_param(setup, "rows");

	settings->rows_max = -1;
	if (strcmp(rows, "any") == 0) {
		settings->rows_min = 0;
		return 0;
	}
	if (strcmp(rows, "some") == 0) {
		settings->rows_min = 1;
		return 0;
	}
	return read_row_count(setup, rows, settings);
}

static int read_statement(struct onced_setup *setup, struct settings *settings)
{
	const char *statement = onced_setup_param(setup, "statement");
	struct field_error error;

	if (!statement) {
		return onced_setup_fail(setup, "statement is required");
	}
	if (sql_template_parse(statement, &settings->template, &error) < 0) {
		return onced_setup_fail(setup, "statement, line %u, column %u: %s", error.line,
			error.column, error.text);
	}
	return 0;
}

/* The template is to be finished in both cases. */
static int read_settings(struct onced_setup *setup, struct settings *ret)
{
	*ret = (struct settings){ .is_null_fine = false };
	if (read_missing(setup, ret) < 0 || read_rows(setup, ret) < 0) {
		return -1;
	}
	return read_statement(setup, ret);
}

static int sql_check(struct onced_setup *setup)
{
	struct settings settings;
	int r = read_settings(setup, &settings);

	sql_template_fini(&settings.template);
	return r;
}

/* ---- a lane's state ---- */

static void sql_close(void *data)
{
	struct sql_state *state = data;

	if (!state) {
		return;
	}
	sql_template_fini(&state->settings.template);
	free(state->paths);
	free(state->statements);
	free(state->bindings);
	free(state->values);
	free(state);
}

/* At least one element, so that NULL means out of memory. */
static void *array_new(size_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

static int allocate(struct onced_setup *setup, struct sql_state *state)
{
	const struct sql_template *template = &state->settings.template;

	state->paths = array_new(template->param_count, sizeof(*state->paths));
	state->statements = array_new(template->statement_count, sizeof(*state->statements));
	state->bindings = array_new(template->param_count, sizeof(*state->bindings));
	state->values = array_new(template->param_count, sizeof(*state->values));
	if (!state->paths || !state->statements || !state->bindings || !state->values) {
		(void)onced_setup_fail(setup, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static int need_paths(struct onced_setup *setup, struct sql_state *state)
{
	const struct sql_template *template = &state->settings.template;

	for (size_t i = 0; i < template->param_count; i++) {
		const struct field *param = &template->params[i];

		state->paths[i] = -1;
		if (param->root != FIELD_PATH) {
			continue;
		}
		state->paths[i] = onced_need_path(setup, param->name);
		if (state->paths[i] < 0) {
			return -1;
		}
	}
	return 0;
}

static int need_statements(struct onced_setup *setup, struct sql_state *state)
{
	const struct settings *settings = &state->settings;

	for (size_t i = 0; i < settings->template.statement_count; i++) {
		const struct sql_statement *statement = &settings->template.statements[i];

		state->statements[i] = onced_need_statement(setup, statement->text,
			(unsigned)statement->param_count, settings->rows_min, settings->rows_max);
		if (state->statements[i] < 0) {
			return -1;
		}
	}
	return 0;
}

static int sql_open(struct onced_setup *setup, void **ret_state)
{
	struct sql_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state) {
		(void)onced_setup_fail(setup, "out of memory");
		return -ENOMEM;
	}
	r = read_settings(setup, &state->settings);
	r = r < 0 ? r : allocate(setup, state);
	r = r < 0 ? r : need_paths(setup, state);
	r = r < 0 ? r : need_statements(setup, state);
	if (r < 0) {
		sql_close(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

/* ---- events ---- */

static void send_statement(struct sql_state *state, const struct onced_event *event, size_t index)
{
	const struct sql_statement *statement = &state->settings.template.statements[index];

	for (size_t i = 0; i < statement->param_count; i++) {
		state->values[i] = state->bindings[statement->params[i]].value;
	}
	onced_tx_send(event, state->statements[index], state->values, statement->param_count);
}

static void sql_handle(void *data, const struct onced_event *event, struct onced_outcome *outcome)
{
	struct sql_state *state = data;
	const struct sql_template *template = &state->settings.template;

	for (size_t i = 0; i < template->param_count; i++) {
		if (field_bind(event, &template->params[i], state->paths[i],
			    state->settings.is_null_fine, &state->bindings[i], outcome) < 0) {
			return;
		}
	}
	for (size_t i = 0; i < template->statement_count; i++) {
		send_statement(state, event, i);
	}
}

const struct onced_handler sql_handler = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "sql",
	.help = "Apply each event by SQL statements in the transaction that also records its id.",
	.params = params,
	.check = sql_check,
	.open = sql_open,
	.handle = sql_handle,
	.close = sql_close,
};
