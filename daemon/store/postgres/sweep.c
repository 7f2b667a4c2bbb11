/*
 * sweep - delete rows that are older than the retention, a few pages at a time
 *
 * Runs in: the session's thread, with no transaction open. Two transactions a step: one that takes
 * or renews the turn (a row of onced.sweeps, so that it works behind a pooler, too) and reads how
 * far the pass is; one that deletes and moves on. Each is sent whole: a client that stops holds no
 * lock longer than the server needs for the statement.
 *
 * A row that is still leased though its record was passed (skipped, or offsets set by hand) goes a
 * retention after its lease ended: nobody comes back for it.
 *
 * A pass goes over the table's pages in their order. The index on `at` would not help: space is
 * used again, so that soon every range of pages has held old rows, and its summary never forgets.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/failpoint.h"
#include "base/memory.h"
#include "store/postgres/postgres.h"

enum { ROWS_A_PAGE = 64, ATTEMPTS_A_STEP = 5000 };

/* The owner's time: many steps, and soon over when he is dead. */
#define TURN "interval '10 seconds'"
/* A wait is at least so long: nobody asks in a circle. */
#define WAIT_MIN_US ((int64_t)100 * 1000)

/* $1 scope, $2 owner, $3 interval between passes in microseconds */
static const char take_turn_sql[] =
	"INSERT INTO onced.sweeps AS row (scope, owner, until)"
	" VALUES ($1, $2, clock_timestamp() + " TURN ") ON CONFLICT (scope) DO UPDATE"
	" SET owner = excluded.owner, until = excluded.until"
	" WHERE row.ended_at + $3::bigint * interval '1 microsecond' <= clock_timestamp()"
	" AND (row.owner = excluded.owner OR row.until < clock_timestamp())"
	" RETURNING part, page";

static const char wait_sql[] =
	"SELECT (extract(epoch FROM greatest(ended_at + $3::bigint * interval '1 microsecond',"
	" CASE WHEN owner = $2::bytea THEN '-infinity' ELSE until END) - clock_timestamp())"
	" * 1000000)::bigint FROM onced.sweeps WHERE scope = $1";

/* The table itself, or one of its partitions: name, pages, how many there are. $1 which */
static const char part_sql[] =
	"SELECT format('%I.%I', n.nspname, c.relname),"
	" pg_relation_size(c.oid) / current_setting('block_size')::integer,"
	" count(*) OVER () FROM pg_catalog.pg_class c"
	" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	" WHERE (c.oid = 'onced.processed_events'::regclass AND c.relkind = 'r')"
	" OR c.oid IN (SELECT inhrelid FROM pg_catalog.pg_inherits"
	" WHERE inhparent = 'onced.processed_events'::regclass)"
	" ORDER BY length(c.relname), c.relname OFFSET $1 LIMIT 1";

/*
 * %s: the part. $1 scope, $2 retention in microseconds, $3 group, $4 and $5 the pages, $6 owner,
 * $7 and $8 where the next step begins, $9 the pass is over, $10 the scope's own row. `at` stands
 * inside an expression, so that no plan but the one by pages is left. Of earlier generations, which
 * have smaller numbers, everything goes.
 */
static const char delete_sql[] =
	"WITH gone AS (DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT p.ctid FROM %s p"
	" LEFT JOIN onced.partitions_seen s ON s.group_id = $3 AND s.topic = p.topic"
	" AND s.partition = p.partition AND p.record_offset < s.committed"
	" WHERE p.ctid >= $4::tid AND p.ctid < $5::tid"
	" AND ((p.scope = $1::smallint AND s.group_id IS NOT NULL"
	" AND CASE WHEN p.outcome < 2 THEN p.at ELSE p.until END"
	" + $2::bigint * interval '1 microsecond' < now()) OR p.scope IN (SELECT o.id"
	" FROM onced.scopes o WHERE o.id < $1::smallint AND $10::smallint IN (o.id, o.base)))"
	" FOR UPDATE OF p SKIP LOCKED)) RETURNING 1),"
	" moved AS (UPDATE onced.sweeps SET part = $7::integer, page = $8::bigint,"
	" ended_at = CASE WHEN $9::boolean THEN clock_timestamp() ELSE ended_at END"
	" WHERE scope = $1::smallint AND owner = $6::bytea)"
	" SELECT count(*) FROM gone";

/* $1 group, $2 retention in microseconds, $3 how many */
static const char attempts_sql[] =
	"DELETE FROM onced.delivery_attempts WHERE ctid = ANY (ARRAY(SELECT a.ctid"
	" FROM onced.delivery_attempts a JOIN onced.partitions_seen s"
	" USING (group_id, topic, partition) WHERE a.group_id = $1"
	" AND a.record_offset < s.committed AND a.last_failure_ms + $2::bigint / 1000"
	" < extract(epoch FROM now()) * 1000 LIMIT $3 FOR UPDATE OF a SKIP LOCKED))";

struct text {
	char text[48];
};

static struct text number(int64_t value)
{
	struct text text;

	snprintf(text.text, sizeof(text.text), "%" PRId64, value);
	return text;
}

static struct text hex(const uint8_t *bytes, size_t len)
{
	struct text text = { "\\x" };

	for (size_t i = 0; i < len; i++) {
		snprintf(text.text + 2 + 2 * i, 3, "%02x", bytes[i]);
	}
	return text;
}

static int64_t get_number(const PGresult *result, int column)
{
	return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

/* How far the pass is, and what every statement is told. */
struct step {
	struct text scope, owner, interval, retention;
	int64_t part, page;
	char *name; /* of the part, quoted; NULL: there is none any more */
	int64_t pages, parts;
};

static enum store_failure take_turn(
	struct pg_session *pg, struct step *step, bool *ret_is_mine, struct err *err)
{
	struct pg_ask ask = {
		.sql = take_turn_sql,
		.param_count = 3,
		.params = { step->scope.text, step->owner.text, step->interval.text },
	};
	enum store_failure failure = pg_ask(pg, &ask, err);

	*ret_is_mine = !failure && PQntuples(ask.result) > 0;
	if (*ret_is_mine) {
		step->part = get_number(ask.result, 0);
		step->page = get_number(ask.result, 1);
	}
	PQclear(ask.result);
	return failure;
}

static enum store_failure find_wait(
	struct pg_session *pg, const struct step *step, int64_t *ret_us, struct err *err)
{
	struct pg_ask ask = {
		.sql = wait_sql,
		.param_count = 3,
		.params = { step->scope.text, step->owner.text, step->interval.text },
	};
	enum store_failure failure = pg_ask(pg, &ask, err);
	int64_t us = !failure && PQntuples(ask.result) > 0 ? get_number(ask.result, 0) : 0;

	*ret_us = us < WAIT_MIN_US ? WAIT_MIN_US : us;
	PQclear(ask.result);
	return failure;
}

static enum store_failure find_part(struct pg_session *pg, struct step *step, struct err *err)
{
	struct text part = number(step->part);
	struct pg_ask ask = { .sql = part_sql, .param_count = 1, .params = { part.text } };
	enum store_failure failure = pg_ask(pg, &ask, err);

	if (!failure && PQntuples(ask.result) > 0) {
		step->name = xstrdup(PQgetvalue(ask.result, 0, 0));
		step->pages = get_number(ask.result, 1);
		step->parts = get_number(ask.result, 2);
	}
	PQclear(ask.result);
	return failure;
}

static enum store_failure delete_attempts(
	struct pg_session *pg, const struct step *step, struct err *err)
{
	struct text limit = number(ATTEMPTS_A_STEP);
	struct pg_ask ask = {
		.sql = attempts_sql,
		.param_count = 3,
		.params = { pg->store->options.group_id, step->retention.text, limit.text },
	};
	enum store_failure failure = pg_ask(pg, &ask, err);

	PQclear(ask.result);
	return failure;
}

static enum store_failure delete_rows(
	struct pg_session *pg, const struct step *step, struct store_sweep *sweep, struct err *err)
{
	int64_t end = step->page + (sweep->rows + ROWS_A_PAGE - 1) / ROWS_A_PAGE;
	bool is_part_over = end >= step->pages;
	struct text part = number(is_part_over ? step->part + 1 : step->part);
	struct text page = number(is_part_over ? 0 : end);
	struct text from, to;
	_cleanup_free_ char *sql = xasprintf(delete_sql, step->name, step->name);
	struct text base = number(pg->base_id);
	struct pg_ask ask = { .sql = sql, .param_count = 10 };
	enum store_failure failure;

	sweep->is_pass_over = is_part_over && step->part + 1 >= step->parts;
	if (sweep->is_pass_over) {
		part = number(0);
	}
	snprintf(from.text, sizeof(from.text), "(%" PRId64 ",0)", step->page);
	snprintf(to.text, sizeof(to.text), "(%" PRId64 ",0)", end);
	ask.params[0] = step->scope.text;
	ask.params[1] = step->retention.text;
	ask.params[2] = pg->store->options.group_id;
	ask.params[3] = from.text;
	ask.params[4] = to.text;
	ask.params[5] = step->owner.text;
	ask.params[6] = part.text;
	ask.params[7] = page.text;
	ask.params[8] = sweep->is_pass_over ? "t" : "f";
	ask.params[9] = base.text;
	failure = pg_ask(pg, &ask, err);
	if (!failure) {
		sweep->deleted = (uint64_t)get_number(ask.result, 0);
	} else {
		sweep->is_pass_over = false;
	}
	PQclear(ask.result);
	return failure;
}

static enum store_failure sweep_part(
	struct pg_session *pg, struct step *step, struct store_sweep *sweep, struct err *err)
{
	enum store_failure failure = find_part(pg, step, err);

	if (!failure && !step->name) { /* there are fewer parts than before: from the first again */
		step->part = step->page = 0;
		failure = find_part(pg, step, err);
	}
	if (!failure && !step->name) {
		err_set(err, 0, "onced.processed_events has no partition");
		return STORE_UNAVAILABLE;
	}
	if (failure) {
		return failure;
	}
	if (step->part == 0 && step->page == 0) {
		failure = delete_attempts(pg, step, err);
	}
	FAILPOINT("in_sweep");
	return failure ? failure : delete_rows(pg, step, sweep, err);
}

enum store_failure pg_sweep(
	struct store_session *session, struct store_sweep *sweep, struct err *err)
{
	struct pg_session *pg = pg_session(session);
	int64_t retention_us = pg->store->options.retention_us;
	struct step step = {
		.scope = number(pg->scope_id),
		.owner = hex(sweep->owner, STORE_OWNER_SIZE),
		.interval = number(store_sweep_interval_us(retention_us)),
		.retention = number(retention_us),
	};
	enum store_failure failure;
	bool is_mine;

	sweep->deleted = 0;
	sweep->is_pass_over = false;
	sweep->wait_us = 0;
	failure = take_turn(pg, &step, &is_mine, err);
	if (!failure && !is_mine) {
		failure = find_wait(pg, &step, &sweep->wait_us, err);
	} else if (!failure) {
		failure = sweep_part(pg, &step, sweep, err);
	}
	free(step.name);
	return failure;
}
