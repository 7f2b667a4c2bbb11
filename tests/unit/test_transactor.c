/*
 * test_transactor - a transaction is committed, comes again, or ends the producer
 *
 * The broker is librdkafka's mock cluster: it answers what a test tells it to. What transactions do
 * on a real broker, fencing above all, is tested by the scenarios.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/kafka.h"
#include "kafka/membership.h"

enum { API_PRODUCE = 0, API_INIT_PRODUCER_ID = 22, API_END = 26, API_OFFSETS = 28 };
#define WAIT_US ((int64_t)20 * 1000 * 1000)

struct fixture {
	rd_kafka_t *host; /* of the mock cluster */
	rd_kafka_mock_cluster_t *cluster;
	struct config config;
	struct config_pair kafka[1], producer[1];
	struct transactor_options options;
	struct transactor *transactor;
	struct source_membership *membership;
	struct err err;
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
	assert_int_equal(rd_kafka_mock_topic_create(f->cluster, "here", 4, 1), 0);
	f->kafka[0] = (struct config_pair){ .name = (char *)"bootstrap.servers",
		.value = (char *)rd_kafka_mock_cluster_bootstraps(f->cluster) };
	f->config.kafka = (struct config_pairs){ f->kafka, 1 };
	f->options = (struct transactor_options){ .publisher = { .config = &f->config,
							  .client_id = "test" },
		.transactional_id = "test-0" };
	f->membership = membership_take(
		rd_kafka_consumer_group_metadata_new_with_genid("group", 7, "member", NULL));
	assert_non_null(f->membership);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kafka_transactor_ops.close(f->transactor);
	membership_drop(f->membership);
	rd_kafka_mock_cluster_destroy(f->cluster);
	rd_kafka_destroy(f->host);
	free(f);
	return 0;
}

static void begin(struct fixture *f)
{
	if (!f->transactor && kafka_transactor_ops.open(&f->options, &f->transactor, &f->err) < 0) {
		fail_msg("%s", f->err.text);
	}
	if (kafka_transactor_ops.begin(f->transactor, &f->err) != TRANSACTOR_OK) {
		fail_msg("%s", f->err.text);
	}
}

static enum publisher_result put(struct fixture *f, const char *topic)
{
	const struct sink_message message = { .topic = topic,
		.partition = -1,
		.key = slice_from_str("key"),
		.value = slice_from_str("value"),
		.timestamp_ms = -1 };

	return kafka_transactor_ops.send(f->transactor, &message, &f->err);
}

static enum publisher_result settle(struct fixture *f)
{
	return kafka_transactor_ops.wait(f->transactor, WAIT_US, &f->err);
}

static enum transactor_result commit(struct fixture *f)
{
	const struct source_partition id = { .topic = "here", .partition = 1 };
	const struct source_commit one = { .partition = &id, .offset = 10, .metadata = "n=4" };

	return kafka_transactor_ops.commit(f->transactor, f->membership, &one, 1, &f->err);
}

/* After an abort the library may purge a record of the next transaction, too: it comes again. */
static void assert_goes_on(struct fixture *f)
{
	enum transactor_result result = TRANSACTOR_AGAIN;

	for (int i = 0; i < 5 && result == TRANSACTOR_AGAIN; i++) {
		begin(f);
		assert_int_equal(put(f, "there"), PUBLISHER_ACKED);
		result = commit(f);
	}
	if (result != TRANSACTOR_OK) {
		fail_msg("%s", f->err.text);
	}
}

/* ---- */

static void records_and_offsets_are_committed_again_and_again(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		assert_goes_on(f);
	}
}

static void offsets_alone_are_committed(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(commit(f), TRANSACTOR_OK);
	assert_goes_on(f);
}

static void a_refused_record_spoils_all_and_the_next_transaction_is_good(void **state)
{
	struct fixture *f = *state;

	begin(f);
	rd_kafka_mock_push_request_errors(
		f->cluster, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(put(f, "there"), PUBLISHER_ACKED);
	assert_int_equal(settle(f), PUBLISHER_REFUSED);
	assert_string_equal(f->err.code, "too-large");
	assert_true(kafka_transactor_ops.is_spoiled(f->transactor));
	assert_int_equal(put(f, "there"), PUBLISHER_ACKED);
	assert_int_equal(commit(f), TRANSACTOR_AGAIN);
	assert_goes_on(f);
}

static void a_topic_that_is_missing_is_nobodys_fault(void **state)
{
	struct fixture *f = *state;

	begin(f);
	(void)put(f, "nowhere");
	rd_kafka_mock_topic_set_error(
		f->cluster, "nowhere", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(settle(f), PUBLISHER_UNAVAILABLE);
	assert_int_equal(kafka_transactor_ops.abort(f->transactor, &f->err), TRANSACTOR_OK);
	assert_goes_on(f);
}

static void who_is_no_member_any_more_commits_nothing(void **state)
{
	static const rd_kafka_resp_err_t words[] = { RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
		RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		begin(f);
		rd_kafka_mock_push_request_errors(f->cluster, API_OFFSETS, 1, words[i]);
		assert_int_equal(put(f, "there"), PUBLISHER_ACKED);
		assert_int_equal(commit(f), TRANSACTOR_AGAIN);
		assert_non_null(f->err.text);
	}
	assert_goes_on(f);
}

static void an_answer_that_is_lost_is_asked_for_again(void **state)
{
	struct fixture *f = *state;

	begin(f);
	rd_kafka_mock_push_request_errors(f->cluster, API_END, 2, RD_KAFKA_RESP_ERR__TRANSPORT,
		RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(put(f, "there"), PUBLISHER_ACKED);
	assert_int_equal(commit(f), TRANSACTOR_OK);
}

static void a_fenced_producer_is_lost(void **state)
{
	struct fixture *f = *state;

	begin(f);
	rd_kafka_mock_push_request_errors(
		f->cluster, API_END, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
	assert_int_equal(put(f, "there"), PUBLISHER_ACKED);
	assert_int_equal(commit(f), TRANSACTOR_LOST);
	assert_string_equal(f->err.code, "_FENCED");
	assert_int_equal(kafka_transactor_ops.begin(f->transactor, &f->err), TRANSACTOR_LOST);
}

static void a_missing_right_is_said_at_the_first_transaction(void **state)
{
	struct fixture *f = *state;

	rd_kafka_mock_push_request_errors(f->cluster, API_INIT_PRODUCER_ID, 1,
		RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
	assert_int_equal(kafka_transactor_ops.open(&f->options, &f->transactor, &f->err), 0);
	assert_int_equal(kafka_transactor_ops.begin(f->transactor, &f->err), TRANSACTOR_LOST);
}

static void a_coordinator_that_is_away_is_waited_for(void **state)
{
	struct fixture *f = *state;

	rd_kafka_mock_broker_set_down(f->cluster, 1);
	assert_int_equal(kafka_transactor_ops.open(&f->options, &f->transactor, &f->err), 0);
	assert_int_equal(kafka_transactor_ops.begin(f->transactor, &f->err), TRANSACTOR_AGAIN);
	rd_kafka_mock_broker_set_up(f->cluster, 1);
	assert_goes_on(f);
}

static void values_that_do_not_fit_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(kafka_transactor_ops.check(&f->options, &f->err), 0);
	f->producer[0] = (struct config_pair){ .name = (char *)"transaction.timeout.ms",
		.value = (char *)"soon" };
	f->config.kafka_producer = (struct config_pairs){ f->producer, 1 };
	assert_int_equal(kafka_transactor_ops.check(&f->options, &f->err), -22);
	assert_non_null(strstr(f->err.text, "transaction.timeout.ms"));
}

static void a_membership_without_a_generation_is_none(void **state)
{
	assert_null(membership_take(rd_kafka_consumer_group_metadata_new("group")));
	assert_null(membership_take(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_and_offsets_are_committed_again_and_again),
		TEST(offsets_alone_are_committed),
		TEST(a_refused_record_spoils_all_and_the_next_transaction_is_good),
		TEST(a_topic_that_is_missing_is_nobodys_fault),
		TEST(who_is_no_member_any_more_commits_nothing),
		TEST(an_answer_that_is_lost_is_asked_for_again),
		TEST(a_fenced_producer_is_lost),
		TEST(a_missing_right_is_said_at_the_first_transaction),
		TEST(a_coordinator_that_is_away_is_waited_for),
		TEST(values_that_do_not_fit_are_refused),
		TEST(a_membership_without_a_generation_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
