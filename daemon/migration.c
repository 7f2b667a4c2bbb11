/*
 * migration - bring the configured store's schema up to date
 *
 * Runs in: the supervisor's migration child, oncectl.
 */
#include "migration.h"

#include <errno.h>

#include "store/stores.h"

int migration_run(const struct config *config, const struct config_consumer *consumer,
	unsigned *ret_applied, struct err *err)
{
	const struct store_ops *ops = stores_find(config_store_of(config, consumer));
	struct store_options options = {
		.url = config_store_of(config, consumer),
		.user = config->store_user,
		.password = config->store_password,
		.scope = consumer->dedup_scope,
		.consumer = consumer->name,
		.group_id = consumer->group_id,
		.lock_timeout_us = config->store_lock_timeout_us,
		.idle_timeout_us = config->store_idle_timeout_us,
		.reconnect_max_us = config->store_reconnect_max_us,
	};
	struct store *store = NULL;
	int r;

	*ret_applied = 0;
	if (!ops) {
		return err_set(err, -EINVAL, "store: this build has %s", stores_schemes());
	}
	r = ops->open(&options, &store, err);
	if (r == 0) {
		r = ops->migrate(store, ret_applied, err);
		ops->close(store);
	}
	return r;
}
