/*
 * builtins - the handlers that onced brings along
 *
 * They use the public interface, as plugins do; only how they are found differs.
 */
#pragma once

#include "onced/handler.h"

extern const struct onced_handler exec_handler, forward_handler, http_handler, log_handler,
	sql_handler;

/* All of them, NULL at the end. */
extern const struct onced_handler *const builtin_handlers[];

/* The one called `name`, or NULL. */
const struct onced_handler *builtin_handler_find(const char *name);
