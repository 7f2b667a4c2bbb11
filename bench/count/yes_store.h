/*
 * yes_store - a store that costs nothing: every claim is new, every flight succeeds
 *
 * So that what is counted is the unit of work. It remembers only how many statements it was given.
 */
#pragma once

#include "core/store.h"

extern const struct store_ops yes_store_ops;

/* A session of it, the only one. */
struct store_session *yes_store_session(void);
uint64_t yes_store_statements(void);
