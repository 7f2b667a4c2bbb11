/*
 * query - a statement of the user's whose rows are wanted
 *
 * Runs in: the session's thread. The rows come one by one and are copied; those beyond what a query
 * may answer are read and dropped, so that no answer takes more memory than that.
 */
#include <assert.h>

#include "store/postgres/operations.h"
#include "store/postgres/postgres.h"

void pg_op_query(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag, struct store_rows *ret)
{
	*ret = (struct store_rows){ 0 };
	pg_queue_statement(pg_session(session), PG_OP_QUERY, index, values, count, tag)
		->statement.rows = ret;
}

/* Its rows may be too many: what is known only here, and after the server went on. */
bool pg_query_send(struct pg_run *run, size_t index)
{
	run->has_unverified = true;
	run->session->has_checked_since_savepoint = true;
	return pg_send_user(run, index);
}

void pg_query_expect(struct pg_run *run, size_t index)
{
	query_rows_clear(&run->session->rows);
	/* where it is refused all rows come at once */
	(void)PQsetSingleRowMode(run->session->conn);
}

static struct slice value_of(const PGresult *result, int row, int column)
{
	if (PQgetisnull(result, row, column)) {
		return SLICE_NULL;
	}
	return slice_from(
		PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}

/* Of bytea the bytes, however the server writes them. */
static void add_value(struct query_rows *rows, const PGresult *result, int row, int column)
{
	struct slice text = value_of(result, row, column);
	unsigned char *bytes;
	size_t length;

	if (slice_is_null(text) || PQftype(result, column) != PG_BYTEA) {
		query_rows_add(rows, text);
		return;
	}
	bytes = PQunescapeBytea((const unsigned char *)text.data, &length);
	assert(bytes); /* but for memory there is no failure */
	query_rows_add(rows, slice_from((const char *)bytes, length));
	PQfreemem(bytes);
}

void pg_query_take_rows(struct pg_session *session, const PGresult *result)
{
	struct query_rows *rows = &session->rows;
	int columns = PQnfields(result);

	for (int row = 0; row < PQntuples(result); row++) {
		if (!query_rows_begin_row(rows, (size_t)columns)) {
			return;
		}
		for (int column = 0; column < columns; column++) {
			add_value(rows, result, row, column);
		}
	}
}

void pg_query_judge(struct pg_run *run, size_t index, PGresult *result)
{
	struct err err = ERR_INIT;

	pg_query_take_rows(run->session, result);
	if (query_rows_get(&run->session->rows, run->queue->ops[index].statement.rows, &err)) {
		pg_run_fail(run, index, STORE_ROWS, &err);
		return;
	}
	pg_judge_rows(run, index, result);
}
