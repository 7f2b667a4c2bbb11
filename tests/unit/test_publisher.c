/*
 * test_publisher - what handlers write is acknowledged or not, and never something in between
 *
 * The broker is librdkafka's mock cluster: it answers what a test tells it to. What a real broker
 * answers is tested by the scenarios.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kafka/kafka.h"

enum { API_PRODUCE = 0, API_INIT_PRODUCER_ID = 22, THREADS = 8, EACH = 25 };

struct fixture {
	rd_kafka_t *host; /* of the mock cluster */
	rd_kafka_mock_cluster_t *cluster;
	struct config config;
	struct config_pair kafka[1], producer[2];
	struct publisher_topic topics[2];
	struct publisher_options options;
	struct publisher *publisher;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	rd_kafka_conf_set(conf, "log_level", "3", text, sizeof(text));
	f->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	f->cluster = rd_kafka_mock_cluster_new(f->host, 1);
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, "there", 4, 1), 0);
	f->kafka[0] = (struct config_pair){ .name = (char *)"bootstrap.servers",
		.value = (char *)rd_kafka_mock_cluster_bootstraps(f->cluster) };
	f->config.kafka = (struct config_pairs){ f->kafka, 1 };
	f->topics[0] = (struct publisher_topic){ "there", 10000 };
	f->topics[1] = (struct publisher_topic){ "there", 500 };
	f->options = (struct publisher_options){
		.config = &f->config, .client_id = "test", .topics = f->topics, .topic_count = 2
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kafka_publisher_ops.close(f->publisher);
	rd_kafka_mock_cluster_destroy(f->cluster);
	rd_kafka_destroy(f->host);
	free(f);
	return 0;
}

static void open_publisher(struct fixture *f)
{
	struct err err = ERR_INIT;

	if (kafka_publisher_ops.open(&f->options, &f->publisher, &err) < 0) {
		fail_msg("%s", err.text);
	}
}

static enum publisher_result publish_to(struct fixture *f, size_t topic, struct err *err)
{
	const struct sink_message message = { .partition = -1,
		.key = slice_from_str("key"),
		.value = slice_from_str("value"),
		.timestamp_ms = -1 };

	return kafka_publisher_ops.publish(f->publisher, topic, &message, err);
}

static enum publisher_result publish(struct fixture *f, struct err *err)
{
	return publish_to(f, 0, err);
}

static void answer_produce(struct fixture *f, rd_kafka_resp_err_t code, size_t times)
{
	for (size_t i = 0; i < times; i++) {
		rd_kafka_mock_push_request_errors(f->cluster, API_PRODUCE, 1, code);
	}
}

/* ---- */

static void a_record_is_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	open_publisher(f);
	assert_int_equal(publish(f, &err), PUBLISHER_ACKED);
}

static void *publish_many(void *argument)
{
	intptr_t acknowledged = 0;
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < EACH; i++) {
		acknowledged += publish(argument, &err) == PUBLISHER_ACKED;
	}
	return (void *)acknowledged;
}

static void threads_share_it(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[THREADS];
	intptr_t sum = 0;

	open_publisher(f);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_create(&threads[i], NULL, publish_many, f);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		void *acknowledged;
		pthread_join(threads[i], &acknowledged);
		sum += (intptr_t)acknowledged;
	}
	assert_int_equal(sum, THREADS * EACH);
}

static void a_record_refused_in_company_is_tried_alone(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	open_publisher(f);
	answer_produce(f, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
	assert_int_equal(publish(f, &err), PUBLISHER_ACKED);
}

static void a_record_refused_alone_is_refused(void **state)
{
	static const struct {
		rd_kafka_resp_err_t code;
		const char *word;
	} cases[] = {
		{ RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "too-large" },
		{ RD_KAFKA_RESP_ERR_INVALID_RECORD, "invalid-record" },
		{ RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, "invalid-timestamp" },
	};
	struct fixture *f = *state;

	open_publisher(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = ERR_INIT;

		answer_produce(f, cases[i].code, 2);
		assert_int_equal(publish(f, &err), PUBLISHER_REFUSED);
		assert_string_equal(err.code, cases[i].word);
		assert_non_null(strstr(err.text, "topic there: "));
		assert_int_equal(publish(f, &err), PUBLISHER_ACKED);
	}
}

static void a_record_over_the_clients_limit_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char *large = calloc(1, 5000);
	const struct sink_message message = { .partition = -1, .value = slice_from(large, 5000) };

	f->producer[0] = (struct config_pair){ .name = (char *)"message.max.bytes",
		.value = (char *)"4000" };
	f->config.kafka_producer = (struct config_pairs){ f->producer, 1 };
	open_publisher(f);
	assert_int_equal(
		kafka_publisher_ops.publish(f->publisher, 0, &message, &err), PUBLISHER_REFUSED);
	assert_string_equal(err.code, "too-large");
	free(large);
}

static void a_missing_right_is_nobodys_fault(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	open_publisher(f);
	answer_produce(f, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1);
	assert_int_equal(publish(f, &err), PUBLISHER_UNAVAILABLE);
	assert_string_equal(err.code, "no-right");
	assert_non_null(strstr(err.text, "needs the right Write on the topic"));
}

static void what_the_table_does_not_know_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	open_publisher(f);
	answer_produce(f, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, 1);
	assert_int_equal(publish(f, &err), PUBLISHER_FAILED);
	assert_string_equal(err.code, "policy-violation");
}

static void a_missing_topic_is_said_so(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->topics[0].name = "gone";
	f->topics[1].name = "gone";
	rd_kafka_mock_topic_set_error(f->cluster, "gone", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	open_publisher(f);
	assert_int_equal(publish(f, &err), PUBLISHER_UNAVAILABLE);
	assert_non_null(strstr(err.text, "create the topic"));
}

static void a_broker_that_is_away_costs_the_timeout_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int64_t begun_us = clock_mono_us();

	rd_kafka_mock_broker_set_down(f->cluster, 1);
	open_publisher(f);
	assert_int_equal(publish_to(f, 1, &err), PUBLISHER_UNAVAILABLE);
	assert_true(clock_mono_us() - begun_us < 5 * INT64_C(1000000));
	assert_non_null(strstr(err.text, "no acknowledgement within the handler's timeout"));
	rd_kafka_mock_broker_set_up(f->cluster, 1);
	assert_int_equal(publish(f, &err), PUBLISHER_ACKED);
}

/* The answer of the first comes while the second is waited for, and is nobody's. */
static void a_late_acknowledgement_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	open_publisher(f);
	assert_int_equal(publish(f, &err), PUBLISHER_ACKED);
	rd_kafka_mock_broker_set_rtt(f->cluster, 1, 1500);
	assert_int_equal(publish_to(f, 1, &err), PUBLISHER_UNAVAILABLE);
	assert_string_equal(err.code, "timeout");
	assert_int_equal(publish(f, &err), PUBLISHER_ACKED);
}

/* No producer id is given out: the client has failed for good, and so has the next one. */
static void a_client_that_failed_for_good_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int64_t until_us = clock_mono_us() + 30 * INT64_C(1000000);
	enum publisher_result result;
	bool is_named = false;

	for (unsigned i = 0; i < 2; i++) {
		rd_kafka_mock_push_request_errors(f->cluster, API_INIT_PRODUCER_ID, 1,
			RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
	}
	open_publisher(f);
	assert_int_equal(publish(f, &err), PUBLISHER_UNAVAILABLE);
	do {
		result = publish(f, &err);
		is_named |= strstr(err.text, "needs the right Write") != NULL;
	} while (result == PUBLISHER_UNAVAILABLE && clock_mono_us() < until_us);
	assert_int_equal(result, PUBLISHER_ACKED);
	assert_true(is_named);
}

static void values_that_contradict_the_promise_are_refused(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->producer[0] = (struct config_pair){ .name = (char *)"enable.idempotence",
		.value = (char *)"false" };
	f->producer[1] =
		(struct config_pair){ .name = (char *)"max.in.flight", .value = (char *)"50" };
	f->config.kafka_producer = (struct config_pairs){ f->producer, 1 };
	assert_int_equal(kafka_publisher_ops.check(&f->options, &err), 0);
	f->config.kafka_producer.count = 2;
	assert_true(kafka_publisher_ops.check(&f->options, &err) < 0);
	assert_non_null(strstr(err.text, "[kafka producer]"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_record_is_acknowledged),
		TEST(threads_share_it),
		TEST(a_record_refused_in_company_is_tried_alone),
		TEST(a_record_refused_alone_is_refused),
		TEST(a_record_over_the_clients_limit_is_refused),
		TEST(a_missing_right_is_nobodys_fault),
		TEST(what_the_table_does_not_know_is_tried_again),
		TEST(a_missing_topic_is_said_so),
		TEST(a_broker_that_is_away_costs_the_timeout_and_no_more),
		TEST(a_late_acknowledgement_changes_nothing),
		TEST(a_client_that_failed_for_good_is_replaced),
		TEST(values_that_contradict_the_promise_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
