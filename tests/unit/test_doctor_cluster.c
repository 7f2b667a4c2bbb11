/*
 * test_doctor_cluster - what `oncectl doctor` says of a cluster whose leaders come and go
 *
 * The cluster is librdkafka's own; how long real brokers have none after a start is not shown here.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "config_case.h"
#include "doctor.h"

/* Settings are nothing that this cluster tells: they are asked for until the end of the time. */
enum { LATE_US = 1500000, TIMEOUT_US = 6000000 };

struct fixture {
	rd_kafka_t *keeper;
	rd_kafka_mock_cluster_t *mock;
	struct config_case config;
	struct doctor doctor;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buffer text = BUFFER_INIT;
	struct err err = ERR_INIT;
	char error[256];

	f->keeper = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof(error));
	f->mock = rd_kafka_mock_cluster_new(f->keeper, 1);
	assert_int_equal(rd_kafka_mock_topic_create(f->mock, "t", 2, 1), 0);
	buffer_printf(&text,
		"[onced]\nstore = none:\n[kafka]\nbootstrap.servers = %s\n"
		"[consumer c]\ntopics = t\nhandler = h\ndlq.topic = none\n"
		"[handler h]\ntype = log\n",
		rd_kafka_mock_cluster_bootstraps(f->mock));
	config_case_begin(&f->config);
	config_case_load_good(&f->config, buffer_str(&text));
	buffer_fini(&text);
	f->doctor = (struct doctor){ .config = f->config.config,
		.consumer = &f->config.config->consumers[0],
		.findings = FINDINGS_INIT,
		.deadline_us = clock_mono_us() + TIMEOUT_US };
	f->doctor.findings.check = f->doctor.findings.subject = "";
	assert_int_equal(kafka_examiner_open(f->doctor.config, f->doctor.consumer,
				 f->doctor.deadline_us, &f->doctor.examiner, &err),
		0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kafka_examiner_close(f->doctor.examiner);
	free(f->doctor.topics);
	findings_fini(&f->doctor.findings);
	config_case_end(&f->config);
	rd_kafka_mock_cluster_destroy(f->mock);
	rd_kafka_destroy(f->keeper);
	free(f);
	return 0;
}

static void set_leaders(struct fixture *f, int32_t broker)
{
	for (int32_t i = 0; i < 2; i++) {
		assert_int_equal(rd_kafka_mock_partition_set_leader(f->mock, "t", i, broker), 0);
	}
}

static const struct finding *find_error(const struct fixture *f)
{
	for (size_t i = 0; i < f->doctor.findings.count; i++) {
		if (f->doctor.findings.items[i].severity == FINDING_ERROR) {
			return &f->doctor.findings.items[i];
		}
	}
	return NULL;
}

static void *give_leaders_late(void *arg)
{
	usleep(LATE_US);
	set_leaders(arg, 1);
	return NULL;
}

static void leaders_that_are_elected_meanwhile_are_no_trouble(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	set_leaders(f, -1);
	assert_int_equal(pthread_create(&thread, NULL, give_leaders_late, f), 0);
	doctor_check_topics(&f->doctor);
	pthread_join(thread, NULL);
	assert_null(find_error(f));
	assert_int_equal(f->doctor.topics[0].facts.leaderless, 0);
}

static void leaders_that_stay_away_are_told_in_time(void **state)
{
	struct fixture *f = *state;
	const struct finding *error;

	set_leaders(f, -1);
	f->doctor.leaders_until_us = clock_mono_us() + LATE_US;
	doctor_check_topics(&f->doctor);
	error = find_error(f);
	assert_non_null(error);
	assert_non_null(strstr(error->text, "topic t: 2 of 2 partitions have no leader"));
	assert_true(clock_mono_us() >= f->doctor.leaders_until_us);
}

static void nothing_is_waited_for_behind_the_deadline(void **state)
{
	struct fixture *f = *state;

	set_leaders(f, -1);
	f->doctor.leaders_until_us = INT64_MAX;
	f->doctor.deadline_us = clock_mono_us() + LATE_US;
	doctor_check_topics(&f->doctor);
	assert_non_null(find_error(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			leaders_that_are_elected_meanwhile_are_no_trouble, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			leaders_that_stay_away_are_told_in_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nothing_is_waited_for_behind_the_deadline, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
