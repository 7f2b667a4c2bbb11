/*
 * schema - bring the tables to this program's version, and refuse to work with others
 *
 * Runs in: worker, oncectl. Forward only. Each migration is one transaction under an advisory lock,
 * in which the version is read again: programs that start together wait for each other.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "store/migrations.h"
#include "store/postgres/schema.h"

/* "onced" in ASCII; any number will do as long as it never changes. */
#define LOCK_MIGRATION "SELECT pg_advisory_xact_lock(478560413028)"
#define HAS_TABLES "SELECT to_regclass('onced.schema_version') IS NOT NULL"
#define GET_VERSION "SELECT coalesce(max(version), 0) FROM onced.schema_version"

static int refuse_newer(long version, struct err *err)
{
	return err_set(err, -EINVAL,
		"the database has schema version %ld, this onced knows %u: use a newer onced",
		version, migrations_postgresql_count);
}

/* 0: there are no tables. */
static int compare_version(long version, struct err *err)
{
	if (version == 0) {
		return err_set(err, -EINVAL,
			"the database has no tables of onced: run `oncectl migrate`, or set "
			"store.migrate = yes");
	}
	if (version > (long)migrations_postgresql_count) {
		return refuse_newer(version, err);
	}
	if (version < (long)migrations_postgresql_count) {
		return err_set(err, -EINVAL,
			"the database has schema version %ld, this onced needs %u: run `oncectl "
			"migrate`",
			version, migrations_postgresql_count);
	}
	return 0;
}

/* ---- session_ready ---- */

int pg_ready_result(enum store_failure failure)
{
	return failure == STORE_STATEMENT || failure == STORE_FORBIDDEN ? -EINVAL : 1;
}

/* The first column of the first row of a query without parameters. */
static int ask_value(
	struct pg_session *session, const char *sql, char ret_value[32], struct err *err)
{
	struct pg_ask ask = { .sql = sql };
	enum store_failure failure = pg_ask(session, &ask, err);

	if (!failure) {
		strncpy(ret_value, PQgetvalue(ask.result, 0, 0), 31);
		ret_value[31] = '\0';
	}
	PQclear(ask.result);
	return failure ? pg_ready_result(failure) : 0;
}

static int check_version(struct pg_session *session, struct err *err)
{
	char value[32];
	int result = ask_value(session, HAS_TABLES, value, err);

	if (result != 0) {
		return result;
	}
	if (value[0] != 't') {
		return compare_version(0, err);
	}
	result = ask_value(session, GET_VERSION, value, err);
	if (result != 0) {
		return result;
	}
	return compare_version(strtol(value, NULL, 10), err);
}

static int check_writable(struct pg_session *session, struct err *err)
{
	char value[32];
	int result =
		ask_value(session, "SELECT current_setting('transaction_read_only')", value, err);

	if (result != 0) {
		return result;
	}
	if (strcmp(value, "on") == 0) {
		return err_set(err, 1,
			"the database is read-only (a standby, or set so by its administrator)");
	}
	return 0;
}

int pg_schema_check(struct pg_session *session, struct err *err)
{
	int result = check_version(session, err);

	if (result == 0) {
		result = check_writable(session, err);
	}
	return result == 0 ? pg_scope_bind(session, err) : result;
}

/* ---- migrate ---- */

int pg_execute(PGconn *conn, const char *sql, PGresult **ret, struct err *err)
{
	PGresult *result = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		if (ret) {
			*ret = result;
		} else {
			PQclear(result);
		}
		return 0;
	}
	pg_failure_of_result(result, err);
	PQclear(result);
	return -EIO;
}

int pg_execute_value(PGconn *conn, const char *sql, long *ret, struct err *err)
{
	PGresult *result = NULL;
	int failure = pg_execute(conn, sql, &result, err);

	if (failure == 0) {
		const char *value = PQgetvalue(result, 0, 0);

		*ret = value[0] == 't' ? 1 : strtol(value, NULL, 10);
	}
	PQclear(result);
	return failure;
}

static int read_version(PGconn *conn, long *ret, struct err *err)
{
	long has_tables = 0;
	int result = pg_execute_value(conn, HAS_TABLES, &has_tables, err);

	*ret = 0;
	if (result != 0 || !has_tables) {
		return result;
	}
	return pg_execute_value(conn, GET_VERSION, ret, err);
}

int pg_schema_is_ours(PGconn *conn, struct err *err)
{
	long version;
	int result = read_version(conn, &version, err);

	return result < 0 ? result : compare_version(version, err);
}

static int apply(PGconn *conn, const struct store_migration *migration, struct err *err)
{
	char insert[96];
	int result = pg_execute(conn, migration->sql, NULL, err);

	if (result != 0) {
		return err_prefix(err, result, "%s", migration->name);
	}
	snprintf(insert, sizeof(insert), "INSERT INTO onced.schema_version (version) VALUES (%u)",
		migration->version);
	return pg_execute(conn, insert, NULL, err);
}

/* One step inside the open transaction. 0: applied; 1: nothing left to do. */
static int migrate_inside(PGconn *conn, struct err *err)
{
	long version = 0;
	int result = pg_execute(conn, "SET LOCAL lock_timeout = '60s'", NULL, err);

	if (result == 0) {
		result = pg_execute(conn, LOCK_MIGRATION, NULL, err);
	}
	if (result == 0) {
		result = read_version(conn, &version, err);
	}
	if (result != 0) {
		return result;
	}
	if (version > (long)migrations_postgresql_count) {
		return refuse_newer(version, err);
	}
	if (version == (long)migrations_postgresql_count) {
		return 1;
	}
	return apply(conn, &migrations_postgresql[version], err);
}

static int migrate_step(PGconn *conn, struct err *err)
{
	int result = pg_execute(conn, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL, err);

	if (result != 0) {
		return result;
	}
	result = migrate_inside(conn, err);
	if (result < 0) {
		struct err ignored;

		pg_execute(conn, "ROLLBACK", NULL, &ignored);
		return result;
	}
	return pg_execute(conn, "COMMIT", NULL, err) == 0 ? result : -EIO;
}

/* By a function of the schema (sql/), in a transaction of its own under the same lock. */
static int partition_table(PGconn *conn, unsigned partitions, struct err *err)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"BEGIN; SET LOCAL lock_timeout = '60s'; " LOCK_MIGRATION
		"; SELECT onced.partition_events(%u); COMMIT",
		partitions);
	return pg_execute(conn, sql, NULL, err);
}

int pg_store_migrate(struct store *store, unsigned *ret_applied, struct err *err)
{
	struct store_session *session = NULL;
	int result = pg_session_open(store, &session, err);

	*ret_applied = 0;
	if (result == 0) {
		result = pg_connect(pg_session(session), err) == 0 ? 0 : -ENOTCONN;
	}
	while (result == 0) {
		result = migrate_step(pg_session(session)->conn, err);
		*ret_applied += result == 0;
	}
	if (result > 0 && ((struct pg_store *)store)->options.partitions > 0) {
		result = partition_table(pg_session(session)->conn,
			((struct pg_store *)store)->options.partitions, err);
	}
	pg_session_close(session);
	return result < 0 ? err_prefix(err, result, "cannot migrate the database") : 0;
}

/* ---- look ---- */

int pg_store_look_schema(struct store *store, struct store_schema *ret, struct err *err)
{
	struct store_session *session = NULL;
	long version = 0;
	int result = pg_session_open(store, &session, err);

	if (result == 0) {
		result = pg_connect(pg_session(session), err) == 0 ? 0 : -ENOTCONN;
	}
	if (result == 0) {
		result = read_version(pg_session(session)->conn, &version, err);
	}
	pg_session_close(session);
	*ret = (struct store_schema){ .version = (unsigned)version,
		.known = migrations_postgresql_count,
		.migrations = migrations_postgresql };
	return result;
}
