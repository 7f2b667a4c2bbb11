/*
 * builtins - the handlers that onced brings along
 *
 * Runs in: any process (a constant table).
 */
#include "builtins.h"

#include <string.h>

const struct onced_handler *const builtin_handlers[] = { &exec_handler, &forward_handler,
	&http_handler, &log_handler, &sql_handler, NULL };

const struct onced_handler *builtin_handler_find(const char *name)
{
	for (size_t i = 0; builtin_handlers[i]; i++) {
		if (strcmp(builtin_handlers[i]->name, name) == 0) {
			return builtin_handlers[i];
		}
	}
	return NULL;
}
