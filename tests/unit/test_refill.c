/*
 * test_refill - which partitions an older library's fetcher is woken for, and how often
 *
 * The library's part is played here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kafka/source_private.h"

static int64_t now_us;
static struct kafka_partition partitions[2];
static struct kafka_partition *items[2] = { &partitions[0], &partitions[1] };
static struct source source;
static unsigned asked[2];

int64_t clock_mono_us(void)
{
	return now_us;
}

/* Both queues are empty, and both logs go on. */
size_t rd_kafka_queue_length(rd_kafka_queue_t *queue)
{
	return 0;
}

rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(
	rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *low, int64_t *high)
{
	*low = 0;
	*high = INT64_MAX;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int size)
{
	rd_kafka_topic_partition_list_t *list = calloc(1, sizeof(*list));

	list->elems = calloc(2, sizeof(*list->elems));
	return list;
}

void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *list)
{
	free(list->elems);
	free(list);
}

rd_kafka_topic_partition_t *rd_kafka_topic_partition_list_add(
	rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition)
{
	list->elems[list->cnt].partition = partition;
	return &list->elems[list->cnt++];
}

rd_kafka_resp_err_t rd_kafka_offsets_for_times(
	rd_kafka_t *rk, rd_kafka_topic_partition_list_t *offsets, int timeout_ms)
{
	assert_int_equal(timeout_ms, 0);
	for (int i = 0; i < offsets->cnt; i++) {
		assert_int_equal(offsets->elems[i].offset, RD_KAFKA_OFFSET_END);
		asked[offsets->elems[i].partition]++;
	}
	return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static int setup(void **state)
{
	now_us = 1000000;
	memset(asked, 0, sizeof(asked));
	memset(partitions, 0, sizeof(partitions));
	for (int i = 0; i < 2; i++) {
		partitions[i].id.topic = "t";
		partitions[i].id.partition = i;
		partitions[i].queue = (rd_kafka_queue_t *)&partitions[i];
	}
	source = (struct source){ .refill_below = 100,
		.partitions = { .items = items, .count = 2 } };
	return 0;
}

/* For that many seconds, a poll each millisecond; partition 1 gives a record at each. */
static void poll_for(unsigned seconds)
{
	for (unsigned ms = 0; ms < 1000 * seconds; ms++) {
		partitions[1].next++;
		source_refill(&source, true, 0);
		now_us += 1000;
	}
}

static void partition_that_gives_is_asked_for_all_the_time(void **state)
{
	poll_for(10);
	assert_in_range(asked[1], 1100, 1300); /* every 8 ms */
}

static void partition_that_gives_nothing_is_asked_for_once_a_second(void **state)
{
	poll_for(10);
	assert_in_range(asked[0], 10, 20);
}

static void partition_that_gives_again_is_asked_for_at_once(void **state)
{
	poll_for(10);
	partitions[0].next++;
	asked[0] = 0;
	now_us += 8000;
	source_refill(&source, true, 0);
	assert_int_equal(asked[0], 1);
}

static void newer_library_is_left_alone(void **state)
{
	source.refill_below = 0;
	poll_for(1);
	assert_int_equal(asked[1], 0);
	assert_int_equal(source_refill(&source, false, 77), 77);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(partition_that_gives_is_asked_for_all_the_time, setup),
		cmocka_unit_test_setup(
			partition_that_gives_nothing_is_asked_for_once_a_second, setup),
		cmocka_unit_test_setup(partition_that_gives_again_is_asked_for_at_once, setup),
		cmocka_unit_test_setup(newer_library_is_left_alone, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
