/*
 * own - the statements that onced itself runs
 *
 * Pure: a table. All names are qualified, so no search_path matters. Prepared lazily on each
 * connection.
 */
#include "base/memory.h"
#include "store/postgres/postgres.h"

#define EVENT_COLUMNS                                                                              \
	"(key, scope, topic, partition, record_offset, record_timestamp_ms, outcome, event_id,"    \
	" digest)"

/* Both are there, of the same kind, and not the same: as claim_differs() of core/claim. */
#define DIFFERS                                                                                    \
	"(row.digest <> excluded.digest AND substr(row.digest, 1, 1) = "                           \
	"substr(excluded.digest, 1, 1)) IS TRUE"

#define ROW_IS_HERE                                                                                \
	"row.topic = excluded.topic AND row.partition = excluded.partition"                        \
	" AND row.record_offset = excluded.record_offset"                                          \
	" AND row.record_timestamp_ms = excluded.record_timestamp_ms"

/* Parameters 1 to 8 of what claims rows. */
#define ROW_TYPES                                                                                  \
	PG_UUID_ARRAY, PG_INT2, PG_INT2_ARRAY, PG_INT4_ARRAY, PG_INT8_ARRAY, PG_INT8_ARRAY,        \
		PG_BYTEA_ARRAY, PG_BYTEA_ARRAY

/* The database's clock decides; transactions of others wait meanwhile, so not now(). */
#define LEASE_END(us) "clock_timestamp() + " us " * interval '1 microsecond'"
#define LEASE_IS_MINE "key = ANY ($1) AND owner = $2 AND outcome = 2 RETURNING key"

const struct pg_own_statement pg_own_statements[PG_OWN_COUNT] = {
	[PG_OWN_BEGIN] = { "onced_begin", "BEGIN ISOLATION LEVEL READ COMMITTED", 0, { 0 } },
	[PG_OWN_SETTINGS] = { "onced_settings", NULL, 0, { 0 } },
	/* after the settings: it waits no longer than they say */
	[PG_OWN_HOLD] = { "onced_hold", "SELECT onced.hold_generation($1, $2)", 2,
		{ PG_INT2, PG_INT4 } },
	/*
	 * Arrays side by side in the list, not in FROM: a sixth cheaper, no row is stored between.
	 */
	[PG_OWN_CLAIM] = { "onced_claim",
		"INSERT INTO onced.processed_events " EVENT_COLUMNS
		" SELECT unnest($1), $2, unnest($3), unnest($4), unnest($5), unnest($6), 0,"
		" unnest($7), unnest($8)"
		" ON CONFLICT (key) DO NOTHING RETURNING key",
		8, { ROW_TYPES } },
	[PG_OWN_FIND] = { "onced_find",
		"SELECT key, outcome, topic, partition, record_offset, record_timestamp_ms, "
		"decision, digest,"
		" CASE outcome WHEN 2 THEN"
		" (extract(epoch FROM until - clock_timestamp()) * 1000000)::bigint END"
		" FROM onced.processed_events WHERE key = ANY ($1)",
		1, { PG_UUID_ARRAY } },
	/*
	 * Before the second look of replays: their rows stay as they are seen.
	 */
	[PG_OWN_LOCK] = { "onced_lock",
		"SELECT key FROM onced.processed_events WHERE key = ANY ($1) AND outcome <> 0"
		" ORDER BY key FOR UPDATE",
		1, { PG_UUID_ARRAY } },
	/*
	 * A lease of another is taken only when its time is over; the row is looked at again under
	 * its lock. A row that was taken over is a microsecond late: so
	 * they are told apart. One with a decision is a replay's.
	 */
	[PG_OWN_LEASE] = { "onced_lease",
		"INSERT INTO onced.processed_events AS row (key, scope, topic, partition,"
		" record_offset, record_timestamp_ms, outcome, event_id, digest, owner, until)"
		" SELECT unnest($1), $2, unnest($3), unnest($4), unnest($5), unnest($6), 2,"
		" unnest($7), unnest($8), $9, " LEASE_END(
			"$10") " ON CONFLICT (key) DO UPDATE SET"
			       " scope = excluded.scope, topic = excluded.topic, partition = "
			       "excluded.partition,"
			       " record_offset = excluded.record_offset,"
			       " record_timestamp_ms = excluded.record_timestamp_ms,"
			       " event_id = excluded.event_id, owner = excluded.owner, until = "
			       "excluded.until,"
			       " at = excluded.at + interval '1 microsecond', digest = "
			       "excluded.digest"
			       " WHERE row.outcome = 2 AND row.decision IS NULL"
			       " AND (row.owner = excluded.owner OR row.until < clock_timestamp())"
			       " AND NOT " DIFFERS " RETURNING row.key, row.at = now()",
		10, { ROW_TYPES, PG_BYTEA, PG_INT8 } },
	/*
	 * The dead letter's row, or that of another replay whose time is over. Position and
	 * decision stay until the lease ends: they say what it is again when nothing comes of it.
	 */
	[PG_OWN_LEASE_REPLAY] = { "onced_lease_replay",
		"UPDATE onced.processed_events AS row SET outcome = 2, owner = $9, until "
		"= " LEASE_END(
			"$10") ", decision = coalesce(row.decision, ''), digest = given.digest"
			       " FROM unnest($1, $3, $4, $5, $6, $8) AS given (key, topic,"
			       " partition, record_offset, record_timestamp_ms, digest)"
			       " WHERE row.key = given.key"
			       " AND (row.outcome = 1 OR (row.outcome = 2"
			       " AND row.decision IS NOT NULL"
			       " AND (row.owner = $9 OR row.until < clock_timestamp())))"
			       " AND (row.topic, row.partition, row.record_offset,"
			       " row.record_timestamp_ms) <> (given.topic, given.partition,"
			       " given.record_offset, given.record_timestamp_ms)"
			       " RETURNING row.key",
		10, { ROW_TYPES, PG_BYTEA, PG_INT8 } },
	[PG_OWN_LEASE_DONE] = { "onced_lease_done",
		"UPDATE onced.processed_events SET outcome = 0, owner = NULL, until = NULL,"
		" at = now(), decision = NULL WHERE " LEASE_IS_MINE,
		2, { PG_UUID_ARRAY, PG_BYTEA } },
	[PG_OWN_LEASE_DLQ] = { "onced_lease_dlq",
		"UPDATE onced.processed_events SET outcome = 1, owner = NULL, until = NULL,"
		" at = now(), decision = coalesce(given_decision, decision), topic = given_topic,"
		" partition = given_partition, record_offset = given_offset,"
		" record_timestamp_ms = given_timestamp_ms"
		" FROM unnest($1, $3, $4, $5, $6, $7) AS given (given_key, given_topic,"
		" given_partition, given_offset, given_timestamp_ms, given_decision)"
		" WHERE key = given_key AND " LEASE_IS_MINE,
		7,
		{ PG_UUID_ARRAY, PG_BYTEA, PG_INT2_ARRAY, PG_INT4_ARRAY, PG_INT8_ARRAY,
			PG_INT8_ARRAY, PG_BYTEA_ARRAY } },
	/* a replay's row is a dead letter's again */
	[PG_OWN_LEASE_RELEASED] = { "onced_lease_released",
		"WITH back AS (UPDATE onced.processed_events SET outcome = 1, owner = NULL,"
		" until = NULL WHERE decision IS NOT NULL AND " LEASE_IS_MINE "),"
		" gone AS (DELETE FROM onced.processed_events"
		" WHERE decision IS NULL AND " LEASE_IS_MINE ")"
		" SELECT key FROM back UNION ALL SELECT key FROM gone",
		2, { PG_UUID_ARRAY, PG_BYTEA } },
	[PG_OWN_LEASE_RENEWED] = { "onced_lease_renewed",
		"UPDATE onced.processed_events SET until = " LEASE_END(
			"$3") " WHERE " LEASE_IS_MINE,
		3, { PG_UUID_ARRAY, PG_BYTEA, PG_INT8 } },
	[PG_OWN_LEASE_EXPIRED] = { "onced_lease_expired",
		"DELETE FROM onced.processed_events WHERE key = ANY ($1) AND outcome = 2"
		" AND decision IS NULL AND until < clock_timestamp()",
		1, { PG_UUID_ARRAY } },
	/*
	 * Only the row of this very position, or the one that a replay holds: the done row of
	 * another record is never turned into a dead letter.
	 */
	[PG_OWN_DECIDE] = { "onced_decide",
		"INSERT INTO onced.processed_events AS row (key, scope, topic, partition,"
		" record_offset, record_timestamp_ms, outcome, event_id, digest, decision)"
		" VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9)"
		" ON CONFLICT (key) DO UPDATE SET outcome = 1, owner = NULL, until = NULL,"
		" topic = excluded.topic, partition = excluded.partition,"
		" record_offset = excluded.record_offset,"
		" record_timestamp_ms = excluded.record_timestamp_ms,"
		" digest = excluded.digest, decision = CASE WHEN $10 = 1 THEN excluded.decision"
		" ELSE coalesce(row.decision, excluded.decision) END"
		" WHERE $10 = 1 OR (" ROW_IS_HERE ")",
		10,
		{ PG_UUID, PG_INT2, PG_INT2, PG_INT4, PG_INT8, PG_INT8, PG_BYTEA, PG_BYTEA,
			PG_BYTEA, PG_INT2 } },
	[PG_OWN_FINISH_REPLAY] = { "onced_finish_replay",
		"UPDATE onced.processed_events SET outcome = 0, owner = NULL, until = NULL,"
		" at = now(), decision = NULL, scope = $2, topic = $3, partition = $4,"
		" record_offset = $5, record_timestamp_ms = $6, event_id = $7, digest = $8"
		" WHERE key = $1",
		8, { PG_UUID, PG_INT2, PG_INT2, PG_INT4, PG_INT8, PG_INT8, PG_BYTEA, PG_BYTEA } },
	[PG_OWN_UNCLAIM] = { "onced_unclaim",
		"DELETE FROM onced.processed_events WHERE key = ANY ($1)", 1, { PG_UUID_ARRAY } },
	[PG_OWN_PUT_ATTEMPTS] = { "onced_put_attempts",
		"INSERT INTO onced.delivery_attempts AS row (group_id, topic, partition, "
		"record_offset,"
		" record_timestamp_ms, attempts, first_failure_ms, last_failure_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (group_id, topic, partition, record_offset) DO UPDATE SET"
		" record_timestamp_ms = excluded.record_timestamp_ms, attempts = excluded.attempts,"
		" first_failure_ms = excluded.first_failure_ms,"
		" last_failure_ms = excluded.last_failure_ms",
		8, { PG_TEXT, PG_INT2, PG_INT4, PG_INT8, PG_INT8, PG_INT4, PG_INT8, PG_INT8 } },
	[PG_OWN_DELETE_ATTEMPTS] = { "onced_delete_attempts",
		"DELETE FROM onced.delivery_attempts WHERE group_id = $1 AND topic = $2"
		" AND partition = $3 AND record_offset = $4",
		4, { PG_TEXT, PG_INT2, PG_INT4, PG_INT8 } },
	[PG_OWN_COMMIT] = { "onced_commit", "COMMIT", 0, { 0 } },
};

/*
 * For this transaction only (a pooler hands the connection to others).
 * client_connection_check_interval frees the locks of a killed worker whose statement still runs;
 * servers that are not Linux may not have it.
 */
char *pg_own_settings_sql(const struct store_options *options)
{
	return xasprintf(
		"SELECT set_config('statement_timeout', '%lld', true),"
		" set_config('lock_timeout', '%lld', true),"
		" set_config('idle_in_transaction_session_timeout', '%lld', true),"
		" set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
		" WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true),"
		" set_config('client_connection_check_interval',"
		" CASE WHEN version() LIKE '%%linux%%' THEN '2000' ELSE '0' END, true)",
		(long long)options->statement_timeout_us / 1000,
		(long long)options->lock_timeout_us / 1000,
		(long long)options->idle_timeout_us / 1000);
}
