/*
 * test_source_commit - offset commits arrive in the order in which they were handed over
 *
 * The library tries a commit again that the coordinator could not take, and a later one could pass
 * it meanwhile. The broker is the library's own mock, which refuses when it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kafka/kafka.h"

enum { OFFSET_COMMIT = 8, DEADLINE_MS = 60 * 1000 };

struct fixture {
	rd_kafka_t *keeper; /* of the mock */
	rd_kafka_mock_cluster_t *mock;
	struct config config;
	struct config_pair bootstrap;
	struct config_consumer consumer;
	char *topics[1];
	struct source *source;
	struct source_partition partition;
	unsigned answers;
	int last_answer;
};

static void on_event(void *context, const struct source_event *event)
{
	struct fixture *f = context;

	if (event->kind == SOURCE_ASSIGNED) {
		f->partition = event->partitions[0];
	} else if (event->kind == SOURCE_COMMITTED) {
		f->answers++;
		f->last_answer = event->commit_result;
	}
}

static bool always_open(void *context, uint32_t slot)
{
	return true;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct source_listener listener = { f, on_event };
	int64_t until_us = clock_mono_us() + (int64_t)DEADLINE_MS * 1000;
	struct err err = ERR_INIT;
	char text[256];

	*state = f;
	f->keeper = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	assert_non_null(f->keeper);
	f->mock = rd_kafka_mock_cluster_new(f->keeper, 1);
	assert_non_null(f->mock);
	assert_int_equal(rd_kafka_mock_topic_create(f->mock, "t", 1, 1), 0);
	f->bootstrap = (struct config_pair){ .name = (char[]){ "bootstrap.servers" },
		.value = (char *)rd_kafka_mock_cluster_bootstraps(f->mock) };
	f->config.kafka = (struct config_pairs){ &f->bootstrap, 1 };
	f->topics[0] = (char[]){ "t" };
	f->consumer = (struct config_consumer){ .name = (char[]){ "c" },
		.group_id = (char[]){ "g" },
		.topics = { f->topics, 1 },
		.prefetch_bytes = 1 << 20 };
	struct source_options options = { .config = &f->config,
		.consumer = &f->consumer,
		.instance_id = "",
		.client_id = "test",
		.expected_partitions = 1,
		.listener = &listener };
	if (kafka_source_ops.open(&options, &f->source, &err) < 0) {
		fail_msg("%s", err.text);
	}
	while (!f->partition.topic && clock_mono_us() < until_us) {
		kafka_source_ops.poll(f->source, NULL, 0, 20, always_open, NULL);
	}
	assert_non_null(f->partition.topic);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kafka_source_ops.close(f->source);
	rd_kafka_mock_cluster_destroy(f->mock);
	rd_kafka_destroy(f->keeper);
	free(f);
	return 0;
}

static int commit(struct fixture *f, int64_t offset)
{
	struct source_commit commit = { .partition = &f->partition, .offset = offset };
	struct err err = ERR_INIT;

	return kafka_source_ops.commit(f->source, &commit, 1, &err);
}

static int commit_sync(struct fixture *f, int64_t offset, int timeout_ms)
{
	struct source_commit commit = { .partition = &f->partition, .offset = offset };
	struct err err = ERR_INIT;

	return kafka_source_ops.commit_sync(f->source, &commit, 1, timeout_ms, &err);
}

static int wait_for_answer(struct fixture *f, int timeout_ms)
{
	struct err err = ERR_INIT;

	return kafka_source_ops.commit_wait(f->source, timeout_ms, &err);
}

static int64_t committed(struct fixture *f)
{
	struct source_offset offset = { .topic = "t", .partition = 0 };
	struct err err = ERR_INIT;

	assert_int_equal(kafka_source_ops.committed(f->source, &offset, 1, DEADLINE_MS, &err), 0);
	free((char *)offset.metadata);
	return offset.offset;
}

/* So that the library tries it again, somewhat later. */
static void let_the_next_be_refused(struct fixture *f)
{
	rd_kafka_mock_push_request_errors(
		f->mock, OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
}

static void a_commit_waits_for_one_that_is_tried_again(void **state)
{
	struct fixture *f = *state;

	let_the_next_be_refused(f);
	assert_int_equal(commit(f, 5), 0);
	assert_int_equal(commit_sync(f, 9, DEADLINE_MS), -ETIMEDOUT);
	assert_int_equal(commit(f, 9), -ETIMEDOUT);
	assert_int_equal(wait_for_answer(f, DEADLINE_MS), 0);
	assert_int_equal(f->answers, 1);
	/* 2.8 tells the first refusal, but not before the second try is through: no harm */
	assert_true(f->last_answer == 0 || f->last_answer == -EAGAIN);
	assert_int_equal(committed(f), 5);
	assert_int_equal(commit_sync(f, 9, DEADLINE_MS), 0);
	assert_int_equal(committed(f), 9);
	assert_int_equal(f->answers, 1);
}

static void a_commit_that_nobody_waits_for_any_more_is_not_overtaken_either(void **state)
{
	struct fixture *f = *state;

	let_the_next_be_refused(f);
	assert_int_equal(commit_sync(f, 5, 0), -ETIMEDOUT);
	assert_int_equal(commit(f, 9), -ETIMEDOUT);
	assert_int_equal(wait_for_answer(f, DEADLINE_MS), 0);
	assert_int_equal(f->answers, 0);
	assert_int_equal(commit(f, 9), 0);
	assert_int_equal(wait_for_answer(f, DEADLINE_MS), 0);
	assert_int_equal(f->answers, 1);
	assert_int_equal(committed(f), 9);
}

static void a_poll_takes_the_answer(void **state)
{
	struct fixture *f = *state;
	int64_t until_us = clock_mono_us() + (int64_t)DEADLINE_MS * 1000;

	assert_int_equal(commit(f, 5), 0);
	while (!f->answers && clock_mono_us() < until_us) {
		kafka_source_ops.poll(f->source, NULL, 0, 1000, always_open, NULL);
	}
	assert_int_equal(f->answers, 1);
	assert_int_equal(committed(f), 5);
}

/* A leak would be seen. */
static void what_has_no_answer_yet_goes_with_the_source(void **state)
{
	struct fixture *f = *state;

	let_the_next_be_refused(f);
	assert_int_equal(commit_sync(f, 5, 0), -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_commit_waits_for_one_that_is_tried_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_commit_that_nobody_waits_for_any_more_is_not_overtaken_either, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(a_poll_takes_the_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_has_no_answer_yet_goes_with_the_source, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
