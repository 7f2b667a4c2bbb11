/*
 * check_consumer - what several keys of a consumer, or of two, say together
 *
 * Private to check.
 */
#pragma once

#include <stdbool.h>

#include "config/internal.h"

struct checking {
	const struct config *config;
	struct problems *problems;
};

void check_consumer(const struct checking *checking, const struct config_consumer *consumer);

/* `later` stands behind `earlier` in the file; problems are told of it. */
void check_consumer_pair(const struct checking *checking, const struct config_consumer *earlier,
	const struct config_consumer *later);

/* Where the key is set, else the header of its section, else the file. */
const struct place *check_place(
	const struct checking *checking, enum section_kind kind, const char *name, const char *key);

/* Someone wrote it. */
bool check_is_given(
	const struct checking *checking, enum section_kind kind, const char *name, const char *key);

/* Its value is known: default, or written and understood. */
bool check_is_good(
	const struct checking *checking, enum section_kind kind, const char *name, const char *key);
