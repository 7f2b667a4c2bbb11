/*
 * examine - what a doctor asks of a database: rights, clock, whose the scope is; changes nothing
 *
 * Runs in: oncectl, on a plain connection. Rights are asked of the database, not tried.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/postgres/schema.h"

/* All that a worker does with the tables; a table that is there in parts is asked as a whole. */
#define NEEDS                                                                                      \
	"(VALUES ('schema_version', 'SELECT'),"                                                    \
	" ('scopes', 'SELECT'), ('scopes', 'INSERT'),"                                             \
	" ('topics', 'SELECT'), ('topics', 'INSERT'),"                                             \
	" ('processed_events', 'SELECT'), ('processed_events', 'INSERT'),"                         \
	" ('processed_events', 'UPDATE'), ('processed_events', 'DELETE'),"                         \
	" ('delivery_attempts', 'SELECT'), ('delivery_attempts', 'INSERT'),"                       \
	" ('delivery_attempts', 'UPDATE'), ('delivery_attempts', 'DELETE'),"                       \
	" ('partitions_seen', 'SELECT'), ('partitions_seen', 'INSERT'),"                           \
	" ('partitions_seen', 'UPDATE'),"                                                          \
	" ('pauses', 'SELECT'), ('pauses', 'INSERT'), ('pauses', 'UPDATE'),"                       \
	" ('sweeps', 'SELECT'), ('sweeps', 'INSERT'), ('sweeps', 'UPDATE')) AS need (name, kind)"

#define GET_CLOCK "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
#define GET_SCHEMA                                                                                 \
	"SELECT CASE WHEN has_schema_privilege('onced', 'USAGE') THEN '' ELSE 'USAGE on schema "   \
	"onced' END"
#define GET_MISSING                                                                                \
	"SELECT coalesce(string_agg(kind || ' on onced.' || name, ', '), '') FROM " NEEDS          \
	" WHERE NOT has_table_privilege('onced.' || name, kind)"

static int get_text(PGconn *conn, const char *sql, char *ret, size_t size, struct err *err)
{
	PGresult *result = NULL;
	int r = pg_execute(conn, sql, &result, err);

	if (r == 0) {
		snprintf(ret, size, "%s", PQgetvalue(result, 0, 0));
	}
	PQclear(result);
	return r;
}

static int get_clock(PGconn *conn, struct store_examination *ret, struct err *err)
{
	int64_t before_ms = clock_wall_ms();
	char text[32];
	int r = get_text(conn, GET_CLOCK, text, sizeof(text), err);

	if (r == 0) {
		/* as if it was read in the middle of the question */
		ret->has_clock = true;
		ret->ahead_ms =
			strtoll(text, NULL, 10) - before_ms - (clock_wall_ms() - before_ms) / 2;
	}
	return r;
}

static int get_group(
	PGconn *conn, const char *scope, struct store_examination *ret, struct err *err)
{
	PGresult *result = PQexecParams(conn,
		"SELECT group_id FROM onced.scopes WHERE scope = $1 AND base IS NULL", 1, NULL,
		&scope, NULL, NULL, 0);
	int r = PQresultStatus(result) == PGRES_TUPLES_OK ? 0 : -EIO;

	if (r < 0) {
		pg_failure_of_result(result, err);
	} else if (PQntuples(result) > 0) {
		snprintf(ret->group_id, sizeof(ret->group_id), "%s", PQgetvalue(result, 0, 0));
	}
	PQclear(result);
	return r;
}

int pg_store_examine(struct store *store, struct store_examination *ret, struct err *err)
{
	struct store_session *session = NULL;
	PGconn *conn;
	int r = pg_session_open(store, &session, err);

	*ret = (struct store_examination){ .has_clock = false };
	r = r < 0 ? r : pg_connect(pg_session(session), err) ? -ENOTCONN : 0;
	if (r < 0) {
		pg_session_close(session);
		return r;
	}
	conn = pg_session(session)->conn;
	r = get_clock(conn, ret, err);
	r = r ? r : get_text(conn, GET_SCHEMA, ret->missing, sizeof(ret->missing), err);
	if (r == 0 && !ret->missing[0]) {
		r = get_text(conn, GET_MISSING, ret->missing, sizeof(ret->missing), err);
	}
	if (r == 0 && !ret->missing[0]) {
		r = get_group(conn, ((struct pg_store *)store)->options.scope, ret, err);
	}
	pg_session_close(session);
	return r;
}
