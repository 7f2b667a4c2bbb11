/*
 * schema - the tables' version, the scope, and plain connections to change them
 *
 * Runs in: worker, probe, oncectl; the session's thread.
 */
#pragma once

#include "store/postgres/postgres.h"

int pg_ready_result(enum store_failure failure);

/* On a plain connection: 0 when the tables are this program's version. */
int pg_schema_is_ours(PGconn *conn, struct err *err);
/* 0, or -EIO with err. The result, unless `ret` is NULL, is the caller's. */
int pg_execute(PGconn *conn, const char *sql, PGresult **ret, struct err *err);
/* The first column of the first row; a boolean is 0 or 1. */
int pg_execute_value(PGconn *conn, const char *sql, long *ret, struct err *err);

/* examine.c */
int pg_store_examine(struct store *store, struct store_examination *ret, struct err *err);

/* ---- scope.c ---- */

/* Learn the scope's numbers and its generation, binding it to our group. As session_ready. */
int pg_scope_bind(struct pg_session *session, struct err *err);
int pg_store_look_generation(
	struct store *store, struct store_generation *ret, struct err *err);
int pg_store_begin_generation(struct store *store, const struct store_generation *next,
	const char *sql, struct err *err);
