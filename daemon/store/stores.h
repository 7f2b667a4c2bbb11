/*
 * stores - the implementations, found by the scheme of the URL
 *
 * Runs in: worker, probe, oncectl (never the supervisor).
 */
#pragma once

#include "core/store.h"

/* "postgresql://", "sqlite:PATH", "redis://", "memory:", "none:" and so on. NULL: unknown. */
const struct store_ops *stores_find(const char *url);

/* The schemes this build has, for error messages: "postgresql://, sqlite:, ...". */
const char *stores_schemes(void);
