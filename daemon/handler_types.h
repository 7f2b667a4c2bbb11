/*
 * handler_types - the built-in handlers as the configuration sees them
 *
 * The configuration checks the keys of [handler NAME] by the handlers' own tables, without knowing
 * the handler interface.
 */
#pragma once

#include "config/config.h"

/* Ends with a NULL name; made once, lives until the process ends. One thread. */
const struct config_handler_type *handler_types(void);
