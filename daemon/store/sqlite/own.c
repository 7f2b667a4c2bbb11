/*
 * own - the statements that onced itself runs, and how they are run
 *
 * Runs in: the session's thread. Prepared at first use on each connection.
 */
#include "base/clock.h"
#include "store/sqlite/sqlite.h"

static const char *const own_sql[LITE_OWN_COUNT] = {
	[LITE_OWN_BEGIN] = "BEGIN IMMEDIATE",
	[LITE_OWN_COMMIT] = "COMMIT",
	[LITE_OWN_ROLLBACK] = "ROLLBACK",
	[LITE_OWN_CLAIM] =
		"INSERT INTO onced_processed_events (key, scope, topic, partition, record_offset,"
		" record_timestamp_ms, event_id, at, digest, outcome)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0) ON CONFLICT (key) DO NOTHING",
	[LITE_OWN_FIND] = "SELECT outcome, topic, partition, record_offset, record_timestamp_ms,"
			  " decision, until, digest FROM onced_processed_events WHERE key = ?1",
	[LITE_OWN_LEASE] =
		"INSERT INTO onced_processed_events (key, scope, topic, partition, record_offset,"
		" record_timestamp_ms, event_id, at, digest, outcome, owner, until)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 2, ?10, ?8 + ?11)"
		" ON CONFLICT (key) DO NOTHING",
	[LITE_OWN_TAKE_OVER] =
		"UPDATE onced_processed_events SET scope = ?2, topic = ?3, partition = ?4,"
		" record_offset = ?5, record_timestamp_ms = ?6, event_id = ?7, at = ?8,"
		" digest = ?9, owner = ?10, until = ?8 + ?11"
		" WHERE key = ?1 AND outcome = 2 AND decision IS NULL"
		" AND (owner = ?10 OR until <= ?8)"
		" AND (digest <> ?9 AND substr(digest, 1, 1) = substr(?9, 1, 1)) IS NOT TRUE",
	/*
	 * The dead letter's row, or that of another replay whose time is over. Position and
	 * decision stay until the lease ends: they say what it is again when nothing comes of it.
	 */
	[LITE_OWN_LEASE_REPLAY] =
		"UPDATE onced_processed_events SET outcome = 2, owner = ?10, until = ?8 + ?11,"
		" decision = coalesce(decision, ''), digest = ?9 WHERE key = ?1"
		" AND (outcome = 1 OR (outcome = 2 AND decision IS NOT NULL"
		" AND (owner = ?10 OR until <= ?8)))"
		" AND (topic, partition, record_offset, record_timestamp_ms) <> (?3, ?4, ?5, ?6)",
	[LITE_OWN_LEASE_DONE] =
		"UPDATE onced_processed_events SET outcome = 0, owner = NULL, until = NULL,"
		" at = ?3, decision = NULL WHERE key = ?1 AND owner = ?2 AND outcome = 2",
	[LITE_OWN_LEASE_DLQ] =
		"UPDATE onced_processed_events SET outcome = 1, owner = NULL, until = NULL,"
		" at = ?3, decision = coalesce(?4, decision), topic = ?5, partition = ?6,"
		" record_offset = ?7, record_timestamp_ms = ?8"
		" WHERE key = ?1 AND owner = ?2 AND outcome = 2",
	/* a replay's row is a dead letter's again, any other goes */
	[LITE_OWN_LEASE_RELEASED] = "DELETE FROM onced_processed_events"
				    " WHERE key = ?1 AND owner = ?2 AND outcome = 2"
				    " AND decision IS NULL",
	[LITE_OWN_LEASE_BACK] =
		"UPDATE onced_processed_events SET outcome = 1, owner = NULL, until = NULL"
		" WHERE key = ?1 AND owner = ?2 AND outcome = 2 AND decision IS NOT NULL",
	[LITE_OWN_LEASE_RENEWED] = "UPDATE onced_processed_events SET until = ?3 + ?4"
				   " WHERE key = ?1 AND owner = ?2 AND outcome = 2",
	[LITE_OWN_LEASE_EXPIRED] = "DELETE FROM onced_processed_events"
				   " WHERE key = ?1 AND outcome = 2"
				   " AND decision IS NULL AND until <= ?2",
	/*
	 * Only the row of this very position, or the one that a replay holds: the done row of
	 * another record is never turned into a dead letter.
	 */
	[LITE_OWN_DECIDE] =
		"INSERT INTO onced_processed_events AS row (key, scope, topic, partition,"
		" record_offset, record_timestamp_ms, event_id, at, digest, outcome, decision)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10)"
		" ON CONFLICT (key) DO UPDATE SET outcome = 1, owner = NULL, until = NULL,"
		" topic = excluded.topic, partition = excluded.partition,"
		" record_offset = excluded.record_offset,"
		" record_timestamp_ms = excluded.record_timestamp_ms, digest = excluded.digest,"
		" decision = CASE WHEN ?11 THEN excluded.decision"
		" ELSE coalesce(row.decision, excluded.decision) END"
		" WHERE ?11 OR (row.topic = excluded.topic AND row.partition = excluded.partition"
		" AND row.record_offset = excluded.record_offset"
		" AND row.record_timestamp_ms = excluded.record_timestamp_ms)",
	[LITE_OWN_FINISH_REPLAY] =
		"UPDATE onced_processed_events SET outcome = 0, owner = NULL, until = NULL,"
		" decision = NULL, scope = ?2, topic = ?3, partition = ?4, record_offset = ?5,"
		" record_timestamp_ms = ?6, event_id = ?7, at = ?8, digest = ?9 WHERE key = ?1",
	[LITE_OWN_UNCLAIM] = "DELETE FROM onced_processed_events WHERE key = ?1",
	[LITE_OWN_PUT_ATTEMPTS] =
		"INSERT INTO onced_delivery_attempts (group_id, topic, partition, record_offset,"
		" record_timestamp_ms, attempts, first_failure_ms, last_failure_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		" ON CONFLICT (group_id, topic, partition, record_offset) DO UPDATE SET"
		" record_timestamp_ms = excluded.record_timestamp_ms, attempts = excluded.attempts,"
		" first_failure_ms = excluded.first_failure_ms,"
		" last_failure_ms = excluded.last_failure_ms",
	[LITE_OWN_DELETE_ATTEMPTS] =
		"DELETE FROM onced_delivery_attempts WHERE group_id = ?1 AND topic = ?2"
		" AND partition = ?3 AND record_offset = ?4",
	[LITE_OWN_LOAD_ATTEMPTS] =
		"SELECT record_offset, record_timestamp_ms, attempts, first_failure_ms,"
		" last_failure_ms FROM onced_delivery_attempts WHERE group_id = ?1 AND topic = ?2"
		" AND partition = ?3 AND record_offset >= ?4 ORDER BY record_offset",
	[LITE_OWN_GET_SEEN] = "SELECT committed FROM onced_partitions_seen"
			      " WHERE group_id = ?1 AND topic = ?2 AND partition = ?3",
	[LITE_OWN_PUT_SEEN] =
		"INSERT INTO onced_partitions_seen (group_id, topic, partition, committed, at)"
		" VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (group_id, topic, partition)"
		" DO UPDATE SET committed = excluded.committed, at = excluded.at",
	[LITE_OWN_LOAD_PAUSES] =
		"SELECT consumer, is_paused, since_ms, until_ms, who, reason FROM onced_pauses"
		" WHERE consumer = ?1 OR substr(consumer, 1, length(?1) + 1) = ?1 || ':'",
	[LITE_OWN_PUT_PAUSE] =
		"INSERT INTO onced_pauses AS row (consumer, is_paused, since_ms, until_ms, who,"
		" reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (consumer) DO UPDATE SET"
		" is_paused = excluded.is_paused, since_ms = excluded.since_ms,"
		" until_ms = excluded.until_ms, who = excluded.who, reason = excluded.reason"
		" WHERE excluded.since_ms > row.since_ms",
	[LITE_OWN_FIND_TOPIC] = "SELECT id FROM onced_topics WHERE cluster_id = ?1 AND topic = ?2",
	[LITE_OWN_ADD_TOPIC] = "INSERT INTO onced_topics (cluster_id, topic) VALUES (?1, ?2)"
			       " ON CONFLICT DO NOTHING",
	[LITE_OWN_FIND_SCOPE] =
		"SELECT b.id, b.group_id, b.generation, coalesce(n.id, b.id), b.rebuild"
		" FROM onced_scopes b LEFT JOIN onced_scopes n"
		" ON n.base = b.id AND n.generation = b.generation"
		" WHERE b.scope = ?1 AND b.base IS NULL",
	[LITE_OWN_GENERATION] = "SELECT generation FROM onced_scopes WHERE id = ?1",
	[LITE_OWN_ADD_SCOPE] = "INSERT INTO onced_scopes (scope, group_id) VALUES (?1, ?2)"
			       " ON CONFLICT DO NOTHING",
	[LITE_OWN_PEEK] = "SELECT p.outcome, t.topic, p.partition, p.record_offset,"
			  " p.record_timestamp_ms, p.at, p.until, lower(hex(p.digest)), p.decision"
			  " FROM onced_processed_events p JOIN onced_topics t ON t.id = p.topic"
			  " WHERE p.key = ?1",
	[LITE_OWN_FORGET] = "DELETE FROM onced_processed_events WHERE key = ?1 AND outcome <> 2",
	[LITE_OWN_TAKE_TURN] =
		"INSERT INTO onced_sweeps AS row (scope, owner, until, swept_to, ended_at)"
		" VALUES (?1, ?2, ?3 + 10000, 0, 0) ON CONFLICT (scope) DO UPDATE"
		" SET owner = excluded.owner, until = excluded.until"
		" WHERE row.ended_at + ?4 <= ?3 AND (row.owner = ?2 OR row.until < ?3)",
	[LITE_OWN_FIND_TURN] = "SELECT swept_to, max(ended_at + ?4,"
			       " CASE WHEN owner = ?2 THEN 0 ELSE until END) - ?3"
			       " FROM onced_sweeps WHERE scope = ?1",
	[LITE_OWN_FIND_CHUNK] =
		"SELECT count(*), max(at) FROM (SELECT at FROM onced_processed_events"
		" WHERE at >= ?1 AND at < ?2 ORDER BY at LIMIT ?3)",
	[LITE_OWN_SWEEP] = "DELETE FROM onced_processed_events WHERE key IN (SELECT p.key"
			   " FROM onced_processed_events p LEFT JOIN onced_partitions_seen s"
			   " ON s.group_id = ?2 AND s.topic = p.topic AND s.partition = p.partition"
			   " AND p.record_offset < s.committed WHERE p.at BETWEEN ?3 AND ?4"
			   " AND ((p.scope = ?1 AND s.group_id IS NOT NULL"
			   " AND (p.outcome < 2 OR p.until < ?5))"
			   /* earlier generations of the scope have smaller numbers */
			   " OR p.scope IN (SELECT o.id FROM onced_scopes o"
			   " WHERE o.id < ?1 AND ?6 IN (o.id, o.base))))",
	[LITE_OWN_SWEEP_ATTEMPTS] =
		"DELETE FROM onced_delivery_attempts WHERE group_id = ?1 AND last_failure_ms < ?2"
		" AND EXISTS (SELECT 1 FROM onced_partitions_seen s"
		" WHERE s.group_id = onced_delivery_attempts.group_id"
		" AND s.topic = onced_delivery_attempts.topic"
		" AND s.partition = onced_delivery_attempts.partition"
		" AND s.committed > onced_delivery_attempts.record_offset)",
	[LITE_OWN_MOVE_SWEEP] =
		"UPDATE onced_sweeps SET swept_to = ?3, ended_at = coalesce(?4, ended_at)"
		" WHERE scope = ?1 AND owner = ?2",
};

void lite_start(struct lite_session *session)
{
	const struct store_options *options = &session->store->options;
	int64_t now_us = clock_mono_us();

	session->lock_deadline_us = now_us + options->lock_timeout_us;
	session->statement_deadline_us = options->statement_timeout_us > 0
		? now_us + options->statement_timeout_us
		: INT64_MAX;
}

sqlite3_stmt *lite_own(struct lite_session *session, enum lite_own own)
{
	sqlite3_stmt **stmt = &session->own[own];

	if (!*stmt) {
		sqlite3_prepare_v3(
			session->db, own_sql[own], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	} else {
		sqlite3_reset(*stmt);
		sqlite3_clear_bindings(*stmt);
	}
	return *stmt;
}

int lite_run(struct lite_session *session, sqlite3_stmt *stmt)
{
	int code;

	if (!stmt) {
		return sqlite3_extended_errcode(session->db);
	}
	lite_start(session);
	do {
		code = sqlite3_step(stmt);
	} while (code == SQLITE_ROW);
	sqlite3_reset(stmt);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

int lite_run_own(struct lite_session *session, enum lite_own own)
{
	return lite_run(session, lite_own(session, own));
}

void lite_bind_slice(sqlite3_stmt *stmt, int index, struct slice text)
{
	if (slice_is_null(text)) {
		sqlite3_bind_null(stmt, index);
	} else {
		sqlite3_bind_text64(stmt, index, text.data, text.len, SQLITE_STATIC, SQLITE_UTF8);
	}
}

void lite_bind_str(sqlite3_stmt *stmt, int index, const char *text)
{
	sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

bool lite_is_in_transaction(const struct lite_session *session)
{
	return session->db && !sqlite3_get_autocommit(session->db);
}

static int find_topic(struct lite_session *session, struct slice topic, int *ret_code)
{
	sqlite3_stmt *stmt = lite_own(session, LITE_OWN_FIND_TOPIC);
	int id = -1;

	if (!stmt) {
		*ret_code = sqlite3_extended_errcode(session->db);
		return -1;
	}
	lite_bind_str(stmt, 1, session->store->options.cluster_id);
	lite_bind_slice(stmt, 2, topic);
	lite_start(session);
	*ret_code = sqlite3_step(stmt);
	if (*ret_code == SQLITE_ROW) {
		id = sqlite3_column_int(stmt, 0);
	}
	if (*ret_code == SQLITE_ROW || *ret_code == SQLITE_DONE) {
		*ret_code = SQLITE_OK;
	}
	sqlite3_reset(stmt);
	return id;
}

static int add_topic(struct lite_session *session, struct slice topic)
{
	sqlite3_stmt *stmt = lite_own(session, LITE_OWN_ADD_TOPIC);

	if (stmt) {
		lite_bind_str(stmt, 1, session->store->options.cluster_id);
		lite_bind_slice(stmt, 2, topic);
	}
	return lite_run(session, stmt);
}

int lite_topic_id(struct lite_session *session, struct slice topic, int *ret_code)
{
	int id = topic_cache_find(&session->topics, topic);

	*ret_code = SQLITE_OK;
	if (id >= 0) {
		return id;
	}
	id = find_topic(session, topic, ret_code);
	if (id < 0 && *ret_code == SQLITE_OK) {
		*ret_code = add_topic(session, topic);
		if (*ret_code == SQLITE_OK) {
			id = find_topic(session, topic, ret_code);
		}
	}
	if (id >= 0) {
		topic_cache_add(&session->topics, topic, id, lite_is_in_transaction(session));
	}
	return id;
}
