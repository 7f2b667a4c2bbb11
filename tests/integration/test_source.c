/*
 * test_source - the consumer side of Kafka gives every record once, in order, whatever is started
 * when
 *
 * Needs a broker: ONCED_TEST_KAFKA. Records are the numbers 0, 1, 2 ... of their partition, so that
 * a gap or a repeat shows where it happens.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kafka/holdings.h"
#include "kafka/kafka.h"

enum { PARTITIONS = 4, RECORDS = 20000, MANY_RECORDS = 150000, DEADLINE_S = 60 };

struct fixture {
	char topic[64];
	struct config config;
	struct config_pair bootstrap;
	struct config_consumer consumer;
	char *topics[1];
	struct source *source;
	struct source_partition assigned[PARTITIONS];
	size_t assigned_count;
	int64_t records; /* in each partition */
	int64_t next[PARTITIONS];
	int64_t idle_us; /* in polls that gave nothing */
	unsigned ranges;
};

static void on_event(void *context, const struct source_event *event)
{
	struct fixture *f = context;

	if (event->kind == SOURCE_ASSIGNED) {
		f->assigned_count = event->partition_count;
		memcpy(f->assigned, event->partitions,
			event->partition_count * sizeof(f->assigned[0]));
	} else if (event->kind == SOURCE_RANGE) {
		f->ranges++;
	}
}

static void make_topic(const char *brokers, const char *topic, int64_t records)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;
	rd_kafka_NewTopic_t *new_topic;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	new_topic = rd_kafka_NewTopic_new(topic, PARTITIONS, 1, text, sizeof(text));
	queue = rd_kafka_queue_new(rk);
	rd_kafka_CreateTopics(rk, &new_topic, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, 20000);
	assert_non_null(event);
	rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(new_topic);
	rd_kafka_queue_destroy(queue);
	for (int64_t n = 0; n < records * PARTITIONS; n++) {
		int64_t number = n / PARTITIONS;
		while (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
			RD_KAFKA_V_PARTITION((int32_t)(n % PARTITIONS)),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_VALUE(&number, sizeof(number)), RD_KAFKA_V_END)) {
			rd_kafka_poll(rk, 10);
		}
	}
	assert_int_equal(rd_kafka_flush(rk, 20000), 0);
	rd_kafka_destroy(rk);
}

static int set_up_with(void **state, int64_t records)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct source_listener listener = { f, on_event };
	struct err err = ERR_INIT;

	*state = f;
	snprintf(f->topic, sizeof(f->topic), "source-%d-%lld", (int)getpid(),
		(long long)clock_mono_us());
	f->records = records;
	make_topic(getenv("ONCED_TEST_KAFKA"), f->topic, records);
	f->bootstrap = (struct config_pair){ .name = (char[]){ "bootstrap.servers" },
		.value = getenv("ONCED_TEST_KAFKA") };
	f->config.kafka = (struct config_pairs){ &f->bootstrap, 1 };
	f->topics[0] = f->topic;
	f->consumer = (struct config_consumer){ .name = (char[]){ "c" },
		.group_id = f->topic,
		.topics = { f->topics, 1 },
		.prefetch_bytes = 64 << 20 };
	struct source_options options = { .config = &f->config,
		.consumer = &f->consumer,
		.instance_id = "",
		.client_id = "test",
		.expected_partitions = PARTITIONS,
		.listener = &listener };
	if (kafka_source_ops.open(&options, &f->source, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, RECORDS);
}

static int set_up_many(void **state)
{
	return set_up_with(state, MANY_RECORDS);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kafka_source_ops.close(f->source);
	free(f);
	return 0;
}

static bool always_open(void *context, uint32_t slot)
{
	return true;
}

static unsigned partition_of(const struct fixture *f, uint32_t slot)
{
	for (size_t i = 0; i < f->assigned_count; i++) {
		if (f->assigned[i].slot == slot) {
			return (unsigned)f->assigned[i].partition;
		}
	}
	fail_msg("a record of a partition that is not assigned");
	return 0;
}

static void poll_some(struct fixture *f)
{
	struct source_record records[500];
	int64_t started_us = clock_mono_us();
	unsigned count = kafka_source_ops.poll(f->source, records, 500, 20, always_open, NULL);

	f->idle_us += count == 0 ? clock_mono_us() - started_us : 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned p = partition_of(f, records[i].slot);
		assert_int_equal(records[i].offset, f->next[p]);
		f->next[p]++;
		kafka_source_ops.release(f->source, records[i].handle);
	}
}

static int64_t deadline(void)
{
	return clock_mono_us() + (int64_t)DEADLINE_S * 1000000;
}

static void wait_assigned(struct fixture *f)
{
	int64_t until = deadline();

	while (f->assigned_count < PARTITIONS && clock_mono_us() < until) {
		poll_some(f);
	}
	assert_int_equal(f->assigned_count, PARTITIONS);
}

static void start(struct fixture *f, unsigned i, int64_t offset)
{
	uint32_t epoch;
	struct err err = ERR_INIT;

	assert_int_equal(
		kafka_source_ops.start(f->source, f->assigned[i].slot, offset, &epoch, &err), 0);
}

static int64_t left(const struct fixture *f)
{
	int64_t left = 0;

	for (unsigned p = 0; p < PARTITIONS; p++) {
		left += f->records - f->next[p];
	}
	return left;
}

static void read_to_end(struct fixture *f)
{
	int64_t until = deadline();

	do {
		poll_some(f);
	} while (left(f) && clock_mono_us() < until);
	assert_int_equal(left(f), 0);
}

static void nothing_is_read_before_it_is_started(void **state)
{
	struct fixture *f = *state;

	wait_assigned(f);
	for (int i = 0; i < 20; i++) {
		poll_some(f);
	}
	for (unsigned p = 0; p < PARTITIONS; p++) {
		assert_int_equal(f->next[p], 0);
	}
}

static void partitions_started_one_by_one_lose_and_repeat_nothing(void **state)
{
	struct fixture *f = *state;

	wait_assigned(f);
	for (unsigned i = 0; i < PARTITIONS; i++) {
		start(f, i, 0);
		poll_some(f);
		poll_some(f);
	}
	read_to_end(f);
}

static void a_restart_of_one_partition_leaves_the_others_in_sequence(void **state)
{
	struct fixture *f = *state;

	wait_assigned(f);
	for (unsigned i = 0; i < PARTITIONS; i++) {
		start(f, i, 0);
	}
	for (int round = 0; round < 30; round++) {
		unsigned i = (unsigned)round % PARTITIONS;
		for (int turn = 0; turn < round % 7; turn++) {
			poll_some(f);
		}
		start(f, i, f->next[f->assigned[i].partition]);
	}
	read_to_end(f);
}

static void pause_and_resume_lose_and_repeat_nothing(void **state)
{
	struct fixture *f = *state;

	wait_assigned(f);
	for (unsigned i = 0; i < PARTITIONS; i++) {
		start(f, i, 0);
	}
	for (int round = 0; round < 20; round++) {
		uint32_t slot = f->assigned[(unsigned)round % PARTITIONS].slot;
		kafka_source_ops.pause(f->source, slot, true);
		poll_some(f);
		poll_some(f);
		kafka_source_ops.pause(f->source, slot, false);
		poll_some(f);
	}
	read_to_end(f);
}

static void a_paused_partition_survives_the_restart_of_another(void **state)
{
	struct fixture *f = *state;

	wait_assigned(f);
	for (unsigned i = 0; i < PARTITIONS; i++) {
		start(f, i, 0);
	}
	for (int round = 0; round < 20; round++) {
		unsigned paused = (unsigned)round % PARTITIONS, other = (paused + 1) % PARTITIONS;
		poll_some(f);
		kafka_source_ops.pause(f->source, f->assigned[paused].slot, true);
		poll_some(f);
		start(f, other, f->next[f->assigned[other].partition]);
		poll_some(f);
		kafka_source_ops.pause(f->source, f->assigned[paused].slot, false);
		poll_some(f);
	}
	read_to_end(f);
}

static void an_offset_outside_the_log_is_told_and_can_be_restarted(void **state)
{
	struct fixture *f = *state;
	int64_t until = deadline();

	wait_assigned(f);
	start(f, 0, RECORDS + 1000);
	for (unsigned i = 1; i < PARTITIONS; i++) {
		start(f, i, 0);
	}
	while (f->ranges == 0 && clock_mono_us() < until) {
		poll_some(f);
	}
	assert_int_equal(f->ranges, 1);
	start(f, 0, 0);
	read_to_end(f);
}

/*
 * While the reader is away all queues become full; an older library then looks at them again only
 * after up to a second, unless it is woken.
 */
static void full_queues_are_filled_again_as_soon_as_there_is_room(void **state)
{
	struct fixture *f = *state;
	int64_t until = deadline();

	wait_assigned(f);
	for (unsigned i = 0; i < PARTITIONS; i++) {
		start(f, i, 0);
	}
	f->idle_us = 0;
	while (left(f)) {
		int64_t enough = left(f) - 60000;

		usleep(200 * 1000);
		while (left(f) > 0 && left(f) > enough) {
			poll_some(f);
			assert_true(clock_mono_us() < until);
		}
	}
	assert_true(f->idle_us < 1000000);
}

/* Asked of the broker by a client that is no member. */
static void what_members_of_a_group_have_is_told(void **state)
{
	struct fixture *f = *state;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct sink_holdings holdings = { 0 };
	struct err err = ERR_INIT;
	unsigned seen = 0;
	int64_t until = deadline();
	rd_kafka_t *rk;
	int r;

	wait_assigned(f);
	rd_kafka_conf_set(conf, "bootstrap.servers", getenv("ONCED_TEST_KAFKA"), NULL, 0);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, NULL, 0);
	assert_non_null(rk);
	do {
		poll_some(f);
		r = kafka_ask_holdings(rk, f->topic, 5000, &holdings, &err);
	} while (r < 0 && clock_mono_us() < until);
	assert_int_equal(r, 0);
	assert_int_equal(holdings.count, PARTITIONS);
	for (size_t i = 0; i < holdings.count; i++) {
		assert_string_equal(holdings.items[i].topic, f->topic);
		seen |= 1U << holdings.items[i].partition;
	}
	assert_int_equal(seen, (1U << PARTITIONS) - 1);
	sink_holdings_fini(&holdings);
	/* of a group that there is not nothing is said */
	assert_true(kafka_ask_holdings(rk, "a-group-of-nobody", 5000, &holdings, &err) < 0);
	assert_null(holdings.items);
	rd_kafka_destroy(rk);
}

/* It may come yet, or never. */
static void a_commit_whose_answer_is_not_awaited_is_told(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	wait_assigned(f);
	struct source_commit commit = { .partition = &f->assigned[0], .offset = 1 };
	assert_int_equal(kafka_source_ops.commit_sync(f->source, &commit, 1, 0, &err), -ETIMEDOUT);
	assert_int_equal(kafka_source_ops.commit_wait(f->source, 20000, &err), 0);
	assert_int_equal(kafka_source_ops.commit_sync(f->source, &commit, 1, 20000, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_is_read_before_it_is_started, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			partitions_started_one_by_one_lose_and_repeat_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_restart_of_one_partition_leaves_the_others_in_sequence, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			pause_and_resume_lose_and_repeat_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_paused_partition_survives_the_restart_of_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_offset_outside_the_log_is_told_and_can_be_restarted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_members_of_a_group_have_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_commit_whose_answer_is_not_awaited_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			full_queues_are_filled_again_as_soon_as_there_is_room, set_up_many,
			tear_down),
	};

	if (!getenv("ONCED_TEST_KAFKA")) {
		return 77; /* skipped: no broker */
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
