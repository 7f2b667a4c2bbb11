/*
 * setup - the host's side of check() and open()
 *
 * Runs in: worker and probe, main thread.
 */
#include "worker/setup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

int setup_failure(int result)
{
	return err_is_shortage(result) ? result : -EINVAL;
}

int setup_check(
	const struct config_handler *config, const struct onced_handler *ops, struct err *err)
{
	struct onced_setup setup = { NULL, config, ops, err };
	int r;

	err_set(err, 0, "its check() failed without a reason");
	r = ops->check ? ops->check(&setup) : 0;
	if (r < 0) {
		return err_prefix(err, setup_failure(r), "[handler %s]", config->name);
	}
	return err_set(err, 0, "%s", "");
}

const char *onced_setup_handler_name(const struct onced_setup *setup)
{
	return setup->config->name;
}

const char *onced_setup_param(const struct onced_setup *setup, const char *name)
{
	const char *value = config_pairs_get(&setup->config->params, name);

	if (value) {
		return value;
	}
	for (const struct onced_param_spec *p = setup->ops->params; p && p->name; p++) {
		if (strcmp(p->name, name) == 0) {
			return p->default_value;
		}
	}
	return NULL;
}

bool onced_setup_param_at(const struct onced_setup *setup, size_t i, struct onced_param *ret)
{
	const struct config_pairs *params = &setup->config->params;

	if (i >= params->count) {
		return false;
	}
	*ret = (struct onced_param){ params->items[i].name, params->items[i].value };
	return true;
}

int64_t onced_setup_timeout_ms(const struct onced_setup *setup)
{
	return setup->config->timeout_us / 1000;
}

int onced_setup_fail(struct onced_setup *setup, const char *format, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	err_set(setup->err, -1, "%s", text);
	return -1;
}

bool onced_setup_is_transactional(const struct onced_setup *setup)
{
	return setup->roster && setup->roster->is_transactional;
}

int onced_need_path(struct onced_setup *setup, const char *path)
{
	int index;

	if (!setup->roster) {
		return onced_setup_fail(setup, "paths are asked for in open(), not in check()");
	}
	index = path_set_add(setup->roster->paths, path);
	if (index < 0) {
		return onced_setup_fail(setup, "\"%s\" is not a path of JSON members", path);
	}
	return index;
}

static int find_statement(const struct roster *roster, const struct store_statement *wanted)
{
	for (size_t i = 0; i < roster->statement_count; i++) {
		const struct store_statement *s = &roster->statements[i];
		if (strcmp(s->sql, wanted->sql) == 0 && s->param_count == wanted->param_count &&
			s->rows_min == wanted->rows_min && s->rows_max == wanted->rows_max) {
			return (int)i;
		}
	}
	return -1;
}

int onced_need_statement(struct onced_setup *setup, const char *sql, unsigned param_count,
	long rows_min, long rows_max)
{
	struct roster *roster = setup->roster;
	struct store_statement wanted = { sql, param_count, rows_min, rows_max };
	int index;

	if (!roster) {
		return onced_setup_fail(
			setup, "statements are asked for in open(), not in check()");
	}
	if (setup->ops->effect == ONCED_EFFECT_ELSEWHERE) {
		return onced_setup_fail(setup,
			"a handler whose effect is elsewhere has no transaction for statements");
	}
	if (!roster->is_transactional) {
		return onced_setup_fail(setup,
			"the store has no transactions for statements: use postgresql:// or "
			"sqlite:");
	}
	index = find_statement(roster, &wanted);
	if (index >= 0) {
		return index;
	}
	wanted.sql = xstrdup(sql);
	ARRAY_GROW(roster->statements, roster->statement_count, roster->statement_capacity);
	roster->statements[roster->statement_count] = wanted;
	return (int)roster->statement_count++;
}
