/*
 * flight - send the queue in segments and read the answers
 *
 * Runs in: the session's thread. A segment ends where the answers are needed before anything else
 * may be sent: after a claim, whose verdicts must be final, and before COMMIT when rows are still
 * to be counted. Whatever ends the flight, the caller learns whether a transaction is still open.
 */
#include "store/postgres/operations.h"
#include "store/postgres/postgres.h"

bool pg_is_in_transaction(const struct pg_session *session)
{
	PGTransactionStatusType status =
		session->conn ? PQtransactionStatus(session->conn) : PQTRANS_IDLE;

	return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

static void after_segment(struct pg_run *run)
{
	struct pg_session *session = run->session;

	session->sent_count = 0;
	run->has_unverified = false;
	if (run->has_local && !run->flight->failure) {
		*run->flight = run->local;
	}
	if (!pg_is_in_transaction(session)) {
		topic_cache_transaction_ended(
			&session->topics, run->has_sent_commit && !run->flight->failure);
		session->is_spoiled = false;
		session->has_checked_since_savepoint = false;
		return;
	}
	if (run->flight->failure && PQtransactionStatus(session->conn) == PQTRANS_INTRANS) {
		session->is_spoiled = true;
	}
}

void pg_run_segment(struct pg_run *run)
{
	struct pg_session *session = run->session;
	struct err err = ERR_INIT;

	if (!PQpipelineSync(session->conn)) {
		pg_failure_of_connection(
			session->conn, STORE_LOST, "cannot send to the database", &err);
		pg_run_fail(run, session->sent[0].op, STORE_LOST, &err);
		return;
	}
	pg_read_answers(run);
	after_segment(run);
}

static bool must_verify_before(const struct pg_run *run, size_t index)
{
	return run->has_unverified && run->queue->ops[index].kind == PG_OP_COMMIT;
}

static bool has_failed(const struct pg_run *run)
{
	return run->flight->failure != STORE_OK || run->has_local;
}

static void fly_op(struct pg_run *run, size_t index)
{
	if (must_verify_before(run, index)) {
		pg_run_segment(run);
	}
	if (has_failed(run) || !pg_send_op(run, index)) {
		return;
	}
	if (run->queue->ops[index].kind == PG_OP_CLAIM ||
		run->queue->ops[index].kind == PG_OP_LEASE) {
		pg_run_segment(run);
		if (!has_failed(run)) {
			pg_claim_resolve(run, index);
		}
	}
}

static void fly_all(struct pg_run *run)
{
	for (size_t i = 0; i < run->queue->count && !has_failed(run); i++) {
		fly_op(run, i);
	}
	if (run->flight->failure) {
		return;
	}
	if (run->session->sent_count > 0) {
		pg_run_segment(run);
	} else {
		after_segment(run);
	}
}

/* Without a connection there is no transaction either: taking one back is done already. */
static enum store_failure fly_unconnected(struct pg_queue *queue, struct store_flight *flight)
{
	for (size_t i = 0; i < queue->count; i++) {
		enum pg_op_kind kind = queue->ops[i].kind;

		if (kind != PG_OP_ROLLBACK) {
			flight->failure = STORE_LOST;
			flight->op = pg_op_of_kind(kind);
			flight->tag = queue->ops[i].tag;
			err_set(&flight->err, 0, "not connected to the database");
			break;
		}
	}
	return flight->failure;
}

enum store_failure pg_fly(
	struct pg_session *session, struct pg_queue *queue, struct store_flight *flight)
{
	struct pg_run run = { .session = session, .queue = queue, .flight = flight };

	*flight = (struct store_flight){ .failure = STORE_OK, .err = ERR_INIT };
	if (!session->conn) {
		return fly_unconnected(queue, flight);
	}
	if (pg_topics_resolve(&run)) {
		fly_all(&run);
	}
	if (flight->failure == STORE_LOST && run.has_sent_commit) {
		flight->op = STORE_OP_COMMIT; /* its outcome is unknown, whatever was read before */
	}
	if (flight->failure == STORE_LOST || run.must_disconnect) {
		pg_disconnect(session);
	}
	flight->in_transaction = pg_is_in_transaction(session);
	return flight->failure;
}

enum store_failure pg_op_flush(struct store_session *session, struct store_flight *flight)
{
	struct pg_session *pg = pg_session(session);
	enum store_failure failure = pg_fly(pg, &pg->queue, flight);

	pg_queue_clear(&pg->queue);
	return failure;
}

enum store_failure pg_ask(struct pg_session *session, struct pg_ask *ask, struct err *err)
{
	struct pg_queue queue = { .arena = ARENA_INIT };
	struct store_flight flight, cleanup;
	bool is_alone = !pg_is_in_transaction(session);

	if (is_alone) {
		pg_queue_push(&queue, PG_OP_BEGIN, 0);
	}
	pg_queue_push(&queue, PG_OP_ASK, 0)->ask = ask;
	if (is_alone) {
		pg_queue_push(&queue, PG_OP_COMMIT, 0);
	}
	pg_fly(session, &queue, &flight);
	if (is_alone && flight.in_transaction) {
		pg_queue_clear(&queue);
		pg_queue_push(&queue, PG_OP_ROLLBACK, 0);
		pg_fly(session, &queue, &cleanup);
	}
	pg_queue_fini(&queue);
	if (flight.failure) {
		*err = flight.err;
	}
	return flight.failure;
}
