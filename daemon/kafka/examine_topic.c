/*
 * examine_topic - ask a cluster for topics and what is configured for them
 *
 * Runs in: oncectl, one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/examine_private.h"
#include "kafka/keeping.h"

static struct examiner_client *client_of(struct kafka_examiner *examiner, bool is_written)
{
	return is_written ? &examiner->writer : &examiner->reader;
}

static int explain_topic(
	rd_kafka_resp_err_t code, const char *topic, const char *right, struct err *err)
{
	struct kafka_trouble trouble = { .code = code, .topic = topic, .right = right };

	(void)kafka_explain(&trouble, err);
	switch (code) {
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		return -ENOENT;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		return -EACCES;
	default:
		return -EAGAIN;
	}
}

static void read_topic(const struct rd_kafka_metadata_topic *topic, struct kafka_topic *ret)
{
	*ret = (struct kafka_topic){ .partitions = topic->partition_cnt, .replicas = INT32_MAX };
	for (int i = 0; i < topic->partition_cnt; i++) {
		const struct rd_kafka_metadata_partition *p = &topic->partitions[i];

		ret->leaderless += p->leader < 0;
		ret->replicas = p->replica_cnt < ret->replicas ? p->replica_cnt : ret->replicas;
	}
}

int kafka_examine_topic(struct kafka_examiner *examiner, const char *topic, bool is_written,
	struct kafka_topic *ret, struct err *err)
{
	struct examiner_client *client = client_of(examiner, is_written);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *rkt;
	rd_kafka_resp_err_t code;
	int r;

	if (examine_left_ms(examiner, 1) == 0) {
		return examine_out_of_time(err);
	}
	rkt = rd_kafka_topic_new(client->rk, topic, NULL);
	if (!rkt) {
		return kafka_err(err, -EAGAIN, rd_kafka_last_error(), topic);
	}
	r = examine_metadata(examiner, client, rkt, &metadata, err);
	rd_kafka_topic_destroy(rkt);
	if (r < 0) {
		return -EAGAIN;
	}
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err
					: RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	if (code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
		code = RD_KAFKA_RESP_ERR_NO_ERROR; /* which ones, its partitions say */
	}
	if (!code) {
		read_topic(&metadata->topics[0], ret);
	}
	rd_kafka_metadata_destroy(metadata);
	return code ? explain_topic(code, topic, is_written ? "Write" : "Read", err) : 0;
}

static const char *find(const rd_kafka_ConfigResource_t *resource, const char *name)
{
	size_t count;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
			return rd_kafka_ConfigEntry_value(entries[i]);
		}
	}
	return NULL;
}

static int64_t number(const char *text)
{
	return text ? strtoll(text, NULL, 10) : -1;
}

int kafka_examine_settings(struct kafka_examiner *examiner, const char *topic, bool is_written,
	struct kafka_topic_settings *ret, struct err *err)
{
	struct examiner_client *client = client_of(examiner, is_written);
	const rd_kafka_ConfigResource_t *resource;
	rd_kafka_event_t *event;
	const char *policy;
	int r;

	*ret = (struct kafka_topic_settings){ -1, -1, -1, false };
	if (examine_left_ms(examiner, 1) == 0) {
		return examine_out_of_time(err);
	}
	event = examine_describe(examiner, client, RD_KAFKA_RESOURCE_TOPIC, topic);
	r = examine_described(client, event, &resource, err);
	if (r == 0) {
		policy = find(resource, "cleanup.policy");
		ret->message_bytes_max = number(find(resource, "max.message.bytes"));
		ret->retention_ms = number(find(resource, "retention.ms"));
		ret->replicas_min = number(find(resource, "min.insync.replicas"));
		ret->is_compacted = policy && strstr(policy, "compact");
	}
	if (event) {
		rd_kafka_event_destroy(event);
	}
	return r;
}

void kafka_examine_keeping(struct kafka_examiner *examiner, struct sink_keeping *keeping)
{
	int wait_ms = examine_left_ms(examiner, ASK_MS / 2);

	if (wait_ms == 0) {
		keeping->result = examine_out_of_time(&keeping->err);
		return;
	}
	kafka_ask_keeping(examiner->reader.rk, keeping, wait_ms);
}
