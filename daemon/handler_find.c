/*
 * handler_find - the code of a configured handler: a built-in, or a plugin's
 */
#include "handler_find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "handler_types.h"
#include "handlers/builtins.h"
#include "os/library.h"

/* "file:line: [handler NAME] path = VALUE: sentence" */
static int refuse(const struct config_handler *config, const struct config_pair *path, int result,
	struct err *err)
{
	result = err_is_shortage(result) ? result : -EINVAL;
	err_prefix(err, 0, "[handler %s] path = %s", config->name, path->value);
	return path->origin ? err_prefix(err, result, "%s", path->origin) : result;
}

/* The first two fields are the same in every version of the interface. */
static int check_version(const struct onced_handler *handler, struct err *err)
{
	if (handler->abi != ONCED_HANDLER_ABI) {
		return err_set(err, -EINVAL,
			"the plugin speaks version %u of the handler interface, this onced version "
			"%u; build it with the onced/handler.h of this onced",
			handler->abi, ONCED_HANDLER_ABI);
	}
	if (handler->size > sizeof(*handler)) {
		return err_set(err, -EINVAL,
			"the plugin was built for a newer onced (its description has %u bytes, "
			"known are %zu); upgrade onced, or build it with this one's "
			"onced/handler.h",
			handler->size, sizeof(*handler));
	}
	if (handler->size < ONCED_HANDLER_SIZE_MIN) {
		return err_set(err, -EINVAL,
			"the plugin's description has %u bytes, fewer than any version's; set size "
			"= sizeof(struct onced_handler)",
			handler->size);
	}
	return 0;
}

static int check_table(const struct onced_handler *handler, struct err *err)
{
	for (const struct onced_param_spec *p = handler->params; p && p->name; p++) {
		if (strcmp(p->name, "path") == 0 || config_is_handler_key(p->name)) {
			return err_set(err, -EINVAL,
				"the plugin's table has a parameter %s, which every handler or "
				"plugin has already; it needs another name",
				p->name);
		}
	}
	return 0;
}

static int check_handler(const struct onced_handler *handler, struct err *err)
{
	bool is_callable = handler->handle || handler->handle_batch;

	if (!handler->name || !handler->name[0] || !is_callable) {
		return err_set(err, -EINVAL, "the plugin's description lacks its %s",
			is_callable ? "name" : "handle()");
	}
	if (handler->effect != ONCED_EFFECT_TRANSACTION &&
		handler->effect != ONCED_EFFECT_ELSEWHERE) {
		return err_set(err, -EINVAL, "the plugin's effect is %d, which is unknown",
			(int)handler->effect);
	}
	if (handler->effect == ONCED_EFFECT_ELSEWHERE && !handler->handle) {
		return err_set(err, -EINVAL,
			"the plugin's effect is elsewhere: it has one event at a time, and needs "
			"a handle()");
	}
	return check_table(handler, err);
}

static int load_plugin(const char *path, struct onced_handler *ret, struct err *err)
{
	const struct onced_handler *const *exported;
	void *library;
	int r = library_load(path, &library, err);

	if (r < 0) {
		return r;
	}
	exported = library_symbol(library, ONCED_EXPORT_SYMBOL);
	if (!exported || !*exported) {
		return err_set(err, -EINVAL,
			"it is no plugin of onced: it has no %s; put ONCED_EXPORT_HANDLER(...) "
			"into its source",
			ONCED_EXPORT_SYMBOL);
	}
	r = check_version(*exported, err);
	if (r < 0) {
		return r;
	}
	memcpy(ret, *exported, (*exported)->size);
	return check_handler(ret, err);
}

static int check_keys(
	const struct config_handler *config, const struct onced_handler *handler, struct err *err)
{
	_cleanup_(config_errors_fini) struct config_errors errors = CONFIG_ERRORS_INIT;
	_cleanup_free_ struct config_param *params = handler_params_of_plugin(handler->params);
	char owner[128];

	snprintf(owner, sizeof(owner), "the plugin %s", handler->name);
	if (config_check_params(config, params, owner, &errors) == 0) {
		return 0;
	}
	return err_set(err, -EINVAL, "%.*s", (int)errors.text.len - 1, buffer_str(&errors.text));
}

int handler_find(const struct config_handler *config, struct onced_handler *ret, struct err *err)
{
	const struct onced_handler *builtin = builtin_handler_find(config->type);
	const struct config_pair *path;
	int r;

	*ret = (struct onced_handler){ 0 };
	if (builtin) {
		*ret = *builtin;
		return 0;
	}
	if (strcmp(config->type, HANDLER_TYPE_PLUGIN) != 0) {
		return err_set(err, -EINVAL, "[handler %s] type = %s: no such handler",
			config->name, config->type);
	}
	path = config_pairs_find(&config->params, "path");
	if (!path) {
		return err_set(err, -EINVAL, "[handler %s] path is missing", config->name);
	}
	r = load_plugin(path->value, ret, err);
	if (r < 0) {
		return refuse(config, path, r, err);
	}
	return check_keys(config, ret, err);
}
