/*
 * sweep - delete rows that are older than the retention, a few at a time
 *
 * Runs in: the session's thread, with no transaction open. Each step is a small transaction of its
 * own between those of the writing lane, which waits for the file as it waits for any writer. A
 * pass goes over the rows by age, so that those that must stay are looked at once a pass.
 */
#include "base/clock.h"
#include "store/sqlite/sqlite.h"

#define WAIT_MIN_US ((int64_t)100 * 1000)

struct step {
	const struct store_sweep *asked;
	int64_t now_ms, interval_ms, older_than_ms;
	int64_t from_ms, to_ms; /* the rows of this step, by age */
	bool is_last;
};

static void bind_turn(
	struct lite_session *lite, sqlite3_stmt *stmt, const struct step *step, bool has_time)
{
	sqlite3_bind_int(stmt, 1, lite->scope_id);
	sqlite3_bind_blob(stmt, 2, step->asked->owner, STORE_OWNER_SIZE, SQLITE_STATIC);
	if (has_time) {
		sqlite3_bind_int64(stmt, 3, step->now_ms);
		sqlite3_bind_int64(stmt, 4, step->interval_ms);
	}
}

/* SQLITE_OK and whose turn it is; else how long to wait. */
static int take_turn(
	struct lite_session *lite, struct step *step, bool *ret_is_mine, int64_t *ret_wait_us)
{
	sqlite3_stmt *stmt = lite_own(lite, LITE_OWN_TAKE_TURN);
	int code;

	*ret_is_mine = false;
	if (stmt) {
		bind_turn(lite, stmt, step, true);
	}
	code = lite_run(lite, stmt);
	if (code != SQLITE_OK) {
		return code;
	}
	*ret_is_mine = sqlite3_changes(lite->db) == 1;
	stmt = lite_own(lite, LITE_OWN_FIND_TURN);
	if (!stmt) {
		return sqlite3_extended_errcode(lite->db);
	}
	bind_turn(lite, stmt, step, true);
	lite_start(lite);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		step->from_ms = sqlite3_column_int64(stmt, 0);
		*ret_wait_us = sqlite3_column_int64(stmt, 1) * 1000;
		code = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	if (*ret_wait_us < WAIT_MIN_US) {
		*ret_wait_us = WAIT_MIN_US;
	}
	return code;
}

/* The oldest rows that this pass has not looked at. */
static int find_chunk(struct lite_session *lite, struct step *step)
{
	sqlite3_stmt *stmt = lite_own(lite, LITE_OWN_FIND_CHUNK);
	int code;

	if (!stmt) {
		return sqlite3_extended_errcode(lite->db);
	}
	sqlite3_bind_int64(stmt, 1, step->from_ms);
	sqlite3_bind_int64(stmt, 2, step->older_than_ms);
	sqlite3_bind_int64(stmt, 3, step->asked->rows);
	lite_start(lite);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		step->is_last = sqlite3_column_int64(stmt, 0) < step->asked->rows;
		step->to_ms = sqlite3_column_int64(stmt, 1);
		code = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return code;
}

static int delete_rows(struct lite_session *lite, const struct step *step, uint64_t *ret_deleted)
{
	sqlite3_stmt *stmt = lite_own(lite, LITE_OWN_SWEEP);
	int code;

	if (stmt) {
		sqlite3_bind_int(stmt, 1, lite->scope_id);
		lite_bind_str(stmt, 2, lite->store->options.group_id);
		sqlite3_bind_int64(stmt, 3, step->from_ms);
		sqlite3_bind_int64(stmt, 4, step->to_ms);
		sqlite3_bind_int64(stmt, 5, step->older_than_ms);
		sqlite3_bind_int(stmt, 6, lite->base_id);
	}
	code = lite_run(lite, stmt);
	*ret_deleted = code == SQLITE_OK ? (uint64_t)sqlite3_changes(lite->db) : 0;
	return code;
}

static int delete_attempts(struct lite_session *lite, const struct step *step)
{
	sqlite3_stmt *stmt = lite_own(lite, LITE_OWN_SWEEP_ATTEMPTS);

	if (stmt) {
		lite_bind_str(stmt, 1, lite->store->options.group_id);
		sqlite3_bind_int64(stmt, 2, step->older_than_ms);
	}
	return lite_run(lite, stmt);
}

static int move_on(struct lite_session *lite, const struct step *step)
{
	sqlite3_stmt *stmt = lite_own(lite, LITE_OWN_MOVE_SWEEP);

	if (stmt) {
		bind_turn(lite, stmt, step, false);
		sqlite3_bind_int64(stmt, 3, step->is_last ? 0 : step->to_ms + 1);
	}
	if (stmt && step->is_last) {
		sqlite3_bind_int64(stmt, 4, step->now_ms);
	}
	return lite_run(lite, stmt);
}

static int run_step(struct lite_session *lite, struct step *step, struct store_sweep *sweep)
{
	bool is_mine;
	int code = take_turn(lite, step, &is_mine, &sweep->wait_us);

	if (code != SQLITE_OK || !is_mine) {
		return code;
	}
	sweep->wait_us = 0;
	code = find_chunk(lite, step);
	if (code == SQLITE_OK) {
		code = delete_rows(lite, step, &sweep->deleted);
	}
	if (code == SQLITE_OK && step->is_last) {
		code = delete_attempts(lite, step);
	}
	if (code == SQLITE_OK) {
		code = move_on(lite, step);
	}
	sweep->is_pass_over = step->is_last;
	return code;
}

enum store_failure lite_sweep(
	struct store_session *session, struct store_sweep *sweep, struct err *err)
{
	struct lite_session *lite = lite_session(session);
	int64_t retention_us = lite->store->options.retention_us;
	struct step step = { .asked = sweep,
		.now_ms = clock_wall_ms(),
		.interval_ms = store_sweep_interval_us(retention_us) / 1000 };
	enum store_failure failure;
	int code;

	sweep->deleted = 0;
	sweep->is_pass_over = false;
	sweep->wait_us = 0;
	if (!lite->db) {
		return lite_not_open(err);
	}
	step.older_than_ms = step.now_ms - retention_us / 1000;
	code = lite_run_own(lite, LITE_OWN_BEGIN);
	if (code == SQLITE_OK) {
		code = run_step(lite, &step, sweep);
	}
	if (code == SQLITE_OK) {
		code = lite_run_own(lite, LITE_OWN_COMMIT);
	}
	if (code == SQLITE_OK) {
		return STORE_OK;
	}
	sweep->deleted = 0;
	sweep->is_pass_over = false;
	failure = lite_ended(lite, code, err);
	if (lite_is_in_transaction(lite)) {
		lite_run_own(lite, LITE_OWN_ROLLBACK);
	}
	return failure;
}
