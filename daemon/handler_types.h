/*
 * handler_types - the handlers as the configuration sees them
 *
 * The configuration checks the keys of [handler NAME] by the handlers' own tables, without knowing
 * the handler interface. The keys of a plugin are checked where it is loaded (see handler_find.h).
 */
#pragma once

#include "config/config.h"
#include "onced/handler.h"

#define HANDLER_TYPE_PLUGIN "plugin"

/* Ends with a NULL name; made once, lives until the process ends. One thread. */
const struct config_handler_type *handler_types(void);

/* The keys of a plugin with this table, to be freed; the strings of `specs` are not copied. */
struct config_param *handler_params_of_plugin(const struct onced_param_spec *specs);
