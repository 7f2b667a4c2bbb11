/*
 * schema - bring the tables to this program's version, and refuse to work with others
 *
 * Runs in: worker, oncectl. Forward only. All migrations run in one exclusive transaction, in which
 * the version is read: programs that start together wait for each other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/migrations.h"
#include "store/sqlite/sqlite.h"

enum { EXECUTE_TIMEOUT_US = 60000000 };

static int on_row(void *arg, int count, char **values, char **names)
{
	long *ret = arg;

	*ret = values[0] ? strtol(values[0], NULL, 10) : 0;
	return 0;
}

static int read_number(struct lite_session *session, const char *sql, long *ret)
{
	*ret = 0;
	lite_start(session);
	return sqlite3_exec(session->db, sql, on_row, ret, NULL);
}

/* 0 without tables of ours. */
static int read_version(struct lite_session *session, long *ret)
{
	int code = read_number(session,
		"SELECT count(*) FROM sqlite_schema WHERE name = 'onced_schema_version'", ret);

	if (code != SQLITE_OK || *ret == 0) {
		return code;
	}
	return read_number(session, "SELECT max(version) FROM onced_schema_version", ret);
}

static int refuse_newer(long version, struct err *err)
{
	return err_set(err, -EINVAL,
		"the database has schema version %ld, this onced knows %u: use a newer onced",
		version, migrations_sqlite_count);
}

int lite_schema_is_ours(struct lite_session *session, struct err *err)
{
	long version;
	int code = read_version(session, &version);

	if (code != SQLITE_OK) {
		return lite_failure(session, code, err) == STORE_STATEMENT ? -EINVAL : 1;
	}
	if (version == 0) {
		return err_set(err, -EINVAL,
			"the database has no tables of onced: run `oncectl migrate`, or set "
			"store.migrate = yes");
	}
	if (version > (long)migrations_sqlite_count) {
		return refuse_newer(version, err);
	}
	if (version < (long)migrations_sqlite_count) {
		return err_set(err, -EINVAL,
			"the database has schema version %ld, this onced needs %u: run `oncectl "
			"migrate`",
			version, migrations_sqlite_count);
	}
	return 0;
}

int lite_schema_check(struct lite_session *session, struct err *err)
{
	int result = lite_schema_is_ours(session, err);

	return result == 0 ? lite_scope_bind(session, err) : result;
}

/* ---- migrate ---- */

int lite_execute(struct lite_session *session, const char *sql, struct err *err)
{
	int code;

	lite_start(session);
	session->lock_deadline_us = clock_mono_us() + EXECUTE_TIMEOUT_US;
	session->statement_deadline_us = INT64_MAX;
	code = sqlite3_exec(session->db, sql, NULL, NULL, NULL);
	if (code != SQLITE_OK) {
		lite_failure(session, code, err);
		return -EIO;
	}
	return 0;
}

static int apply(
	struct lite_session *session, const struct store_migration *migration, struct err *err)
{
	char insert[96];
	int result = lite_execute(session, migration->sql, err);

	if (result != 0) {
		return err_prefix(err, result, "%s", migration->name);
	}
	snprintf(insert, sizeof(insert), "INSERT INTO onced_schema_version (version) VALUES (%u)",
		migration->version);
	return lite_execute(session, insert, err);
}

static int migrate_inside(struct lite_session *session, unsigned *ret_applied, struct err *err)
{
	long version;
	int code = read_version(session, &version);
	int result = 0;

	if (code != SQLITE_OK) {
		lite_failure(session, code, err);
		return -EIO;
	}
	if (version > (long)migrations_sqlite_count) {
		return refuse_newer(version, err);
	}
	for (; version < (long)migrations_sqlite_count && result == 0; version++) {
		result = apply(session, &migrations_sqlite[version], err);
		*ret_applied += result == 0;
	}
	return result;
}

static int migrate(struct lite_session *session, unsigned *ret_applied, struct err *err)
{
	int result = lite_execute(session, "BEGIN EXCLUSIVE", err);

	if (result != 0) {
		return result;
	}
	result = migrate_inside(session, ret_applied, err);
	if (result == 0) {
		result = lite_execute(session, "COMMIT", err);
	}
	if (result != 0) {
		sqlite3_exec(session->db, "ROLLBACK", NULL, NULL, NULL);
		*ret_applied = 0;
	}
	return result;
}

int lite_store_migrate(struct store *store, unsigned *ret_applied, struct err *err)
{
	struct store_session *session = NULL;
	int result;

	*ret_applied = 0;
	if (((struct lite_store *)store)->options.partitions > 0) {
		return err_set(err, -EINVAL, "SQLite has no partitioned tables");
	}
	lite_session_open(store, &session, err);
	result = lite_connect(
		lite_session(session), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
	if (result == 0) {
		result = migrate(lite_session(session), ret_applied, err);
	}
	lite_session_close(session);
	if (result == 0) {
		return 0;
	}
	return err_prefix(err, result < 0 ? result : -EBUSY, "cannot migrate the database");
}

/* ---- look ---- */

/* A file that is not there is a database without tables, and stays so. */
int lite_store_look_schema(struct store *store, struct store_schema *ret, struct err *err)
{
	struct store_session *session = NULL;
	long version = 0;
	int result = 0, code = SQLITE_OK;

	*ret = (struct store_schema){ .known = migrations_sqlite_count,
		.migrations = migrations_sqlite };
	if (access(((struct lite_store *)store)->path, F_OK) != 0 && errno == ENOENT) {
		return 0;
	}
	lite_session_open(store, &session, err);
	result = lite_connect(lite_session(session), SQLITE_OPEN_READWRITE, err);
	if (result == 0) {
		code = read_version(lite_session(session), &version);
	}
	if (code != SQLITE_OK) {
		lite_failure(lite_session(session), code, err);
		result = -EIO;
	}
	ret->version = (unsigned)version;
	lite_session_close(session);
	return result > 0 ? -EBUSY : result;
}
