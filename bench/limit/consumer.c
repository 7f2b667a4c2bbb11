#include "consumer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

const char *need(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		die("%s is not set", name);
	}
	return value;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK) {
		die("%s", text);
	}
}

rd_kafka_t *consumer_open(void)
{
	rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;

	set(conf, "bootstrap.servers", need("BENCH_KAFKA"));
	set(conf, "group.id", need("BENCH_GROUP"));
	set(conf, "enable.auto.commit", "false");
	set(conf, "auto.offset.reset", "earliest");
	set(conf, "check.crcs", "true");
	/*
	 * A full queue stops fetching for up to a second in library versions before 2.2: with one
	 * queue for all partitions the default of 100,000 would be the measured rate.
	 */
	set(conf, "queued.min.messages", "1000000");
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!rk) {
		die("%s", text);
	}
	rd_kafka_poll_set_consumer(rk);
	rd_kafka_topic_partition_list_add(topics, need("BENCH_TOPIC"), RD_KAFKA_PARTITION_UA);
	if (rd_kafka_subscribe(rk, topics)) {
		die("cannot subscribe");
	}
	rd_kafka_topic_partition_list_destroy(topics);
	return rk;
}
