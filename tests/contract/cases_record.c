/*
 * cases_record - what a store remembers beside the ids: attempts, partitions seen, pauses
 */
#include <stdio.h>
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

static void load_pauses(struct store_session *session, struct pauses *ret, int64_t *ret_now_ms)
{
	struct err err = ERR_INIT;

	*ret = (struct pauses){ 0 };
	assert_int_equal(session->ops->load_pauses(session, ret, ret_now_ms, &err), STORE_OK);
}

/* What is in force in a scope at `now_ms`, by who said it; "" when nothing is. */
static const char *paused_by(
	struct store_session *session, const char *topic, int32_t partition, int64_t now_ms)
{
	static char who[PAUSE_WHO_MAX];
	const struct pause *pause;
	struct pauses pauses;
	int64_t ignored;

	load_pauses(session, &pauses, &ignored);
	pause = pauses_find(&pauses, topic, partition, now_ms);
	snprintf(who, sizeof(who), "%s", pause ? pause->who : "");
	pauses_fini(&pauses);
	return who;
}

static void put_pause(struct store_session *session, const char *scope, bool is_paused,
	int64_t since_ms, const char *who)
{
	struct pause pause = {
		.is_paused = is_paused, .reason = "it's the \"database\"", .since_ms = since_ms
	};
	struct err err = ERR_INIT;

	snprintf(pause.who, sizeof(pause.who), "%s", who);
	assert_true(pause_scope_read(&pause, "orders", scope));
	assert_int_equal(session->ops->put_pause(session, &pause, &err), STORE_OK);
}

static void a_pause_is_kept_with_its_reason(void **state)
{
	struct bench *bench = *state;
	struct pauses pauses;
	int64_t now_ms;

	assert_string_equal(paused_by(bench->session, "", -1, 1), "");
	put_pause(bench->session, "orders", true, 100, "ann");
	load_pauses(bench->session, &pauses, &now_ms);
	assert_int_equal(pauses.count, 1);
	assert_true(pauses.items[0].is_paused);
	assert_int_equal(pauses.items[0].since_ms, 100);
	assert_int_equal(pauses.items[0].until_ms, 0);
	assert_string_equal(pauses.items[0].who, "ann");
	assert_string_equal(pauses.items[0].reason, "it's the \"database\"");
	pauses_fini(&pauses);
}

static void the_newest_stamp_wins(void **state)
{
	struct bench *bench = *state;

	put_pause(bench->session, "orders", true, 100, "ann");
	put_pause(bench->session, "orders", false, 99, "bob");
	put_pause(bench->session, "orders", false, 100, "cid");
	assert_string_equal(paused_by(bench->session, "", -1, 1), "ann");
	put_pause(bench->session, "orders", false, 101, "dan");
	assert_string_equal(paused_by(bench->session, "", -1, 1), "");
}

static void a_topic_and_a_partition_are_scopes_of_their_own(void **state)
{
	struct bench *bench = *state;

	put_pause(bench->session, "orders:t:3", true, 100, "ann");
	put_pause(bench->session, "orders:u", true, 100, "bob");
	assert_string_equal(paused_by(bench->session, "t", 3, 1), "ann");
	assert_string_equal(paused_by(bench->session, "t", 4, 1), "");
	assert_string_equal(paused_by(bench->session, "u", 4, 1), "bob");
	assert_string_equal(paused_by(bench->session, "", -1, 1), "");
}

static void the_store_tells_the_time_that_pauses_end_by(void **state)
{
	struct bench *bench = *state;
	struct pauses pauses;
	int64_t now_ms, ours_ms = clock_wall_ms();

	load_pauses(bench->session, &pauses, &now_ms);
	assert_int_equal(pauses.count, 0);
	assert_true(now_ms > ours_ms - 60000 && now_ms < ours_ms + 60000);
}

static const struct CMUnitTest cases[] = {
	CASE(attempts_come_back_with_their_whole_position),
	CASE(attempts_below_the_offset_asked_for_stay_away),
	CASE(deleted_attempts_are_gone_with_the_transaction),
	CASE(attempts_of_another_group_are_not_ours),
	CASE(a_partition_is_seen_once_it_was_written),
	CASE(a_pause_is_kept_with_its_reason),
	CASE(the_newest_stamp_wins),
	CASE(a_topic_and_a_partition_are_scopes_of_their_own),
	CASE(the_store_tells_the_time_that_pauses_end_by),
};
CASE_LIST(record_cases, cases);
