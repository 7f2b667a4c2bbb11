/*
 * prepare - statements under names, where the connection keeps them
 *
 * Runs in: the session's thread. Behind a pooler in transaction mode each transaction may run on
 * another connection of the server: there no name can be relied on, and every statement travels
 * with its text. `store.prepare = auto` finds that out by the first refusal. Until then nothing
 * wrong can run: a name holds a digest of the text, so that whoever prepared it meant the same.
 */
#include <stdio.h>

#include "base/sha256.h"
#include "store/postgres/postgres.h"

bool pg_is_unnamed(const struct pg_session *session)
{
	return session->is_unnamed;
}

void pg_names_failed(struct pg_session *session)
{
	if (session->store->options.prepare == STORE_PREPARE_AUTO) {
		atomic_store(&session->store->is_unnamed, true);
	}
}

const char *pg_prepared_name(
	struct pg_session *session, struct pg_prepared *prepared, const char *sql)
{
	struct sha256 ctx;
	uint8_t digest[32];
	int len;

	if (pg_is_unnamed(session)) {
		return "";
	}
	if (prepared->name[0]) {
		return prepared->name;
	}
	sha256_init(&ctx);
	sha256_update(&ctx, sql, strlen(sql));
	sha256_final(&ctx, digest);
	len = snprintf(prepared->name, PG_NAME_MAX, "%s_%u_",
		prepared->label ? prepared->label : "onced", session->name_count++);
	for (int i = 0; i < 8; i++) {
		snprintf(prepared->name + len + 2 * i, 3, "%02x", digest[i]);
	}
	return prepared->name;
}

void pg_prepared_outdated(struct pg_prepared *prepared)
{
	prepared->is_there = false;
	prepared->generation++;
	prepared->doubted = 0;
	prepared->name[0] = '\0';
}

/*
 * A prepared statement keeps the types that its parameters had, and a column may have got another
 * since: the statement refuses now what would be right. Prepared in this very transaction it is not
 * to blame, for it holds its tables as they are, nor is it once a look in there has shown the same
 * types: values that are wrong indeed cost a transaction one look. What goes without a name leaves
 * nothing with the server.
 */
bool pg_prepared_doubt(const struct pg_session *session, struct pg_prepared *prepared, uint32_t tag)
{
	if (pg_is_unnamed(session) || !prepared->is_there ||
		prepared->since == session->transactions ||
		prepared->doubted == session->transactions) {
		return false;
	}
	prepared->doubted = session->transactions;
	prepared->doubted_by = tag;
	return true;
}

void pg_prepared_succeeded(
	const struct pg_session *session, struct pg_prepared *prepared, uint32_t tag)
{
	if (prepared->doubted && prepared->doubted == session->transactions &&
		prepared->doubted_by == tag) {
		pg_prepared_outdated(prepared);
	}
}

void pg_prepared_looked_at(
	const struct pg_session *session, struct pg_prepared *prepared, bool is_same)
{
	if (is_same) {
		prepared->trusted = session->transactions;
	}
}

static bool is_doubted(const struct pg_session *session, const struct pg_prepared *prepared)
{
	return prepared->doubted && prepared->doubted == session->transactions &&
		prepared->trusted != session->transactions;
}

bool pg_send_look(struct pg_run *run, size_t op, struct pg_prepared *prepared, const char *sql,
	enum pg_part part)
{
	PGconn *conn = run->session->conn;

	if (!PQsendPrepare(conn, "", sql, 0, NULL)) {
		return pg_fail_connection(run, op);
	}
	pg_push_sent(run->session, op, PG_PART_SUPPORT, NULL);
	if (!PQsendDescribePrepared(conn, "")) {
		return pg_fail_connection(run, op);
	}
	pg_push_sent(run->session, op, part, prepared);
	return true;
}

bool pg_send_prepare(struct pg_run *run, size_t op, struct pg_prepared *prepared, const char *sql,
	int type_count, const Oid *types)
{
	const char *name = pg_prepared_name(run->session, prepared, sql);

	/* without a name it is the last Parse that counts */
	if (prepared->is_there && name[0]) {
		return true;
	}
	if (!PQsendPrepare(run->session->conn, name, sql, type_count, types)) {
		return pg_fail_connection(run, op);
	}
	prepared->is_there = true;
	prepared->since = run->session->transactions;
	pg_push_sent(run->session, op, PG_PART_PREPARE, prepared);
	return true;
}

bool pg_send_execute(struct pg_run *run, size_t op, const struct pg_command *command)
{
	PGconn *conn = run->session->conn;
	bool is_new = is_doubted(run->session, command->prepared), is_sent;

	if (is_new && command->prepared->doubted_by == run->queue->ops[op].tag &&
		!pg_send_look(run, op, command->prepared, command->sql, PG_PART_TYPES)) {
		return false;
	}
	if (is_new || pg_is_unnamed(run->session)) {
		is_sent = PQsendQueryParams(conn, command->sql, command->count, command->types,
			command->values, command->lengths, command->formats,
			command->result_format);
	} else {
		const char *name = pg_prepared_name(run->session, command->prepared, command->sql);
		int type_count = command->types ? command->count : 0;

		if (!pg_send_prepare(
			    run, op, command->prepared, command->sql, type_count, command->types)) {
			return false;
		}
		is_sent = PQsendQueryPrepared(conn, name, command->count, command->values,
			command->lengths, command->formats, command->result_format);
	}
	if (!is_sent) {
		return pg_fail_connection(run, op);
	}
	pg_push_sent(run->session, op, command->part, command->prepared);
	return true;
}
