/*
 * sink - dead letters out: the producer side of librdkafka
 *
 * Runs in: worker; send() and the questions from any thread, poll() on the main thread. Also the
 * handle on which questions about logs are asked: on the consuming handle they wait behind its long
 * poll.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/conf.h"
#include "kafka/holdings.h"
#include "kafka/kafka.h"
#include "kafka/keeping.h"
#include "kafka/message.h"
#include "kafka/starved.h"
#include "kafka/trouble.h"

/* How long one partition may keep the questions about others waiting. */
enum { ALONE_MS = 500 };
/* Answers of what was purged come at once. */
enum { PURGED_MS = 200 };

struct sink {
	rd_kafka_t *rk;
	struct sink_listener listener;
	char *warm_topic;
	struct kafka_witness witness;
	/* the last that kept it from its brokers, above all what a person has to end */
	struct err trouble;
	bool needs_person;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct sink *sink = opaque;
	struct err err = ERR_INIT;
	enum sink_result result = SINK_ACKED;

	if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
		result = SINK_TOO_LARGE;
	} else if (message->err) {
		result = SINK_FAILED;
	}
	if (message->err) {
		const struct kafka_trouble trouble = { .code = message->err,
			.topic = rd_kafka_topic_name(message->rkt),
			.right = "Write" };

		(void)kafka_explain(&trouble, &err);
		err_prefix(&err, 0, "dead letter not accepted");
	}
	if (result == SINK_ACKED && sink->listener.on_stored) {
		sink->listener.on_stored(sink->listener.context, rd_kafka_topic_name(message->rkt),
			message->partition, message->offset < 0 ? -1 : message->offset);
	}
	sink->listener.on_result(sink->listener.context, message->_private, result, &err);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct sink *sink = opaque;
	const struct kafka_trouble trouble = {
		.code = (rd_kafka_resp_err_t)code, .text = reason, .witness = &sink->witness
	};
	struct err err = ERR_INIT;
	bool needs_person;

	kafka_end_if_starved(code, reason);
	needs_person = kafka_explain(&trouble, &err);

	log_debug("producer reports", LOG_STR("code", rd_kafka_err2name(code)),
		LOG_STR("text", reason));
	if (needs_person || (!sink->needs_person && code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)) {
		sink->trouble = err;
		sink->needs_person = needs_person;
	}
}

static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
	const char *der, size_t size, char *text, size_t text_size, void *opaque)
{
	struct sink *sink = opaque;

	return kafka_witness_judge(&sink->witness, *error, text, text_size);
}

static int sink_check(const struct sink_options *options, struct err *err)
{
	rd_kafka_conf_t *conf;
	int r = kafka_conf_producer(options, &conf, err);

	if (r == 0) {
		rd_kafka_conf_destroy(conf);
	}
	return r;
}

static int sink_open(const struct sink_options *options, struct sink **ret, struct err *err)
{
	struct sink *sink;
	rd_kafka_conf_t *conf;
	char text[512];
	int r = kafka_conf_producer(options, &conf, err);

	if (r < 0) {
		return r;
	}
	sink = NEW(struct sink);
	sink->listener = *options->listener;
	rd_kafka_conf_set_opaque(conf, sink);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	kafka_witness_watch(conf, &sink->witness, on_certificate);
	sink->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!sink->rk) {
		r = kafka_no_client("kafka producer", text, err);
		rd_kafka_conf_destroy(conf);
		free(sink);
		return r;
	}
	*ret = sink;
	return 0;
}

static int sink_send(struct sink *sink, const struct sink_message *message, struct err *err)
{
	rd_kafka_headers_t *headers = message_headers(message);
	int32_t partition = message->partition < 0 ? RD_KAFKA_PARTITION_UA : message->partition;
	rd_kafka_resp_err_t code = rd_kafka_producev(sink->rk, RD_KAFKA_V_TOPIC(message->topic),
		RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(message->key.data, message->key.len),
		RD_KAFKA_V_VALUE((void *)message->value.data, message->value.len),
		RD_KAFKA_V_TIMESTAMP(message->timestamp_ms > 0 ? message->timestamp_ms : 0),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(message->tag), RD_KAFKA_V_END);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		return 0;
	}
	rd_kafka_headers_destroy(headers); /* the library took them only on success */
	kafka_err(err, 0, code, "dead letter not sent");
	return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? 2 : 1;
}

static unsigned sink_poll(struct sink *sink)
{
	return (unsigned)rd_kafka_poll(sink->rk, 0);
}

static unsigned sink_pending(const struct sink *sink)
{
	return (unsigned)rd_kafka_outq_len(sink->rk);
}

static int sink_partition_count(
	struct sink *sink, const char *topic, int timeout_ms, struct err *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(sink->rk, topic, NULL);
	rd_kafka_resp_err_t code;
	int r;

	if (!rkt) {
		return kafka_err(err, -EINVAL, rd_kafka_last_error(), topic);
	}
	code = rd_kafka_metadata(sink->rk, 0, rkt, &metadata, timeout_ms);
	rd_kafka_topic_destroy(rkt);
	if (code) {
		return kafka_err(err, -EAGAIN, code, "asking for metadata");
	}
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err
					: RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
	r = code ? 0 : metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
		return kafka_err(err, -ENOENT, code, topic);
	}
	return code ? kafka_err(err, -EAGAIN, code, topic) : r;
}

static void sink_cluster_id(
	struct sink *sink, char *ret, size_t size, int timeout_ms, struct err *err)
{
	char *id = rd_kafka_clusterid(sink->rk, timeout_ms);

	rd_kafka_poll(sink->rk, 0); /* what it met meanwhile */
	*err = sink->trouble;
	ret[0] = '\0';
	if (id) {
		strncat(ret, id, size - 1);
		rd_kafka_mem_free(sink->rk, id);
	}
}

static rd_kafka_resp_err_t ask_log_offsets(
	struct sink *sink, struct source_offset *offsets, size_t count, int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].partition)
			->offset = offsets[i].offset;
	}
	code = rd_kafka_offsets_for_times(sink->rk, list, timeout_ms);
	for (size_t i = 0; i < count; i++) {
		bool is_known = !code && !list->elems[i].err && list->elems[i].offset >= 0;
		offsets[i].result = is_known ? 0 : -EAGAIN;
		if (is_known) {
			offsets[i].offset = list->elems[i].offset;
		}
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/*
 * A partition without a leader fails the question for all: ask for each, as long as there is time.
 */
static rd_kafka_resp_err_t ask_one_by_one(
	struct sink *sink, struct source_offset *offsets, size_t count, int timeout_ms)
{
	int64_t end_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	bool is_any_known = false;

	for (size_t i = 0; i < count && clock_mono_us() < end_us; i++) {
		code = ask_log_offsets(sink, &offsets[i], 1, ALONE_MS);
		is_any_known |= offsets[i].result == 0;
	}
	return is_any_known ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

static int sink_log_offsets(struct sink *sink, struct source_offset *offsets, size_t count,
	int timeout_ms, struct err *err)
{
	rd_kafka_resp_err_t code = ask_log_offsets(sink, offsets, count, timeout_ms);

	if (code && count > 1) {
		code = ask_one_by_one(sink, offsets, count, timeout_ms);
	}
	return code ? kafka_err(err, -EAGAIN, code, "asking for log offsets") : 0;
}

static int sink_group_holdings(struct sink *sink, const char *group, int timeout_ms,
	struct sink_holdings *ret, struct err *err)
{
	return kafka_ask_holdings(sink->rk, group, timeout_ms, ret, err);
}

static void sink_ask_keeping(struct sink *sink, struct sink_keeping *keeping, int timeout_ms)
{
	kafka_ask_keeping(sink->rk, keeping, timeout_ms);
}

static void sink_close(struct sink *sink, int timeout_ms)
{
	rd_kafka_flush(sink->rk, timeout_ms);
	rd_kafka_purge(sink->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(sink->rk, PURGED_MS); /* what was given up is answered, too */
	rd_kafka_destroy(sink->rk);
	free(sink);
}

const struct sink_ops kafka_sink_ops = {
	.check = sink_check,
	.open = sink_open,
	.send = sink_send,
	.poll = sink_poll,
	.pending = sink_pending,
	.partition_count = sink_partition_count,
	.cluster_id = sink_cluster_id,
	.log_offsets = sink_log_offsets,
	.group_holdings = sink_group_holdings,
	.ask_keeping = sink_ask_keeping,
	.close = sink_close,
};
