/*
 * log_level - how important a line is, and which part of the program says it
 */
#include "base/log_level.h"

#include <string.h>

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_NOTICE] = "notice",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

static const char *const module_names[LOG_MODULES] = {
	[LOG_MODULE_MAIN] = "main",
	[LOG_MODULE_SUPERVISOR] = "supervisor",
	[LOG_MODULE_WORKER] = "worker",
	[LOG_MODULE_KAFKA] = "kafka",
	[LOG_MODULE_LIBRDKAFKA] = "librdkafka",
	[LOG_MODULE_STORE] = "store",
	[LOG_MODULE_HANDLER] = "handler",
};

static bool is_level(unsigned level)
{
	return level >= LOG_LEVEL_ERROR && level <= LOG_LEVEL_DEBUG;
}

struct log_levels log_levels_all(enum log_level level)
{
	struct log_levels levels;

	memset(levels.of, (int)level, sizeof(levels.of));
	return levels;
}

bool log_levels_are_valid(const struct log_levels *levels)
{
	for (int i = 0; i < LOG_MODULES; i++) {
		if (!is_level(levels->of[i])) {
			return false;
		}
	}
	return true;
}

const char *log_level_name(enum log_level level)
{
	return is_level(level) ? level_names[level] : "unknown";
}

bool log_level_find(const char *name, enum log_level *ret)
{
	for (unsigned i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}

const char *log_module_name(enum log_module module)
{
	return module < LOG_MODULES ? module_names[module] : "unknown";
}

bool log_module_find(const char *name, enum log_module *ret)
{
	for (unsigned i = 0; i < LOG_MODULES; i++) {
		if (strcmp(name, module_names[i]) == 0) {
			*ret = (enum log_module)i;
			return true;
		}
	}
	return false;
}
