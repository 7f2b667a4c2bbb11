/*
 * write - a configuration as text again: what config_dump() and config_serialize() have in common
 *
 * Walks sections and keys in the order of the manual and hands each value to a visitor.
 */
#pragma once

#include <stdbool.h>

#include "config/internal.h"

struct write_visitor {
	void (*section)(void *context, enum section_kind kind, const char *name);
	/* `is_secret`: by its name or because it came from a file of its own. */
	void (*key)(void *context, const char *key, const char *value, bool is_secret,
		const char *origin);
};

/* `consumer` NULL: everything; else that one and what it refers to. */
void write_walk(const struct config *config, const struct config_consumer *consumer,
	const struct write_visitor *visitor, void *context);
