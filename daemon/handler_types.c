/*
 * handler_types - the handlers as the configuration sees them
 *
 * Runs in: every role that loads a configuration file.
 */
#include "handler_types.h"

#include "base/memory.h"
#include "handlers/builtins.h"

static const struct config_param plugin_params[] = {
	{ .name = "path",
		.help = "The shared library, an absolute path; it and the directories above it "
			"must be such that only root and the user of onced can change them",
		.is_required = true },
	{ .name = NULL },
};

/* The table `first` (NULL: none), and behind it a handler's own. To be freed. */
static struct config_param *join_params(
	const struct config_param *first, const struct onced_param_spec *specs)
{
	struct config_param *params;
	size_t first_count = 0, count = 0;

	while (first && first[first_count].name) {
		first_count++;
	}
	while (specs && specs[count].name) {
		count++;
	}
	params = xcalloc(first_count + count + 1, sizeof(*params));
	for (size_t i = 0; i < first_count; i++) {
		params[i] = first[i];
	}
	for (size_t i = 0; i < count; i++) {
		params[first_count + i] = (struct config_param){
			.name = specs[i].name,
			.help = specs[i].help,
			.default_value = specs[i].default_value,
			.is_required = specs[i].is_required,
			.is_sql = specs[i].is_sql,
		};
	}
	return params;
}

struct config_param *handler_params_of_plugin(const struct onced_param_spec *specs)
{
	return join_params(plugin_params, specs);
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
	types = xcalloc(count + 2, sizeof(*types));
	for (size_t i = 0; i < count; i++) {
		types[i] = (struct config_handler_type){
			.name = builtin_handlers[i]->name,
			.help = builtin_handlers[i]->help,
			.params = join_params(NULL, builtin_handlers[i]->params),
			.target_key = builtin_handlers[i] == &forward_handler ? "topic" : NULL,
		};
	}
	types[count] = (struct config_handler_type){
		.name = HANDLER_TYPE_PLUGIN,
		.help = "Hand each event to a shared library of yours; further keys are its own "
			"(see docs/writing-handlers.md).",
		.params = plugin_params,
		.takes_more = true,
	};
	return types;
}
