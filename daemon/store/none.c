/*
 * none - the store of those who need none: every claim is new, nothing is remembered
 *
 * Runs in: worker, the thread of each session. A statement of the effects has nowhere to run and
 * fails.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "store/implementations.h"

struct none_session {
	struct store_session base;
	bool has_statement; /* the flight holds a statement, the first with this tag */
	uint32_t statement_tag;
};

static struct none_session *none_session(struct store_session *session)
{
	return (struct none_session *)session;
}

static int none_open(const struct store_options *options, struct store **ret, struct err *err)
{
	if (strcmp(options->url, "none:") != 0) {
		return err_set(err, -EINVAL,
			"the store without a store is written none:, nothing follows");
	}
	*ret = NEW(struct store);
	(*ret)->ops = &store_none_ops;
	return 0;
}

static void none_close(struct store *store)
{
	free(store);
}

static int none_migrate(struct store *store, unsigned *ret_applied, struct err *err)
{
	*ret_applied = 0;
	return 0;
}

static int none_session_open(struct store *store, struct store_session **ret, struct err *err)
{
	struct none_session *session = NEW(struct none_session);

	session->base.ops = &store_none_ops;
	*ret = &session->base;
	return 0;
}

static void none_session_close(struct store_session *session)
{
	free(session);
}

static int none_session_ready(struct store_session *session, struct err *err)
{
	return 0;
}

static int none_session_check(struct store_session *session, size_t index, struct err *err)
{
	return err_set(err, -EINVAL, "store none: has no database to run statements in");
}

static void none_session_interrupt(struct store_session *session)
{
}

static void none_nothing(struct store_session *session)
{
}

static void none_group(struct store_session *session, uint32_t group)
{
}

static void none_claim(struct store_session *session, struct store_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		claims[i].verdict = CLAIM_NEW;
		claims[i].is_dead_elsewhere = false;
		claims[i].decision = SLICE_NULL;
	}
}

static void none_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count)
{
	none_claim(session, claims, count);
}

static void none_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		claims[i].is_mine = true;
	}
}

static void none_statement(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag)
{
	struct none_session *none = none_session(session);

	if (!none->has_statement) {
		none->has_statement = true;
		none->statement_tag = tag;
	}
}

static void none_decide_dlq(
	struct store_session *session, const struct store_claim *claim, struct slice decision)
{
}

static void none_finish_replay(struct store_session *session, const struct store_claim *claim)
{
}

static void none_unclaim(
	struct store_session *session, const struct store_claim *claims, size_t count)
{
}

static void none_put_attempts(struct store_session *session, const struct store_attempts *attempts)
{
}

static void none_delete_attempts(
	struct store_session *session, const struct store_position *position)
{
}

static enum store_failure none_flush(struct store_session *session, struct store_flight *flight)
{
	struct none_session *none = none_session(session);

	*flight = (struct store_flight){ .failure = STORE_OK, .err = ERR_INIT };
	if (none->has_statement) {
		flight->failure = STORE_STATEMENT;
		flight->op = STORE_OP_STATEMENT;
		flight->tag = none->statement_tag;
		err_set(&flight->err, 0, "store none: has no database to run statements in");
	}
	none->has_statement = false;
	return flight->failure;
}

static enum store_failure none_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err)
{
	*ret = NULL;
	*ret_count = 0;
	return STORE_OK;
}

static enum store_failure none_get_seen(struct store_session *session, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err)
{
	*ret = (struct store_partition_seen){ .is_seen = false, .committed = -1 };
	return STORE_OK;
}

static enum store_failure none_put_seen(struct store_session *session, struct slice topic,
	int32_t partition, int64_t committed, struct err *err)
{
	return STORE_OK;
}

static enum store_failure none_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err)
{
	*ret_now_ms = 0;
	return STORE_OK;
}

static enum store_failure none_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err)
{
	return STORE_OK;
}

const struct store_ops store_none_ops = {
	.scheme = "none",
	.is_transactional = false,
	.is_single_writer = false,
	.open = none_open,
	.close = none_close,
	.migrate = none_migrate,
	.session_open = none_session_open,
	.session_close = none_session_close,
	.session_ready = none_session_ready,
	.session_check = none_session_check,
	.session_interrupt = none_session_interrupt,
	.begin = none_nothing,
	.claim = none_claim,
	.lease = none_lease,
	.end_leases = none_end_leases,
	.savepoint = none_group,
	.release = none_group,
	.statement = none_statement,
	.decide_dlq = none_decide_dlq,
	.finish_replay = none_finish_replay,
	.unclaim = none_unclaim,
	.put_attempts = none_put_attempts,
	.delete_attempts = none_delete_attempts,
	.commit = none_nothing,
	.rollback = none_nothing,
	.rollback_to = none_group,
	.flush = none_flush,
	.load_attempts = none_load_attempts,
	.get_seen = none_get_seen,
	.put_seen = none_put_seen,
	.load_pauses = none_load_pauses,
	.put_pause = none_put_pause,
};
