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
		"decision"
		" FROM onced.processed_events WHERE key = ANY ($1)",
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
	[PG_OWN_ROLLBACK] = { "onced_rollback", "ROLLBACK", 0, { 0 } },
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
