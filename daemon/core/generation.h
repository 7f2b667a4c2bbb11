/*
 * generation - the generations of a dedup scope, as stores and their callers name them
 *
 * Pure. A rebuild begins the next generation, in which nothing is a duplicate yet.
 */
#pragma once

#include <stdatomic.h>
#include <stdio.h>

#include "base/err.h"

enum { STORE_REBUILD_MAX = 40, STORE_SCOPE_MAX = 256 + 16 };

/*
 * Of BEGIN (UNAVAILABLE) and session_ready (-EINVAL): the scope has a newer generation than this
 * store began with. It stays so: what this process has in hand must not take effect.
 */
#define STORE_CODE_STALE "ON001"

/*
 * The ids that a scope remembers together. A rebuild begins the next generation, in which nothing
 * is a duplicate yet.
 */
struct store_generation {
	unsigned number; /* 1: there was no rebuild yet */
	char rebuild[STORE_REBUILD_MAX]; /* the token of the one that began it; "" none */
};

/*
 * The scope that the keys of a generation are made with: "orders", from the second on "orders#2".
 */
static inline const char *store_scope_name(
	const char *scope, unsigned generation, char ret[STORE_SCOPE_MAX])
{
	if (generation > 1) {
		snprintf(ret, STORE_SCOPE_MAX, "%s#%u", scope, generation);
	} else {
		snprintf(ret, STORE_SCOPE_MAX, "%s", scope);
	}
	return ret;
}

/*
 * Sessions of one store work in one generation: the first that looks keeps what it `found` in
 * `in_use` (0 before). 0, or -EINVAL with STORE_CODE_STALE when another is in use.
 */
int generation_keep(atomic_uint *in_use, unsigned found, const char *scope, struct err *err);

/* A scope belongs to one group. 0, or -EINVAL with a sentence. */
int generation_check_group(const char *found, const char *ours, const char *scope, struct err *err);
