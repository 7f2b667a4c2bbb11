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
		bind_owner(stmt, 9, lease);
		sqlite3_bind_int64(stmt, 10, lease->lease_us / 1000);
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
	};
	int code, topic = lite_topic_id(session, claim->position.topic, &code);

	for (size_t i = 0; topic >= 0 && i < sizeof(ways) / sizeof(ways[0]); i++) {
		bool is_mine;

		code = run_lease(session, ways[i].own, lease, claim, topic, &is_mine);
		if (is_mine) {
			claim->verdict = ways[i].verdict;
		}
		if (is_mine || code != SQLITE_OK) {
			return code;
		}
	}
	return topic >= 0 ? lite_find_row(session, claim) : code;
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

/* Parameters 3 and 4 are the end's own. */
static void bind_end(sqlite3_stmt *stmt, const struct store_lease *lease, enum store_lease_end end,
	const struct store_claim *claim)
{
	sqlite3_bind_blob(stmt, 1, claim->key, STORE_KEY_SIZE, SQLITE_STATIC);
	bind_owner(stmt, 2, lease);
	if (end != STORE_LEASE_RELEASED) {
		sqlite3_bind_int64(stmt, 3, clock_wall_ms());
	}
	if (end == STORE_LEASE_RENEWED) {
		sqlite3_bind_int64(stmt, 4, lease->lease_us / 1000);
	} else if (end == STORE_LEASE_DLQ) {
		lite_bind_slice(stmt, 4, claim->decision);
	}
}

void lite_op_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count)
{
	static const enum lite_own statements[] = {
		[STORE_LEASE_DONE] = LITE_OWN_LEASE_DONE,
		[STORE_LEASE_DLQ] = LITE_OWN_LEASE_DLQ,
		[STORE_LEASE_RELEASED] = LITE_OWN_LEASE_RELEASED,
		[STORE_LEASE_RENEWED] = LITE_OWN_LEASE_RENEWED,
	};
	struct lite_session *lite = lite_session(session);

	for (size_t i = 0; i < count; i++) {
		claims[i].is_mine = false;
	}
	if (!lite_may_run(lite, STORE_OP_LEASE, 0)) {
		return;
	}
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *stmt = lite_own(lite, statements[end]);
		int code;

		if (stmt) {
			bind_end(stmt, lease, end, &claims[i]);
		}
		code = lite_run(lite, stmt);
		if (code != SQLITE_OK) {
			lite_fail(lite, STORE_OP_LEASE, 0, code);
			return;
		}
		claims[i].is_mine = sqlite3_changes(lite->db) == 1;
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
