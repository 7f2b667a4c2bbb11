/*
 * assemble - give the document its meaning
 *
 * Turns sections and keys into struct config by the schema table: defaults, values, references
 * between sections. What does not fit is told and left at its default; the entry is marked bad, so
 * that checks of several keys together do not complain about the same thing again.
 */
#pragma once

#include "config/internal.h"

/* `types` may be NULL: handler types and their keys are taken as they are. */
void assemble(
	struct config *config, const struct config_handler_type *types, struct problems *problems);
