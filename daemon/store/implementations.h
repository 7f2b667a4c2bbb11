/*
 * implementations - what stores.c chooses from; nobody else includes this
 */
#pragma once

#include "core/store.h"

extern const struct store_ops store_postgres_ops, store_sqlite_ops, store_none_ops;
extern const struct store_ops store_redis_ops, store_memory_ops;
