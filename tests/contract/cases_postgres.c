/*
 * cases_postgres - what only Postgres can show while the connection lives: locks, plans, settings
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cases.h"
#include "event/event_id.h"

#define FOREIGN_WAITS                                                                              \
	"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"                     \
	" AND datname = current_database() AND application_name = ''"

static void queue_lock(struct store_session *session, const char *id, uint32_t tag)
{
	struct store_value value = text_of(id);

	session->ops->statement(session, LOCK_EFFECT, &value, 1, tag);
}

/* ---- locks ---- */

struct waiter {
	struct side *side;
	const char *sql;
};

static void *run_waiting(void *arg)
{
	struct waiter *waiter = arg;

	side_run(waiter->side, waiter->sql);
	return NULL;
}

/* A backend looks for a deadlock once, a while after it began to wait: here only ours does. */
static void a_deadlock_is_a_conflict_at_the_statement_that_met_it(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct waiter foreign = { .side = side_open(bench),
		.sql = "UPDATE effects SET note = 'foreign' WHERE id = 'a'" };
	struct store_flight flight;
	pthread_t thread;

	side_run(bench->side, "INSERT INTO effects VALUES ('a', ''), ('b', '')");
	side_run(foreign.side, "SET deadlock_timeout = '10min'");
	side_run(foreign.side, "BEGIN");
	side_run(foreign.side, "UPDATE effects SET note = 'foreign' WHERE id = 'b'");
	session->ops->begin(session);
	queue_lock(session, "a", 1);
	flush_expect(session, STORE_OK);
	pthread_create(&thread, NULL, run_waiting, &foreign);
	side_wait(bench->side, FOREIGN_WAITS, 1);
	queue_lock(session, "b", 2);
	flight = flush_expect(session, STORE_CONFLICT);
	pthread_join(thread, NULL);
	assert_int_equal(flight.tag, 2);
	assert_string_equal(flight.err.code, "40P01");
	assert_true(flight.in_transaction);
	rollback(session);
	side_close(foreign.side);
}

enum { SHARED_IDS = 200, SHARED_ROUNDS = 10 };

struct claimer {
	struct store_session *session;
	size_t new_count;
};

static void *claim_all(void *arg)
{
	struct claimer *claimer = arg;
	struct store_claim *claims = xcalloc(SHARED_IDS, sizeof(*claims));
	char id[16];

	for (int round = 0; round < SHARED_ROUNDS; round++) {
		for (int i = 0; i < SHARED_IDS; i++) {
			snprintf(id, sizeof(id), "%02d-%04d", round, i);
			claims[i] = claim_of(id, i);
			claims[i].event_id = SLICE_NULL;
		}
		begin_claim(claimer->session, claims, SHARED_IDS);
		commit(claimer->session);
		for (int i = 0; i < SHARED_IDS; i++) {
			claimer->new_count += claims[i].verdict == CLAIM_NEW;
		}
	}
	free(claims);
	return NULL;
}

static void sorted_claims_of_two_lanes_never_deadlock(void **state)
{
	struct bench *bench = *state;
	struct claimer claimers[2] = { { bench->session, 0 },
		{ bench_open_session(bench->store), 0 } };
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		pthread_create(&threads[i], NULL, claim_all, &claimers[i]);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(claimers[0].new_count + claimers[1].new_count, SHARED_IDS * SHARED_ROUNDS);
	claimers[1].session->ops->session_close(claimers[1].session);
}

static struct store *impatient_store(struct bench *bench, struct store_session **ret_session)
{
	struct store_options options = bench->options;
	struct store *store;

	options.lock_timeout_us = 100000;
	store = bench_open_store(bench, &options);
	*ret_session = bench_open_session(store);
	return store;
}

static void a_lock_held_too_long_is_a_conflict(void **state)
{
	struct bench *bench = *state;
	struct side *foreign = side_open(bench);
	struct store_session *session;
	struct store *store = impatient_store(bench, &session);
	struct store_flight flight;

	side_run(bench->side, "INSERT INTO effects VALUES ('a', '')");
	side_run(foreign, "BEGIN");
	side_run(foreign, "UPDATE effects SET note = 'foreign' WHERE id = 'a'");
	session->ops->begin(session);
	queue_lock(session, "a", 9);
	flight = flush_expect(session, STORE_CONFLICT);
	assert_int_equal(flight.tag, 9);
	assert_string_equal(flight.err.code, "55P03");
	side_close(foreign);
	session->ops->session_close(session);
	store->ops->close(store);
}

static void an_id_in_other_hands_too_long_is_a_conflict_of_the_claim(void **state)
{
	struct bench *bench = *state;
	struct store_session *session;
	struct store *store = impatient_store(bench, &session);
	struct store_claim claim = claim_of("a", 1), same = claim_of("a", 1);
	struct store_flight flight;

	begin_claim(bench->session, &claim, 1);
	session->ops->begin(session);
	session->ops->claim(session, &same, 1);
	flight = flush_expect(session, STORE_CONFLICT);
	assert_int_equal(flight.op, STORE_OP_CLAIM);
	rollback(bench->session);
	session->ops->session_close(session);
	store->ops->close(store);
}

/* ---- claims ---- */

static void a_row_that_vanished_before_it_was_found_is_claimed_again(void **state)
{
	struct bench *bench = *state;

	side_run(bench->side, "CREATE SEQUENCE tries");
	side_run(bench->side,
		"CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS"
		" 'BEGIN IF nextval(''tries'') <= 2 THEN RETURN NULL; END IF; RETURN NEW; END'");
	side_run(bench->side,
		"CREATE TRIGGER vanish BEFORE INSERT ON onced.processed_events"
		" FOR EACH ROW EXECUTE FUNCTION vanish()");
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
	assert_int_equal(side_number(bench->side, "SELECT last_value FROM tries"), 3);
}

static void a_row_that_never_stays_is_a_conflict(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("a", 1);
	struct store_flight flight;

	side_run(bench->side,
		"CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS"
		" 'BEGIN RETURN NULL; END'");
	side_run(bench->side,
		"CREATE TRIGGER vanish BEFORE INSERT ON onced.processed_events"
		" FOR EACH ROW EXECUTE FUNCTION vanish()");
	session->ops->begin(session);
	session->ops->claim(session, &claim, 1);
	flight = flush_expect(session, STORE_CONFLICT);
	assert_int_equal(flight.op, STORE_OP_CLAIM);
	rollback(session);
}

static void the_sql_function_gives_the_programs_key(void **state)
{
	struct bench *bench = *state;
	struct dedup_key key = event_dedup_key(SLICE_LITERAL("scope \xc3\xa4"),
		SLICE_LITERAL("orders"), SLICE_LITERAL("id-\xe2\x82\xac"));
	char sql[256], *at = sql;

	at += sprintf(at,
		"SELECT (onced.event_key('scope \xc3\xa4', 'orders', 'id-\xe2\x82\xac')"
		" = '");
	for (size_t i = 0; i < DEDUP_KEY_SIZE; i++) {
		at += sprintf(at, "%02x", key.bytes[i]);
	}
	strcpy(at, "'::uuid)::integer");
	assert_int_equal(side_number(bench->side, sql), 1);
}

/* ---- pipeline ---- */

/* Ten megabytes each way, far beyond the buffers of a socket. */
static void large_answers_to_large_flights_do_not_block_each_other(void **state)
{
	enum { COUNT = 500, NOTE_BYTES = 20000 };
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	char *note = xmalloc(NOTE_BYTES + 1);
	struct store_value values[] = { text_of("a"), { STORE_VALUE_TEXT, { note, NOTE_BYTES } } };

	memset(note, 'x', NOTE_BYTES);
	session->ops->begin(session);
	for (uint32_t i = 0; i < COUNT; i++) {
		session->ops->statement(session, ECHO_EFFECT, values, 2, i);
	}
	commit(session);
	expect_effects(bench, COUNT);
	free(note);
}

static void a_plan_that_no_longer_fits_its_table_is_nobodys_fault(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_value values[] = { text_of("a"), text_of("x") };

	session->ops->begin(session);
	session->ops->statement(session, ECHO_EFFECT, values, 2, 1);
	commit(session);
	side_run(bench->side, "ALTER TABLE effects ADD COLUMN extra integer");
	session->ops->begin(session);
	session->ops->statement(session, ECHO_EFFECT, values, 2, 1);
	session->ops->commit(session);
	flush_expect(session, STORE_CONFLICT);
	rollback(session);
	session->ops->begin(session);
	session->ops->statement(session, ECHO_EFFECT, values, 2, 1);
	commit(session);
	expect_effects(bench, 2);
}

static void prepared_statements_that_were_taken_away_are_made_again(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct err err = ERR_INIT;

	side_run(bench->side,
		"CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS"
		" 'BEGIN EXECUTE ''DEALLOCATE ALL''; RETURN NEW; END'");
	side_run(bench->side,
		"CREATE TRIGGER forget BEFORE INSERT ON effects"
		" FOR EACH ROW EXECUTE FUNCTION forget()");
	session->ops->begin(session);
	queue_effect(session, "a", "x", 1);
	queue_effect(session, "b", "x", 2);
	flush_expect(session, STORE_UNAVAILABLE);
	side_run(bench->side, "DROP TRIGGER forget ON effects");
	rollback(session);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	session->ops->begin(session);
	queue_effect(session, "a", "x", 1);
	commit(session);
	expect_effects(bench, 1);
}

/* ---- settings and texts ---- */

static void every_transaction_sets_what_it_relies_on(void **state)
{
	struct bench *bench = *state;
	struct store_session *session;

	side_run(bench->side,
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off',"
		" current_database()); EXECUTE format('ALTER DATABASE %I SET search_path = "
		"nowhere',"
		" current_database()); EXECUTE format('ALTER DATABASE %I SET"
		" default_transaction_isolation = serializable', current_database()); END $$");
	side_run(bench->side,
		"CREATE FUNCTION note_settings() RETURNS trigger LANGUAGE plpgsql AS"
		" 'BEGIN NEW.note = concat_ws('','', current_setting(''synchronous_commit''),"
		" current_setting(''transaction_isolation''), "
		"current_setting(''statement_timeout''),"
		" current_setting(''lock_timeout''),"
		" current_setting(''idle_in_transaction_session_timeout'')); RETURN NEW; END'");
	side_run(bench->side,
		"CREATE TRIGGER note BEFORE INSERT ON effects"
		" FOR EACH ROW EXECUTE FUNCTION note_settings()");
	side_run(bench->side,
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET search_path',"
		" current_database()); END $$");
	session = bench_open_session(bench->store);
	session->ops->begin(session);
	queue_effect(session, "a", "x", 1);
	commit(session);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	session->ops->session_close(session);
	side_run(bench->side,
		"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL',"
		" current_database()); END $$");
	assert_int_equal(
		side_number(bench->side,
			"SELECT count(*) FROM effects WHERE note = 'on,read committed,5s,4s,10s'"),
		1);
}

static void no_search_path_is_needed(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store *store;
	struct store_session *session;
	char url[600];

	snprintf(url, sizeof(url), "%s&options=-csearch_path%%3Dnowhere", bench->url);
	options.url = url;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
}

static void messages_do_not_quote_data(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_value values[] = { text_of("card \"4111\" number"), text_of(NULL),
		text_of(NULL) };
	struct store_flight flight;

	session->ops->begin(session);
	session->ops->statement(session, INSERT_VALUE, values, 3, 1);
	flight = flush_expect(session, STORE_STATEMENT);
	assert_string_equal(flight.err.code, "22P02");
	assert_non_null(strstr(flight.err.text, "numeric"));
	assert_null(strstr(flight.err.text, "4111"));
	assert_null(strstr(flight.err.text, "card"));
	rollback(session);
}

static void a_database_that_turned_read_only_is_unavailable(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_flight flight;

	side_run(bench->side,
		"CREATE FUNCTION frost() RETURNS trigger LANGUAGE plpgsql AS"
		" 'BEGIN SET LOCAL transaction_read_only = on; RETURN NEW; END'");
	side_run(bench->side,
		"CREATE TRIGGER frost AFTER INSERT ON effects"
		" FOR EACH ROW EXECUTE FUNCTION frost()");
	session->ops->begin(session);
	queue_effect(session, "a", "x", 1);
	queue_effect(session, "b", "x", 2);
	flight = flush_expect(session, STORE_UNAVAILABLE);
	assert_string_equal(flight.err.code, "25006");
	rollback(session);
}

static const struct CMUnitTest cases[] = {
	CASE(a_deadlock_is_a_conflict_at_the_statement_that_met_it),
	CASE(sorted_claims_of_two_lanes_never_deadlock),
	CASE(a_lock_held_too_long_is_a_conflict),
	CASE(an_id_in_other_hands_too_long_is_a_conflict_of_the_claim),
	CASE(a_row_that_vanished_before_it_was_found_is_claimed_again),
	CASE(a_row_that_never_stays_is_a_conflict),
	CASE(the_sql_function_gives_the_programs_key),
	CASE(large_answers_to_large_flights_do_not_block_each_other),
	CASE(a_plan_that_no_longer_fits_its_table_is_nobodys_fault),
	CASE(prepared_statements_that_were_taken_away_are_made_again),
	CASE(every_transaction_sets_what_it_relies_on),
	CASE(no_search_path_is_needed),
	CASE(messages_do_not_quote_data),
	CASE(a_database_that_turned_read_only_is_unavailable),
};
CASE_LIST(postgres_cases, cases);
