/*
 * rehearsal - a store's session that does everything and keeps nothing
 *
 * A transaction is a savepoint in the real one: BEGIN sets it, ROLLBACK goes back to it. COMMIT is
 * nothing but waiting for all answers.
 */
#include "core/rehearsal.h"

#include <stdlib.h>

#include "base/memory.h"

/* The unit of work counts its savepoints from 1. */
enum { OUTER_SAVEPOINT = 0 };

static struct rehearsal *of(struct store_session *session)
{
	return (struct rehearsal *)session;
}

/* ---- transactions ---- */

static void begin(struct store_session *session)
{
	struct rehearsal *rehearsal = of(session);

	rehearsal->statement_count = 0;
	rehearsal->wants_commit = false;
	if (!rehearsal->is_begun) {
		rehearsal->real->ops->begin(rehearsal->real);
		rehearsal->is_begun = true;
	}
	rehearsal->real->ops->savepoint(rehearsal->real, OUTER_SAVEPOINT);
}

static void commit(struct store_session *session)
{
	of(session)->wants_commit = true;
}

static void rollback(struct store_session *session)
{
	struct rehearsal *rehearsal = of(session);

	rehearsal->statement_count = 0;
	rehearsal->wants_commit = false;
	if (rehearsal->is_begun) {
		rehearsal->real->ops->rollback_to(rehearsal->real, OUTER_SAVEPOINT);
		rehearsal->real->ops->release(rehearsal->real, OUTER_SAVEPOINT);
	}
}

static enum store_failure flush(struct store_session *session, struct store_flight *flight)
{
	struct rehearsal *rehearsal = of(session);
	const struct store_ops *ops = rehearsal->real->ops;
	enum store_failure failure = ops->flush(rehearsal->real, flight);

	if (failure == STORE_OK && rehearsal->wants_commit) {
		ops->release(rehearsal->real, OUTER_SAVEPOINT);
		failure = ops->flush(rehearsal->real, flight);
		flight->op = failure ? STORE_OP_COMMIT : flight->op;
	}
	rehearsal->is_begun = flight->in_transaction;
	rehearsal->wants_commit = false;
	return failure;
}

/* ---- operations of a transaction ---- */

static void claim(struct store_session *session, struct store_claim *claims, size_t count)
{
	of(session)->real->ops->claim(of(session)->real, claims, count);
}

static void lease(struct store_session *session, const struct store_lease *wanted,
	struct store_claim *claims, size_t count)
{
	of(session)->real->ops->lease(of(session)->real, wanted, claims, count);
}

static void end_leases(struct store_session *session, const struct store_lease *ended,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	of(session)->real->ops->end_leases(of(session)->real, ended, end, claims, count);
}

static void savepoint(struct store_session *session, uint32_t group)
{
	of(session)->real->ops->savepoint(of(session)->real, group);
}

static void release(struct store_session *session, uint32_t group)
{
	of(session)->real->ops->release(of(session)->real, group);
}

static void rollback_to(struct store_session *session, uint32_t group)
{
	of(session)->statement_count = 0;
	of(session)->real->ops->rollback_to(of(session)->real, group);
}

static void note_statement(struct rehearsal *rehearsal, size_t index)
{
	ARRAY_GROW(
		rehearsal->statements, rehearsal->statement_count, rehearsal->statement_capacity);
	rehearsal->statements[rehearsal->statement_count++] = index;
}

static void statement(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag)
{
	note_statement(of(session), index);
	of(session)->real->ops->statement(of(session)->real, index, values, count, tag);
}

static void query(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag, struct store_rows *ret)
{
	note_statement(of(session), index);
	of(session)->real->ops->query(of(session)->real, index, values, count, tag, ret);
}

static void decide_dlq(
	struct store_session *session, const struct store_claim *decided, struct slice decision)
{
	of(session)->real->ops->decide_dlq(of(session)->real, decided, decision);
}

static void finish_replay(struct store_session *session, const struct store_claim *replayed)
{
	of(session)->real->ops->finish_replay(of(session)->real, replayed);
}

static void unclaim(struct store_session *session, const struct store_claim *claims, size_t count)
{
	of(session)->real->ops->unclaim(of(session)->real, claims, count);
}

static void put_attempts(struct store_session *session, const struct store_attempts *attempts)
{
	of(session)->real->ops->put_attempts(of(session)->real, attempts);
}

static void delete_attempts(struct store_session *session, const struct store_position *position)
{
	of(session)->real->ops->delete_attempts(of(session)->real, position);
}

void rehearsal_init(struct rehearsal *rehearsal, struct store_session *real)
{
	*rehearsal = (struct rehearsal){ .real = real };
	rehearsal->base.ops = &rehearsal->ops;
	rehearsal->base.generation = real->generation;
	rehearsal->ops = (struct store_ops){
		.scheme = real->ops->scheme,
		.is_transactional = real->ops->is_transactional,
		.keeps_claims = real->ops->keeps_claims,
		.is_single_writer = real->ops->is_single_writer,
		.begin = begin,
		.claim = claim,
		.lease = lease,
		.end_leases = end_leases,
		.savepoint = savepoint,
		.release = release,
		.statement = statement,
		.query = query,
		.decide_dlq = decide_dlq,
		.finish_replay = finish_replay,
		.unclaim = unclaim,
		.put_attempts = put_attempts,
		.delete_attempts = delete_attempts,
		.commit = commit,
		.rollback = rollback,
		.rollback_to = rollback_to,
		.flush = flush,
	};
}

void rehearsal_fini(struct rehearsal *rehearsal)
{
	struct store_flight ignored;

	if (rehearsal->is_begun) {
		rehearsal->real->ops->rollback(rehearsal->real);
		rehearsal->real->ops->flush(rehearsal->real, &ignored);
	}
	free(rehearsal->statements);
}
