/*
 * test_holdings - what members of a group were assigned, in the bytes of the consumer protocol
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/holdings.h"

/* Version 1; topic "ab": 0 and 258, topic "c": 3; no user data. */
static const unsigned char two_topics[] = { 0, 1, 0, 0, 0, 2, 0, 2, 'a', 'b', 0, 0, 0, 2, 0, 0, 0,
	0, 0, 0, 1, 2, 0, 1, 'c', 0, 0, 0, 1, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff };
/* All but the user data. */
enum { TOPICS_LEN = sizeof(two_topics) - 4 };

static struct sink_holdings holdings;

static int teardown(void **state)
{
	sink_holdings_fini(&holdings);
	return 0;
}

static void assert_holding(size_t index, const char *topic, int32_t partition)
{
	assert_true(index < holdings.count);
	assert_string_equal(holdings.items[index].topic, topic);
	assert_int_equal(holdings.items[index].partition, partition);
}

static void every_topic_and_partition_is_read(void **state)
{
	assert_int_equal(kafka_read_assignment(two_topics, sizeof(two_topics), &holdings), 0);
	assert_int_equal(holdings.count, 3);
	assert_holding(0, "ab", 0);
	assert_holding(1, "ab", 258);
	assert_holding(2, "c", 3);
}

static void members_add_up(void **state)
{
	assert_int_equal(kafka_read_assignment(two_topics, sizeof(two_topics), &holdings), 0);
	assert_int_equal(kafka_read_assignment(two_topics, TOPICS_LEN, &holdings), 0);
	assert_int_equal(holdings.count, 6);
}

static void member_without_an_assignment_has_nothing(void **state)
{
	assert_int_equal(kafka_read_assignment(NULL, 0, &holdings), 0);
	assert_int_equal(holdings.count, 0);
}

/* Cut anywhere: refused, and what was read before of others stays. */
static void short_one_is_refused_whole(void **state)
{
	assert_int_equal(kafka_read_assignment(two_topics, sizeof(two_topics), &holdings), 0);
	for (size_t len = 1; len < TOPICS_LEN; len++) {
		unsigned char *exact = malloc(len); /* so that a sanitizer sees a read behind it */

		memcpy(exact, two_topics, len);
		assert_int_equal(kafka_read_assignment(exact, len, &holdings), -EPROTO);
		assert_int_equal(holdings.count, 3);
		free(exact);
	}
}

static void huge_counts_end_with_the_bytes(void **state)
{
	static const unsigned char topics[] = { 0, 1, 0xff, 0xff, 0xff, 0xff };
	static const unsigned char partitions[] = { 0, 1, 0, 0, 0, 1, 0, 1, 'a', 0x7f, 0xff, 0xff,
		0xff, 0, 0, 0, 1 };

	assert_int_equal(kafka_read_assignment(topics, sizeof(topics), &holdings), -EPROTO);
	assert_int_equal(kafka_read_assignment(partitions, sizeof(partitions), &holdings), -EPROTO);
	assert_int_equal(holdings.count, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_topic_and_partition_is_read),
		TEST(members_add_up),
		TEST(member_without_an_assignment_has_nothing),
		TEST(short_one_is_refused_whole),
		TEST(huge_counts_end_with_the_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
