/*
 * probe - check what needs foreign code, without consuming
 *
 * Runs in: probe, a short-lived process before the workers start.
 */
#include <errno.h>

#include "worker/worker_private.h"

static int check_clients(const struct worker_wiring *wiring, struct err *err)
{
	struct source_options source = { .config = wiring->config,
		.consumer = wiring->consumer,
		.instance_id = "",
		.client_id = "onced-probe" };
	struct sink_options sink = {
		.config = wiring->config, .consumer = wiring->consumer, .client_id = "onced-probe"
	};
	int r = wiring->source->check(&source, err);

	return r < 0 ? r : wiring->sink->check(&sink, err);
}

static int check_statements(const struct worker_wiring *wiring, const struct roster *roster,
	struct store_session *session, struct err *err)
{
	int r = wiring->store->session_ready(session, err);

	if (r != 0) {
		/* a store that is away, or not migrated yet, is not the configuration's fault */
		return 1;
	}
	for (size_t i = 0; i < roster->statement_count; i++) {
		r = wiring->store->session_check(session, i, err);
		if (r != 0) {
			return r < 0 ? err_prefix(err, -EINVAL, "statement %zu", i + 1) : 1;
		}
	}
	return 0;
}

static int check_store(
	const struct worker_wiring *wiring, const struct roster *roster, struct err *err)
{
	const struct config *config = wiring->config;
	struct store_options options = { .url = config_store_of(config, wiring->consumer),
		.user = config->store_user,
		.password = config->store_password,
		.sentinel_user = config->store_sentinel_user,
		.sentinel_password = config->store_sentinel_password,
		.scope = wiring->consumer->dedup_scope,
		.consumer = wiring->consumer->name,
		.group_id = wiring->consumer->group_id,
		.cluster_id = "",
		.statement_timeout_us = 5 * 1000000,
		.lock_timeout_us = config->store_lock_timeout_us,
		.idle_timeout_us = config->store_idle_timeout_us,
		.reconnect_max_us = config->store_reconnect_max_us,
		.prepare = (enum store_prepare)config->store_prepare,
		.retention_us = wiring->consumer->dedup_retention_us,
		.statements = roster->statements,
		.statement_count = roster->statement_count };
	struct store_session *session = NULL;
	struct store *store;
	int r = wiring->store->open(&options, &store, err);

	if (r < 0) {
		return r;
	}
	r = wiring->store->session_open(store, &session, err);
	r = r < 0 ? r : check_statements(wiring, roster, session, err);
	wiring->store->session_close(session);
	wiring->store->close(store);
	return r;
}

static int probe(const struct worker_wiring *wiring, struct err *err)
{
	struct roster roster;
	int r = check_clients(wiring, err);

	if (r < 0) {
		return r;
	}
	r = roster_open(&roster, wiring->consumer, 1, wiring->store, wiring->store->keeps_claims,
		wiring->find_handler, err);
	if (r < 0) {
		return r;
	}
	r = wiring->consumer->is_transactional
		? publishing_check_transactor(&roster.publishing, wiring->transactor,
			  wiring->config, wiring->consumer, err)
		: publishing_check(&roster.publishing, wiring->publisher, wiring->config,
			  wiring->consumer, err);
	r = r < 0 ? r : check_store(wiring, &roster, err);
	roster_close(&roster);
	return r;
}

int worker_probe(const struct worker_wiring *wiring, struct err *err)
{
	int r = probe(wiring, err);

	return err_is_shortage(r) ? 1 : r;
}
