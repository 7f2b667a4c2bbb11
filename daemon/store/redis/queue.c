/*
 * queue - operations until the flush
 *
 * Runs in: the session's thread. Commands are written as bytes when they are queued, and sent
 * together. Redis has no transaction for them: each happens or not, in their order. begin and
 * commit are marks that only a rollback before the flush cares for.
 */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/redis/redis.h"

struct red_op *red_op_begin(struct red_session *session, enum red_kind kind, enum store_op op)
{
	struct red_queue *queue = &session->queue;

	ARRAY_GROW(queue->ops, queue->count, queue->capacity);
	queue->ops[queue->count] =
		(struct red_op){ .kind = kind, .op = op, .offset = queue->bytes.len };
	return &queue->ops[queue->count++];
}

void red_op_end(struct red_session *session)
{
	struct red_op *op = &session->queue.ops[session->queue.count - 1];

	op->len = session->queue.bytes.len - op->offset;
}

void red_op_refuse(struct red_session *session)
{
	session->queue.is_refused = true;
}

void red_op_mark(struct store_session *session)
{
	struct red_session *red = red_session(session);

	red->queue.begun_count = red->queue.count;
	red->queue.begun_len = red->queue.bytes.len;
	arena_reset(&red->decisions);
}

void red_op_commit(struct store_session *session)
{
	struct red_session *red = red_session(session);

	red->queue.begun_count = red->queue.count;
	red->queue.begun_len = red->queue.bytes.len;
}

void red_op_rollback(struct store_session *session)
{
	struct red_queue *queue = &red_session(session)->queue;

	if (queue->count > queue->begun_count) {
		queue->count = queue->begun_count;
		queue->bytes.len = queue->begun_len;
	}
	queue->is_refused = false;
}

/* ---- flush ---- */

static bool is_wanted_again(const redisReply *reply)
{
	return reply && red_reply_is(reply, "NOSCRIPT");
}

/* SCRIPT FLUSH, or another server behind the same connection: what did not run is sent again. */
static enum store_failure send_again(
	struct red_session *session, redisReply **replies, int64_t deadline_us, struct err *err)
{
	const struct red_queue *queue = &session->queue;
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	_cleanup_free_ redisReply **again = xcalloc(queue->count, sizeof(redisReply *));
	enum store_failure failure;
	size_t count = 0;

	for (size_t i = 0; i < queue->count; i++) {
		if (is_wanted_again(replies[i])) {
			buffer_append(
				&out, queue->bytes.data + queue->ops[i].offset, queue->ops[i].len);
			count++;
		}
	}
	if (count == 0) {
		return STORE_OK;
	}
	if (red_load_scripts(session, deadline_us, err) != 0) {
		return session->context ? STORE_UNAVAILABLE : STORE_LOST;
	}
	failure = red_link_exchange(
		session, slice_from(out.data, out.len), again, count, deadline_us, err);
	if (failure) {
		return failure;
	}
	count = 0;
	for (size_t i = 0; i < queue->count; i++) {
		if (is_wanted_again(replies[i])) {
			freeReplyObject(replies[i]);
			replies[i] = again[count++];
		}
	}
	return STORE_OK;
}

static void fail(struct store_flight *flight, enum store_failure failure)
{
	flight->failure = failure;
	flight->op = STORE_OP_COMMIT; /* of the rest some may have happened */
}

static void judge(struct red_session *session, redisReply **replies, struct store_flight *flight)
{
	const struct red_queue *queue = &session->queue;
	bool is_operators;

	for (size_t i = 0; i < queue->count; i++) {
		if (replies[i]->type == REDIS_REPLY_ERROR) {
			bool is_replica = red_reply_is(replies[i], "READONLY");

			if (flight->failure == STORE_OK) {
				fail(flight,
					red_failure_of_reply(replies[i],
						queue->ops[i].kind == RED_RECORD
							? "to keep attempts"
							: "leases",
						&is_operators, &flight->err));
			}
			if (is_replica) {
				red_link_close(session); /* the master is elsewhere now */
			}
		} else if (!red_judge(session, &queue->ops[i], replies[i]) &&
			flight->failure == STORE_OK) {
			fail(flight, STORE_UNAVAILABLE);
			err_set(&flight->err, 0,
				"Redis answers a script with what no script of onced says");
		}
	}
}

static void empty(struct red_queue *queue)
{
	buffer_clear(&queue->bytes);
	queue->count = queue->begun_count = queue->begun_len = 0;
	queue->is_refused = false;
}

static void fly(struct red_session *session, struct store_flight *flight)
{
	struct red_queue *queue = &session->queue;
	_cleanup_free_ redisReply **replies = xcalloc(queue->count, sizeof(redisReply *));
	int64_t deadline_us = red_deadline_us(session);
	enum store_failure failure =
		red_link_exchange(session, slice_from(queue->bytes.data, queue->bytes.len), replies,
			queue->count, deadline_us, &flight->err);

	if (failure == STORE_OK) {
		failure = send_again(session, replies, deadline_us, &flight->err);
	}
	if (failure == STORE_OK) {
		judge(session, replies, flight);
	} else {
		fail(flight, failure);
	}
	red_replies_free(replies, queue->count);
	red_look_for_evictions(session, deadline_us);
}

enum store_failure red_op_flush(struct store_session *session, struct store_flight *flight)
{
	struct red_session *red = red_session(session);

	*flight = (struct store_flight){ .failure = STORE_OK, .err = ERR_INIT };
	if (red->queue.is_refused) {
		flight->failure = STORE_STATEMENT;
		flight->op = STORE_OP_STATEMENT;
		err_set(&flight->err, 0, "store redis: has no transaction for statements");
	} else if (red->queue.count) {
		fly(red, flight);
	}
	empty(&red->queue);
	return flight->failure;
}
