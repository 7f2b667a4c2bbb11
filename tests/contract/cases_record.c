/*
 * cases_record - what a store remembers beside the ids: attempts, partitions seen, pauses
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cases.h"

static struct store_attempts attempts_at(int64_t offset, unsigned attempts)
{
	return (struct store_attempts){
		.position = { SLICE_LITERAL("orders"), 3, offset, 1700000000123 },
		.attempts = attempts,
		.first_failure_ms = 1000 + offset,
		.last_failure_ms = 2000 + offset,
	};
}

static void put_attempts(struct store_session *session, struct store_attempts attempts)
{
	session->ops->begin(session);
	session->ops->put_attempts(session, &attempts);
	commit(session);
}

static struct store_attempts *load(struct store_session *session, int64_t from, size_t *ret_count)
{
	struct store_attempts *attempts = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(session->ops->load_attempts(session, SLICE_LITERAL("orders"), 3, from,
				 &attempts, ret_count, &err),
		STORE_OK);
	return attempts;
}

static void attempts_come_back_with_their_whole_position(void **state)
{
	struct bench *bench = *state;
	struct store_attempts *attempts;
	size_t count;

	put_attempts(bench->session, attempts_at(7, 1));
	put_attempts(bench->session, attempts_at(5, 1));
	put_attempts(bench->session, attempts_at(7, 4));
	attempts = load(bench->session, 0, &count);
	assert_int_equal(count, 2);
	assert_int_equal(attempts[0].position.offset, 5);
	assert_int_equal(attempts[1].position.offset, 7);
	assert_int_equal(attempts[1].position.partition, 3);
	assert_int_equal(attempts[1].position.timestamp_ms, 1700000000123);
	assert_true(slice_equal_str(attempts[1].position.topic, "orders"));
	assert_int_equal(attempts[1].attempts, 4);
	assert_int_equal(attempts[1].first_failure_ms, 1007);
	assert_int_equal(attempts[1].last_failure_ms, 2007);
	free(attempts);
}

static void attempts_below_the_offset_asked_for_stay_away(void **state)
{
	struct bench *bench = *state;
	struct store_attempts *attempts;
	size_t count;

	put_attempts(bench->session, attempts_at(5, 1));
	put_attempts(bench->session, attempts_at(7, 1));
	attempts = load(bench->session, 6, &count);
	assert_int_equal(count, 1);
	assert_int_equal(attempts[0].position.offset, 7);
	free(attempts);
}

static void deleted_attempts_are_gone_with_the_transaction(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct store_position position = attempts_at(5, 1).position;
	size_t count;

	put_attempts(session, attempts_at(5, 1));
	session->ops->begin(session);
	session->ops->delete_attempts(session, &position);
	rollback(session);
	free(load(session, 0, &count));
	assert_int_equal(count, 1);
	session->ops->begin(session);
	session->ops->delete_attempts(session, &position);
	commit(session);
	assert_null(load(session, 0, &count));
	assert_int_equal(count, 0);
}

static void attempts_of_another_group_are_not_ours(void **state)
{
	struct bench *bench = *state;
	struct store_options options = bench->options;
	struct store *store;
	struct store_session *session;
	size_t count;

	put_attempts(bench->session, attempts_at(5, 1));
	options.scope = "billing";
	options.group_id = "billing-service";
	store = bench_open_store(bench, &options);
	session = bench_open_session(store);
	assert_null(load(session, 0, &count));
	assert_int_equal(count, 0);
	session->ops->session_close(session);
	store->ops->close(store);
}

/* ---- partitions seen ---- */

static struct store_partition_seen seen(struct store_session *session, int32_t partition)
{
	struct store_partition_seen ret;
	struct err err = ERR_INIT;

	assert_int_equal(
		session->ops->get_seen(session, SLICE_LITERAL("orders"), partition, &ret, &err),
		STORE_OK);
	return ret;
}

static void a_partition_is_seen_once_it_was_written(void **state)
{
	struct bench *bench = *state;
	struct store_session *session = bench->session;
	struct err err = ERR_INIT;

	assert_false(seen(session, 0).is_seen);
	assert_int_equal(seen(session, 0).committed, -1);
	assert_int_equal(
		session->ops->put_seen(session, SLICE_LITERAL("orders"), 0, -1, &err), STORE_OK);
	assert_true(seen(session, 0).is_seen);
	assert_int_equal(seen(session, 0).committed, -1);
	assert_int_equal(
		session->ops->put_seen(session, SLICE_LITERAL("orders"), 0, 99, &err), STORE_OK);
	assert_int_equal(seen(session, 0).committed, 99);
	assert_false(seen(session, 1).is_seen);
}

/* ---- pauses ---- */

static struct store_pause get_pause(struct store_session *session)
{
	struct store_pause pause;
	struct err err = ERR_INIT;

	assert_int_equal(session->ops->get_pause(session, &pause, &err), STORE_OK);
	return pause;
}

static void put_pause(
	struct store_session *session, bool is_paused, int64_t since_ms, int64_t until_ms)
{
	struct store_pause pause = { .is_paused = is_paused,
		.who = "ann",
		.reason = "it's the \"database\"",
		.since_ms = since_ms,
		.until_ms = until_ms };
	struct err err = ERR_INIT;

	assert_int_equal(session->ops->put_pause(session, &pause, &err), STORE_OK);
}

static void a_pause_is_kept_with_its_reason(void **state)
{
	struct bench *bench = *state;
	struct store_pause pause;

	assert_false(get_pause(bench->session).is_paused);
	put_pause(bench->session, true, 100, 0);
	pause = get_pause(bench->session);
	assert_true(pause.is_paused);
	assert_int_equal(pause.since_ms, 100);
	assert_int_equal(pause.until_ms, 0);
	assert_string_equal(pause.who, "ann");
	assert_string_equal(pause.reason, "it's the \"database\"");
}

static void the_newest_stamp_wins(void **state)
{
	struct bench *bench = *state;

	put_pause(bench->session, true, 100, 0);
	put_pause(bench->session, false, 99, 0);
	assert_true(get_pause(bench->session).is_paused);
	put_pause(bench->session, false, 101, 0);
	assert_false(get_pause(bench->session).is_paused);
	assert_int_equal(get_pause(bench->session).since_ms, 101);
}

static void a_pause_ends_by_the_databases_clock(void **state)
{
	struct bench *bench = *state;
	int64_t now_ms = clock_wall_ms();

	put_pause(bench->session, true, now_ms, now_ms - 1000);
	assert_false(get_pause(bench->session).is_paused);
	put_pause(bench->session, true, now_ms + 1, now_ms + 600000);
	assert_true(get_pause(bench->session).is_paused);
}

static const struct CMUnitTest cases[] = {
	CASE(attempts_come_back_with_their_whole_position),
	CASE(attempts_below_the_offset_asked_for_stay_away),
	CASE(deleted_attempts_are_gone_with_the_transaction),
	CASE(attempts_of_another_group_are_not_ours),
	CASE(a_partition_is_seen_once_it_was_written),
	CASE(a_pause_is_kept_with_its_reason),
	CASE(the_newest_stamp_wins),
	CASE(a_pause_ends_by_the_databases_clock),
};
CASE_LIST(record_cases, cases);
