/*
 * cases_postgres_fault - what happens when the connection does not live, or never came to be
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cases.h"
#include "proxy.h"
#include "store/stores.h"

/* Other runs of the contract have databases of their own on the same server. */
#define OURS " WHERE application_name = 'onced orders' AND datname = current_database()"
#define COUNT_BACKENDS "SELECT count(*) FROM pg_stat_activity" OURS
#define TERMINATE_BACKENDS "SELECT pg_terminate_backend(pid) FROM pg_stat_activity" OURS

static void terminate(struct bench *bench)
{
	side_run(bench->side, TERMINATE_BACKENDS);
	side_wait(bench->side, COUNT_BACKENDS, 0);
}

static const struct store_lease no_lease;

static const struct store_value set_values[] = { { STORE_VALUE_TEXT, SLICE_LITERAL("late") },
	{ STORE_VALUE_TEXT, SLICE_LITERAL("x") } };
static const struct store_value *const set_rows[] = { set_values, set_values };
static struct store_rows answer;

static void queue_op(struct store_session *session, enum store_op op, struct store_claim *claim)
{
	switch (op) {
	case STORE_OP_CLAIM:
		session->ops->claim(session, claim, 1);
		break;
	case STORE_OP_SAVEPOINT:
		session->ops->savepoint(session, 0);
		break;
	case STORE_OP_RELEASE:
		session->ops->release(session, 0);
		break;
	case STORE_OP_STATEMENT:
		queue_effect(session, "late", "x", 1);
		break;
	case STORE_OP_DECIDE:
		session->ops->decide_dlq(session, claim, SLICE_NULL);
		break;
	case STORE_OP_LEASE:
		session->ops->end_leases(session, &no_lease, STORE_LEASE_DONE, claim, 1);
		break;
	case STORE_OP_COMMIT:
		session->ops->commit(session);
		break;
	case STORE_OP_QUERY:
		session->ops->query(session, ALL_EFFECTS, NULL, 0, 1, &answer);
		break;
	case STORE_OP_SET:
		session->ops->statement_set(session, INSERT_EFFECT, set_rows, 2, 1);
		break;
	case STORE_OP_ROLLBACK:
		session->ops->rollback(session);
		break;
	default:
		session->ops->begin(session);
		break;
	}
}

/*
 * A backend that dies just before `op`: the flight is lost, nothing of it stays, the session comes
 * back.
 */
static void dies_before(struct bench *bench, enum store_op op)
{
	struct store_session *session = bench->session;
	struct store_claim claim = claim_of("a", 1);
	struct store_flight flight;
	struct err err = ERR_INIT;

	if (op != STORE_OP_BEGIN) {
		session->ops->begin(session);
		session->ops->savepoint(session, 0);
		queue_effect(session, "early", "x", 1);
		flush_expect(session, STORE_OK);
	}
	terminate(bench);
	queue_op(session, op, &claim);
	flight = flush_expect(session, STORE_LOST);
	assert_int_equal(flight.op, op);
	assert_false(flight.in_transaction);
	expect_effects(bench, 0);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	side_run(bench->side, "DELETE FROM onced.processed_events");
}

static void a_backend_may_die_before_any_operation(void **state)
{
	for (enum store_op op = STORE_OP_BEGIN; op <= STORE_OP_ROLLBACK; op++) {
		dies_before(*state, op);
	}
}

struct flier {
	struct store_session *session;
	struct store_flight flight;
};

static void *fly(void *arg)
{
	struct flier *flier = arg;

	flier->session->ops->flush(flier->session, &flier->flight);
	return NULL;
}

static void a_backend_may_die_in_the_middle_of_a_statement(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct flier flier = { .session = session };
	struct err err = ERR_INIT;
	pthread_t thread;

	session->ops->begin(session);
	queue_effect(session, "a", "x", 1);
	session->ops->statement(session, RUNS_FOR_EVER, NULL, 0, 2);
	session->ops->commit(session);
	pthread_create(&thread, NULL, fly, &flier);
	side_wait(bench->side, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
		1);
	terminate(bench);
	pthread_join(thread, NULL);
	assert_int_equal(flier.flight.failure, STORE_LOST);
	assert_string_equal(flier.flight.err.code, "57P01");
	expect_effects(bench, 0);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
}

static void a_connection_cut_while_idle_is_replaced_before_work_starts(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;

	terminate(bench);
	assert_int_equal(bench->session->ops->session_ready(bench->session, &err), 0);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
}

static void a_lost_answer_to_commit_is_found_out_by_claiming_again(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct proxy *proxy = proxy_open(bench->url);
	struct store_claim claim = claim_of("a", 1);
	struct store *store;
	struct store_session *session;
	struct store_flight flight;
	struct err err = ERR_INIT;
	char url[600];

	snprintf(url, sizeof(url), "%s&host=127.0.0.1&port=%d", bench->url, proxy_port(proxy));
	options.url = url;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	begin_claim(session, &claim, 1);
	queue_effect(session, "a", "once", 1);
	session->ops->commit(session);
	proxy_lose_next_answer(proxy);
	flight = flush_expect(session, STORE_LOST);
	assert_int_equal(flight.op, STORE_OP_COMMIT);
	assert_false(flight.in_transaction);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_DUPLICATE);
	expect_effects(bench, 1);
	session->ops->session_close(session);
	store->ops->close(store);
	proxy_close(proxy);
}

/* TCP sees nothing of it: the peer acknowledges, and never says anything again. */
static void expect_silence_to_end(struct bench *bench, unsigned effects, const char *sentence)
{
	struct store_options options = bench->options;
	struct proxy *proxy = proxy_open(bench->url);
	struct store_claim claim = claim_of("a", 1);
	struct store *store;
	struct store_session *session;
	struct store_flight flight;
	struct err err = ERR_INIT;
	char url[600];

	snprintf(url, sizeof(url), "%s&host=127.0.0.1&port=%d", bench->url, proxy_port(proxy));
	options.url = url;
	options.statement_timeout_us = 100000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	session->ops->begin(session);
	if (effects == 0) {
		session->ops->claim(session, &claim, 1);
	}
	for (unsigned i = 0; i < effects; i++) {
		queue_effect(session, "a", "x", i + 1);
	}
	proxy_swallow_next_answer(proxy);
	flight = flush_expect(session, STORE_LOST);
	assert_non_null(strstr(flight.err.text, sentence));
	assert_false(flight.in_transaction);
	assert_int_equal(session->ops->session_ready(session, &err), 0);
	assert_int_equal(claim_alone(session, claim_of("a", 1)), CLAIM_NEW);
	session->ops->session_close(session);
	store->ops->close(store);
	proxy_close(proxy);
}

static void a_database_that_falls_silent_is_lost(void **state)
{
	expect_silence_to_end(*state, 0, "no answer from the database");
}

/* 5 s and nine statements of 0.1 s. */
static void silence_is_noticed_as_soon_in_a_large_batch(void **state)
{
	expect_silence_to_end(*state, 300, "no answer from the database for 6 s");
}

/* Longer in all than any silence may be. */
static void a_batch_of_slow_statements_is_waited_for(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_statement sleep = { .sql = "SELECT pg_sleep(0.2)", .rows_max = -1 };
	struct store *store;
	struct store_session *session;
	struct store_flight flight;

	options.statements = &sleep;
	options.statement_count = 1;
	options.statement_timeout_us = 500000;
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	session->ops->begin(session);
	for (uint32_t i = 0; i < 60; i++) {
		session->ops->statement(session, 0, NULL, 0, i + 1);
	}
	flight = flush_expect(session, STORE_OK);
	assert_true(flight.in_transaction);
	rollback(session);
	session->ops->session_close(session);
	store->ops->close(store);
}

/* A stopped client holds its claims only until the server's clock ends it. */
static void a_claim_of_a_client_that_stopped_is_set_free(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store_claim claim = claim_of("a", 1);
	struct store *store;
	struct store_session *stopped;
	struct store_flight flight;

	options.idle_timeout_us = 200000;
	store = bench_open_store(bench, &options);
	stopped = bench_open_session(store);
	begin_claim(stopped, &claim, 1);
	assert_int_equal(claim_alone(bench->session, claim_of("a", 1)), CLAIM_NEW);
	queue_effect(stopped, "a", "too late", 1);
	stopped->ops->commit(stopped);
	flight = flush_expect(stopped, STORE_LOST);
	assert_false(flight.in_transaction);
	expect_effects(bench, 0);
	stopped->ops->session_close(stopped);
	store->ops->close(store);
}

/* ---- connecting ---- */

static int ready_with(struct bench *bench, const struct store_options *options, struct err *err)
{
	struct store *store = bench_open_store(bench, options);
	struct store_session *session = NULL;
	int result;

	assert_int_equal(store->ops->session_open(store, &session, err), 0);
	result = store->ops->session_ready(session, err);
	store->ops->session_close(session);
	store->ops->close(store);
	return result;
}

static void a_wrong_password_is_an_operators_affair_and_is_not_shown(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct err err = ERR_INIT;

	options.password = "hunter2";
	assert_int_equal(ready_with(bench, &options, &err), -EINVAL);
	assert_string_equal(err.code, "28P01");
	assert_non_null(strstr(err.text, "password"));
	assert_null(strstr(err.text, "hunter2"));
}

static void a_missing_database_is_an_operators_affair(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct err err = ERR_INIT;
	char url[600];

	snprintf(url, sizeof(url), "%s&dbname=nowhere", bench->url);
	options.url = url;
	assert_int_equal(ready_with(bench, &options, &err), -EINVAL);
	assert_string_equal(err.code, "3D000");
}

static void a_server_that_is_away_may_come_back(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct err err = ERR_INIT;

	options.url = "postgresql://app:hunter2@127.0.0.1:1/shop";
	assert_int_equal(ready_with(bench, &options, &err), 1);
	assert_null(strstr(err.text, "hunter2"));
}

static void a_read_only_database_is_not_ready(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct err err = ERR_INIT;
	char url[600];

	snprintf(url, sizeof(url), "%s&options=-cdefault_transaction_read_only%%3Don", bench->url);
	options.url = url;
	assert_int_equal(ready_with(bench, &options, &err), 1);
	assert_non_null(strstr(err.text, "read-only"));
}

static void a_bad_url_is_refused_without_showing_it(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store *store = NULL;
	struct err err = ERR_INIT;

	options.url = "postgresql://app:hunter2@[::1/shop";
	assert_int_equal(stores_find(options.url)->open(&options, &store, &err), -EINVAL);
	assert_null(strstr(err.text, "hunter2"));
}

struct connecter {
	struct store_session *session;
	int result;
};

static void *connect_in_thread(void *arg)
{
	struct connecter *connecter = arg;
	struct err err = ERR_INIT;

	connecter->result = connecter->session->ops->session_ready(connecter->session, &err);
	return NULL;
}

/* A listener that accepts in the kernel and never says a word. */
static int mute_server(char url[128])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&address, &len);
	snprintf(url, 128, "postgresql://app@127.0.0.1:%d/shop", ntohs(address.sin_port));
	return fd;
}

static void connecting_to_a_mute_server_can_be_interrupted(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct connecter connecter = { .result = 99 };
	char url[128];
	struct pollfd listener = { .fd = mute_server(url), .events = POLLIN };
	int64_t started_us = clock_mono_us();
	struct store *store;
	struct err err = ERR_INIT;
	pthread_t thread;

	options.url = url;
	store = bench_open_store(bench, &options);
	assert_int_equal(store->ops->session_open(store, &connecter.session, &err), 0);
	pthread_create(&thread, NULL, connect_in_thread, &connecter);
	assert_int_equal(poll(&listener, 1, 5000), 1);
	store->ops->session_interrupt(connecter.session);
	pthread_join(thread, NULL);
	assert_int_equal(connecter.result, 1);
	assert_true(clock_mono_us() - started_us < 4000000);
	store->ops->session_close(connecter.session);
	store->ops->close(store);
	close(listener.fd);
}

static const struct CMUnitTest cases[] = {
	CASE(a_backend_may_die_before_any_operation),
	CASE(a_backend_may_die_in_the_middle_of_a_statement),
	CASE(a_connection_cut_while_idle_is_replaced_before_work_starts),
	CASE(a_lost_answer_to_commit_is_found_out_by_claiming_again),
	CASE(a_database_that_falls_silent_is_lost),
	CASE(silence_is_noticed_as_soon_in_a_large_batch),
	CASE(a_batch_of_slow_statements_is_waited_for),
	CASE(a_claim_of_a_client_that_stopped_is_set_free),
	CASE(a_wrong_password_is_an_operators_affair_and_is_not_shown),
	CASE(a_missing_database_is_an_operators_affair),
	CASE(a_server_that_is_away_may_come_back),
	CASE(a_read_only_database_is_not_ready),
	CASE(a_bad_url_is_refused_without_showing_it),
	CASE(connecting_to_a_mute_server_can_be_interrupted),
};
CASE_LIST(postgres_fault_cases, cases);
