/*
 * lease - own event ids for longer than a transaction
 *
 * Runs in: the session's thread, inside BEGIN IMMEDIATE: no other writer exists until it ends. One
 * host, so the store's clock is this one's.
 */
#include "base/clock.h"
#include "store/sqlite/sqlite.h"

static void bind_owner(sqlite3_stmt *stmt, int index, const struct store_lease *lease)
{
	sqlite3_bind_blob(stmt, index, lease->owner, STORE_OWNER_SIZE, SQLITE_STATIC);
}

static int run_lease(struct lite_session *session, enum lite_own own,
	const struct store_lease *lease, const struct store_claim *claim, int topic,
	bool *ret_is_mine)
{
	sqlite3_stmt *stmt = lite_own(session, own);
	int code;

	if (stmt) {
		lite_bind_row(session, stmt, claim, topic);
		bind_owner(stmt, 10, lease);
		sqlite3_bind_int64(stmt, 11, lease->lease_us / 1000);
	}
	code = lite_run(session, stmt);
	*ret_is_mine = code == SQLITE_OK && sqlite3_changes(session->db) == 1;
	return code;
}

static int lease_one(
	struct lite_session *session, const struct store_lease *lease, struct store_claim *claim)
{
	static const struct {
		enum lite_own own;
		enum claim_verdict verdict;
	} ways[] = {
		{ LITE_OWN_LEASE, CLAIM_NEW },
		{ LITE_OWN_TAKE_OVER, CLAIM_TAKEN_OVER },
		{ LITE_OWN_LEASE_REPLAY, CLAIM_REPLAYED },
	};
	size_t way_count = sizeof(ways) / sizeof(ways[0]) - (claim->is_replay ? 0 : 1);
	int code, topic = lite_topic_id(session, claim->position.topic, &code);

	for (size_t i = 0; topic >= 0 && i < way_count; i++) {
		bool is_mine;

		code = run_lease(session, ways[i].own, lease, claim, topic, &is_mine);
		if (is_mine) {
			claim->verdict = ways[i].verdict;
		}
		if (is_mine || code != SQLITE_OK) {
			return code;
		}
	}
	if (topic >= 0) {
		code = lite_find_row(session, claim);
	}
	if (claim->verdict == CLAIM_UNKNOWN || claim->verdict == CLAIM_REPLAYED) {
		claim->verdict = CLAIM_BUSY; /* its time ran out a moment ago */
	}
	return code;
}

void lite_op_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count)
{
	struct lite_session *lite = lite_session(session);

	store_claims_forget(claims, count);
	if (!lite_may_run(lite, STORE_OP_CLAIM, 0)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		int code = lease_one(lite, lease, &claims[i]);

		if (code != SQLITE_OK) {
			lite_fail(lite, STORE_OP_CLAIM, 0, code);
			return;
		}
	}
}

static void bind_dead(sqlite3_stmt *stmt, const struct store_claim *claim, int topic)
{
	lite_bind_slice(stmt, 4, claim->decision);
	sqlite3_bind_int(stmt, 5, topic);
	sqlite3_bind_int(stmt, 6, claim->position.partition);
	sqlite3_bind_int64(stmt, 7, claim->position.offset);
	sqlite3_bind_int64(stmt, 8, claim->position.timestamp_ms);
}

/* Parameters from 3 on are the statement's own. */
static int run_end(struct lite_session *session, enum lite_own own, const struct store_lease *lease,
	struct store_claim *claim)
{
	sqlite3_stmt *stmt;
	int code = SQLITE_OK;
	int topic = own == LITE_OWN_LEASE_DLQ ? lite_topic_id(session, claim->position.topic, &code)
					      : 0;

	if (topic < 0) {
		return code;
	}
	stmt = lite_own(session, own);
	if (stmt) {
		sqlite3_bind_blob(stmt, 1, claim->key, STORE_KEY_SIZE, SQLITE_STATIC);
		bind_owner(stmt, 2, lease);
	}
	if (stmt && sqlite3_bind_parameter_count(stmt) > 2) {
		sqlite3_bind_int64(stmt, 3, clock_wall_ms());
	}
	if (stmt && own == LITE_OWN_LEASE_RENEWED) {
		sqlite3_bind_int64(stmt, 4, lease->lease_us / 1000);
	} else if (stmt && own == LITE_OWN_LEASE_DLQ) {
		bind_dead(stmt, claim, topic);
	}
	code = lite_run(session, stmt);
	claim->is_mine |= code == SQLITE_OK && sqlite3_changes(session->db) == 1;
	return code;
}

static int end_one(struct lite_session *session, enum store_lease_end end,
	const struct store_lease *lease, struct store_claim *claim)
{
	static const enum lite_own statements[] = {
		[STORE_LEASE_DONE] = LITE_OWN_LEASE_DONE,
		[STORE_LEASE_DLQ] = LITE_OWN_LEASE_DLQ,
		[STORE_LEASE_RELEASED] = LITE_OWN_LEASE_RELEASED,
		[STORE_LEASE_RENEWED] = LITE_OWN_LEASE_RENEWED,
	};
	int code = run_end(session, statements[end], lease, claim);

	if (code == SQLITE_OK && end == STORE_LEASE_RELEASED && !claim->is_mine) {
		code = run_end(session, LITE_OWN_LEASE_BACK, lease, claim);
	}
	return code;
}

void lite_op_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	struct lite_session *lite = lite_session(session);

	for (size_t i = 0; i < count; i++) {
		claims[i].is_mine = false;
	}
	if (!lite_may_run(lite, STORE_OP_LEASE, 0)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		int code = end_one(lite, end, lease, &claims[i]);

		if (code != SQLITE_OK) {
			lite_fail(lite, STORE_OP_LEASE, 0, code);
			return;
		}
	}
}

int lite_lease_expire(struct lite_session *session, const struct store_claim *claim)
{
	sqlite3_stmt *stmt = lite_own(session, LITE_OWN_LEASE_EXPIRED);

	if (stmt) {
		sqlite3_bind_blob(stmt, 1, claim->key, STORE_KEY_SIZE, SQLITE_STATIC);
		sqlite3_bind_int64(stmt, 2, clock_wall_ms());
	}
	return lite_run(session, stmt);
}
