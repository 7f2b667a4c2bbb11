/*
 * send - turn one queued operation into commands on the wire
 *
 * Runs in: the session's thread. libpq writes by itself as its buffer fills and reads when it
 * cannot write; nothing here waits. What cannot be sent (a NUL in a text) fails the operation
 * without the server. Every few commands the server is asked for the answers it has, which it
 * would keep to the end of the segment: so its silence says something.
 */
#include <assert.h>
#include <stdio.h>

#include "base/memory.h"
#include "store/postgres/postgres.h"
#include "store/statement_text.h"

/* A request that cannot be made is no failure: whatever comes next finds out why. */
void pg_push_sent(
	struct pg_session *session, size_t op, enum pg_part part, struct pg_prepared *prepared)
{
	ARRAY_GROW(session->sent, session->sent_count, session->sent_capacity);
	session->sent[session->sent_count++] =
		(struct pg_sent){ .op = op, .part = part, .prepared = prepared };
	if (session->sent_count % PG_ANSWERED_TOGETHER == 0) {
		(void)PQsendFlushRequest(session->conn);
	}
}

bool pg_fail_connection(struct pg_run *run, size_t op)
{
	struct err err = ERR_INIT;

	pg_failure_of_connection(
		run->session->conn, STORE_LOST, "cannot send to the database", &err);
	pg_run_fail(run, op, STORE_LOST, &err);
	return false;
}

/* The operations before it are still answered: the first of them that failed counts more. */
static bool fail_local(struct pg_run *run, size_t op, enum store_failure failure, const char *code,
	const char *text)
{
	run->has_local = true;
	run->local = (struct store_flight){
		.failure = failure,
		.op = pg_op_of_kind(run->queue->ops[op].kind),
		.tag = run->queue->ops[op].tag,
	};
	err_set(&run->local.err, 0, "%s", text);
	snprintf(run->local.err.code, sizeof(run->local.err.code), "%s", code);
	return false;
}

static bool send_text(struct pg_run *run, size_t op, enum pg_part part, const char *sql)
{
	struct pg_session *session = run->session;

	if (!PQsendQueryParams(session->conn, sql, 0, NULL, NULL, NULL, NULL, 0)) {
		return pg_fail_connection(run, op);
	}
	pg_push_sent(session, op, part, NULL);
	return true;
}

bool pg_send_own(struct pg_run *run, size_t op, enum pg_part part, enum pg_own own,
	const struct pg_params *params)
{
	static const struct pg_params none = { .count = 0 };
	const struct pg_own_statement *statement = &pg_own_statements[own];
	struct pg_session *session = run->session;
	struct pg_prepared *prepared = &session->own[own];
	const char *sql = statement->sql ? statement->sql : session->store->settings_sql;

	if (!params) {
		params = &none;
	}
	assert(params->count == statement->param_count);
	prepared->label = statement->name;
	return pg_send_execute(run, op,
		&(struct pg_command){ .prepared = prepared,
			.sql = sql,
			.types = statement->types,
			.count = params->count,
			.values = params->values,
			.lengths = params->lengths,
			.formats = params->formats,
			.result_format = 1,
			.part = part });
}

static bool send_begin(struct pg_run *run, size_t index)
{
	run->session->transactions++;
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_BEGIN, NULL) &&
		pg_send_own(run, index, PG_PART_SUPPORT, PG_OWN_SETTINGS, NULL);
}

static bool send_hold(struct pg_run *run, size_t index)
{
	struct arena *arena = &run->queue->arena;
	struct pg_params params = { .count = 0 };

	pg_params_int2(&params, arena, run->session->base_id);
	pg_params_int4(&params, arena, (int32_t)run->session->base.generation);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_HOLD, &params);
}

static bool send_group(struct pg_run *run, size_t index, const char *verb)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "%s SAVEPOINT onced_%u", verb, run->queue->ops[index].tag);
	return send_text(run, index, PG_PART_MAIN, sql);
}

static bool send_savepoint(struct pg_run *run, size_t index)
{
	run->session->has_checked_since_savepoint = false;
	return send_group(run, index, "");
}

/*
 * A group whose rows are not counted yet must keep its savepoint: should the count be wrong,
 * ROLLBACK TO has to find it. Later savepoints then nest inside; COMMIT ends them all.
 */
static bool send_release(struct pg_run *run, size_t index)
{
	if (run->session->has_checked_since_savepoint) {
		return true;
	}
	return send_group(run, index, "RELEASE");
}

static bool send_rollback_to(struct pg_run *run, size_t index)
{
	run->session->is_spoiled = false;
	run->session->has_checked_since_savepoint = false;
	topic_cache_transaction_ended(&run->session->topics, false);
	return send_group(run, index, "ROLLBACK TO");
}

/*
 * Text parameters are C strings to libpq. NULL: the value holds a NUL byte, which no text of
 * Postgres can.
 */
static const char *value_text(struct arena *arena, struct slice text)
{
	char *copy;

	if (memchr(text.data, '\0', text.len)) {
		return NULL;
	}
	copy = arena_alloc(arena, text.len + 1);
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

static bool may_send_user(struct pg_run *run, size_t op, size_t index)
{
	const struct store_statement *statement = &run->session->store->options.statements[index];

	if (!run->session->user[index].is_there && statement_text_refused(statement->sql)) {
		/* an operator's error: no record is to blame */
		return fail_local(run, op, STORE_STATEMENT, "42000",
			"a handler's statement must not control the transaction or the session");
	}
	return true;
}

static void note_counted_rows(struct pg_run *run, const struct store_statement *statement)
{
	if (statement->rows_min > 0 || statement->rows_max >= 0) {
		run->has_unverified = true;
		run->session->has_checked_since_savepoint = true;
	}
}

bool pg_send_user(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];
	const struct store_statement *statement =
		&run->session->store->options.statements[op->statement.index];
	size_t count = op->statement.count;
	const char **texts = arena_alloc(&run->queue->arena, (count + 1) * sizeof(*texts));

	if (count != statement->param_count) {
		return fail_local(run, index, STORE_STATEMENT, "08P01",
			"the statement got another number of values than it has parameters");
	}
	for (size_t i = 0; i < count; i++) {
		const struct store_value *value = &op->statement.values[i];

		texts[i] = NULL;
		if (value->kind == STORE_VALUE_NULL || slice_is_null(value->text)) {
			continue;
		}
		texts[i] = value_text(&run->queue->arena, value->text);
		if (!texts[i]) {
			return fail_local(run, index, STORE_STATEMENT, "22021",
				"a value holds a NUL byte, which a text cannot");
		}
	}
	if (!may_send_user(run, index, op->statement.index)) {
		return false;
	}
	return pg_send_execute(run, index,
		&(struct pg_command){ .prepared = &run->session->user[op->statement.index],
			.sql = statement->sql,
			.count = (int)count,
			.values = texts });
}

static bool send_statement(struct pg_run *run, size_t index)
{
	size_t statement = run->queue->ops[index].statement.index;

	note_counted_rows(run, &run->session->store->options.statements[statement]);
	return pg_send_user(run, index);
}

static bool send_set(struct pg_run *run, size_t index)
{
	size_t statement = run->queue->ops[index].set.index;

	note_counted_rows(run, &run->session->store->options.statements[statement]);
	return pg_set_send(run, index);
}

/*
 * Where its types are known already, a look without a name tells whether they still are what they
 * were.
 */
static bool send_prepare_only(struct pg_run *run, size_t index)
{
	struct pg_session *session = run->session;
	size_t statement = run->queue->ops[index].statement.index;
	const char *sql = session->store->options.statements[statement].sql;
	struct pg_prepared *prepared = &session->user[statement];

	if (!may_send_user(run, index, statement)) {
		return false;
	}
	if (prepared->is_there && session->sets[statement].types) {
		return pg_send_look(run, index, prepared, sql, PG_PART_MAIN);
	}
	if (!pg_send_prepare(run, index, prepared, sql, 0, NULL)) {
		return false;
	}
	if (!PQsendDescribePrepared(session->conn, pg_prepared_name(session, prepared, sql))) {
		return pg_fail_connection(run, index);
	}
	pg_push_sent(session, index, PG_PART_MAIN, prepared);
	return true;
}

/* Of one row whose change is counted. */
static void params_row(
	struct pg_run *run, const struct store_claim *claim, struct pg_params *params)
{
	struct arena *arena = &run->queue->arena;

	pg_params_bytes(params, slice_from(claim->key, STORE_KEY_SIZE));
	pg_params_int2(params, arena, run->session->scope_id);
	pg_params_int2(
		params, arena, topic_cache_find(&run->session->topics, claim->position.topic));
	pg_params_int4(params, arena, claim->position.partition);
	pg_params_int8(params, arena, claim->position.offset);
	pg_params_int8(params, arena, claim->position.timestamp_ms);
	pg_params_bytes(params, claim->event_id);
	pg_params_bytes(params, store_claim_digest(claim));
	run->has_unverified = true;
	run->session->has_checked_since_savepoint = true;
}

static bool send_decide(struct pg_run *run, size_t index)
{
	const struct store_claim *claim = &run->queue->ops[index].decide;
	struct pg_params params = { .count = 0 };

	params_row(run, claim, &params);
	pg_params_bytes(&params, claim->decision);
	pg_params_int2(&params, &run->queue->arena, claim->verdict == CLAIM_REPLAYED);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_DECIDE, &params);
}

static bool send_finish_replay(struct pg_run *run, size_t index)
{
	struct pg_params params = { .count = 0 };

	params_row(run, &run->queue->ops[index].decide, &params);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_FINISH_REPLAY, &params);
}

/* Only what this transaction inserted: the row of another is an effect that happened. */
static bool send_unclaim(struct pg_run *run, size_t index)
{
	const struct pg_op *op = &run->queue->ops[index];
	struct pg_params params = { .count = 0 };
	struct pg_array keys;
	size_t count = 0;

	for (size_t i = 0; i < op->unclaim.count; i++) {
		count += op->unclaim.claims[i].verdict == CLAIM_NEW;
	}
	keys = pg_array_new(&run->queue->arena, PG_UUID, count, count * STORE_KEY_SIZE);
	for (size_t i = 0; i < op->unclaim.count; i++) {
		const struct store_claim *claim = &op->unclaim.claims[i];

		if (claim->verdict == CLAIM_NEW) {
			pg_array_add_bytes(&keys, slice_from(claim->key, STORE_KEY_SIZE));
		}
	}
	pg_params_array(&params, &keys);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_UNCLAIM, &params);
}

static void params_position(
	struct pg_run *run, struct pg_params *params, const struct store_position *position)
{
	struct arena *arena = &run->queue->arena;

	pg_params_bytes(params, slice_from_str(run->session->store->options.group_id));
	pg_params_int2(params, arena, topic_cache_find(&run->session->topics, position->topic));
	pg_params_int4(params, arena, position->partition);
	pg_params_int8(params, arena, position->offset);
}

static bool send_put_attempts(struct pg_run *run, size_t index)
{
	const struct store_attempts *attempts = &run->queue->ops[index].attempts;
	struct arena *arena = &run->queue->arena;
	struct pg_params params = { .count = 0 };

	params_position(run, &params, &attempts->position);
	pg_params_int8(&params, arena, attempts->position.timestamp_ms);
	pg_params_int4(&params, arena, (int32_t)attempts->attempts);
	pg_params_int8(&params, arena, attempts->first_failure_ms);
	pg_params_int8(&params, arena, attempts->last_failure_ms);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_PUT_ATTEMPTS, &params);
}

static bool send_delete_attempts(struct pg_run *run, size_t index)
{
	struct pg_params params = { .count = 0 };

	params_position(run, &params, &run->queue->ops[index].position);
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_DELETE_ATTEMPTS, &params);
}

/* Not prepared: it must work too when prepared statements were taken away. */
static bool send_rollback_text(struct pg_run *run, size_t index)
{
	return send_text(run, index, PG_PART_MAIN, "ROLLBACK");
}

/*
 * The COMMIT of a transaction that must not go on takes it back, and answers as Postgres would:
 * ROLLBACK.
 */
static bool send_commit(struct pg_run *run, size_t index)
{
	if (run->session->is_spoiled) {
		return send_rollback_text(run, index);
	}
	run->has_sent_commit = true;
	return pg_send_own(run, index, PG_PART_MAIN, PG_OWN_COMMIT, NULL);
}

static bool send_rollback(struct pg_run *run, size_t index)
{
	run->session->is_spoiled = false;
	return send_rollback_text(run, index);
}

static bool send_ask(struct pg_run *run, size_t index)
{
	const struct pg_ask *ask = run->queue->ops[index].ask;

	if (!PQsendQueryParams(run->session->conn, ask->sql, ask->param_count, NULL, ask->params,
		    NULL, NULL, 0)) {
		return pg_fail_connection(run, index);
	}
	pg_push_sent(run->session, index, PG_PART_MAIN, NULL);
	return true;
}

static const struct {
	enum store_op op;
	bool may_follow_failure; /* ends what must not go on */
	bool (*send)(struct pg_run *run, size_t index);
} kinds[PG_OP_KINDS] = {
	[PG_OP_BEGIN] = { STORE_OP_BEGIN, false, send_begin },
	[PG_OP_HOLD] = { STORE_OP_BEGIN, false, send_hold },
	[PG_OP_CLAIM] = { STORE_OP_CLAIM, false, pg_claim_send },
	[PG_OP_LEASE] = { STORE_OP_CLAIM, false, pg_lease_send },
	[PG_OP_END_LEASES] = { STORE_OP_LEASE, false, pg_end_leases_send },
	[PG_OP_SAVEPOINT] = { STORE_OP_SAVEPOINT, false, send_savepoint },
	[PG_OP_RELEASE] = { STORE_OP_RELEASE, false, send_release },
	[PG_OP_STATEMENT] = { STORE_OP_STATEMENT, false, send_statement },
	[PG_OP_QUERY] = { STORE_OP_QUERY, false, pg_query_send },
	[PG_OP_SET] = { STORE_OP_SET, false, send_set },
	[PG_OP_DECIDE] = { STORE_OP_DECIDE, false, send_decide },
	[PG_OP_FINISH_REPLAY] = { STORE_OP_DECIDE, false, send_finish_replay },
	[PG_OP_UNCLAIM] = { STORE_OP_DECIDE, false, send_unclaim },
	[PG_OP_PUT_ATTEMPTS] = { STORE_OP_DECIDE, false, send_put_attempts },
	[PG_OP_DELETE_ATTEMPTS] = { STORE_OP_DECIDE, false, send_delete_attempts },
	[PG_OP_COMMIT] = { STORE_OP_COMMIT, true, send_commit },
	[PG_OP_ROLLBACK] = { STORE_OP_ROLLBACK, true, send_rollback },
	[PG_OP_ROLLBACK_TO] = { STORE_OP_ROLLBACK, true, send_rollback_to },
	[PG_OP_ASK] = { STORE_OP_NONE, false, send_ask },
	[PG_OP_PREPARE] = { STORE_OP_STATEMENT, false, send_prepare_only },
};

enum store_op pg_op_of_kind(enum pg_op_kind kind)
{
	return kinds[kind].op;
}

bool pg_send_op(struct pg_run *run, size_t index)
{
	enum pg_op_kind kind = run->queue->ops[index].kind;

	if (run->session->is_spoiled && !kinds[kind].may_follow_failure) {
		return fail_local(run, index, STORE_STATEMENT, "25P02",
			"the transaction failed before and was not rolled back");
	}
	return kinds[kind].send(run, index);
}
