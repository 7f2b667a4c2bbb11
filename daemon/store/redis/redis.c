/*
 * redis - the store's table of operations, and the store itself
 *
 * Runs in: worker, probe, oncectl. A Redis knows events by leases and marks; no effect can join
 * them, so what only a transaction could do is refused.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/options.h"
#include "store/redis/redis.h"

/* Kept "for ever": Redis wants a number. */
#define FOR_EVER_MS ((int64_t)100 * 365 * 24 * 3600 * 1000)

static void red_close(struct store *store)
{
	struct red_store *red = (struct red_store *)store;

	if (!red) {
		return;
	}
	red_tls_free(red->tls);
	red_url_fini(&red->url);
	store_options_fini(&red->options);
	pthread_mutex_destroy(&red->lock);
	free(red);
}

static int red_open(const struct store_options *options, struct store **ret, struct err *err)
{
	struct red_store *store = NEW(struct red_store);
	int r;

	store->base.ops = &store_redis_ops;
	pthread_mutex_init(&store->lock, NULL);
	store_options_copy(&store->options, options);
	store->keep_ms = options->retention_us ? options->retention_us / 1000 : FOR_EVER_MS;
	r = red_url_parse(options->url, &store->url, err);
	r = r < 0 ? r : red_tls_new(&store->url, &store->tls, err);
	if (r < 0) {
		red_close(&store->base);
		return r;
	}
	*ret = &store->base;
	return 0;
}

/* There is no schema. */
static int red_migrate(struct store *store, unsigned *ret_applied, struct err *err)
{
	*ret_applied = 0;
	return 0;
}

static int red_session_check(struct store_session *session, size_t index, struct err *err)
{
	return err_set(err, -EINVAL, "Redis has no tables to run statements on");
}

static void red_refuse_claims(
	struct store_session *session, struct store_claim *claims, size_t count)
{
	store_claims_forget(claims, count);
	red_op_refuse(red_session(session));
}

static void red_refuse_group(struct store_session *session, uint32_t group)
{
	red_op_refuse(red_session(session));
}

static void red_refuse_statement(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag)
{
	red_op_refuse(red_session(session));
}

static void red_refuse_decision(
	struct store_session *session, const struct store_claim *claim, struct slice decision)
{
	red_op_refuse(red_session(session));
}

static void red_refuse_finish(struct store_session *session, const struct store_claim *claim)
{
	red_op_refuse(red_session(session));
}

static void red_refuse_query(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag, struct store_rows *ret)
{
	*ret = (struct store_rows){ .row_count = 0 };
	red_op_refuse(red_session(session));
}

static void red_refuse_unclaim(
	struct store_session *session, const struct store_claim *claims, size_t count)
{
	red_op_refuse(red_session(session));
}

const struct store_ops store_redis_ops = {
	.scheme = "redis",
	.is_transactional = false,
	.keeps_claims = true,
	.is_single_writer = false,
	.open = red_open,
	.close = red_close,
	.migrate = red_migrate,
	.session_open = red_session_open,
	.session_close = red_session_close,
	.session_ready = red_session_ready,
	.session_check = red_session_check,
	.session_interrupt = red_session_interrupt,
	.take_notice = red_take_notice,
	.begin = red_op_mark,
	.claim = red_refuse_claims,
	.lease = red_op_lease,
	.end_leases = red_op_end_leases,
	.savepoint = red_refuse_group,
	.release = red_refuse_group,
	.statement = red_refuse_statement,
	.query = red_refuse_query,
	.decide_dlq = red_refuse_decision,
	.finish_replay = red_refuse_finish,
	.unclaim = red_refuse_unclaim,
	.commit = red_op_commit,
	.rollback = red_op_rollback,
	.rollback_to = red_refuse_group,
	.put_attempts = red_op_put_attempts,
	.delete_attempts = red_op_delete_attempts,
	.flush = red_op_flush,
	.load_attempts = red_load_attempts,
	.get_seen = red_get_seen,
	.put_seen = red_put_seen,
	.load_pauses = red_load_pauses,
	.put_pause = red_put_pause,
	.peek = red_peek,
	.forget = red_forget,
};
