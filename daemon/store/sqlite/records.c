/*
 * records - attempts (part of the unit of work), partitions seen and pauses (on their own)
 *
 * Runs in: the session's thread. What is not part of the unit of work commits by itself.
 */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "store/sqlite/sqlite.h"

/* A statement whose first three parameters are group, topic and partition. NULL with a code. */
static sqlite3_stmt *of_partition(struct lite_session *session, enum lite_own own,
	struct slice topic, int32_t partition, int *ret_code)
{
	int id = lite_topic_id(session, topic, ret_code);
	sqlite3_stmt *stmt;

	if (id < 0) {
		return NULL;
	}
	stmt = lite_own(session, own);
	if (!stmt) {
		*ret_code = sqlite3_extended_errcode(session->db);
		return NULL;
	}
	lite_bind_str(stmt, 1, session->store->options.group_id);
	sqlite3_bind_int(stmt, 2, id);
	sqlite3_bind_int(stmt, 3, partition);
	return stmt;
}

void lite_op_put_attempts(struct store_session *session, const struct store_attempts *attempts)
{
	struct lite_session *lite = lite_session(session);
	const struct store_position *position = &attempts->position;
	sqlite3_stmt *stmt;
	int code;

	if (!lite_may_run(lite, STORE_OP_DECIDE, 0)) {
		return;
	}
	stmt = of_partition(
		lite, LITE_OWN_PUT_ATTEMPTS, position->topic, position->partition, &code);
	if (stmt) {
		sqlite3_bind_int64(stmt, 4, position->offset);
		sqlite3_bind_int64(stmt, 5, position->timestamp_ms);
		sqlite3_bind_int64(stmt, 6, attempts->attempts);
		sqlite3_bind_int64(stmt, 7, attempts->first_failure_ms);
		sqlite3_bind_int64(stmt, 8, attempts->last_failure_ms);
		code = lite_run(lite, stmt);
	}
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_DECIDE, 0, code);
	}
}

void lite_op_delete_attempts(struct store_session *session, const struct store_position *position)
{
	struct lite_session *lite = lite_session(session);
	sqlite3_stmt *stmt;
	int code;

	if (!lite_may_run(lite, STORE_OP_DECIDE, 0)) {
		return;
	}
	stmt = of_partition(
		lite, LITE_OWN_DELETE_ATTEMPTS, position->topic, position->partition, &code);
	if (stmt) {
		sqlite3_bind_int64(stmt, 4, position->offset);
		code = lite_run(lite, stmt);
	}
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_DECIDE, 0, code);
	}
}

/* ---- outside the unit of work ---- */

enum store_failure lite_not_open(struct err *err)
{
	err_set(err, 0, "the SQLite store is not open");
	return STORE_LOST;
}

enum store_failure lite_ended(struct lite_session *session, int code, struct err *err)
{
	enum store_failure failure = STORE_OK;

	if (code != SQLITE_OK && code != SQLITE_DONE) {
		failure = lite_failure(session, code, err);
	}
	if (failure == STORE_LOST) {
		lite_lose(session);
	}
	return failure;
}

static struct store_attempts attempts_of_row(
	sqlite3_stmt *row, struct slice topic, int32_t partition)
{
	return (struct store_attempts){
		.position = { .topic = topic,
			.partition = partition,
			.offset = sqlite3_column_int64(row, 0),
			.timestamp_ms = sqlite3_column_int64(row, 1) },
		.attempts = (unsigned)sqlite3_column_int64(row, 2),
		.first_failure_ms = sqlite3_column_int64(row, 3),
		.last_failure_ms = sqlite3_column_int64(row, 4),
	};
}

enum store_failure lite_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err)
{
	struct lite_session *lite = lite_session(session);
	size_t capacity = 0;
	sqlite3_stmt *stmt;
	int code;

	*ret = NULL;
	*ret_count = 0;
	if (!lite->db) {
		return lite_not_open(err);
	}
	stmt = of_partition(lite, LITE_OWN_LOAD_ATTEMPTS, topic, partition, &code);
	if (!stmt) {
		return lite_ended(lite, code, err);
	}
	sqlite3_bind_int64(stmt, 4, from);
	lite_start(lite);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		ARRAY_GROW(*ret, *ret_count, capacity);
		(*ret)[(*ret_count)++] = attempts_of_row(stmt, topic, partition);
	}
	sqlite3_reset(stmt);
	if (code != SQLITE_DONE) {
		free(TAKE(*ret));
		*ret_count = 0;
	}
	return lite_ended(lite, code, err);
}

enum store_failure lite_get_seen(struct store_session *session, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	sqlite3_stmt *stmt;
	int code;

	*ret = (struct store_partition_seen){ .is_seen = false, .committed = -1 };
	if (!lite->db) {
		return lite_not_open(err);
	}
	stmt = of_partition(lite, LITE_OWN_GET_SEEN, topic, partition, &code);
	if (!stmt) {
		return lite_ended(lite, code, err);
	}
	lite_start(lite);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		ret->is_seen = true;
		ret->committed = sqlite3_column_int64(stmt, 0);
		code = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return lite_ended(lite, code, err);
}

enum store_failure lite_put_seen(struct store_session *session, struct slice topic,
	int32_t partition, int64_t committed, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	sqlite3_stmt *stmt;
	int code;

	if (!lite->db) {
		return lite_not_open(err);
	}
	stmt = of_partition(lite, LITE_OWN_PUT_SEEN, topic, partition, &code);
	if (stmt) {
		sqlite3_bind_int64(stmt, 4, committed);
		sqlite3_bind_int64(stmt, 5, clock_wall_ms());
		code = lite_run(lite, stmt);
	}
	return lite_ended(lite, code, err);
}

static void take_pause(sqlite3_stmt *row, const char *consumer, struct pauses *pauses)
{
	struct pause pause = { .is_paused = sqlite3_column_int(row, 1) != 0,
		.since_ms = sqlite3_column_int64(row, 2),
		.until_ms = sqlite3_column_int64(row, 3) };

	snprintf(pause.who, sizeof(pause.who), "%s", (const char *)sqlite3_column_text(row, 4));
	snprintf(pause.reason, sizeof(pause.reason), "%s",
		(const char *)sqlite3_column_text(row, 5));
	if (pause_scope_read(&pause, consumer, (const char *)sqlite3_column_text(row, 0)) &&
		pause_is_valid(&pause)) {
		(void)pauses_put(pauses, &pause);
	}
}

/* One host: its clock is the store's. */
enum store_failure lite_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	const char *consumer = lite->store->options.consumer;
	sqlite3_stmt *stmt;
	int code;

	*ret_now_ms = clock_wall_ms();
	if (!lite->db) {
		return lite_not_open(err);
	}
	stmt = lite_own(lite, LITE_OWN_LOAD_PAUSES);
	if (!stmt) {
		return lite_ended(lite, sqlite3_extended_errcode(lite->db), err);
	}
	lite_bind_str(stmt, 1, consumer);
	lite_start(lite);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		take_pause(stmt, consumer, pauses);
	}
	sqlite3_reset(stmt);
	return lite_ended(lite, code == SQLITE_DONE ? SQLITE_OK : code, err);
}

enum store_failure lite_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	_cleanup_(buffer_fini) struct buffer scope = BUFFER_INIT;
	sqlite3_stmt *stmt;

	if (!lite->db) {
		return lite_not_open(err);
	}
	pause_scope_write(pause, lite->store->options.consumer, &scope);
	stmt = lite_own(lite, LITE_OWN_PUT_PAUSE);
	if (stmt) {
		lite_bind_str(stmt, 1, buffer_str(&scope));
		sqlite3_bind_int(stmt, 2, pause->is_paused);
		sqlite3_bind_int64(stmt, 3, pause->since_ms);
		sqlite3_bind_int64(stmt, 4, pause->until_ms);
		lite_bind_str(stmt, 5, pause->who);
		lite_bind_str(stmt, 6, pause->reason);
	}
	return lite_ended(lite, lite_run(lite, stmt), err);
}
