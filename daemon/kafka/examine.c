/*
 * examine - ask a cluster whether a consumer could work with it, and leave no trace
 *
 * Runs in: oncectl, one thread. What a client meets (a refused login, an unknown authority) comes
 * by callback while it waits for an answer; the first that a person has to end ends the wait.
 */
#include "kafka/examine_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

/* One look while troubles are listened to. */
enum { LOOK_MS = 500, TROUBLE_GRACE_US = 300000 };

/* Any thread of the library. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct examiner_client *client = rk ? rd_kafka_opaque(rk) : NULL;

	bool is_first;

	if (!client || kafka_offers_note(&client->offers, level, text, false)) {
		return;
	}
	is_first = strstr(text, "APIVERSION_QUERY") || strstr(text, "requesting ApiVersion");

	/* closed, or answered by something that is no answer: an alert of TLS, for one */
	if (is_first && !strstr(text, "timed out")) {
		atomic_store(&client->witness.is_cut_off, true);
	}
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct examiner_client *client = opaque;
	struct kafka_trouble trouble = {
		.code = (rd_kafka_resp_err_t)code, .text = reason, .witness = &client->witness
	};
	struct err err = ERR_INIT;
	bool needs_person;
	char text[512];

	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		trouble.code = rd_kafka_fatal_error(rk, text, sizeof(text));
		trouble.text = text;
	}
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->trouble.text[0] &&
		!atomic_load(&client->witness.is_cut_off)) {
		return;
	}
	needs_person = kafka_explain(&trouble, &err);
	if (needs_person || !client->needs_person) {
		client->trouble = err;
		client->needs_person = needs_person;
	}
}

static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *error, int depth,
	const char *der, size_t size, char *text, size_t text_size, void *opaque)
{
	struct examiner_client *client = opaque;

	return kafka_witness_judge(&client->witness, *error, text, text_size);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct examiner_client *client = opaque;

	client->is_answered = true;
	client->answer = message->err;
}

/* ---- life ---- */

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
	char text[256];

	return rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK
		? 0
		: err_set(err, -EINVAL, "%s", text);
}

static int client_open(struct examiner_client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf,
	struct err *err)
{
	char text[512];

	rd_kafka_conf_set_log_cb(conf, on_log);
	(void)rd_kafka_conf_set(conf, "log.connection.close", "true", text, sizeof(text));
	rd_kafka_conf_set_opaque(conf, client);
	rd_kafka_conf_set_error_cb(conf, on_error);
	kafka_witness_watch(conf, &client->witness, on_certificate);
	client->rk = rd_kafka_new(type, conf, text, sizeof(text));
	if (!client->rk) {
		rd_kafka_conf_destroy(conf);
		return err_set(err, -EINVAL, "[kafka]: %s", text);
	}
	return 0;
}

static int open_reader(struct kafka_examiner *examiner, const struct config *config,
	const struct config_consumer *consumer, struct err *err)
{
	rd_kafka_conf_t *conf;
	int r = kafka_conf_reader(config, examiner->group_id, &conf, err);

	if (r < 0) {
		return r;
	}
	if (consumer->assignment == ASSIGNMENT_CONSUMER && !consumer->groups) {
		r = kafka_offers_listen(&examiner->reader.offers, conf, err);
	}
	if (r < 0) {
		rd_kafka_conf_destroy(conf);
		return r;
	}
	return client_open(&examiner->reader, RD_KAFKA_CONSUMER, conf, err);
}

/* An idempotent one would fail as a whole for want of a right. */
static int open_writer(struct kafka_examiner *examiner, const struct config *config,
	const struct config_consumer *consumer, struct err *err)
{
	struct sink_options options = {
		.config = config, .consumer = consumer, .client_id = "oncectl"
	};
	rd_kafka_conf_t *conf;
	char bytes[24];
	int r = kafka_conf_producer(&options, &conf, err);

	if (r < 0) {
		return r;
	}
	snprintf(bytes, sizeof(bytes), "%d", WRITING_BYTES_MAX + 2 * RECORD_OVERHEAD_BYTES);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	r = set(conf, "enable.idempotence", "false", err);
	r = r < 0 ? r : set(conf, "message.max.bytes", bytes, err);
	r = r < 0 ? r : set(conf, "compression.codec", "none", err);
	r = r < 0 ? r : set(conf, "linger.ms", "0", err);
	if (r < 0) {
		rd_kafka_conf_destroy(conf);
		return r;
	}
	return client_open(&examiner->writer, RD_KAFKA_PRODUCER, conf, err);
}

int kafka_examiner_open(const struct config *config, const struct config_consumer *consumer,
	int64_t deadline_us, struct kafka_examiner **ret, struct err *err)
{
	_cleanup_(kafka_examiner_closep) struct kafka_examiner *examiner =
		NEW(struct kafka_examiner);
	int r;

	examiner->group_id = consumer->group_id;
	examiner->deadline_us = deadline_us;
	r = open_reader(examiner, config, consumer, err);
	r = r < 0 ? r : open_writer(examiner, config, consumer, err);
	if (r == 0) {
		*ret = TAKE(examiner);
	}
	return r;
}

void kafka_examiner_close(struct kafka_examiner *examiner)
{
	if (!examiner) {
		return;
	}
	if (examiner->writer.rk) {
		rd_kafka_purge(
			examiner->writer.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_poll(examiner->writer.rk, 0);
		rd_kafka_destroy(examiner->writer.rk);
	}
	if (examiner->reader.rk) {
		rd_kafka_destroy_flags(examiner->reader.rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	}
	free(examiner);
}

/* ---- waiting ---- */

int examine_left_ms(const struct kafka_examiner *examiner, int most_ms)
{
	int64_t left = (examiner->deadline_us - clock_mono_us()) / 1000;

	return left <= 0 ? 0 : left < most_ms ? (int)left : most_ms;
}

int examine_out_of_time(struct err *err)
{
	return err_set(err, -EAGAIN, "no answer within the time (--timeout)");
}

/* What the client met, or the error of the call when it met nothing. */
static int give_up(const struct examiner_client *client, rd_kafka_resp_err_t code, struct err *err)
{
	if (client->trouble.text[0]) {
		*err = client->trouble;
		return client->needs_person ? -EINVAL : -EAGAIN;
	}
	return kafka_err(err, -EAGAIN, code, "no answer from any broker of bootstrap.servers");
}

/* A little after a trouble: another broker may do better. */
int examine_metadata(struct kafka_examiner *examiner, struct examiner_client *client,
	rd_kafka_topic_t *topic, const struct rd_kafka_metadata **ret, struct err *err)
{
	int64_t until_us = clock_mono_us() + (int64_t)examine_left_ms(examiner, ASK_MS) * 1000;
	rd_kafka_resp_err_t code;

	do {
		int wait_ms = examine_left_ms(examiner, LOOK_MS);

		code = rd_kafka_metadata(client->rk, topic == NULL, topic, ret, wait_ms + 1);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
			return 0;
		}
		rd_kafka_poll(client->rk, 10);
		if (client->needs_person && until_us > clock_mono_us() + TROUBLE_GRACE_US) {
			until_us = clock_mono_us() + TROUBLE_GRACE_US;
		}
	} while (clock_mono_us() < until_us);
	return give_up(client, code, err);
}

/* ---- who is there ---- */

int kafka_examine_cluster(
	struct kafka_examiner *examiner, struct kafka_cluster *ret, struct err *err)
{
	const struct rd_kafka_metadata *metadata;
	int r = examine_metadata(examiner, &examiner->reader, NULL, &metadata, err);

	ret->broker_count = 0;
	if (r < 0) {
		return r;
	}
	for (int i = 0; i < metadata->broker_cnt && i < KAFKA_EXAMINE_BROKERS; i++) {
		ret->brokers[ret->broker_count++] = metadata->brokers[i].id;
	}
	rd_kafka_metadata_destroy(metadata);
	return 0;
}

int kafka_examine_offers(struct kafka_examiner *examiner, struct err *err)
{
	const struct kafka_trouble trouble = { .code = KAFKA_OFFER_MISSING_CODE,
		.text = KAFKA_OFFER_MISSING_TEXT };

	if (!atomic_load(&examiner->reader.offers.is_missing)) {
		return 0;
	}
	(void)kafka_explain(&trouble, err);
	return -EINVAL;
}

rd_kafka_event_t *examine_describe(struct kafka_examiner *examiner, struct examiner_client *client,
	rd_kafka_ResourceType_t type, const char *name)
{
	rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(type, name);
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(client->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(client->rk);
	int wait_ms = examine_left_ms(examiner, ASK_MS);
	rd_kafka_event_t *event;
	char text[256];

	client->trouble.text[0] = '\0';
	client->needs_person = false;
	(void)rd_kafka_AdminOptions_set_request_timeout(options, wait_ms + 1, text, sizeof(text));
	rd_kafka_DescribeConfigs(client->rk, &resource, 1, options, queue);
	do {
		event = rd_kafka_queue_poll(queue, wait_ms < LOOK_MS ? wait_ms : LOOK_MS);
		rd_kafka_poll(client->rk, 0);
		wait_ms -= LOOK_MS;
	} while (!event && wait_ms > 0 && !client->needs_person);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	return event;
}

bool examine_is_refusal(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
}

int examine_described(const struct examiner_client *client, rd_kafka_event_t *event,
	const rd_kafka_ConfigResource_t **ret, struct err *err)
{
	const rd_kafka_DescribeConfigs_result_t *result;
	const rd_kafka_ConfigResource_t **resources = NULL;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	size_t count = 0;

	if (event) {
		code = rd_kafka_event_error(event);
		result = rd_kafka_event_DescribeConfigs_result(event);
		if (!code && result) {
			resources = rd_kafka_DescribeConfigs_result_resources(result, &count);
		}
	}
	if (!code) {
		code = count ? rd_kafka_ConfigResource_error(resources[0])
			     : RD_KAFKA_RESP_ERR__BAD_MSG;
	}
	if (examine_is_refusal(code)) {
		return kafka_err(err, -EACCES, code, "reading the configuration");
	}
	if (code) {
		return give_up(client, code, err);
	}
	*ret = resources[0];
	return 0;
}

int kafka_examine_broker(struct kafka_examiner *examiner, int32_t broker, struct err *err)
{
	const rd_kafka_ConfigResource_t *resource;
	rd_kafka_event_t *event;
	char name[16];
	int r;

	if (examine_left_ms(examiner, 1) == 0) {
		return examine_out_of_time(err);
	}
	snprintf(name, sizeof(name), "%d", broker);
	event = examine_describe(examiner, &examiner->reader, RD_KAFKA_RESOURCE_BROKER, name);
	r = examine_described(&examiner->reader, event, &resource, err);
	if (event) {
		rd_kafka_event_destroy(event);
	}
	return r == -EACCES ? 0 : r;
}
