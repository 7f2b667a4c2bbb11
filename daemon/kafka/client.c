#include "kafka/client.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kafka/conf.h"

enum { ASK_TIMEOUT_MS = 5000, POLL_MS = 100, HEADERS_MAX = 64, CLOSE_TIMEOUT_MS = 1000 };

struct kafka_client {
	rd_kafka_t *producer;
	rd_kafka_t *consumer; /* assigned by hand, subscribed to nothing */
};

struct property {
	const char *name, *value;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka_place *place = message->_private;

	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		*place = (struct kafka_place){ message->partition, message->offset };
	}
}

static int open_handle(rd_kafka_type_t type, const struct property *properties, size_t count,
	rd_kafka_t **ret, struct err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];

	rd_kafka_conf_set_log_cb(conf, kafka_log);
	if (type == RD_KAFKA_PRODUCER) {
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	}
	for (size_t i = 0; i < count; i++) {
		if (rd_kafka_conf_set(conf, properties[i].name, properties[i].value, text,
			    sizeof(text)) != RD_KAFKA_CONF_OK) {
			rd_kafka_conf_destroy(conf);
			return err_set(err, -EINVAL, "%s", text);
		}
	}
	*ret = rd_kafka_new(type, conf, text, sizeof(text));
	if (!*ret) {
		rd_kafka_conf_destroy(conf);
		return err_set(err, -EIO, "cannot start a Kafka client: %s", text);
	}
	return 0;
}

int kafka_client_open(
	const char *bootstrap, const char *group_id, struct kafka_client **ret, struct err *err)
{
	_cleanup_(kafka_client_closep) struct kafka_client *client = NEW(struct kafka_client);
	const struct property producer[] = {
		{ "bootstrap.servers", bootstrap },
		{ "acks", "all" },
		{ "linger.ms", "5" },
		{ "partitioner", "murmur2_random" },
	};
	const struct property consumer[] = {
		{ "bootstrap.servers", bootstrap },
		{ "group.id", group_id },
		{ "enable.auto.commit", "false" },
		{ "enable.auto.offset.store", "false" },
		{ "auto.offset.reset", "error" },
	};
	int r = open_handle(RD_KAFKA_PRODUCER, producer, sizeof(producer) / sizeof(producer[0]),
		&client->producer, err);

	if (r == 0) {
		r = open_handle(RD_KAFKA_CONSUMER, consumer, sizeof(consumer) / sizeof(consumer[0]),
			&client->consumer, err);
	}
	if (r == 0) {
		*ret = TAKE(client);
	}
	return r;
}

void kafka_client_close(struct kafka_client *client)
{
	if (!client) {
		return;
	}
	if (client->producer) {
		rd_kafka_purge(
			client->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(client->producer, CLOSE_TIMEOUT_MS);
		rd_kafka_destroy(client->producer);
	}
	if (client->consumer) {
		rd_kafka_consumer_close(client->consumer);
		rd_kafka_destroy(client->consumer);
	}
	free(client);
}

int kafka_client_produce(struct kafka_client *client, const char *topic, struct slice key,
	struct slice value, struct kafka_place *place, struct err *err)
{
	rd_kafka_resp_err_t code;

	place->offset = -1;
	code = rd_kafka_producev(client->producer, RD_KAFKA_V_TOPIC(topic),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data, key.len),
		RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len),
		RD_KAFKA_V_OPAQUE(place), RD_KAFKA_V_END);
	rd_kafka_poll(client->producer, 0);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		return kafka_err(err, -EIO, code, "cannot produce");
	}
	return 0;
}

int kafka_client_flush(struct kafka_client *client, int timeout_ms, struct err *err)
{
	if (rd_kafka_flush(client->producer, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		return err_set(err, -ETIMEDOUT, "%d records are not acknowledged",
			rd_kafka_outq_len(client->producer));
	}
	return 0;
}

static int ask_end(struct kafka_client *client, const char *topic, int32_t partition, int64_t *ret,
	struct err *err)
{
	int64_t low;
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
		client->consumer, topic, partition, &low, ret, ASK_TIMEOUT_MS);

	return code ? kafka_err(err, -EIO, code, "cannot ask for the end of a partition") : 0;
}

static void list_free(rd_kafka_topic_partition_list_t **list)
{
	if (*list) {
		rd_kafka_topic_partition_list_destroy(*list);
	}
}

int kafka_client_lag(struct kafka_client *client, const char *topic, int32_t partition_count,
	int64_t *ret, struct err *err)
{
	_cleanup_(list_free) rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(partition_count);
	rd_kafka_resp_err_t code;

	for (int32_t i = 0; i < partition_count; i++) {
		rd_kafka_topic_partition_list_add(list, topic, i);
	}
	code = rd_kafka_committed(client->consumer, list, ASK_TIMEOUT_MS);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		return kafka_err(err, -EIO, code, "cannot ask for committed offsets");
	}
	*ret = 0;
	for (int i = 0; i < list->cnt; i++) {
		int64_t end, committed = list->elems[i].offset;
		int r = ask_end(client, topic, list->elems[i].partition, &end, err);

		if (r < 0) {
			return r;
		}
		*ret += end - (committed > 0 ? committed : 0);
	}
	return 0;
}

/* ---- reading back ---- */

struct reading {
	rd_kafka_t *rk;
	int64_t deadline_us;
	void (*on_record)(void *arg, const struct kafka_client_record *record);
	void *arg;
};

static void give(const struct reading *reading, const rd_kafka_message_t *message)
{
	struct source_header headers[HEADERS_MAX];
	struct kafka_client_record record = {
		.place = { message->partition, message->offset },
		.key = message->key ? slice_from(message->key, message->key_len) : SLICE_NULL,
		.value = message->payload ? slice_from(message->payload, message->len) : SLICE_NULL,
		.headers = headers,
	};
	rd_kafka_headers_t *list;
	const char *name;
	const void *value;
	size_t size;

	if (rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		while (record.header_count < HEADERS_MAX &&
			rd_kafka_header_get_all(list, record.header_count, &name, &value, &size) ==
				RD_KAFKA_RESP_ERR_NO_ERROR) {
			headers[record.header_count++] =
				(struct source_header){ slice_from_str(name),
					value ? slice_from(value, size) : SLICE_NULL };
		}
	}
	reading->on_record(reading->arg, &record);
}

/* From the current assignment until `end` was seen. */
static int read_until(const struct reading *reading, int64_t end, struct err *err)
{
	int64_t next = 0;

	while (next < end) {
		rd_kafka_message_t *message;

		if (clock_mono_us() > reading->deadline_us) {
			return err_set(err, -ETIMEDOUT, "read %lld of %lld records in time",
				(long long)next, (long long)end);
		}
		message = rd_kafka_consumer_poll(reading->rk, POLL_MS);
		if (message && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			next = message->offset + 1;
			give(reading, message);
		}
		if (message) {
			rd_kafka_message_destroy(message);
		}
	}
	return 0;
}

static int read_partition(struct kafka_client *client, const char *topic, int32_t partition,
	const struct reading *reading, struct err *err)
{
	_cleanup_(list_free) rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code;
	int64_t end;
	int r = ask_end(client, topic, partition, &end, err);

	if (r < 0) {
		return r;
	}
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = 0;
	code = rd_kafka_assign(client->consumer, list);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		return kafka_err(err, -EIO, code, "cannot read a topic");
	}
	r = read_until(reading, end, err);
	rd_kafka_assign(client->consumer, NULL);
	return r;
}

int kafka_client_read(struct kafka_client *client, const char *topic, int32_t partition_count,
	int timeout_ms, void (*on_record)(void *arg, const struct kafka_client_record *record),
	void *arg, struct err *err)
{
	const struct reading reading = { .rk = client->consumer,
		.deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000,
		.on_record = on_record,
		.arg = arg };

	for (int32_t partition = 0; partition < partition_count; partition++) {
		int r = read_partition(client, topic, partition, &reading, err);

		if (r < 0) {
			return err_prefix(err, r, "topic %s, partition %d", topic, partition);
		}
	}
	return 0;
}
