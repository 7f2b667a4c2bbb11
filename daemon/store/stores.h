/*
 * stores - the implementations, found by the scheme of the URL
 *
 * Runs in: worker, probe, oncectl (never the supervisor).
 */
#pragma once

#include "core/store.h"

/* "postgresql://", "postgres://", "sqlite:PATH", "none:". NULL for an unknown scheme. */
const struct store_ops *stores_find(const char *url);

/* The schemes this build has, for error messages: "postgresql://, sqlite:, none:". */
const char *stores_schemes(void);
