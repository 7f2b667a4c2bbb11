/*
 * internal - what a configuration keeps beside its plain structs
 *
 * Private to config/.
 */
#pragma once

#include "config/config.h"
#include "config/document.h"
#include "config/problem.h"
#include "config/pool.h"

struct config_memory {
	struct pool pool; /* every string and array of struct config, and of the document */
	struct document document; /* what was written: for config_dump(), places of problems */
	struct place place; /* the configuration as a whole */
};

/* An empty configuration; `name` is how problems call it. */
struct config *config_new(const char *name);

/* The row of the types' table, NULL where there is none. */
const struct config_handler_type *config_find_type(
	const struct config_handler_type *types, const char *name);
const struct config_param *config_find_param(
	const struct config_handler_type *type, const char *name);
