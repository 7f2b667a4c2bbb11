/*
 * topics - learn the numbers of topics before they are needed
 *
 * Runs in: the session's thread. Outside a transaction a new topic is committed at once, so that no
 * two lanes wait for each other's names; inside one its number counts only if that transaction
 * commits.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/postgres/postgres.h"

enum { TOPIC_ROUNDS_MAX = 3 };

static enum store_failure ask_id(struct pg_session *session, const char *sql, const char *topic,
	int *ret_id, struct err *err)
{
	struct pg_ask ask = {
		.sql = sql,
		.param_count = 2,
		.params = { session->store->options.cluster_id, topic },
	};
	enum store_failure failure = pg_ask(session, &ask, err);

	*ret_id = -1;
	if (!failure && PQntuples(ask.result) > 0) {
		*ret_id = atoi(PQgetvalue(ask.result, 0, 0));
	}
	PQclear(ask.result);
	return failure;
}

/* Look first: an INSERT that conflicts would use up a number each time. */
static enum store_failure find_or_add(
	struct pg_session *session, const char *topic, int *ret_id, struct err *err)
{
	static const char *const statements[] = {
		"SELECT id FROM onced.topics WHERE cluster_id = $1 AND topic = $2",
		"INSERT INTO onced.topics (cluster_id, topic) VALUES ($1, $2)"
		" ON CONFLICT DO NOTHING RETURNING id",
	};
	enum store_failure failure = STORE_OK;

	for (int i = 0; i < 2 * TOPIC_ROUNDS_MAX && !failure; i++) {
		failure = ask_id(session, statements[i % 2], topic, ret_id, err);
		if (!failure && *ret_id >= 0) {
			return STORE_OK;
		}
	}
	if (!failure) {
		err_set(err, 0, "the row of topic %s vanishes as fast as it is written", topic);
	}
	return failure ? failure : STORE_CONFLICT;
}

int pg_topic_id(struct pg_session *session, struct slice topic, enum store_failure *failure,
	struct err *err)
{
	int id = topic_cache_find(&session->topics, topic);
	_cleanup_free_ char *name = NULL;

	*failure = STORE_OK;
	if (id >= 0) {
		return id;
	}
	name = xstrndup(topic.data, topic.len);
	*failure = find_or_add(session, name, &id, err);
	if (*failure) {
		return -1;
	}
	topic_cache_add(&session->topics, topic, id, pg_is_in_transaction(session));
	return id;
}

static bool resolve(struct pg_run *run, size_t index, struct slice topic)
{
	enum store_failure failure;
	struct err err = ERR_INIT;

	if (pg_topic_id(run->session, topic, &failure, &err) >= 0) {
		return true;
	}
	pg_run_fail(run, index, failure, &err);
	return false;
}

static bool resolve_claims(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];

	for (size_t i = 0; i < op->claim.count; i++) {
		if (!resolve(run, index, op->claim.claims[i].position.topic)) {
			return false;
		}
	}
	return true;
}

static bool resolve_op(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];

	switch (op->kind) {
	case PG_OP_CLAIM:
	case PG_OP_LEASE:
		return resolve_claims(run, index);
	case PG_OP_END_LEASES:
		return op->claim.end != STORE_LEASE_DLQ || resolve_claims(run, index);
	case PG_OP_DECIDE:
	case PG_OP_FINISH_REPLAY:
		return resolve(run, index, op->decide.position.topic);
	case PG_OP_PUT_ATTEMPTS:
		return resolve(run, index, op->attempts.position.topic);
	case PG_OP_DELETE_ATTEMPTS:
		return resolve(run, index, op->position.topic);
	default:
		return true;
	}
}

bool pg_topics_resolve(struct pg_run *run)
{
	for (size_t i = 0; i < run->queue->count; i++) {
		if (!resolve_op(run, i)) {
			return false;
		}
	}
	return true;
}
