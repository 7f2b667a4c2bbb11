/*
 * cases_sweep - what is forgotten with time, what a person looks at, and what he forgets
 */
#include <stdio.h>
#include <string.h>

#include "cases.h"

#define DAY_US ((int64_t)86400 * 1000000)

/* The text for the database under test. */
static const char *either(const struct bench *bench, const char *postgres, const char *sqlite)
{
	return bench->is_postgres ? postgres : sqlite;
}

/* A second store, whose options keep ids for a week, and its session. */
struct sweeper {
	struct store *store;
	struct store_session *session;
};

static struct sweeper sweeper_open(const struct bench *bench)
{
	struct store_options options = bench->options;
	struct sweeper sweeper;

	options.retention_us = 7 * DAY_US;
	sweeper.store = bench_open_store(bench, &options);
	sweeper.session = bench_open_session(sweeper.store);
	return sweeper;
}

static void sweeper_close(struct sweeper *sweeper)
{
	sweeper->store->ops->session_close(sweeper->session);
	sweeper->store->ops->close(sweeper->store);
}

static struct store_sweep sweep_once(struct sweeper *sweeper, uint8_t owner, unsigned rows)
{
	struct store_sweep sweep = { .rows = rows };
	struct err err = ERR_INIT;

	memset(sweep.owner, owner, sizeof(sweep.owner));
	if (sweeper->session->ops->sweep(sweeper->session, &sweep, &err) != STORE_OK) {
		fail_msg("sweep: %s", err.text);
	}
	return sweep;
}

/* Steps until the pass is over; how many rows went. */
static uint64_t sweep_pass(struct sweeper *sweeper, unsigned rows, unsigned *ret_steps)
{
	struct store_sweep sweep;
	uint64_t deleted = 0;

	*ret_steps = 0;
	do {
		sweep = sweep_once(sweeper, 1, rows);
		assert_int_equal(sweep.wait_us, 0);
		deleted += sweep.deleted;
		(*ret_steps)++;
		assert_true(*ret_steps < 1000);
	} while (!sweep.is_pass_over);
	return deleted;
}

static void put_seen(struct bench *bench, int32_t partition, int64_t committed)
{
	struct err err = ERR_INIT;

	assert_int_equal(bench->session->ops->put_seen(bench->session, SLICE_LITERAL("orders"),
				 partition, committed, &err),
		STORE_OK);
}

static void claim_at(struct bench *bench, const char *id, int32_t partition, int64_t offset)
{
	struct store_claim claim = claim_of(id, offset);

	claim.position.partition = partition;
	assert_int_equal(claim_alone(bench->session, claim), CLAIM_NEW);
}

static void make_old(struct bench *bench, const char *condition)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "UPDATE %s WHERE %s",
		either(bench, "onced.processed_events SET at = now() - interval '8 days'",
			"onced_processed_events SET at = at - 8 * 86400000 + record_offset"),
		condition);
	side_run(bench->side, sql);
}

static void make_all_old(struct bench *bench)
{
	make_old(bench, "1 = 1");
}

static long count_rows(struct bench *bench)
{
	return side_number(bench->side,
		either(bench, "SELECT count(*) FROM onced.processed_events",
			"SELECT count(*) FROM onced_processed_events"));
}

static void claim_many(struct bench *bench, int count)
{
	static struct store_claim claims[2000];
	static char ids[2000][16];

	assert_true(count <= 2000);
	for (int i = 0; i < count; i++) {
		snprintf(ids[i], sizeof(ids[i]), "m%06d", i);
		claims[i] = claim_of(ids[i], i);
	}
	begin_claim(bench->session, claims, (size_t)count);
	commit(bench->session);
}

/* ---- what goes ---- */

static void only_what_ended_is_old_and_committed_is_swept(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	struct store_claim dead = claim_of("dead", 11), leased = claim_of("leased", 12);
	struct store_lease lease = { .lease_us = 60 * 1000000 };
	unsigned steps;

	claim_at(bench, "old", 0, 10);
	bench->session->ops->begin(bench->session);
	bench->session->ops->decide_dlq(bench->session, &dead, SLICE_LITERAL("why"));
	commit(bench->session);
	bench->session->ops->begin(bench->session);
	bench->session->ops->lease(bench->session, &lease, &leased, 1);
	commit(bench->session);
	claim_at(bench, "young", 0, 13);
	claim_at(bench, "not committed", 0, 50);
	claim_at(bench, "elsewhere", 1, 10);
	put_seen(bench, 0, 50);
	make_old(bench, "record_offset <> 13");

	assert_int_equal(sweep_pass(&sweeper, 1000, &steps), 2);
	assert_int_equal(claim_alone(bench->session, claim_of("old", 100)), CLAIM_NEW);
	assert_int_equal(claim_alone(bench->session, claim_of("dead", 101)), CLAIM_NEW);
	assert_int_equal(claim_alone(bench->session, claim_of("leased", 102)), CLAIM_BUSY);
	assert_int_equal(claim_alone(bench->session, claim_of("young", 103)), CLAIM_DUPLICATE);
	assert_int_equal(
		claim_alone(bench->session, claim_of("not committed", 104)), CLAIM_DUPLICATE);
	assert_int_equal(claim_alone(bench->session, claim_of("elsewhere", 105)), CLAIM_DUPLICATE);
	sweeper_close(&sweeper);
}

/* Leased, and its lease ended so many days ago. */
static void abandon_at(struct bench *bench, const char *id, int64_t offset, int days)
{
	struct store_claim claim = claim_of(id, offset);
	struct store_lease lease = { .lease_us = 60 * 1000000 };
	char sql[200];

	bench->session->ops->begin(bench->session);
	bench->session->ops->lease(bench->session, &lease, &claim, 1);
	commit(bench->session);
	snprintf(sql, sizeof(sql), "UPDATE %s %d %s WHERE record_offset = %d",
		either(bench, "onced.processed_events SET until = now() -",
			"onced_processed_events SET until = until -"),
		days, either(bench, "* interval '1 day'", "* 86400000"), (int)offset);
	side_run(bench->side, sql);
}

static void a_lease_that_nobody_came_back_for_is_swept(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	unsigned steps;

	abandon_at(bench, "passed", 10, 8);
	abandon_at(bench, "passed lately", 11, 6);
	abandon_at(bench, "not committed", 60, 8);
	put_seen(bench, 0, 50);
	make_all_old(bench);
	assert_int_equal(sweep_pass(&sweeper, 1000, &steps), 1);
	assert_int_equal(count_rows(bench), 2);
	assert_int_equal(claim_alone(bench->session, claim_of("passed", 10)), CLAIM_NEW);
	sweeper_close(&sweeper);
}

static void another_scope_is_not_swept(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct sweeper sweeper;
	unsigned steps;

	options.scope = "refunds";
	options.retention_us = 7 * DAY_US;
	claim_at(bench, "a", 0, 1);
	put_seen(bench, 0, 50);
	make_all_old(bench);
	sweeper.store = bench_open_store(bench, &options);
	sweeper.session = bench_open_session(sweeper.store);
	assert_int_equal(sweep_pass(&sweeper, 1000, &steps), 0);
	assert_int_equal(count_rows(bench), 1);
	sweeper_close(&sweeper);
}

static void stale_attempts_go_with_the_rows(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	struct store_attempts attempts = {
		.position = { SLICE_LITERAL("orders"), 0, 10, 1700000000000 },
		.attempts = 3,
		.last_failure_ms = 1700000000000,
	};
	const char *count = either(bench, "SELECT count(*) FROM onced.delivery_attempts",
		"SELECT count(*) FROM onced_delivery_attempts");
	unsigned steps;

	bench->session->ops->begin(bench->session);
	bench->session->ops->put_attempts(bench->session, &attempts);
	attempts.position.offset = 50;
	bench->session->ops->put_attempts(bench->session, &attempts);
	commit(bench->session);
	put_seen(bench, 0, 50);
	sweep_pass(&sweeper, 1000, &steps);
	assert_int_equal(side_number(bench->side, count), 1);
	sweeper_close(&sweeper);
}

/* ---- how it goes ---- */

static void a_pass_takes_small_steps(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	unsigned steps;

	claim_many(bench, 2000);
	put_seen(bench, 0, 1500);
	make_all_old(bench);
	assert_int_equal(sweep_pass(&sweeper, 200, &steps), 1500);
	assert_true(steps >= 5);
	assert_int_equal(count_rows(bench), 500);
	sweeper_close(&sweeper);
}

static void the_next_pass_waits_for_its_time(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	struct store_sweep sweep;
	unsigned steps;

	sweep_pass(&sweeper, 1000, &steps);
	sweep = sweep_once(&sweeper, 1, 1000);
	assert_true(sweep.wait_us > DAY_US / 4 && sweep.wait_us < DAY_US / 2);
	assert_false(sweep.is_pass_over);
	sweeper_close(&sweeper);
}

static void one_owner_at_a_time_sweeps(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	struct store_sweep mine, other;

	claim_many(bench, 2000);
	put_seen(bench, 0, 5000);
	make_all_old(bench);
	mine = sweep_once(&sweeper, 1, 200);
	assert_true(mine.wait_us == 0 && !mine.is_pass_over);
	other = sweep_once(&sweeper, 2, 200);
	assert_int_equal(other.deleted, 0);
	assert_true(other.wait_us > 1000000 && other.wait_us <= 10 * 1000000);
	sweeper_close(&sweeper);
}

static void the_next_owner_goes_on_where_a_dead_one_stopped(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	struct store_sweep first, second;

	claim_many(bench, 2000);
	put_seen(bench, 0, 5000);
	make_all_old(bench);
	first = sweep_once(&sweeper, 1, 200);
	/* were it to begin anew, it would find these again */
	put_seen(bench, 0, 0);
	side_run(bench->side,
		either(bench, "UPDATE onced.sweeps SET until = now() - interval '1 second'",
			"UPDATE onced_sweeps SET until = 0"));
	for (int i = 0; i < 3; i++) {
		second = sweep_once(&sweeper, 2, 200);
		assert_int_equal(second.wait_us, 0);
	}
	assert_true(side_number(bench->side,
			    either(bench, "SELECT part + page FROM onced.sweeps",
				    "SELECT swept_to > 0 FROM onced_sweeps")) > 0);
	assert_int_equal(count_rows(bench), 2000 - (long)first.deleted);
	sweeper_close(&sweeper);
}

static void a_row_that_somebody_holds_is_passed_over(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper;
	struct side *holder;
	unsigned steps;

	sweeper = sweeper_open(bench);
	holder = side_open(bench);
	claim_at(bench, "held", 0, 1);
	claim_at(bench, "free", 0, 2);
	put_seen(bench, 0, 5);
	make_all_old(bench);
	side_run(holder, "BEGIN");
	side_run(
		holder, "UPDATE onced.processed_events SET event_id = 'x' WHERE record_offset = 1");
	assert_int_equal(sweep_pass(&sweeper, 1000, &steps), 1);
	side_run(holder, "ROLLBACK");
	assert_int_equal(count_rows(bench), 1);
	side_close(holder);
	sweeper_close(&sweeper);
}

static void a_sweep_that_is_turned_away_deletes_nothing(void **state)
{
	struct bench *bench = *state;
	struct sweeper sweeper = sweeper_open(bench);
	struct store_sweep sweep = { .rows = 100, .deleted = 77 };
	struct err err = ERR_INIT;

	claim_at(bench, "a", 0, 1);
	put_seen(bench, 0, 5);
	make_all_old(bench);
	side_run(bench->side,
		either(bench, "ALTER TABLE onced.sweeps RENAME TO away",
			"ALTER TABLE onced_sweeps RENAME TO away"));
	assert_int_not_equal(sweeper.session->ops->sweep(sweeper.session, &sweep, &err), STORE_OK);
	assert_int_equal(sweep.deleted, 0);
	assert_int_equal(count_rows(bench), 1);
	side_run(bench->side,
		either(bench, "ALTER TABLE onced.away RENAME TO sweeps",
			"ALTER TABLE away RENAME TO onced_sweeps"));
	assert_int_equal(sweep_once(&sweeper, 1, 100).deleted, 1);
	sweeper_close(&sweeper);
}

/* ---- one key ---- */

static struct store_row peek(struct bench *bench, const struct store_claim *claim)
{
	struct store_row row;
	struct err err = ERR_INIT;

	assert_int_equal(
		bench->session->ops->peek(bench->session, claim->key, &row, &err), STORE_OK);
	return row;
}

static enum store_forgotten forget(struct bench *bench, const struct store_claim *claim)
{
	enum store_forgotten forgotten;
	struct err err = ERR_INIT;

	assert_int_equal(bench->session->ops->forget(bench->session, claim->key, &forgotten, &err),
		STORE_OK);
	return forgotten;
}

static void a_row_can_be_looked_at(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 7);
	struct store_row row = peek(bench, &claim);

	assert_false(row.is_there);
	assert_int_equal(claim_alone(bench->session, claim), CLAIM_NEW);
	row = peek(bench, &claim);
	assert_true(row.is_there);
	assert_int_equal(row.outcome, STORE_OUTCOME_DONE);
	assert_string_equal(row.topic, "orders");
	assert_int_equal(row.partition, 0);
	assert_int_equal(row.offset, 7);
	assert_int_equal(row.timestamp_ms, 1700000000000);
	assert_true(row.at_ms > 1700000000000);
	assert_string_equal(row.decision, "");
}

static void a_dead_letters_row_says_why(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 7);
	struct store_row row;

	bench->session->ops->begin(bench->session);
	bench->session->ops->decide_dlq(bench->session, &claim, SLICE_LITERAL("rejected 23505"));
	commit(bench->session);
	row = peek(bench, &claim);
	assert_int_equal(row.outcome, STORE_OUTCOME_DLQ);
	assert_string_equal(row.decision, "rejected 23505");
}

static void what_ended_can_be_forgotten_once(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 7);

	assert_int_equal(claim_alone(bench->session, claim), CLAIM_NEW);
	assert_int_equal(forget(bench, &claim), STORE_FORGOTTEN);
	assert_int_equal(forget(bench, &claim), STORE_NOTHING_TO_FORGET);
	assert_false(peek(bench, &claim).is_there);
	assert_int_equal(claim_alone(bench->session, claim), CLAIM_NEW);
}

static void what_is_being_worked_on_cannot_be_forgotten(void **state)
{
	struct bench *bench = *state;
	struct store_claim claim = claim_of("a", 7);
	struct store_lease lease = { .lease_us = 60 * 1000000 };
	struct store_row row;

	bench->session->ops->begin(bench->session);
	bench->session->ops->lease(bench->session, &lease, &claim, 1);
	commit(bench->session);
	assert_int_equal(forget(bench, &claim), STORE_STILL_RUNNING);
	row = peek(bench, &claim);
	assert_int_equal(row.outcome, STORE_OUTCOME_RUNNING);
	assert_true(row.left_us > 30 * 1000000 && row.left_us <= 60 * 1000000);
}

static const struct CMUnitTest cases[] = {
	CASE(only_what_ended_is_old_and_committed_is_swept),
	CASE(a_lease_that_nobody_came_back_for_is_swept),
	CASE(another_scope_is_not_swept),
	CASE(stale_attempts_go_with_the_rows),
	CASE(a_pass_takes_small_steps),
	CASE(the_next_pass_waits_for_its_time),
	CASE(one_owner_at_a_time_sweeps),
	CASE(the_next_owner_goes_on_where_a_dead_one_stopped),
	CASE(a_sweep_that_is_turned_away_deletes_nothing),
	CASE(a_row_can_be_looked_at),
	CASE(a_dead_letters_row_says_why),
	CASE(what_ended_can_be_forgotten_once),
	CASE(what_is_being_worked_on_cannot_be_forgotten),
};

CASE_LIST(sweep_cases, cases);

/* SQLite's writers hold the whole file. */
static const struct CMUnitTest held_cases[] = { CASE(a_row_that_somebody_holds_is_passed_over) };

CASE_LIST(postgres_sweep_cases, held_cases);
