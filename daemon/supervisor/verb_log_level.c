/*
 * verb_log_level - log more or less of one part of the program, and what is logged
 *
 * Runs in: supervisor.
 */
#include <string.h>

#include "supervisor/levels.h"
#include "supervisor/state.h"
#include "supervisor/verbs.h"

#include "supervisor/poison.h"

/* 0 for "configured". False after an answer. */
static bool read_level(struct call *call, unsigned *ret)
{
	const char *name = call_text(call, "level");
	enum log_level level;

	*ret = 0;
	if (strcmp(name, "configured") == 0) {
		return true;
	}
	if (!log_level_find(name, &level)) {
		call_refuse(call, 400, "error, warning, notice, info, debug, or configured",
			"%s is no level", name);
		return false;
	}
	*ret = level;
	return true;
}

/* LOG_MODULES for all. False after an answer. */
static bool read_module(struct call *call, enum log_module *ret)
{
	const char *name = call_text(call, "module");

	*ret = LOG_MODULES;
	if (name && !log_module_find(name, ret)) {
		call_refuse(call, 404, "see `oncectl log-level`", "there is no module %s", name);
		return false;
	}
	return true;
}

void verb_log_level(struct call *call)
{
	struct supervisor *supervisor = call->context;
	enum log_module module;
	unsigned level;

	if (read_level(call, &level) && read_module(call, &module)) {
		levels_ask(supervisor, module, level, call_integer(call, "seconds", 0));
		call_answer(call, 200, levels_json(supervisor));
	}
}

void verb_log_level_show(struct call *call)
{
	call_answer(call, 200, levels_json(call->context));
}
