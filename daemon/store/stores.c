/*
 * stores - the implementations, found by the scheme of the URL
 *
 * Runs in: worker, probe, oncectl (never the supervisor).
 */
#include "store/stores.h"

#include <string.h>

#include "store/implementations.h"

static const struct {
	const char *prefix;
	const struct store_ops *ops;
} schemes[] = {
	{ "postgresql://", &store_postgres_ops },
	{ "postgres://", &store_postgres_ops },
	{ "sqlite:", &store_sqlite_ops },
	{ "redis://", &store_redis_ops },
	{ "rediss://", &store_redis_ops },
	{ "redis+unix://", &store_redis_ops },
	{ "redis+sentinel://", &store_redis_ops },
	{ "rediss+sentinel://", &store_redis_ops },
	{ "memory:", &store_memory_ops },
	{ "none:", &store_none_ops },
};

const struct store_ops *stores_find(const char *url)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
			return schemes[i].ops;
		}
	}
	return NULL;
}

const char *stores_schemes(void)
{
	return "postgresql://, sqlite:, redis://, memory:, none:";
}
