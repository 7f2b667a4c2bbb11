/*
 * sqlite - the SQLite store: its operations, and the store itself
 *
 * Runs in: worker, probe, oncectl. Owns the options' copies. Sessions are in connect.c.
 */
#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store/options.h"

static int lite_store_open(const struct store_options *options, struct store **ret, struct err *err)
{
	const char *path = options->url + strlen("sqlite:");
	struct lite_store *store;

	if (*path == '\0' || *path == ':') {
		return err_set(err, -EINVAL, "the SQLite store needs a file: sqlite:/path/to/file");
	}
	if (strncmp(path, "//", 2) == 0 && path[2] != '/') {
		return err_set(
			err, -EINVAL, "the SQLite store's URL has no host: sqlite:/path/to/file");
	}
	store = NEW(struct lite_store);
	store->base.ops = &store_sqlite_ops;
	store_options_copy(&store->options, options);
	store->path = store->options.url + strlen("sqlite:");
	*ret = &store->base;
	return 0;
}

static void lite_store_close(struct store *store)
{
	struct lite_store *lite = (struct lite_store *)store;

	if (!store) {
		return;
	}
	store_options_fini(&lite->options);
	free(lite);
}

const struct store_ops store_sqlite_ops = {
	.scheme = "sqlite",
	.is_transactional = true,
	.keeps_claims = true,
	.is_single_writer = true,
	.open = lite_store_open,
	.close = lite_store_close,
	.migrate = lite_store_migrate,
	.look_schema = lite_store_look_schema,
	.look_generation = lite_store_look_generation,
	.begin_generation = lite_store_begin_generation,
	.session_open = lite_session_open,
	.session_close = lite_session_close,
	.session_ready = lite_session_ready,
	.session_check = lite_session_check,
	.session_interrupt = lite_session_interrupt,
	.begin = lite_op_begin,
	.claim = lite_op_claim,
	.lease = lite_op_lease,
	.end_leases = lite_op_end_leases,
	.savepoint = lite_op_savepoint,
	.release = lite_op_release,
	.statement = lite_op_statement,
	.query = lite_op_query,
	.decide_dlq = lite_op_decide_dlq,
	.finish_replay = lite_op_finish_replay,
	.unclaim = lite_op_unclaim,
	.put_attempts = lite_op_put_attempts,
	.delete_attempts = lite_op_delete_attempts,
	.commit = lite_op_commit,
	.rollback = lite_op_rollback,
	.rollback_to = lite_op_rollback_to,
	.flush = lite_op_flush,
	.load_attempts = lite_load_attempts,
	.get_seen = lite_get_seen,
	.put_seen = lite_put_seen,
	.load_pauses = lite_load_pauses,
	.put_pause = lite_put_pause,
	.peek = lite_peek,
	.forget = lite_forget,
	.sweep = lite_sweep,
};
