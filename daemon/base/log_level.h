/*
 * log_level - how important a line is, and which part of the program says it
 *
 * Pure. A module is a directory, or somebody who speaks through us. Its name is what operators
 * write (`oncectl log-level debug kafka`).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* syslog's numbers; kept apart from its macros on purpose */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_module {
	LOG_MODULE_MAIN, /* what has no module of its own */
	LOG_MODULE_SUPERVISOR,
	LOG_MODULE_WORKER,
	LOG_MODULE_KAFKA,
	LOG_MODULE_LIBRDKAFKA, /* the library's own words */
	LOG_MODULE_STORE,
	LOG_MODULE_HANDLER, /* what handlers say */
	LOG_MODULES,
};

/* The least important line that each module writes: enum log_level. */
struct log_levels {
	uint8_t of[LOG_MODULES];
};

/* The same for all. */
struct log_levels log_levels_all(enum log_level level);
/* Are these levels at all? They may come from somebody who is not trusted. */
bool log_levels_are_valid(const struct log_levels *levels);

/* "info". */
const char *log_level_name(enum log_level level);
/* False when there is no level of that name. */
bool log_level_find(const char *name, enum log_level *ret);

/* "kafka". */
const char *log_module_name(enum log_module module);
/* False when there is no module of that name. */
bool log_module_find(const char *name, enum log_module *ret);
