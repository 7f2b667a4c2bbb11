/*
 * keeping - ask the broker how long it keeps a topic's records, or the offsets of groups
 *
 * Runs in: worker, the clerk's thread; waits for the answer. Reading configurations needs a right
 * of its own, which consumers seldom have: that is an answer, too.
 */
#include "kafka/keeping.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/conf.h"

/* The library's own time-out comes first: it knows what it waited for. */
enum { GRACE_MS = 1000 };

#define MINUTE_US ((int64_t)60 * 1000 * 1000)

static void fail(
	struct sink_keeping *keeping, rd_kafka_resp_err_t code, const char *text, const char *what)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
		keeping->result = -EACCES;
		break;
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
		keeping->result = -ENOTSUP;
		break;
	default:
		keeping->result = -EAGAIN;
	}
	err_set(&keeping->err, keeping->result, "%s: %s", what,
		text ? text : rd_kafka_err2str(code));
}

static const char *find(const rd_kafka_ConfigEntry_t **entries, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) {
			return rd_kafka_ConfigEntry_value(entries[i]);
		}
	}
	return NULL;
}

/* -1 is for ever, which is 0 here; false where it is no number. */
static bool read_time(const char *text, int64_t unit_us, int64_t *ret_us)
{
	char *end;
	long long value = text ? strtoll(text, &end, 10) : 0;

	if (!text || end == text || *end) {
		return false;
	}
	*ret_us = value < 0 || value > INT64_MAX / unit_us ? 0 : value * unit_us;
	return true;
}

static void expect_known(struct sink_keeping *keeping, bool is_known)
{
	keeping->result = is_known ? 0 : -ENOTSUP;
	if (!is_known) {
		err_set(&keeping->err, -ENOTSUP, "the broker does not tell it");
	}
}

void kafka_read_topic_keeping(
	struct sink_keeping *keeping, const char *retention_ms, const char *cleanup_policy)
{
	bool is_known = read_time(retention_ms, 1000, &keeping->us) && cleanup_policy;

	expect_known(keeping, is_known);
	if (!is_known) {
		return;
	}
	keeping->is_compacted = strstr(cleanup_policy, "compact") != NULL;
	if (!strstr(cleanup_policy, "delete")) {
		keeping->us = 0; /* its age deletes nothing */
	}
}

void kafka_read_topic_clock(struct sink_keeping *keeping, const char *timestamp_type)
{
	keeping->counts_from_append =
		timestamp_type && strcmp(timestamp_type, "LogAppendTime") == 0;
}

static void read_resource(
	struct sink_keeping *keeping, const rd_kafka_ConfigResource_t *resource, const char *what)
{
	rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resource);
	const rd_kafka_ConfigEntry_t **entries;
	size_t count;

	if (code) {
		fail(keeping, code, rd_kafka_ConfigResource_error_string(resource), what);
		return;
	}
	entries = rd_kafka_ConfigResource_configs(resource, &count);
	if (keeping->topic) {
		kafka_read_topic_keeping(keeping, find(entries, count, "retention.ms"),
			find(entries, count, "cleanup.policy"));
		kafka_read_topic_clock(keeping, find(entries, count, "message.timestamp.type"));
	} else {
		expect_known(keeping,
			read_time(find(entries, count, "offsets.retention.minutes"), MINUTE_US,
				&keeping->us));
	}
}

static void read_answer(struct sink_keeping *keeping, rd_kafka_event_t *event, const char *what)
{
	const rd_kafka_DescribeConfigs_result_t *result =
		rd_kafka_event_DescribeConfigs_result(event);
	const rd_kafka_ConfigResource_t **resources = NULL;
	size_t count = 0;

	if (rd_kafka_event_error(event)) {
		fail(keeping, rd_kafka_event_error(event), rd_kafka_event_error_string(event),
			what);
		return;
	}
	if (result) {
		resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
	}
	if (count == 0) {
		fail(keeping, RD_KAFKA_RESP_ERR__BAD_MSG, NULL, what);
		return;
	}
	read_resource(keeping, resources[0], what);
}

static rd_kafka_ConfigResource_t *resource_of(
	rd_kafka_t *rk, const struct sink_keeping *keeping, int timeout_ms)
{
	char name[16];
	int32_t broker;

	if (keeping->topic) {
		return rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, keeping->topic);
	}
	broker = rd_kafka_controllerid(rk, timeout_ms); /* any would do: it is the cluster's */
	if (broker < 0) {
		return NULL;
	}
	snprintf(name, sizeof(name), "%d", broker);
	return rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_BROKER, name);
}

/*
 * While no broker is there, threads of the library spin as long as a question like ours waits
 * (2.0.2: it goes to and fro between two of them); one about metadata waits without that.
 */
static bool is_anybody_there(rd_kafka_t *rk, int timeout_ms)
{
	const struct rd_kafka_metadata *metadata = NULL;

	if (rd_kafka_metadata(rk, 0, NULL, &metadata, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		return false;
	}
	rd_kafka_metadata_destroy(metadata);
	return true;
}

void kafka_ask_keeping(rd_kafka_t *rk, struct sink_keeping *keeping, int timeout_ms)
{
	const char *what = keeping->topic ? "reading the topic's configuration"
					  : "reading a broker's configuration";
	rd_kafka_ConfigResource_t *resource =
		is_anybody_there(rk, timeout_ms) ? resource_of(rk, keeping, timeout_ms) : NULL;
	rd_kafka_AdminOptions_t *options;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event;
	char text[256];

	if (!resource) {
		fail(keeping, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what);
		return;
	}
	options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	queue = rd_kafka_queue_new(rk);
	(void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
	rd_kafka_DescribeConfigs(rk, &resource, 1, options, queue);
	event = rd_kafka_queue_poll(queue, timeout_ms + GRACE_MS);
	if (event) {
		read_answer(keeping, event, what);
		rd_kafka_event_destroy(event);
	} else {
		fail(keeping, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL, what);
	}
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
}
