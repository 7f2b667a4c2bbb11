/*
 * limit - the bare loop: what this machine can do for the workload without any framework
 *
 * One poller (the main thread) and BENCH_LANES lanes (default 2) with a connection each, partitions
 * spread over lanes. No retry, no dead letter, no metrics, no rebalance in mid-flight, no answer to
 * any error but to end: the yardstick for onced, not a program for anybody's data.
 *
 * Environment: BENCH_KAFKA, BENCH_TOPIC, BENCH_GROUP, BENCH_DATABASE, BENCH_LANES; BENCH_SETS sends
 * the effects of a batch as one statement, as onced does where it may.
 * SIGTERM ends it: queues are worked off and offsets committed first.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "consumer.h"
#include "lane.h"

enum { LANES_MAX = 16, POLL_MS = 20, COMMIT_MS = 100 };

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
	is_over = 1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void commit(
	rd_kafka_t *rk, const char *topic, _Atomic int64_t *done, int64_t *committed, bool is_async)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);

	for (int p = 0; p < PARTITIONS_MAX; p++) {
		int64_t offset = atomic_load(&done[p]);
		if (offset > committed[p]) {
			rd_kafka_topic_partition_list_add(list, topic, p)->offset = offset;
			committed[p] = offset;
		}
	}
	if (list->cnt > 0 && rd_kafka_commit(rk, list, is_async) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		die("cannot commit");
	}
	rd_kafka_topic_partition_list_destroy(list);
}

static void give(struct lane *lanes, unsigned lane_count, rd_kafka_message_t *message)
{
	if (message->err) {
		fprintf(stderr, "%s\n", rd_kafka_message_errstr(message));
		rd_kafka_message_destroy(message);
		return;
	}
	lane_put(&lanes[(unsigned)message->partition % lane_count], message);
}

/* Wait for the first message, then take what is there: a full batch is never waited for. */
static void poll_once(rd_kafka_t *rk, rd_kafka_queue_t *queue, struct lane *lanes, unsigned count)
{
	rd_kafka_message_t *messages[BATCH_MAX];
	rd_kafka_message_t *first = rd_kafka_consumer_poll(rk, POLL_MS);
	ssize_t more;

	if (!first) {
		return;
	}
	give(lanes, count, first);
	more = rd_kafka_consume_batch_queue(queue, 0, messages, BATCH_MAX);
	for (ssize_t i = 0; i < more; i++) {
		give(lanes, count, messages[i]);
	}
}

static void run(rd_kafka_t *rk, struct lane *lanes, unsigned lane_count, _Atomic int64_t *done)
{
	static int64_t committed[PARTITIONS_MAX];
	const char *topic = need("BENCH_TOPIC");
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
	int64_t due_ms = now_ms() + COMMIT_MS;

	while (!is_over) {
		poll_once(rk, queue, lanes, lane_count);
		if (now_ms() >= due_ms) {
			commit(rk, topic, done, committed, true);
			due_ms = now_ms() + COMMIT_MS;
		}
	}
	for (unsigned i = 0; i < lane_count; i++) {
		lane_stop(&lanes[i]);
	}
	commit(rk, topic, done, committed, false);
	rd_kafka_queue_destroy(queue);
}

int main(void)
{
	static struct lane lanes[LANES_MAX];
	static _Atomic int64_t done[PARTITIONS_MAX];
	const char *wanted = getenv("BENCH_LANES");
	unsigned lane_count = wanted ? (unsigned)strtoul(wanted, NULL, 10) : 2;
	rd_kafka_t *rk;

	if (lane_count < 1 || lane_count > LANES_MAX) {
		die("BENCH_LANES must be 1 to %d", LANES_MAX);
	}
	signal(SIGTERM, on_signal);
	for (unsigned i = 0; i < lane_count; i++) {
		lane_start(&lanes[i], need("BENCH_DATABASE"), getenv("BENCH_SETS") != NULL, done);
	}
	rk = consumer_open();
	run(rk, lanes, lane_count, done);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return 0;
}
