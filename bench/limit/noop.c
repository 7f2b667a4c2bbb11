/*
 * noop - the bare consumer loop: fetch, count, throw away
 *
 * What librdkafka itself can deliver on this machine. Reads BENCH_COUNT records, says on standard
 * output how long that took from the first batch to the last, commits, and ends.
 *
 * Environment: BENCH_KAFKA, BENCH_TOPIC, BENCH_GROUP, BENCH_COUNT.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "consumer.h"

enum { NOOP_BATCH = 1000, NOOP_POLL_MS = 100 };

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t read_some(rd_kafka_queue_t *queue)
{
	rd_kafka_message_t *messages[NOOP_BATCH];
	ssize_t n = rd_kafka_consume_batch_queue(queue, NOOP_POLL_MS, messages, NOOP_BATCH);
	uint64_t records = 0;

	for (ssize_t i = 0; i < n; i++) {
		records += messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
		rd_kafka_message_destroy(messages[i]);
	}
	return records;
}

int main(void)
{
	uint64_t wanted = strtoull(need("BENCH_COUNT"), NULL, 10), seen = 0, first = 0;
	rd_kafka_t *rk = consumer_open();
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
	int64_t started_us = 0;

	while (seen < wanted) {
		seen += read_some(queue);
		if (seen > 0 && started_us == 0) {
			started_us = now_us();
			first = seen;
		}
	}
	printf("{\"records\": %" PRIu64 ", \"took_us\": %" PRId64 "}\n", seen - first,
		now_us() - started_us);
	rd_kafka_queue_destroy(queue);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return 0;
}
