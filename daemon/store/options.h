/*
 * options - a store's own copy of its options
 */
#pragma once

#include "core/store.h"

/* Copies every string; the statements stay borrowed. */
void store_options_copy(struct store_options *ret, const struct store_options *options);
void store_options_fini(struct store_options *options);
