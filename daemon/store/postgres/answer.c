/*
 * answer - read the results of what was sent and judge them
 *
 * Runs in: the session's thread. Answers come in the order of sending; the first failure is the
 * flight's. After an error of the server everything up to the Sync answers "aborted". A failed
 * check of ours (rows) does not abort the server's transaction: later answers are read and mean
 * nothing.
 */
#include <stdlib.h>

#include "store/postgres/postgres.h"

static long rows_affected(PGresult *result)
{
	return strtol(PQcmdTuples(result), NULL, 10);
}

static void fail(struct pg_run *run, size_t op, enum store_failure failure, const char *text)
{
	struct err err = ERR_INIT;

	err_set(&err, 0, "%s", text);
	pg_run_fail(run, op, failure, &err);
}

void pg_judge_rows(struct pg_run *run, size_t index, PGresult *result)
{
	const struct pg_op *op = &run->queue->ops[index];
	const struct store_statement *statement =
		&run->session->store->options.statements[op->statement.index];
	long rows = rows_affected(result);
	struct err err = ERR_INIT;

	if (rows >= statement->rows_min &&
		(statement->rows_max < 0 || rows <= statement->rows_max)) {
		return;
	}
	err_set(&err, 0, "the statement affected %ld rows", rows);
	pg_run_fail(run, index, STORE_ROWS, &err);
}

/* One row for each record, where rows are counted at all. */
static void judge_set(struct pg_run *run, size_t index, PGresult *result)
{
	const struct pg_op *op = &run->queue->ops[index];
	const struct store_statement *statement =
		&run->session->store->options.statements[op->set.index];
	bool is_counted = statement->rows_min > 0 || statement->rows_max >= 0;

	if (is_counted && rows_affected(result) != (long)op->set.count) {
		fail(run, index, STORE_ROWS, "the statement affected another number of rows");
	}
}

static void judge_prepared(struct pg_run *run, size_t index, PGresult *result)
{
	const struct pg_op *op = &run->queue->ops[index];
	unsigned expected =
		run->session->store->options.statements[op->statement.index].param_count;
	struct err err = ERR_INIT;

	if ((unsigned)PQnparams(result) == expected) {
		(void)pg_set_described(run->session, op->statement.index, result);
		return;
	}
	err_set(&err, 0, "the statement has %d parameters, %u were expected", PQnparams(result),
		expected);
	pg_run_fail(run, index, STORE_STATEMENT, &err);
}

static void judge_decide(struct pg_run *run, size_t index, PGresult *result)
{
	if (rows_affected(result) != 1) {
		fail(run, index, STORE_CONFLICT, "another record took this event id meanwhile");
	}
}

static void judge_commit(struct pg_run *run, size_t index, PGresult *result)
{
	if (strcmp(PQcmdStatus(result), "COMMIT") != 0) {
		fail(run, index, STORE_ROLLED_BACK,
			"the database rolled back at COMMIT: an error in the transaction was "
			"swallowed");
	}
}

static void judge_claim(struct pg_run *run, size_t index, PGresult *result)
{
	pg_claim_inserted(&run->queue->ops[index], result);
}

static void (*const judges[PG_OP_KINDS])(struct pg_run *run, size_t index, PGresult *result) = {
	[PG_OP_CLAIM] = judge_claim,
	[PG_OP_LEASE] = pg_lease_judge,
	[PG_OP_END_LEASES] = pg_end_leases_judge,
	[PG_OP_STATEMENT] = pg_judge_rows,
	[PG_OP_QUERY] = pg_query_judge,
	[PG_OP_SET] = judge_set,
	[PG_OP_DECIDE] = judge_decide,
	[PG_OP_FINISH_REPLAY] = judge_decide,
	[PG_OP_COMMIT] = judge_commit,
	[PG_OP_PREPARE] = judge_prepared,
};

static void judge_success(struct pg_run *run, const struct pg_sent *sent, PGresult *result)
{
	const struct pg_op *op = &run->queue->ops[sent->op];

	if (sent->part == PG_PART_FIND) {
		pg_claim_found(run, sent->op, result);
	} else if (sent->part == PG_PART_REPLAY) {
		pg_lease_replayed(&run->queue->ops[sent->op], result);
	} else if (sent->part == PG_PART_TYPES) {
		pg_prepared_looked_at(run->session, sent->prepared,
			pg_set_described(run->session, op->statement.index, result));
	}
	if (sent->part != PG_PART_MAIN) {
		return;
	}
	if (op->kind == PG_OP_STATEMENT) {
		pg_prepared_succeeded(run->session, sent->prepared, op->tag);
	}
	if (op->kind == PG_OP_ASK && !op->ask->result) {
		op->ask->result = result;
		return;
	}
	if (judges[op->kind]) {
		judges[op->kind](run, sent->op, result);
	}
}

/* What a refusal says about the connection itself. */
static void learn_from_error(
	struct pg_session *session, const struct pg_sent *sent, const PGresult *result)
{
	static const char *const reconnect[] = { "25006", "26000", "42P05", "57P" };
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (sent->prepared && pg_result_is_stale_plan(result)) {
		pg_prepared_outdated(sent->prepared);
	}
	if (sqlstate && (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "42P05") == 0)) {
		pg_names_failed(session);
	}
	for (size_t i = 0; sqlstate && i < sizeof(reconnect) / sizeof(reconnect[0]); i++) {
		if (strncmp(sqlstate, reconnect[i], strlen(reconnect[i])) == 0) {
			session->should_reconnect = true;
		}
	}
}

/*
 * Was it perhaps the statement's age? A value that does not fit its type, a name or an operator
 * that is not there.
 */
static bool is_by_age(struct pg_run *run, const struct pg_sent *sent, const PGresult *result)
{
	const struct pg_op *op = &run->queue->ops[sent->op];
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (op->kind != PG_OP_STATEMENT || !sent->prepared || !sqlstate) {
		return false;
	}
	if (strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "42", 2) == 0) {
		return pg_prepared_doubt(run->session, sent->prepared, op->tag);
	}
	return pg_result_is_stale_plan(result) && strcmp(sqlstate, "0A000") == 0;
}

static void judge_error(struct pg_run *run, const struct pg_sent *sent, const PGresult *result)
{
	struct err err = ERR_INIT;
	enum store_failure failure = pg_failure_of_result(result, &err);

	if (!run->flight->failure) {
		run->flight->is_outdated = is_by_age(run, sent, result);
	}
	learn_from_error(run->session, sent, result);
	if (run->queue->ops[sent->op].kind == PG_OP_SET && strcmp(err.code, "22012") == 0) {
		run->session->sets_looked_us = 0; /* the set's guard, perhaps: look again */
	}
	pg_run_fail(run, sent->op, failure, &err);
	if (failure == STORE_LOST) {
		run->must_disconnect = true;
	}
}

static void judge(struct pg_run *run, const struct pg_sent *sent, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	switch (status) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
		judge_success(run, sent, result);
		return;
	case PGRES_PIPELINE_ABORTED:
		break;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		fail(run, sent->op, STORE_STATEMENT, "COPY from or to the client is not possible");
		run->must_disconnect = true;
		break;
	default:
		judge_error(run, sent, result);
		break;
	}
	if (sent->part == PG_PART_PREPARE) {
		sent->prepared->is_there = false;
	}
}

static void lose(struct pg_run *run, size_t op, const struct err *err)
{
	pg_run_fail(run, op, STORE_LOST, err);
	run->must_disconnect = true;
}

/* All results of one command up to its NULL; the first is judged that is not a row alone. */
static void read_command(struct pg_run *run, const struct pg_sent *sent)
{
	struct err err = ERR_INIT;
	bool is_first = true;

	if (run->queue->ops[sent->op].kind == PG_OP_QUERY && sent->part == PG_PART_MAIN) {
		pg_query_expect(run, sent->op);
	}
	while (!run->must_disconnect) {
		PGresult *result = NULL;

		if (!pg_next_result(run->session, &result, &err)) {
			lose(run, sent->op, &err);
			return;
		}
		if (!result) {
			return;
		}
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
			pg_query_take_rows(run->session, result);
			PQclear(result);
			continue;
		}
		if (is_first) {
			judge(run, sent, result);
		}
		is_first = false;
		if (run->queue->ops[sent->op].kind != PG_OP_ASK ||
			run->queue->ops[sent->op].ask->result != result) {
			PQclear(result);
		}
	}
}

/*
 * A connection that breaks between the answer to COMMIT and the end of the segment takes nothing
 * back. The result that ends the segment is followed by one NULL, after which libpq is idle.
 */
static void read_sync(struct pg_run *run)
{
	struct err err = ERR_INIT;
	PGresult *result = NULL;
	bool is_read = pg_next_result(run->session, &result, &err);
	bool is_sync = is_read && PQresultStatus(result) == PGRES_PIPELINE_SYNC;

	PQclear(result);
	if (is_sync) {
		PQclear(PQgetResult(run->session->conn));
		return;
	}
	run->must_disconnect = true;
	if (!run->has_sent_commit) {
		if (is_read) {
			err_set(&err, 0, "the database answered out of step");
		}
		pg_run_fail(run, run->queue->count, STORE_LOST, &err);
	}
}

void pg_read_answers(struct pg_run *run)
{
	struct pg_session *session = run->session;

	for (size_t i = 0; i < session->sent_count; i++) {
		read_command(run, &session->sent[i]);
		if (run->must_disconnect) {
			return;
		}
	}
	read_sync(run);
}
