/*
 * test_reader - offsets of a group whose coordinator is just moving
 *
 * The cluster is librdkafka's own, told to answer so.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "kafka/reader.h"

enum { OFFSET_COMMIT = 8, OFFSET_FETCH = 9 };

struct fixture {
	rd_kafka_t *keeper;
	rd_kafka_mock_cluster_t *mock;
	struct config config;
	struct config_pair pair;
	struct kafka_reader *reader;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = ERR_INIT;
	char error[256];

	f->keeper = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof(error));
	f->mock = rd_kafka_mock_cluster_new(f->keeper, 1);
	assert_int_equal(rd_kafka_mock_topic_create(f->mock, "t", 1, 1), 0);
	f->pair = (struct config_pair){ .name = (char *)"bootstrap.servers",
		.value = (char *)rd_kafka_mock_cluster_bootstraps(f->mock) };
	f->config.kafka = (struct config_pairs){ .items = &f->pair, .count = 1 };
	assert_int_equal(kafka_reader_open(&f->config, "g", &f->reader, &err), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kafka_reader_close(f->reader);
	rd_kafka_mock_cluster_destroy(f->mock);
	rd_kafka_destroy(f->keeper);
	free(f);
	return 0;
}

static void refuse(struct fixture *f, int16_t request, rd_kafka_resp_err_t code)
{
	rd_kafka_mock_push_request_errors(f->mock, request, 3, code, code, code);
}

static void offsets_are_asked_for_until_the_coordinator_is_there(void **state)
{
	static const rd_kafka_resp_err_t moving[] = { RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
		RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
		RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(moving) / sizeof(moving[0]); i++) {
		struct err err = ERR_INIT;
		int64_t offset = 7 + (int64_t)i, committed = -1;

		refuse(f, OFFSET_COMMIT, moving[i]);
		assert_int_equal(kafka_reader_commit(f->reader, "t", &offset, 1, &err), 0);
		refuse(f, OFFSET_FETCH, moving[i]);
		assert_int_equal(kafka_reader_committed(f->reader, "t", &committed, 1, &err), 0);
		assert_int_equal(committed, offset);
	}
}

static void what_is_refused_is_refused_at_once(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	int64_t offset = 7;

	refuse(f, OFFSET_FETCH, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	assert_int_equal(kafka_reader_committed(f->reader, "t", &offset, 1, &err), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			offsets_are_asked_for_until_the_coordinator_is_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_refused_is_refused_at_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
