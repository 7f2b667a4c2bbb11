/*
 * postgres - the Postgres store: its operations, and the store itself
 *
 * Runs in: worker, probe, oncectl. Owns the options' copies. Sessions are in connect.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/options.h"
#include "store/postgres/operations.h"
#include "store/postgres/schema.h"

/*
 * libpq's message may quote the whole URL, with a password in it: taken up to the first quote only.
 */
static int check_url(const char *url, struct err *err)
{
	char *message = NULL;
	PQconninfoOption *parsed = PQconninfoParse(url, &message);
	int result = 0;

	if (!parsed) {
		result = err_set(err, -EINVAL, "the store's URL is no PostgreSQL URL: %.*s",
			message ? (int)strcspn(message, "\"\n") : 0, message ? message : "");
	}
	PQconninfoFree(parsed);
	PQfreemem(message);
	return result;
}

static int pg_store_open(const struct store_options *options, struct store **ret, struct err *err)
{
	struct pg_store *store;
	int result = check_url(options->url, err);

	if (result != 0) {
		return result;
	}
	store = NEW(struct pg_store);
	store->base.ops = &store_postgres_ops;
	store_options_copy(&store->options, options);
	atomic_init(&store->is_unnamed, options->prepare == STORE_PREPARE_NO);
	store->settings_sql = pg_own_settings_sql(&store->options);
	store->application_name = xasprintf("onced %s", store->options.consumer);
	*ret = &store->base;
	return 0;
}

static void pg_store_close(struct store *store)
{
	struct pg_store *pg = (struct pg_store *)store;

	if (!store) {
		return;
	}
	store_options_fini(&pg->options);
	free(pg->settings_sql);
	free(pg->application_name);
	free(pg);
}

/*
 * In a transaction of its own for the timeouts: the tables may be locked. The plan stays
 * afterwards.
 */
int pg_session_check(struct store_session *session, size_t index, struct err *err)
{
	struct pg_session *pg = pg_session(session);
	struct pg_queue queue = { .arena = ARENA_INIT };
	struct store_flight flight, cleanup;

	pg_queue_push(&queue, PG_OP_BEGIN, 0);
	pg_queue_push(&queue, PG_OP_PREPARE, 0)->statement.index = index;
	pg_queue_push(&queue, PG_OP_ROLLBACK, 0);
	pg_fly(pg, &queue, &flight);
	if (flight.in_transaction) {
		pg_queue_clear(&queue);
		pg_queue_push(&queue, PG_OP_ROLLBACK, 0);
		pg_fly(pg, &queue, &cleanup);
	}
	pg_queue_fini(&queue);
	if (!flight.failure) {
		return 0;
	}
	*err = flight.err;
	return pg_ready_result(flight.failure);
}

const struct store_ops store_postgres_ops = {
	.scheme = "postgresql",
	.is_transactional = true,
	.keeps_claims = true,
	.is_single_writer = false,
	.open = pg_store_open,
	.close = pg_store_close,
	.migrate = pg_store_migrate,
	.look_schema = pg_store_look_schema,
	.examine = pg_store_examine,
	.look_generation = pg_store_look_generation,
	.begin_generation = pg_store_begin_generation,
	.session_open = pg_session_open,
	.session_close = pg_session_close,
	.session_ready = pg_session_ready,
	.session_check = pg_session_check,
	.session_interrupt = pg_session_interrupt,
	.begin = pg_op_begin,
	.claim = pg_op_claim,
	.lease = pg_op_lease,
	.end_leases = pg_op_end_leases,
	.savepoint = pg_op_savepoint,
	.release = pg_op_release,
	.statement = pg_op_statement,
	.query = pg_op_query,
	.can_set = pg_can_set,
	.statement_set = pg_op_statement_set,
	.decide_dlq = pg_op_decide_dlq,
	.finish_replay = pg_op_finish_replay,
	.unclaim = pg_op_unclaim,
	.put_attempts = pg_op_put_attempts,
	.delete_attempts = pg_op_delete_attempts,
	.commit = pg_op_commit,
	.rollback = pg_op_rollback,
	.rollback_to = pg_op_rollback_to,
	.flush = pg_op_flush,
	.load_attempts = pg_load_attempts,
	.get_seen = pg_get_seen,
	.put_seen = pg_put_seen,
	.load_pauses = pg_load_pauses,
	.put_pause = pg_put_pause,
	.peek = pg_peek,
	.forget = pg_forget,
	.sweep = pg_sweep,
};
