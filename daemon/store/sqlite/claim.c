/*
 * claim - own event ids by inserting their rows
 *
 * Runs in: the session's thread, inside BEGIN IMMEDIATE: no other writer exists until it ends.
 */
#include "core/claim.h"
#include "base/clock.h"
#include "store/sqlite/sqlite.h"

void lite_bind_row(struct lite_session *session, sqlite3_stmt *stmt,
	const struct store_claim *claim, int topic)
{
	sqlite3_bind_blob(stmt, 1, claim->key, STORE_KEY_SIZE, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, session->scope_id);
	sqlite3_bind_int(stmt, 3, topic);
	sqlite3_bind_int(stmt, 4, claim->position.partition);
	sqlite3_bind_int64(stmt, 5, claim->position.offset);
	sqlite3_bind_int64(stmt, 6, claim->position.timestamp_ms);
	lite_bind_slice(stmt, 7, claim->event_id);
	sqlite3_bind_int64(stmt, 8, clock_wall_ms());
	if (claim->has_digest) {
		sqlite3_bind_blob(stmt, 9, claim->digest, STORE_DIGEST_SIZE, SQLITE_STATIC);
	}
}

static int write_row(struct lite_session *session, enum lite_own own,
	const struct store_claim *claim, const struct slice *decision, bool *ret_has_changed)
{
	int code;
	int topic = lite_topic_id(session, claim->position.topic, &code);
	sqlite3_stmt *stmt;

	*ret_has_changed = false;
	if (topic < 0) {
		return code;
	}
	stmt = lite_own(session, own);
	if (stmt) {
		lite_bind_row(session, stmt, claim, topic);
	}
	if (stmt && decision) {
		lite_bind_slice(stmt, 10, *decision);
		sqlite3_bind_int(stmt, 11, claim->verdict == CLAIM_REPLAYED);
	}
	code = lite_run(session, stmt);
	*ret_has_changed = code == SQLITE_OK && sqlite3_changes(session->db) == 1;
	return code;
}

static void judge_row(
	struct lite_session *session, sqlite3_stmt *row, struct store_claim *claim, int topic)
{
	bool has_decision = sqlite3_column_type(row, 5) != SQLITE_NULL;
	const void *digest = sqlite3_column_blob(row, 7);

	claim_judge(claim,
		&(struct claim_row){
			.outcome = (enum store_outcome)sqlite3_column_int(row, 0),
			.is_same_position = sqlite3_column_int(row, 1) == topic &&
				sqlite3_column_int(row, 2) == claim->position.partition &&
				sqlite3_column_int64(row, 3) == claim->position.offset &&
				sqlite3_column_int64(row, 4) == claim->position.timestamp_ms,
			.digest = digest ? slice_from(digest, (size_t)sqlite3_column_bytes(row, 7))
					 : SLICE_NULL,
			.left_us = (sqlite3_column_int64(row, 6) - clock_wall_ms()) * 1000,
			.is_replay = has_decision,
		});
	if (claim->verdict == CLAIM_SETTLED_DLQ && has_decision) {
		const unsigned char *text = sqlite3_column_text(row, 5);

		claim->decision = arena_copy(&session->decisions,
			slice_from(text, (size_t)sqlite3_column_bytes(row, 5)));
	}
}

int lite_find_row(struct lite_session *session, struct store_claim *claim)
{
	sqlite3_stmt *stmt = lite_own(session, LITE_OWN_FIND);
	int code, topic;

	if (!stmt) {
		return sqlite3_extended_errcode(session->db);
	}
	sqlite3_bind_blob(stmt, 1, claim->key, STORE_KEY_SIZE, SQLITE_STATIC);
	topic = topic_cache_find(&session->topics, claim->position.topic);
	lite_start(session);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		judge_row(session, stmt, claim, topic);
		code = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return code == SQLITE_DONE ? SQLITE_INTERNAL : code;
}

static int claim_one(struct lite_session *session, struct store_claim *claim)
{
	bool is_inserted;
	int code = write_row(session, LITE_OWN_CLAIM, claim, NULL, &is_inserted);

	if (code != SQLITE_OK) {
		return code;
	}
	if (is_inserted) {
		claim->verdict = CLAIM_NEW;
		return SQLITE_OK;
	}
	code = lite_find_row(session, claim);
	if (code == SQLITE_OK && claim->verdict == CLAIM_UNKNOWN) {
		code = lite_lease_expire(session, claim);
		return code == SQLITE_OK ? claim_one(session, claim) : code;
	}
	return code;
}

void lite_op_claim(struct store_session *session, struct store_claim *claims, size_t count)
{
	struct lite_session *lite = lite_session(session);

	store_claims_forget(claims, count);
	if (!lite_may_run(lite, STORE_OP_CLAIM, 0)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		int code = claim_one(lite, &claims[i]);

		if (code != SQLITE_OK) {
			lite_fail(lite, STORE_OP_CLAIM, 0, code);
			return;
		}
	}
}

static void change_row(struct lite_session *lite, enum lite_own own,
	const struct store_claim *claim, const struct slice *decision)
{
	bool is_changed;
	int code;

	if (!lite_may_run(lite, STORE_OP_DECIDE, 0)) {
		return;
	}
	code = write_row(lite, own, claim, decision, &is_changed);
	if (code != SQLITE_OK) {
		lite_fail(lite, STORE_OP_DECIDE, 0, code);
	} else if (!is_changed) {
		lite_fail_with(lite, STORE_OP_DECIDE, 0, STORE_CONFLICT, "",
			"another record took this event id meanwhile");
	}
}

void lite_op_decide_dlq(
	struct store_session *session, const struct store_claim *claim, struct slice decision)
{
	change_row(lite_session(session), LITE_OWN_DECIDE, claim, &decision);
}

void lite_op_finish_replay(struct store_session *session, const struct store_claim *claim)
{
	change_row(lite_session(session), LITE_OWN_FINISH_REPLAY, claim, NULL);
}

/* Only what this transaction inserted: the row of another is an effect that happened. */
void lite_op_unclaim(struct store_session *session, const struct store_claim *claims, size_t count)
{
	struct lite_session *lite = lite_session(session);

	if (!lite_may_run(lite, STORE_OP_DECIDE, 0)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *stmt;
		int code;

		if (claims[i].verdict != CLAIM_NEW) {
			continue;
		}
		stmt = lite_own(lite, LITE_OWN_UNCLAIM);
		if (stmt) {
			sqlite3_bind_blob(stmt, 1, claims[i].key, STORE_KEY_SIZE, SQLITE_STATIC);
		}
		code = lite_run(lite, stmt);
		if (code != SQLITE_OK) {
			lite_fail(lite, STORE_OP_DECIDE, 0, code);
			return;
		}
	}
}
