/*
 * scope - the dedup scope of a store: whose it is, and which generation of it is in use
 *
 * Runs in: worker, probe, oncectl. A store keeps the generation that its first session found: what
 * it read belongs to that one. There is one writer at a time, so a look at the number behind BEGIN
 * IMMEDIATE holds until the transaction ends.
 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/sqlite/sqlite.h"

/* ---- what is there ---- */

struct found {
	bool is_there;
	int id, current_id;
	struct store_generation generation;
};

/* 0, 1 not now, -EINVAL. */
static int find(struct lite_session *session, struct found *ret, struct err *err)
{
	const struct store_options *options = &session->store->options;
	sqlite3_stmt *stmt = lite_own(session, LITE_OWN_FIND_SCOPE);
	const char *group_id;
	int code, result = 0;

	*ret = (struct found){ .generation = { .number = 1 } };
	if (!stmt) {
		lite_failure(session, sqlite3_extended_errcode(session->db), err);
		return 1;
	}
	lite_bind_str(stmt, 1, options->scope);
	lite_start(session);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		ret->is_there = true;
		ret->id = sqlite3_column_int(stmt, 0);
		ret->generation.number = (unsigned)sqlite3_column_int(stmt, 2);
		ret->current_id = sqlite3_column_int(stmt, 3);
		snprintf(ret->generation.rebuild, sizeof(ret->generation.rebuild), "%s",
			(const char *)sqlite3_column_text(stmt, 4));
		group_id = (const char *)sqlite3_column_text(stmt, 1);
		result = generation_check_group(
			group_id ? group_id : "", options->group_id, options->scope, err);
	} else if (code != SQLITE_DONE) {
		lite_failure(session, code, err);
		result = 1;
	}
	sqlite3_reset(stmt);
	return result;
}

static int add(struct lite_session *session, struct err *err)
{
	sqlite3_stmt *stmt = lite_own(session, LITE_OWN_ADD_SCOPE);
	int code;

	if (stmt) {
		lite_bind_str(stmt, 1, session->store->options.scope);
		lite_bind_str(stmt, 2, session->store->options.group_id);
	}
	code = lite_run(session, stmt);
	if (code != SQLITE_OK) {
		lite_failure(session, code, err);
		return 1;
	}
	return 0;
}

static int find_or_add(struct lite_session *session, struct found *ret, struct err *err)
{
	int result = find(session, ret, err);

	if (result == 0 && !ret->is_there) {
		result = add(session, err);
		result = result ? result : find(session, ret, err);
	}
	if (result == 0 && !ret->is_there) {
		return err_set(err, 1, "the dedup scope was removed while it was being bound");
	}
	return result;
}

/* ---- session_ready, begin ---- */

int lite_scope_bind(struct lite_session *session, struct err *err)
{
	struct found found;
	int result = find_or_add(session, &found, err);

	if (result != 0) {
		return result;
	}
	session->base_id = found.id;
	session->scope_id = found.current_id;
	session->base.generation = found.generation.number;
	return generation_keep(&session->store->generation, found.generation.number,
		session->store->options.scope, err);
}

int lite_generation_is_used(struct lite_session *session, bool *ret_is_so)
{
	sqlite3_stmt *stmt = lite_own(session, LITE_OWN_GENERATION);
	int code;

	if (!stmt) {
		return sqlite3_extended_errcode(session->db);
	}
	sqlite3_bind_int(stmt, 1, session->base_id);
	lite_start(session);
	code = sqlite3_step(stmt);
	*ret_is_so = code == SQLITE_ROW &&
		(unsigned)sqlite3_column_int(stmt, 0) == session->base.generation;
	sqlite3_reset(stmt);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* ---- rebuild ---- */

/* The transaction is ours: a statement that ends it, or leaves the file, is refused. */
static int refuse_control(void *arg, int action, const char *first, const char *second,
	const char *database, const char *trigger)
{
	bool is_refused = action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT ||
		action == SQLITE_ATTACH || action == SQLITE_DETACH || action == SQLITE_PRAGMA;

	return is_refused ? SQLITE_DENY : SQLITE_OK;
}

static int run_users(struct lite_session *session, const char *sql, struct err *err)
{
	int r;

	sqlite3_set_authorizer(session->db, refuse_control, NULL);
	r = lite_execute(session, sql, err);
	sqlite3_set_authorizer(session->db, NULL, NULL);
	if (r < 0 && strcmp(err->code, "SQLITE_AUTH") == 0) {
		return err_set(err, -EINVAL,
			"rebuild.sql: BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ATTACH and PRAGMA are "
			"not for it: onced has the transaction");
	}
	return r < 0 ? err_prefix(err, -EINVAL, "rebuild.sql") : 0;
}

static int change(struct lite_session *session, const struct found *found,
	const struct store_generation *next, struct err *err)
{
	const struct store_options *options = &session->store->options;
	char name[STORE_SCOPE_MAX];
	char *sql = sqlite3_mprintf(
		"INSERT INTO onced_scopes (scope, group_id, base, generation)"
		" VALUES (%Q, %Q, %d, %u);"
		"UPDATE onced_scopes SET generation = %u, rebuild = %Q WHERE id = %d;"
		"DELETE FROM onced_delivery_attempts WHERE group_id = %Q;"
		/* the group stands at the beginning again: nothing new may be swept yet */
		"UPDATE onced_partitions_seen SET committed = 0 WHERE group_id = %Q",
		store_scope_name(options->scope, next->number, name), options->group_id, found->id,
		next->number, next->number, next->rebuild, found->id, options->group_id,
		options->group_id);
	int r = lite_execute(session, sql, err);

	sqlite3_free(sql);
	return r;
}

/* 0: ready for COMMIT; 1: was done before. */
static int begin_inside(struct lite_session *session, const struct store_generation *next,
	const char *sql, struct err *err)
{
	struct found found;
	int r = find_or_add(session, &found, err);

	if (r != 0) {
		return r < 0 ? r : -EAGAIN;
	}
	if (found.generation.number == next->number &&
		strcmp(found.generation.rebuild, next->rebuild) == 0) {
		return 1;
	}
	if (found.generation.number + 1 != next->number) {
		return err_set(err, -EINVAL,
			"dedup scope %s has generation %u by now: another rebuild was quicker",
			session->store->options.scope, found.generation.number);
	}
	if (sql) {
		r = run_users(session, sql, err);
	}
	return r ? r : change(session, &found, next, err);
}

static int open_plain(struct store *store, struct store_session **ret, struct err *err)
{
	int r;

	lite_session_open(store, ret, err);
	r = lite_connect(lite_session(*ret), SQLITE_OPEN_READWRITE, err);
	r = r ? r : lite_schema_is_ours(lite_session(*ret), err);
	return r > 0 ? -EAGAIN : r;
}

int lite_store_look_generation(struct store *store, struct store_generation *ret, struct err *err)
{
	struct store_session *session = NULL;
	struct found found;
	int r = open_plain(store, &session, err);

	if (r == 0) {
		r = find(lite_session(session), &found, err);
	}
	lite_session_close(session);
	if (r == 0) {
		*ret = found.generation;
	}
	return r > 0 ? -EAGAIN : r;
}

int lite_store_begin_generation(
	struct store *store, const struct store_generation *next, const char *sql, struct err *err)
{
	struct store_session *session = NULL;
	int r = open_plain(store, &session, err);

	if (r == 0) {
		r = lite_execute(lite_session(session), "BEGIN IMMEDIATE", err);
	}
	if (r == 0) {
		r = begin_inside(lite_session(session), next, sql, err);
	}
	if (r == 0) {
		r = lite_execute(lite_session(session), "COMMIT", err);
	}
	lite_session_close(session); /* what is open is taken back */
	return r;
}
