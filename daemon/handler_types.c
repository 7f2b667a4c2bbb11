/*
 * handler_types - the built-in handlers as the configuration sees them
 *
 * Runs in: every role that loads a configuration file.
 */
#include "handler_types.h"

#include "base/memory.h"
#include "handlers/builtins.h"

static struct config_param *copy_params(const struct onced_param_spec *specs)
{
	struct config_param *params;
	size_t count = 0;

	while (specs && specs[count].name) {
		count++;
	}
	params = xcalloc(count + 1, sizeof(*params));
	for (size_t i = 0; i < count; i++) {
		params[i] = (struct config_param){
			.name = specs[i].name,
			.help = specs[i].help,
			.default_value = specs[i].default_value,
			.is_required = specs[i].is_required,
			.is_sql = specs[i].is_sql,
		};
	}
	return params;
}

const struct config_handler_type *handler_types(void)
{
	static struct config_handler_type *types;
	size_t count = 0;

	if (types) {
		return types;
	}
	while (builtin_handlers[count]) {
		count++;
	}
	types = xcalloc(count + 1, sizeof(*types));
	for (size_t i = 0; i < count; i++) {
		types[i] = (struct config_handler_type){
			.name = builtin_handlers[i]->name,
			.help = builtin_handlers[i]->help,
			.params = copy_params(builtin_handlers[i]->params),
		};
	}
	return types;
}
