/*
 * test_keeping - who is told that ids are forgotten before their records are, or records too soon
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "core/keeping.h"
#include "kafka/keeping.h"

#define DAY_US ((int64_t)86400 * 1000000)

/* A week of ids against a topic of these settings. */
static enum keeping_verdict topic(const char *retention_ms, const char *cleanup_policy)
{
	struct sink_keeping keeping = { .topic = "orders" };

	kafka_read_topic_keeping(&keeping, retention_ms, cleanup_policy);
	return keeping_judge(7 * DAY_US, &keeping);
}

static enum keeping_verdict offsets(int64_t us)
{
	struct sink_keeping keeping = { .us = us };

	return keeping_judge(7 * DAY_US, &keeping);
}

static void a_topic_of_the_same_age_is_no_trouble(void **state)
{
	assert_int_equal(topic("604800000", "delete"), KEEPING_LONG_ENOUGH);
	assert_int_equal(topic("1000", "delete"), KEEPING_LONG_ENOUGH);
}

static void a_topic_that_is_kept_longer_is_told(void **state)
{
	assert_int_equal(topic("604800001", "delete"), KEEPING_TOPIC_LONGER);
	assert_int_equal(topic("9223372036854775807", "delete"), KEEPING_TOPIC_FOR_EVER);
	assert_int_equal(topic("-1", "delete"), KEEPING_TOPIC_FOR_EVER);
}

static void a_compacted_topic_is_told_whatever_its_age(void **state)
{
	assert_int_equal(topic("1000", "compact"), KEEPING_TOPIC_COMPACTED);
	assert_int_equal(topic("1000", "compact,delete"), KEEPING_TOPIC_COMPACTED);
}

static void without_a_policy_nothing_is_deleted(void **state)
{
	assert_int_equal(topic("1000", ""), KEEPING_TOPIC_FOR_EVER);
}

static void what_the_broker_does_not_tell_is_unknown(void **state)
{
	assert_int_equal(topic(NULL, "delete"), KEEPING_UNKNOWN);
	assert_int_equal(topic("1000", NULL), KEEPING_UNKNOWN);
	assert_int_equal(topic("soon", "delete"), KEEPING_UNKNOWN);
	assert_int_equal(topic("", "delete"), KEEPING_UNKNOWN);
}

static void offsets_that_are_kept_longer_are_told(void **state)
{
	assert_int_equal(offsets(7 * DAY_US), KEEPING_LONG_ENOUGH);
	assert_int_equal(offsets(7 * DAY_US + 1), KEEPING_OFFSETS_LONGER);
	assert_int_equal(offsets(0), KEEPING_OFFSETS_FOR_EVER);
}

static void ids_that_are_kept_for_ever_outlast_everything(void **state)
{
	struct sink_keeping keeping = { .topic = "orders", .is_compacted = true };

	assert_int_equal(keeping_judge(0, &keeping), KEEPING_LONG_ENOUGH);
}

static void who_may_not_ask_is_told_once_and_who_got_no_answer_asks_again(void **state)
{
	struct sink_keeping keeping = { .topic = "orders", .result = -EACCES };

	assert_int_equal(keeping_judge(DAY_US, &keeping), KEEPING_UNKNOWN);
	keeping.result = -ENOTSUP;
	assert_int_equal(keeping_judge(DAY_US, &keeping), KEEPING_UNKNOWN);
	keeping.result = -EAGAIN;
	assert_int_equal(keeping_judge(DAY_US, &keeping), KEEPING_ASK_AGAIN);
}

static enum keeping_verdict dlq(
	int64_t source_us, const char *retention_ms, const char *cleanup_policy, const char *clock)
{
	struct sink_keeping keeping = { .topic = "orders.dlq" };

	kafka_read_topic_keeping(&keeping, retention_ms, cleanup_policy);
	kafka_read_topic_clock(&keeping, clock);
	return keeping_judge_dlq(source_us, &keeping);
}

static void letters_must_outlast_their_records(void **state)
{
	static const char day[] = "86400000", create[] = "CreateTime";

	assert_int_equal(dlq(DAY_US, day, "delete", create), KEEPING_LONG_ENOUGH);
	assert_int_equal(dlq(DAY_US + 1, day, "delete", create), KEEPING_DLQ_SHORTER);
	assert_int_equal(dlq(0, day, "delete", NULL), KEEPING_DLQ_SHORTER);
	assert_int_equal(dlq(0, day, "delete", "LogAppendTime"), KEEPING_LONG_ENOUGH);
	assert_int_equal(dlq(0, "-1", "delete", create), KEEPING_LONG_ENOUGH);
	assert_int_equal(dlq(-1, day, "delete", create), KEEPING_LONG_ENOUGH);
	assert_int_equal(dlq(DAY_US, day, "compact", create), KEEPING_DLQ_COMPACTED);
	assert_int_equal(dlq(DAY_US, NULL, "delete", create), KEEPING_UNKNOWN);
}

static enum keeping_verdict tier(const char *retention_ms, const char *cleanup_policy)
{
	struct sink_keeping keeping = { .topic = "orders.retry.10s" };

	kafka_read_topic_keeping(&keeping, retention_ms, cleanup_policy);
	return keeping_judge_tier((int64_t)10 * 1000000, &keeping);
}

static void what_waits_must_outlast_its_delay(void **state)
{
	struct sink_keeping silent = { .topic = "orders.retry.10s", .result = -EAGAIN };

	assert_int_equal(tier("10001", "delete"), KEEPING_LONG_ENOUGH);
	assert_int_equal(tier("10000", "delete"), KEEPING_TIER_SHORTER);
	assert_int_equal(tier("-1", "delete"), KEEPING_LONG_ENOUGH);
	assert_int_equal(tier("86400000", "compact"), KEEPING_TIER_COMPACTED);
	assert_int_equal(tier("86400000", NULL), KEEPING_UNKNOWN);
	assert_int_equal(keeping_judge_tier(1, &silent), KEEPING_ASK_AGAIN);
}

static void only_what_a_person_should_change_has_a_sentence(void **state)
{
	assert_null(keeping_sentence(KEEPING_LONG_ENOUGH));
	assert_null(keeping_sentence(KEEPING_ASK_AGAIN));
	for (int verdict = KEEPING_TOPIC_LONGER; verdict <= KEEPING_UNKNOWN; verdict++) {
		assert_non_null(keeping_sentence((enum keeping_verdict)verdict));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_topic_of_the_same_age_is_no_trouble),
		cmocka_unit_test(a_topic_that_is_kept_longer_is_told),
		cmocka_unit_test(a_compacted_topic_is_told_whatever_its_age),
		cmocka_unit_test(without_a_policy_nothing_is_deleted),
		cmocka_unit_test(what_the_broker_does_not_tell_is_unknown),
		cmocka_unit_test(offsets_that_are_kept_longer_are_told),
		cmocka_unit_test(ids_that_are_kept_for_ever_outlast_everything),
		cmocka_unit_test(who_may_not_ask_is_told_once_and_who_got_no_answer_asks_again),
		cmocka_unit_test(letters_must_outlast_their_records),
		cmocka_unit_test(what_waits_must_outlast_its_delay),
		cmocka_unit_test(only_what_a_person_should_change_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
