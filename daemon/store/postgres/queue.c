/*
 * queue - operations of a session, kept until the flush
 *
 * Runs in: the session's thread. What the caller may free after the call is copied into the arena;
 * bytes of values, topics and event ids live with the caller until the flush.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "store/postgres/operations.h"
#include "store/postgres/postgres.h"

struct pg_op *pg_queue_push(struct pg_queue *queue, enum pg_op_kind kind, uint32_t tag)
{
	struct pg_op *op;

	ARRAY_GROW(queue->ops, queue->count, queue->capacity);
	op = &queue->ops[queue->count++];
	op->kind = kind;
	op->tag = tag;
	return op;
}

void pg_queue_clear(struct pg_queue *queue)
{
	queue->count = 0;
	arena_reset(&queue->arena);
}

void pg_queue_fini(struct pg_queue *queue)
{
	free(queue->ops);
	arena_fini(&queue->arena);
	*queue = (struct pg_queue){ .arena = ARENA_INIT };
}

static struct pg_op *push(struct store_session *session, enum pg_op_kind kind, uint32_t tag)
{
	return pg_queue_push(&pg_session(session)->queue, kind, tag);
}

void pg_op_begin(struct store_session *session)
{
	arena_reset(&pg_session(session)->decisions);
	push(session, PG_OP_BEGIN, 0);
	push(session, PG_OP_HOLD, 0);
}

void pg_op_claim(struct store_session *session, struct store_claim *claims, size_t count)
{
	struct pg_op *op = push(session, PG_OP_CLAIM, 0);

	op->claim.claims = claims;
	op->claim.count = count;
	op->claim.has_expired = false;
	store_claims_forget(claims, count);
}

void pg_op_savepoint(struct store_session *session, uint32_t group)
{
	push(session, PG_OP_SAVEPOINT, group);
}

void pg_op_release(struct store_session *session, uint32_t group)
{
	push(session, PG_OP_RELEASE, group);
}

struct pg_op *pg_queue_statement(struct pg_session *session, enum pg_op_kind kind, size_t index,
	const struct store_value *values, size_t count, uint32_t tag)
{
	struct pg_op *op = pg_queue_push(&session->queue, kind, tag);
	struct store_value *copy = arena_alloc(&session->queue.arena, count * sizeof(*values) + 1);

	if (count > 0) {
		memcpy(copy, values, count * sizeof(*values));
	}
	op->statement.index = index;
	op->statement.values = copy;
	op->statement.count = count;
	return op;
}

void pg_op_statement(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag)
{
	pg_queue_statement(pg_session(session), PG_OP_STATEMENT, index, values, count, tag);
}

void pg_op_statement_set(struct store_session *session, size_t index,
	const struct store_value *const *rows, size_t count, uint32_t tag)
{
	struct pg_op *op = push(session, PG_OP_SET, tag);

	op->set.index = index;
	op->set.count = count;
	op->set.rows = rows;
}

void pg_op_decide_dlq(
	struct store_session *session, const struct store_claim *claim, struct slice decision)
{
	struct pg_op *op = push(session, PG_OP_DECIDE, 0);

	op->decide = *claim;
	op->decide.decision = decision;
}

void pg_op_finish_replay(struct store_session *session, const struct store_claim *claim)
{
	push(session, PG_OP_FINISH_REPLAY, 0)->decide = *claim;
}

void pg_op_unclaim(struct store_session *session, const struct store_claim *claims, size_t count)
{
	struct pg_op *op = push(session, PG_OP_UNCLAIM, 0);

	op->unclaim.claims = claims;
	op->unclaim.count = count;
}

void pg_op_put_attempts(struct store_session *session, const struct store_attempts *attempts)
{
	push(session, PG_OP_PUT_ATTEMPTS, 0)->attempts = *attempts;
}

void pg_op_delete_attempts(struct store_session *session, const struct store_position *position)
{
	push(session, PG_OP_DELETE_ATTEMPTS, 0)->position = *position;
}

void pg_op_commit(struct store_session *session)
{
	push(session, PG_OP_COMMIT, 0);
}

void pg_op_rollback(struct store_session *session)
{
	push(session, PG_OP_ROLLBACK, 0);
}

void pg_op_rollback_to(struct store_session *session, uint32_t group)
{
	push(session, PG_OP_ROLLBACK_TO, group);
}
