/*
 * migration - bring the configured store's schema up to date
 *
 * Runs in: the supervisor's migration child, oncectl.
 */
#include "migration.h"

#include <errno.h>

#include "store/stores.h"

int migration_open(const struct config *config, const struct config_consumer *consumer,
	unsigned partitions, struct store **ret, struct err *err)
{
	const struct store_ops *ops = stores_find(config_store_of(config, consumer));
	struct store_options options = {
		.url = config_store_of(config, consumer),
		.user = config->store_user,
		.password = config->store_password,
		.sentinel_user = config->store_sentinel_user,
		.sentinel_password = config->store_sentinel_password,
		.scope = consumer->dedup_scope,
		.consumer = consumer->name,
		.group_id = consumer->group_id,
		.statement_timeout_us = 0,
		.lock_timeout_us = config->store_lock_timeout_us,
		.idle_timeout_us = config->store_idle_timeout_us,
		.reconnect_max_us = config->store_reconnect_max_us,
		.prepare = (enum store_prepare)config->store_prepare,
		.retention_us = consumer->dedup_retention_us,
		.partitions = partitions,
		.asks_each_server = true,
	};

	if (!ops) {
		return err_set(err, -EINVAL, "store: this build has %s", stores_schemes());
	}
	return ops->open(&options, ret, err);
}

int migration_run(const struct config *config, const struct config_consumer *consumer,
	unsigned partitions, unsigned *ret_applied, struct err *err)
{
	struct store *store = NULL;
	int r = migration_open(config, consumer, partitions, &store, err);

	*ret_applied = 0;
	if (r == 0) {
		r = store->ops->migrate(store, ret_applied, err);
		store->ops->close(store);
	}
	return r;
}
