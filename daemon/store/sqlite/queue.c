/*
 * queue - the operations of the unit of work, run as they are queued
 *
 * Runs in: the session's thread. Keeps the first failure for the flush.
 */
#include <stdio.h>

#include "store/sqlite/sqlite.h"

void lite_fail_with(struct lite_session *session, enum store_op op, uint32_t tag,
	enum store_failure failure, const char *code, const char *text)
{
	struct store_flight *flight = &session->flight;

	*flight = (struct store_flight){ .failure = failure, .op = op, .tag = tag };
	err_set(&flight->err, 0, "%s", text);
	snprintf(flight->err.code, sizeof(flight->err.code), "%s", code);
}

void lite_fail(struct lite_session *session, enum store_op op, uint32_t tag, int result_code)
{
	struct store_flight *flight = &session->flight;

	*flight = (struct store_flight){ .op = op, .tag = tag, .err = ERR_INIT };
	flight->failure = lite_failure(session, result_code, &flight->err);
}

/* The file is open and nothing of this flight failed yet. */
static bool may_start(struct lite_session *session, enum store_op op, uint32_t tag)
{
	if (session->flight.failure) {
		return false;
	}
	if (!session->db) {
		lite_fail_with(session, op, tag, STORE_LOST, "", "the SQLite store is not open");
		return false;
	}
	if (atomic_load(&session->is_interrupted)) {
		lite_fail_with(session, op, tag, STORE_LOST, "", "interrupted");
		return false;
	}
	return true;
}

/*
 * SQLite rolls back by itself after some errors; what follows must not run outside the transaction.
 */
bool lite_may_run(struct lite_session *session, enum store_op op, uint32_t tag)
{
	if (!may_start(session, op, tag)) {
		return false;
	}
	if (session->is_spoiled) {
		lite_fail_with(session, op, tag, STORE_STATEMENT, "25P02",
			"the transaction failed before and was not rolled back");
		return false;
	}
	if (!lite_is_in_transaction(session)) {
		lite_fail_with(
			session, op, tag, STORE_STATEMENT, "25P01", "no transaction is open");
		return false;
	}
	return true;
}

void lite_op_begin(struct store_session *session)
{
	struct lite_session *lite = lite_session(session);
	bool is_used = true;
	int code;

	arena_reset(&lite->decisions);
	if (!may_start(lite, STORE_OP_BEGIN, 0)) {
		return;
	}
	if (!lite_file_is_in_place(lite)) {
		lite->should_reopen = true;
		lite_fail_with(lite, STORE_OP_BEGIN, 0, STORE_UNAVAILABLE,
			"SQLITE_READONLY_DBMOVED",
			"the file of the SQLite store was moved or replaced");
		return;
	}
	code = lite_run_own(lite, LITE_OWN_BEGIN);
	if (code == SQLITE_OK) {
		code = lite_generation_is_used(lite, &is_used);
	}
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_BEGIN, 0, code);
	} else if (!is_used) {
		lite_fail_with(lite, STORE_OP_BEGIN, 0, STORE_UNAVAILABLE, STORE_CODE_STALE,
			"the dedup scope has a new generation: what was read before a rebuild "
			"began is not applied");
	}
}

static int run_group(struct lite_session *session, const char *verb, uint32_t group)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "%s SAVEPOINT onced_%u", verb, group);
	lite_start(session);
	return sqlite3_exec(session->db, sql, NULL, NULL, NULL);
}

void lite_op_savepoint(struct store_session *session, uint32_t group)
{
	struct lite_session *lite = lite_session(session);
	int code;

	if (!lite_may_run(lite, STORE_OP_SAVEPOINT, group)) {
		return;
	}
	code = run_group(lite, "", group);
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_SAVEPOINT, group, code);
	}
}

void lite_op_release(struct store_session *session, uint32_t group)
{
	struct lite_session *lite = lite_session(session);
	int code;

	if (!lite_may_run(lite, STORE_OP_RELEASE, group)) {
		return;
	}
	code = run_group(lite, "RELEASE", group);
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_RELEASE, group, code);
	}
}

/* A statement of the user's, with its values. */
struct execution {
	enum store_op op;
	size_t index;
	const struct store_value *values;
	size_t count;
	uint32_t tag;
	struct query_rows *rows; /* NULL: they are not wanted */
};

/*
 * Steps to the end, or to the row that is one too many. A query counts its rows, a change those it
 * changed.
 */
static int run_statement(
	struct lite_session *session, sqlite3_stmt *stmt, struct query_rows *wanted, long *ret_rows)
{
	long rows = 0;
	int code;

	lite_start(session);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		rows++;
		if (wanted && !lite_take_row(stmt, wanted)) {
			return SQLITE_OK;
		}
	}
	*ret_rows = sqlite3_stmt_readonly(stmt) ? rows : (long)sqlite3_changes64(session->db);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void check_rows(struct lite_session *session, const struct execution *execution, long rows)
{
	const struct store_statement *statement =
		&session->store->options.statements[execution->index];
	char text[64];

	if (rows >= statement->rows_min &&
		(statement->rows_max < 0 || rows <= statement->rows_max)) {
		return;
	}
	snprintf(text, sizeof(text), "the statement affected %ld rows", rows);
	lite_fail_with(session, execution->op, execution->tag, STORE_ROWS, "", text);
}

static void run_prepared(
	struct lite_session *session, sqlite3_stmt *stmt, const struct execution *execution)
{
	const char *problem = NULL;
	long rows = 0;
	int code = lite_bind_values(stmt, execution->values, execution->count, &problem);

	if (problem) {
		lite_fail_with(
			session, execution->op, execution->tag, STORE_STATEMENT, "22021", problem);
		return;
	}
	if (code == SQLITE_OK) {
		code = run_statement(session, stmt, execution->rows, &rows);
	}
	if (code != SQLITE_OK) {
		lite_fail(session, execution->op, execution->tag, code);
	} else if (!execution->rows || !execution->rows->is_too_large) {
		check_rows(session, execution, rows);
	}
}

static void execute(struct lite_session *session, const struct execution *execution)
{
	size_t expected = session->store->options.statements[execution->index].param_count;
	sqlite3_stmt *stmt;
	enum store_failure failure;
	struct err err = ERR_INIT;

	if (!lite_may_run(session, execution->op, execution->tag)) {
		return;
	}
	if (execution->count != expected) {
		lite_fail_with(session, execution->op, execution->tag, STORE_STATEMENT,
			"SQLITE_RANGE",
			"the statement got another number of values than it has parameters");
		return;
	}
	stmt = lite_prepare_user(session, execution->index, &failure, &err);
	if (!stmt) {
		lite_fail_with(session, execution->op, execution->tag, failure, err.code, err.text);
		return;
	}
	run_prepared(session, stmt, execution);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

void lite_op_statement(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag)
{
	execute(lite_session(session),
		&(struct execution){ STORE_OP_STATEMENT, index, values, count, tag, NULL });
}

void lite_op_query(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag, struct store_rows *ret)
{
	struct lite_session *lite = lite_session(session);
	enum store_failure failure;
	struct err err = ERR_INIT;

	*ret = (struct store_rows){ 0 };
	query_rows_clear(&lite->rows);
	execute(lite,
		&(struct execution){ STORE_OP_QUERY, index, values, count, tag, &lite->rows });
	if (lite->flight.failure) {
		return;
	}
	failure = query_rows_get(&lite->rows, ret, &err);
	if (failure) {
		lite_fail_with(lite, STORE_OP_QUERY, tag, failure, err.code, err.text);
	}
}

static void take_back(struct lite_session *session)
{
	if (lite_is_in_transaction(session)) {
		lite_run_own(session, LITE_OWN_ROLLBACK);
	}
	session->is_spoiled = false;
	topic_cache_transaction_ended(&session->topics, false);
}

/* A COMMIT that fails leaves SQLite's transaction open; Postgres ends it, and so do we. */
void lite_op_commit(struct store_session *session)
{
	struct lite_session *lite = lite_session(session);
	int code;

	if (!may_start(lite, STORE_OP_COMMIT, 0)) {
		return;
	}
	if (lite->is_spoiled || !lite_is_in_transaction(lite)) {
		lite_fail_with(lite, STORE_OP_COMMIT, 0, STORE_ROLLED_BACK, "",
			"an error in the transaction was swallowed: rolled back at COMMIT");
		take_back(lite);
		return;
	}
	code = lite_run_own(lite, LITE_OWN_COMMIT);
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_COMMIT, 0, code);
		take_back(lite);
		return;
	}
	topic_cache_transaction_ended(&lite->topics, true);
}

void lite_op_rollback(struct store_session *session)
{
	struct lite_session *lite = lite_session(session);

	if (lite->db && !lite->flight.failure) {
		take_back(lite);
	}
}

void lite_op_rollback_to(struct store_session *session, uint32_t group)
{
	struct lite_session *lite = lite_session(session);
	int code;

	if (!may_start(lite, STORE_OP_ROLLBACK, group)) {
		return;
	}
	code = run_group(lite, "ROLLBACK TO", group);
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_ROLLBACK, group, code);
		return;
	}
	lite->is_spoiled = false;
	topic_cache_transaction_ended(&lite->topics, false);
}

enum store_failure lite_op_flush(struct store_session *session, struct store_flight *flight)
{
	struct lite_session *lite = lite_session(session);

	*flight = lite->flight;
	lite->flight = (struct store_flight){ .failure = STORE_OK, .err = ERR_INIT };
	if (flight->failure == STORE_LOST) {
		lite_lose(lite);
	}
	flight->in_transaction = lite_is_in_transaction(lite);
	if (flight->failure && flight->in_transaction) {
		lite->is_spoiled = true;
	}
	return flight->failure;
}
