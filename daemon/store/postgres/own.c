/*
 * own - the statements that onced itself runs
 *
 * Pure: a table. All names are qualified, so no search_path matters. Prepared lazily on each
 * connection.
 */
#include "base/memory.h"
#include "store/postgres/postgres.h"

#define EVENT_COLUMNS                                                                              \
	"(key, scope, topic, partition, record_offset, record_timestamp_ms, outcome, event_id)"

/* The database's clock decides; transactions of others wait meanwhile, so not now(). */
#define LEASE_END(us) "clock_timestamp() + " us " * interval '1 microsecond'"
#define LEASE_IS_MINE "key = ANY ($1) AND owner = $2 AND outcome = 2 RETURNING key"

const struct pg_own_statement pg_own_statements[PG_OWN_COUNT] = {
	[PG_OWN_BEGIN] = { "onced_begin", "BEGIN ISOLATION LEVEL READ COMMITTED", 0, { 0 } },
	[PG_OWN_SETTINGS] = { "onced_settings", NULL, 0, { 0 } },
	/*
	 * Arrays side by side in the list, not in FROM: a sixth cheaper, no row is stored between.
	 */
	[PG_OWN_CLAIM] = { "onced_claim",
		"INSERT INTO onced.processed_events " EVENT_COLUMNS
		" SELECT unnest($1), $2, unnest($3), unnest($4), unnest($5), unnest($6), 0,"
		" unnest($7)"
		" ON CONFLICT (key) DO NOTHING RETURNING key",
		7,
		{ PG_UUID_ARRAY, PG_INT2, PG_INT2_ARRAY, PG_INT4_ARRAY, PG_INT8_ARRAY,
			PG_INT8_ARRAY, PG_BYTEA_ARRAY } },
	[PG_OWN_FIND] = { "onced_find",
		"SELECT key, outcome, topic, partition, record_offset, record_timestamp_ms, "
		"decision,"
		" CASE outcome WHEN 2 THEN"
		" (extract(epoch FROM until - clock_timestamp()) * 1000000)::bigint END"
		" FROM onced.processed_events WHERE key = ANY ($1)",
		1, { PG_UUID_ARRAY } },
	/*
	 * A lease of another is taken only when its time is over; the row is looked at again under
	 * its lock. xmax is 0 in a row that was inserted.
	 */
	[PG_OWN_LEASE] = { "onced_lease",
		"INSERT INTO onced.processed_events AS row (key, scope, topic, partition,"
		" record_offset, record_timestamp_ms, outcome, event_id, owner, until)"
		" SELECT unnest($1), $2, unnest($3), unnest($4), unnest($5), unnest($6), 2,"
		" unnest($7), $8, " LEASE_END(
			"$9") " ON CONFLICT (key) DO UPDATE SET"
			      " scope = excluded.scope, topic = excluded.topic, partition = "
			      "excluded.partition,"
			      " record_offset = excluded.record_offset,"
			      " record_timestamp_ms = excluded.record_timestamp_ms,"
			      " event_id = excluded.event_id, owner = excluded.owner, until = "
			      "excluded.until,"
			      " at = excluded.at WHERE row.outcome = 2"
			      " AND (row.owner = excluded.owner OR row.until < clock_timestamp())"
			      " RETURNING row.key, row.xmax = 0",
		9,
		{ PG_UUID_ARRAY, PG_INT2, PG_INT2_ARRAY, PG_INT4_ARRAY, PG_INT8_ARRAY,
			PG_INT8_ARRAY, PG_BYTEA_ARRAY, PG_BYTEA, PG_INT8 } },
	[PG_OWN_LEASE_DONE] = { "onced_lease_done",
		"UPDATE onced.processed_events SET outcome = 0, owner = NULL, until = NULL,"
		" at = now() WHERE " LEASE_IS_MINE,
		2, { PG_UUID_ARRAY, PG_BYTEA } },
	[PG_OWN_LEASE_DLQ] = { "onced_lease_dlq",
		"UPDATE onced.processed_events SET outcome = 1, owner = NULL, until = NULL,"
		" at = now(), decision = given.decision"
		" FROM unnest($1, $3) AS given (given_key, decision)"
		" WHERE key = given_key AND " LEASE_IS_MINE,
		3, { PG_UUID_ARRAY, PG_BYTEA, PG_BYTEA_ARRAY } },
	[PG_OWN_LEASE_RELEASED] = { "onced_lease_released",
		"DELETE FROM onced.processed_events WHERE " LEASE_IS_MINE, 2,
		{ PG_UUID_ARRAY, PG_BYTEA } },
	[PG_OWN_LEASE_RENEWED] = { "onced_lease_renewed",
		"UPDATE onced.processed_events SET until = " LEASE_END(
			"$3") " WHERE " LEASE_IS_MINE,
		3, { PG_UUID_ARRAY, PG_BYTEA, PG_INT8 } },
	[PG_OWN_LEASE_EXPIRED] = { "onced_lease_expired",
		"DELETE FROM onced.processed_events WHERE key = ANY ($1) AND outcome = 2"
		" AND until < clock_timestamp()",
		1, { PG_UUID_ARRAY } },
	/*
	 * Only the row of this very position: the done row of another record is never turned into a
	 * dead letter.
	 */
	[PG_OWN_DECIDE] = { "onced_decide",
		"INSERT INTO onced.processed_events AS row (key, scope, topic, partition,"
		" record_offset, record_timestamp_ms, outcome, event_id, decision)"
		" VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8)"
		" ON CONFLICT (key) DO UPDATE SET outcome = 1,"
		" decision = coalesce(row.decision, excluded.decision)"
		" WHERE row.topic = excluded.topic AND row.partition = excluded.partition"
		" AND row.record_offset = excluded.record_offset"
		" AND row.record_timestamp_ms = excluded.record_timestamp_ms",
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
