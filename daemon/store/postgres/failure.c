/*
 * failure - what an answer of Postgres means for the unit of work
 *
 * Pure: a table of SQLSTATEs. Whose fault a STORE_STATEMENT is, is decided elsewhere. DETAIL, HINT
 * and CONTEXT quote rows and are never taken over; the primary message of a data error quotes the
 * value.
 */
#include <string.h>

#include "store/postgres/postgres.h"

/* A prefix of the SQLSTATE; the first that fits decides. */
static const struct {
	const char *prefix;
	enum store_failure failure;
} sqlstates[] = {
	{ "08", STORE_UNAVAILABLE },
	{ "25006", STORE_UNAVAILABLE }, /* read-only transaction */
	{ "26000",
		/* prepared statement gone: a pooler or DISCARD; prepared again */
		STORE_UNAVAILABLE },
	{ "42P05", STORE_UNAVAILABLE }, /* prepared statement there already: a pooler */
	{ "40", STORE_CONFLICT },
	{ "53", STORE_UNAVAILABLE },
	{ "55P03", STORE_CONFLICT }, /* lock timeout */
	{ "57014", STORE_TIMEOUT },
	{ "57P", STORE_UNAVAILABLE },
	{ "58", STORE_UNAVAILABLE },
	{ "F0", STORE_UNAVAILABLE },
	{ STORE_CODE_STALE, STORE_UNAVAILABLE },
};

enum store_failure pg_failure_of_sqlstate(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++) {
		if (strncmp(sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0) {
			return sqlstates[i].failure;
		}
	}
	return STORE_OK;
}

/* A table was altered under a prepared SELECT or RETURNING: the plan's fault, not the record's. */
bool pg_result_is_stale_plan(const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	if (!sqlstate) {
		return false;
	}
	if (strcmp(sqlstate, "26000") == 0) {
		return true;
	}
	return strcmp(sqlstate, "0A000") == 0 && function &&
		strcmp(function, "RevalidateCachedQuery") == 0;
}

/*
 * Rights are asked for when a statement runs, and not when it is prepared. Row security, and a
 * function of the user's that says so itself, refuse this row; anybody else refuses all of them.
 */
static bool is_forbidden(const PGresult *result, const char *sqlstate)
{
	static const char *const of_a_row[] = { "ExecWithCheckOptions", "exec_stmt_raise" };
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	if (strcmp(sqlstate, "42501") != 0 || !function) {
		return false;
	}
	for (size_t i = 0; i < sizeof(of_a_row) / sizeof(of_a_row[0]); i++) {
		if (strcmp(function, of_a_row[i]) == 0) {
			return false;
		}
	}
	return true;
}

/*
 * "... integer: "12a"" becomes "... integer: "..."": from the first quote to the last, whatever the
 * value holds.
 */
static void redact_quoted(char *text)
{
	static const char dots[] = "\"...\"";
	char *first = strchr(text, '"');
	char *last = strrchr(text, '"');
	size_t room;

	if (!first || last == first) {
		return;
	}
	room = (size_t)(last - first) + 1;
	if (room <= strlen(dots)) {
		memset(first + 1, '.', room - 2);
		return;
	}
	memcpy(first, dots, strlen(dots));
	memmove(first + strlen(dots), last + 1, strlen(last + 1) + 1);
}

static bool quotes_data(const char *sqlstate)
{
	return strncmp(sqlstate, "22", 2) == 0;
}

enum store_failure pg_failure_of_result(const PGresult *result, struct err *err)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	enum store_failure failure;

	if (!sqlstate) { /* made by libpq itself: the connection broke */
		err_set(err, 0, "connection to the database lost");
		return STORE_LOST;
	}
	err_set(err, 0, "%s", message ? message : "the database gave no message");
	strncpy(err->code, sqlstate, sizeof(err->code) - 1);
	if (quotes_data(sqlstate)) {
		redact_quoted(err->text);
	}
	if (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)) {
		return STORE_LOST;
	}
	if (pg_result_is_stale_plan(result) && strcmp(sqlstate, "0A000") == 0) {
		return STORE_CONFLICT;
	}
	if (is_forbidden(result, sqlstate)) {
		return STORE_FORBIDDEN;
	}
	failure = pg_failure_of_sqlstate(sqlstate);
	return failure ? failure : STORE_STATEMENT;
}

enum store_failure pg_failure_of_connection(
	const PGconn *conn, enum store_failure failure, const char *context, struct err *err)
{
	const char *message = conn ? PQerrorMessage(conn) : "";
	int len = (int)strcspn(message, "\n");

	err_set(err, 0, "%s%s%.*s", context, len > 0 ? ": " : "", len, message);
	return failure;
}

void pg_run_fail(struct pg_run *run, size_t op, enum store_failure failure, const struct err *err)
{
	struct store_flight *flight = run->flight;

	if (flight->failure != STORE_OK) {
		return;
	}
	flight->failure = failure;
	flight->err = *err;
	if (op < run->queue->count) {
		flight->op = pg_op_of_kind(run->queue->ops[op].kind);
		flight->tag = run->queue->ops[op].tag;
	}
}
