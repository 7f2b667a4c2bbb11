/*
 * internal - what a configuration keeps beside its plain structs
 *
 * Private to config/.
 */
#pragma once

#include "config/config.h"
#include "config/document.h"
#include "config/nearest.h"
#include "config/problem.h"
#include "config/pool.h"

struct config_memory {
	struct pool pool; /* every string and array of struct config, and of the document */
	struct document document; /* what was written: for config_dump(), places of problems */
	struct place place; /* the configuration as a whole */
};

/* An empty configuration; `name` is how problems call it. */
struct config *config_new(const char *name);

/* The row of the types' table, and the parameter of that name or family; NULL: none. */
const struct config_handler_type *config_find_type(
	const struct config_handler_type *types, const char *name);
const struct config_param *config_find_param(const struct config_param *params, const char *name);

/* Whether the parameter is a family ("headers.*"), and whether it allows `name`. */
bool config_param_is_family(const struct config_param *param);
bool config_param_covers(const struct config_param *param, const char *name);

/*
 * Offer the names that a handler's key may have. A family's is made of its prefix and what `wanted`
 * has behind its first dot; it lives in `pool`.
 */
void config_offer_params(
	struct nearest *nearest, const struct config_param *params, struct pool *pool);
