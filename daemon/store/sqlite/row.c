/*
 * row - look at one key's row, and forget it, when a person asks
 *
 * Runs in: the session's thread, with no transaction open. Each commits by itself.
 */
#include <stdio.h>

#include "base/clock.h"
#include "store/sqlite/sqlite.h"

static void copy_text(sqlite3_stmt *row, int column, char *ret, size_t size)
{
	const unsigned char *text = sqlite3_column_text(row, column);

	snprintf(ret, size, "%s", text ? (const char *)text : "");
}

static void read_row(sqlite3_stmt *row, struct store_row *ret)
{
	ret->is_there = true;
	ret->outcome = (enum store_outcome)sqlite3_column_int(row, 0);
	copy_text(row, 1, ret->topic, sizeof(ret->topic));
	ret->partition = sqlite3_column_int(row, 2);
	ret->offset = sqlite3_column_int64(row, 3);
	ret->timestamp_ms = sqlite3_column_int64(row, 4);
	ret->at_ms = sqlite3_column_int64(row, 5);
	if (ret->outcome == STORE_OUTCOME_RUNNING) {
		ret->left_us = (sqlite3_column_int64(row, 6) - clock_wall_ms()) * 1000;
	}
	copy_text(row, 7, ret->digest, sizeof(ret->digest));
	copy_text(row, 8, ret->decision, sizeof(ret->decision));
}

enum store_failure lite_peek(
	struct store_session *session, const uint8_t *key, struct store_row *ret, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	sqlite3_stmt *stmt;
	int code;

	*ret = (struct store_row){ .partition = -1, .offset = -1, .timestamp_ms = -1, .at_ms = -1 };
	if (!lite->db) {
		return lite_not_open(err);
	}
	stmt = lite_own(lite, LITE_OWN_PEEK);
	if (!stmt) {
		return lite_ended(lite, sqlite3_extended_errcode(lite->db), err);
	}
	sqlite3_bind_blob(stmt, 1, key, STORE_KEY_SIZE, SQLITE_STATIC);
	lite_start(lite);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		read_row(stmt, ret);
		code = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return lite_ended(lite, code, err);
}

enum store_failure lite_forget(struct store_session *session, const uint8_t *key,
	enum store_forgotten *ret, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	struct store_row row;
	enum store_failure failure;
	sqlite3_stmt *stmt;
	int code;

	*ret = STORE_NOTHING_TO_FORGET;
	if (!lite->db) {
		return lite_not_open(err);
	}
	stmt = lite_own(lite, LITE_OWN_FORGET);
	if (stmt) {
		sqlite3_bind_blob(stmt, 1, key, STORE_KEY_SIZE, SQLITE_STATIC);
	}
	code = lite_run(lite, stmt);
	if (code == SQLITE_OK && sqlite3_changes(lite->db) == 1) {
		*ret = STORE_FORGOTTEN;
		return STORE_OK;
	}
	failure = lite_ended(lite, code, err);
	if (failure) {
		return failure;
	}
	failure = lite_peek(session, key, &row, err);
	*ret = row.is_there ? STORE_STILL_RUNNING : STORE_NOTHING_TO_FORGET;
	return failure;
}
