/*
 * row - look at one key's row, and forget it, when a person asks
 *
 * Runs in: the session's thread, with no transaction open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/postgres/postgres.h"

struct key_text {
	char text[2 * STORE_KEY_SIZE + 1];
};

static struct key_text text_of_key(const uint8_t *key)
{
	struct key_text text;

	for (size_t i = 0; i < STORE_KEY_SIZE; i++) {
		snprintf(text.text + 2 * i, 3, "%02x", key[i]);
	}
	return text;
}

static int64_t get_number(const PGresult *result, int column)
{
	return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static void read_row(const PGresult *result, struct store_row *ret)
{
	ret->is_there = true;
	ret->outcome = (enum store_outcome)get_number(result, 0);
	snprintf(ret->topic, sizeof(ret->topic), "%s", PQgetvalue(result, 0, 1));
	ret->partition = (int32_t)get_number(result, 2);
	ret->offset = get_number(result, 3);
	ret->timestamp_ms = get_number(result, 4);
	ret->at_ms = get_number(result, 5);
	ret->left_us = get_number(result, 6);
	snprintf(ret->digest, sizeof(ret->digest), "%s", PQgetvalue(result, 0, 7));
	snprintf(ret->decision, sizeof(ret->decision), "%s", PQgetvalue(result, 0, 8));
}

enum store_failure pg_peek(
	struct store_session *session, const uint8_t *key, struct store_row *ret, struct err *err)
{
	struct key_text text = text_of_key(key);
	struct pg_ask ask = {
		.sql = "SELECT p.outcome, t.topic, p.partition, p.record_offset,"
		       " p.record_timestamp_ms, (extract(epoch FROM p.at) * 1000)::bigint,"
		       " (extract(epoch FROM p.until - clock_timestamp()) * 1000000)::bigint,"
		       " encode(p.digest, 'hex'), encode(p.decision, 'escape')"
		       " FROM onced.processed_events p JOIN onced.topics t ON t.id = p.topic"
		       " WHERE p.key = $1",
		.param_count = 1,
		.params = { text.text },
	};
	enum store_failure failure = pg_ask(pg_session(session), &ask, err);

	*ret = (struct store_row){ .partition = -1, .offset = -1, .timestamp_ms = -1, .at_ms = -1 };
	if (!failure && PQntuples(ask.result) > 0) {
		read_row(ask.result, ret);
	}
	PQclear(ask.result);
	return failure;
}

enum store_failure pg_forget(struct store_session *session, const uint8_t *key,
	enum store_forgotten *ret, struct err *err)
{
	static const enum store_forgotten results[] = { STORE_FORGOTTEN, STORE_NOTHING_TO_FORGET,
		STORE_STILL_RUNNING };
	struct key_text text = text_of_key(key);
	/* both parts see the table as it was before */
	struct pg_ask ask = {
		.sql = "WITH gone AS (DELETE FROM onced.processed_events WHERE key = $1"
		       " AND outcome <> 2 RETURNING key) SELECT CASE"
		       " WHEN EXISTS (SELECT FROM gone) THEN 0"
		       " WHEN EXISTS (SELECT FROM onced.processed_events WHERE key = $1) THEN 2"
		       " ELSE 1 END",
		.param_count = 1,
		.params = { text.text },
	};
	enum store_failure failure = pg_ask(pg_session(session), &ask, err);

	*ret = STORE_NOTHING_TO_FORGET;
	if (!failure) {
		*ret = results[get_number(ask.result, 0)];
	}
	PQclear(ask.result);
	return failure;
}
