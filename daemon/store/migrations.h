/*
 * migrations - the schema that this program carries, from the files of sql/
 *
 * Version N is `migrations_...[N - 1]`; the newest is the count. Written at build time by
 * sql/embed.py.
 */
#pragma once

#include "core/store.h"

extern const struct store_migration migrations_postgresql[], migrations_sqlite[];
extern const unsigned migrations_postgresql_count, migrations_sqlite_count;
