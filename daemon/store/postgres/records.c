/*
 * records - attempts, partitions seen and pauses: single queries outside the unit of work
 *
 * Runs in: the session's thread, with no transaction open. Each is its own transaction with the
 * usual timeouts.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/postgres/postgres.h"

/* Decimal text of a parameter. */
struct number {
	char text[24];
};

static struct number number(int64_t value)
{
	struct number n;

	snprintf(n.text, sizeof(n.text), "%" PRId64, value);
	return n;
}

static int64_t get_number(const PGresult *result, int row, int column)
{
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

/* The topic's number as text; not STORE_OK: it could not be learnt. */
static enum store_failure topic_number(
	struct pg_session *session, struct slice topic, struct number *ret, struct err *err)
{
	enum store_failure failure;

	assert(!pg_is_in_transaction(session));
	*ret = number(pg_topic_id(session, topic, &failure, err));
	return failure;
}

static struct store_attempts *attempts_of(
	const PGresult *result, struct slice topic, int32_t partition)
{
	int rows = PQntuples(result);
	struct store_attempts *attempts =
		rows > 0 ? xcalloc((size_t)rows, sizeof(*attempts)) : NULL;

	for (int i = 0; i < rows; i++) {
		attempts[i].position.topic = topic;
		attempts[i].position.partition = partition;
		attempts[i].position.offset = get_number(result, i, 0);
		attempts[i].position.timestamp_ms = get_number(result, i, 1);
		attempts[i].attempts = (unsigned)get_number(result, i, 2);
		attempts[i].first_failure_ms = get_number(result, i, 3);
		attempts[i].last_failure_ms = get_number(result, i, 4);
	}
	return attempts;
}

enum store_failure pg_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err)
{
	struct pg_session *pg = pg_session(session);
	struct number topic_id, partition_text = number(partition), from_text = number(from);
	struct pg_ask ask = {
		.sql = "SELECT record_offset, record_timestamp_ms, attempts, first_failure_ms,"
		       " last_failure_ms FROM onced.delivery_attempts WHERE group_id = $1"
		       " AND topic = $2 AND partition = $3 AND record_offset >= $4"
		       " ORDER BY record_offset",
		.param_count = 4,
		.params = { pg->store->options.group_id, topic_id.text, partition_text.text,
			from_text.text },
	};
	enum store_failure failure = topic_number(pg, topic, &topic_id, err);

	*ret = NULL;
	*ret_count = 0;
	if (!failure) {
		failure = pg_ask(pg, &ask, err);
	}
	if (!failure) {
		*ret = attempts_of(ask.result, topic, partition);
		*ret_count = (size_t)PQntuples(ask.result);
	}
	PQclear(ask.result);
	return failure;
}

enum store_failure pg_get_seen(struct store_session *session, struct slice topic, int32_t partition,
	struct store_partition_seen *ret, struct err *err)
{
	struct pg_session *pg = pg_session(session);
	struct number topic_id, partition_text = number(partition);
	struct pg_ask ask = {
		.sql = "SELECT committed FROM onced.partitions_seen"
		       " WHERE group_id = $1 AND topic = $2 AND partition = $3",
		.param_count = 3,
		.params = { pg->store->options.group_id, topic_id.text, partition_text.text },
	};
	enum store_failure failure = topic_number(pg, topic, &topic_id, err);

	*ret = (struct store_partition_seen){ .is_seen = false, .committed = -1 };
	if (!failure) {
		failure = pg_ask(pg, &ask, err);
	}
	if (!failure && PQntuples(ask.result) > 0) {
		ret->is_seen = true;
		ret->committed = get_number(ask.result, 0, 0);
	}
	PQclear(ask.result);
	return failure;
}

enum store_failure pg_put_seen(struct store_session *session, struct slice topic, int32_t partition,
	int64_t committed, struct err *err)
{
	struct pg_session *pg = pg_session(session);
	struct number topic_id, partition_text = number(partition), value = number(committed);
	struct pg_ask ask = {
		.sql = "INSERT INTO onced.partitions_seen (group_id, topic, partition, committed)"
		       " VALUES ($1, $2, $3, $4) ON CONFLICT (group_id, topic, partition)"
		       " DO UPDATE SET committed = excluded.committed, at = now()",
		.param_count = 4,
		.params = { pg->store->options.group_id, topic_id.text, partition_text.text,
			value.text },
	};
	enum store_failure failure = topic_number(pg, topic, &topic_id, err);

	if (!failure) {
		failure = pg_ask(pg, &ask, err);
	}
	PQclear(ask.result);
	return failure;
}

/* Pauses end by the database's clock: hosts may disagree about the time. */
enum store_failure pg_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err)
{
	struct pg_session *pg = pg_session(session);
	const char *consumer = pg->store->options.consumer;
	struct pg_ask ask = {
		.sql = "SELECT clock.ms, row.consumer, row.is_paused::integer, row.since_ms,"
		       " row.until_ms, row.who, row.reason"
		       " FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms)"
		       " clock LEFT JOIN onced.pauses row"
		       " ON row.consumer = $1 OR starts_with(row.consumer, $1 || ':')",
		.param_count = 1,
		.params = { consumer },
	};
	enum store_failure failure = pg_ask(pg, &ask, err);
	int rows = failure ? 0 : PQntuples(ask.result);

	*ret_now_ms = rows > 0 ? get_number(ask.result, 0, 0) : 0;
	for (int i = 0; i < rows; i++) {
		struct pause pause = { .is_paused = get_number(ask.result, i, 2) != 0,
			.since_ms = get_number(ask.result, i, 3),
			.until_ms = get_number(ask.result, i, 4) };

		snprintf(pause.who, sizeof(pause.who), "%s", PQgetvalue(ask.result, i, 5));
		snprintf(pause.reason, sizeof(pause.reason), "%s", PQgetvalue(ask.result, i, 6));
		if (pause_scope_read(&pause, consumer, PQgetvalue(ask.result, i, 1)) &&
			pause_is_valid(&pause)) {
			(void)pauses_put(pauses, &pause);
		}
	}
	PQclear(ask.result);
	return failure;
}

enum store_failure pg_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err)
{
	struct pg_session *pg = pg_session(session);
	struct number since = number(pause->since_ms), until = number(pause->until_ms);
	_cleanup_(buffer_fini) struct buffer scope = BUFFER_INIT;
	struct pg_ask ask = {
		.sql = "INSERT INTO onced.pauses AS row (consumer, is_paused, since_ms, until_ms,"
		       " who, reason) VALUES ($1, $2, $3, $4, $5, $6)"
		       " ON CONFLICT (consumer) DO UPDATE SET is_paused = excluded.is_paused,"
		       " since_ms = excluded.since_ms, until_ms = excluded.until_ms,"
		       " who = excluded.who, reason = excluded.reason"
		       " WHERE excluded.since_ms > row.since_ms",
		.param_count = 6,
		.params = { NULL, pause->is_paused ? "t" : "f", since.text, until.text, pause->who,
			pause->reason },
	};
	enum store_failure failure;

	pause_scope_write(pause, pg->store->options.consumer, &scope);
	ask.params[0] = buffer_str(&scope);
	failure = pg_ask(pg, &ask, err);
	PQclear(ask.result);
	return failure;
}
