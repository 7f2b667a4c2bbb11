/*
 * scope - the dedup scope of a store: whose it is, and which generation of it is in use
 *
 * Runs in: worker, probe, oncectl. A store keeps the generation that its first session found: what
 * it read belongs to that one. PG_OWN_HOLD lets no transaction claim for another, and
 * pg_begin_generation() waits, by the same lock, for those that are open.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/postgres/schema.h"

/* The class of onced.hold_generation()'s lock, see sql/. */
#define LOCK_GENERATION "SELECT pg_advisory_xact_lock(1869505381, $1::smallint)"

/* Longer than a transaction may idle, or a statement usually takes; then it takes its time. */
#define TIMEOUTS "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0"

/* ---- session_ready ---- */

/* Learn the numbers of our scope, if it has them, and refuse it when it is another group's. */
static int find_scope(struct pg_session *session, bool *ret_found, struct err *err)
{
	const struct store_options *options = &session->store->options;
	struct pg_ask ask = {
		.sql = "SELECT b.group_id, b.id, b.generation, coalesce(n.id, b.id)"
		       " FROM onced.scopes b LEFT JOIN onced.scopes n"
		       " ON n.base = b.id AND n.generation = b.generation"
		       " WHERE b.scope = $1 AND b.base IS NULL",
		.param_count = 1,
		.params = { options->scope },
	};
	enum store_failure failure = pg_ask(session, &ask, err);
	int result = failure ? pg_ready_result(failure) : 0;

	*ret_found = result == 0 && PQntuples(ask.result) > 0;
	if (*ret_found) {
		session->base_id = atoi(PQgetvalue(ask.result, 0, 1));
		session->scope_id = atoi(PQgetvalue(ask.result, 0, 3));
		session->base.generation = (unsigned)atoi(PQgetvalue(ask.result, 0, 2));
		result = generation_check_group(
			PQgetvalue(ask.result, 0, 0), options->group_id, options->scope, err);
		result = result ? result
				: generation_keep(&session->store->generation,
					  session->base.generation, options->scope, err);
	}
	PQclear(ask.result);
	return result;
}

#define ADD_SCOPE                                                                                  \
	"INSERT INTO onced.scopes (scope, group_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"

static int add_scope(struct pg_session *session, struct err *err)
{
	struct pg_ask ask = {
		.sql = ADD_SCOPE,
		.param_count = 2,
		.params = { session->store->options.scope, session->store->options.group_id },
	};
	enum store_failure failure = pg_ask(session, &ask, err);

	PQclear(ask.result);
	return failure ? pg_ready_result(failure) : 0;
}

int pg_scope_bind(struct pg_session *session, struct err *err)
{
	bool is_found;
	int result = find_scope(session, &is_found, err);

	if (result != 0 || is_found) {
		return result;
	}
	result = add_scope(session, err);
	if (result == 0) {
		result = find_scope(session, &is_found, err);
	}
	if (result == 0 && !is_found) {
		return err_set(err, 1, "the dedup scope was removed while it was being bound");
	}
	return result;
}

/* ---- rebuild: one plain connection, one transaction ---- */

struct text {
	char text[24];
};

static struct text number(long value)
{
	struct text text;

	snprintf(text.text, sizeof(text.text), "%ld", value);
	return text;
}

/* With up to four text parameters. */
static int run(PGconn *conn, const char *sql, int count, const char *const *params, PGresult **ret,
	struct err *err)
{
	PGresult *result = PQexecParams(conn, sql, count, NULL, params, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);
	bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!is_good) {
		pg_failure_of_result(result, err);
	}
	if (is_good && ret) {
		*ret = result;
	} else {
		PQclear(result);
	}
	return is_good ? 0 : -EIO;
}

struct found {
	bool is_there;
	long id;
	struct store_generation generation;
};

static int find(
	PGconn *conn, const struct store_options *options, struct found *ret, struct err *err)
{
	const char *params[] = { options->scope };
	PGresult *rows = NULL;
	int r = run(conn,
		"SELECT id, group_id, generation, rebuild FROM onced.scopes"
		" WHERE scope = $1 AND base IS NULL",
		1, params, &rows, err);

	*ret = (struct found){ .generation = { .number = 1 } };
	if (r == 0 && PQntuples(rows) > 0) {
		ret->is_there = true;
		ret->id = atol(PQgetvalue(rows, 0, 0));
		ret->generation.number = (unsigned)atoi(PQgetvalue(rows, 0, 2));
		snprintf(ret->generation.rebuild, sizeof(ret->generation.rebuild), "%s",
			PQgetvalue(rows, 0, 3));
		r = generation_check_group(
			PQgetvalue(rows, 0, 1), options->group_id, options->scope, err);
	}
	PQclear(rows);
	return r;
}

/* Alone with the scope until the transaction ends: 0, and what is in use. */
static int lock(
	PGconn *conn, const struct store_options *options, struct found *ret, struct err *err)
{
	const char *names[] = { options->scope, options->group_id };
	int r = pg_execute(conn, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL, err);

	r = r ? r : pg_execute(conn, TIMEOUTS, NULL, err);
	r = r ? r : run(conn, ADD_SCOPE, 2, names, NULL, err);
	r = r ? r : find(conn, options, ret, err);
	if (r == 0 && !ret->is_there) {
		return err_set(err, -EINVAL, "dedup scope %s is a generation of another one",
			options->scope);
	}
	if (r == 0) {
		struct text id = number(ret->id);
		const char *params[] = { id.text };

		r = run(conn, LOCK_GENERATION, 1, params, NULL, err);
		if (r < 0 && strcmp(err->code, "55P03") == 0) {
			return err_set(err, -EAGAIN,
				"a transaction of a worker is still open after 60 s: it must end "
				"first");
		}
	}
	/* what it is now that nobody else changes it */
	return r ? r : find(conn, options, ret, err);
}

/* Transaction control in the text would have ended what all of this belongs to. */
static int run_users(PGconn *conn, const char *sql, struct err *err)
{
	long before = 0, after = 0;
	PGresult *result;
	ExecStatusType status;
	int r = pg_execute_value(conn, "SELECT txid_current()", &before, err);

	if (r < 0) {
		return r;
	}
	result = PQexec(conn, sql);
	status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		status != PGRES_EMPTY_QUERY) {
		pg_failure_of_result(result, err);
		PQclear(result);
		return err_prefix(err, -EINVAL, "rebuild.sql");
	}
	PQclear(result);
	r = pg_execute_value(conn, "SELECT txid_current()", &after, err);
	if (r == 0 && before != after) {
		return err_set(err, -EINVAL,
			"rebuild.sql ends the transaction: leave COMMIT and ROLLBACK to onced");
	}
	return r;
}

static int change(PGconn *conn, const struct store_options *options, long id,
	const struct store_generation *next, struct err *err)
{
	char name[STORE_SCOPE_MAX];
	struct text base = number(id), wanted = number((long)next->number);
	const char *added[] = { store_scope_name(options->scope, next->number, name),
		options->group_id, base.text, wanted.text };
	const char *changed[] = { base.text, wanted.text, next->rebuild };
	const char *group[] = { options->group_id };
	int r = run(conn,
		"INSERT INTO onced.scopes (scope, group_id, base, generation)"
		" VALUES ($1, $2, $3::smallint, $4::integer)",
		4, added, NULL, err);

	r = r ? r
	      : run(conn,
			"UPDATE onced.scopes SET generation = $2::integer, rebuild = $3"
			" WHERE id = $1::smallint",
			3, changed, NULL, err);
	r = r ? r
	      : run(conn, "DELETE FROM onced.delivery_attempts WHERE group_id = $1", 1, group, NULL,
			err);
	/* the group stands at the beginning again: nothing new may be swept yet */
	return r ? r
		 : run(conn, "UPDATE onced.partitions_seen SET committed = 0 WHERE group_id = $1",
			   1, group, NULL, err);
}

/* 0: ready for COMMIT; 1: was done before. */
static int begin_inside(PGconn *conn, const struct store_options *options,
	const struct store_generation *next, const char *sql, struct err *err)
{
	struct found found;
	int r = lock(conn, options, &found, err);

	if (r < 0) {
		return r;
	}
	if (found.generation.number == next->number &&
		strcmp(found.generation.rebuild, next->rebuild) == 0) {
		return 1;
	}
	if (found.generation.number + 1 != next->number) {
		return err_set(err, -EINVAL,
			"dedup scope %s has generation %u by now: another rebuild was quicker",
			options->scope, found.generation.number);
	}
	if (sql) {
		r = run_users(conn, sql, err);
	}
	return r ? r : change(conn, options, found.id, next, err);
}

static int open_plain(struct store *store, struct store_session **ret, struct err *err)
{
	int r = pg_session_open(store, ret, err);

	if (r == 0) {
		r = pg_connect(pg_session(*ret), err);
	}
	return r == 0 ? pg_schema_is_ours(pg_session(*ret)->conn, err) : r > 0 ? -ENOTCONN : r;
}

int pg_store_look_generation(struct store *store, struct store_generation *ret, struct err *err)
{
	struct store_session *session = NULL;
	struct found found;
	int r = open_plain(store, &session, err);

	if (r == 0) {
		r = find(pg_session(session)->conn, &((struct pg_store *)store)->options, &found,
			err);
	}
	pg_session_close(session);
	if (r == 0) {
		*ret = found.generation;
	}
	return r;
}

int pg_store_begin_generation(
	struct store *store, const struct store_generation *next, const char *sql, struct err *err)
{
	struct store_session *session = NULL;
	struct err ignored = ERR_INIT;
	PGconn *conn = NULL;
	int r = open_plain(store, &session, err);

	if (r == 0) {
		conn = pg_session(session)->conn;
		r = begin_inside(conn, &((struct pg_store *)store)->options, next, sql, err);
	}
	if (r == 0) {
		r = pg_execute(conn, "COMMIT", NULL, err);
	} else if (conn) {
		pg_execute(conn, "ROLLBACK", NULL, &ignored);
	}
	pg_session_close(session);
	return r;
}
