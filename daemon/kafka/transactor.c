/*
 * transactor - records and offsets that are one Kafka transaction
 *
 * Runs in: worker, its only lane; the library's answers are served inside our calls. Owns one
 * transactional producer. What the library calls abortable is aborted here and then, so that the
 * caller meets three ends only; a commit whose answer is late is asked for again until its time is
 * up, for asking twice commits once.
 */
#include "core/transactor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/answer.h"
#include "kafka/conf.h"
#include "kafka/kafka.h"
#include "kafka/membership.h"
#include "kafka/message.h"
#include "kafka/source_private.h"
#include "kafka/starved.h"

/* One call of the library's: in between the caller's end is heard. */
enum { CALL_MS = 1000 };
/* How long the coordinator may be silent at the beginning, before its records come again. */
#define INIT_US ((int64_t)5 * 1000 * 1000)
/* As long as the transaction itself is given, and a little more: it is over then. */
#define END_MARGIN_US ((int64_t)5 * 1000 * 1000)

struct transactor {
	rd_kafka_t *rk;
	int64_t timeout_us; /* of a transaction */
	bool is_initialised;
	bool is_open;
	/* of the open transaction: the first record that was not acknowledged */
	rd_kafka_resp_err_t spoilt_by;
	char spoilt_topic[256];
};

/* ---- what the library says ---- */

static void spoil(struct transactor *transactor, rd_kafka_resp_err_t code, const char *topic)
{
	transactor->spoilt_by = code;
	snprintf(transactor->spoilt_topic, sizeof(transactor->spoilt_topic), "%s", topic);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct transactor *transactor = opaque;

	if (message->err && !transactor->spoilt_by) {
		spoil(transactor, message->err, rd_kafka_topic_name(message->rkt));
	}
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	kafka_end_if_starved(code, reason);
	log_debug("transactional producer reports", LOG_STR("code", rd_kafka_err2name(code)),
		LOG_STR("text", reason));
}

/* Sentence and code of the library's error, which ends here. */
static void take_error(rd_kafka_error_t *error, const char *what, struct err *err)
{
	err_set(err, 0, "%s: %s", what, rd_kafka_error_string(error));
	snprintf(err->code, sizeof(err->code), "%s", rd_kafka_error_name(error));
	rd_kafka_error_destroy(error);
}

static enum transactor_result lose(rd_kafka_error_t *error, const char *what, struct err *err)
{
	take_error(error, what, err);
	return TRANSACTOR_LOST;
}

/* ---- ending ---- */

static void forget(struct transactor *transactor)
{
	transactor->is_open = false;
	transactor->spoilt_by = RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Call until it says something else than that it takes longer. */
static rd_kafka_error_t *insist(struct transactor *transactor,
	rd_kafka_error_t *(*call)(rd_kafka_t *rk, int timeout_ms), int64_t deadline_us)
{
	rd_kafka_error_t *error;

	while ((error = call(transactor->rk, CALL_MS)) && rd_kafka_error_is_retriable(error) &&
		clock_mono_us() < deadline_us) {
		rd_kafka_error_destroy(error);
	}
	return error;
}

static enum transactor_result abort_open(struct transactor *transactor, struct err *err)
{
	int64_t deadline_us = clock_mono_us() + transactor->timeout_us + END_MARGIN_US;
	rd_kafka_error_t *error = insist(transactor, rd_kafka_abort_transaction, deadline_us);

	forget(transactor);
	return error ? lose(error, "aborting a transaction", err) : TRANSACTOR_OK;
}

static enum transactor_result transactor_abort(struct transactor *transactor, struct err *err)
{
	return transactor->is_open ? abort_open(transactor, err) : TRANSACTOR_OK;
}

/* Because of `error`, whose sentence stands unless aborting fails as well. */
static enum transactor_result abort_because(
	struct transactor *transactor, rd_kafka_error_t *error, const char *what, struct err *err)
{
	if (rd_kafka_error_is_fatal(error)) {
		return lose(error, what, err);
	}
	take_error(error, what, err);
	return abort_open(transactor, err) == TRANSACTOR_OK ? TRANSACTOR_AGAIN : TRANSACTOR_LOST;
}

/* ---- beginning ---- */

static enum transactor_result initialise(struct transactor *transactor, struct err *err)
{
	rd_kafka_error_t *error =
		insist(transactor, rd_kafka_init_transactions, clock_mono_us() + INIT_US);

	if (!error) {
		transactor->is_initialised = true;
		return TRANSACTOR_OK;
	}
	if (rd_kafka_error_is_retriable(error)) {
		take_error(error, "no transaction coordinator answers", err);
		return TRANSACTOR_AGAIN;
	}
	return lose(error, "starting transactions", err);
}

static enum transactor_result transactor_begin(struct transactor *transactor, struct err *err)
{
	enum transactor_result result =
		transactor->is_initialised ? TRANSACTOR_OK : initialise(transactor, err);
	rd_kafka_error_t *error;

	if (result) {
		return result;
	}
	error = rd_kafka_begin_transaction(transactor->rk);
	if (error) {
		return lose(error, "beginning a transaction", err);
	}
	forget(transactor);
	transactor->is_open = true;
	return TRANSACTOR_OK;
}

/* ---- records ---- */

static enum publisher_result transactor_send(
	struct transactor *transactor, const struct sink_message *message, struct err *err)
{
	rd_kafka_headers_t *headers;
	rd_kafka_resp_err_t code;
	int32_t partition = message->partition < 0 ? RD_KAFKA_PARTITION_UA : message->partition;

	if (transactor->spoilt_by) {
		return PUBLISHER_ACKED; /* it goes where the whole transaction goes */
	}
	headers = message_headers(message);
	code = rd_kafka_producev(transactor->rk, RD_KAFKA_V_TOPIC(message->topic),
		RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(message->key.data, message->key.len),
		RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.data, message->value.len),
		RD_KAFKA_V_TIMESTAMP(message->timestamp_ms > 0 ? message->timestamp_ms : 0),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
	if (!code) {
		return PUBLISHER_ACKED;
	}
	rd_kafka_headers_destroy(headers); /* the library took them only on success */
	if (code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__FATAL) {
		spoil(transactor, code, message->topic); /* what was sent before was the cause */
		return PUBLISHER_ACKED;
	}
	return answer_explain(code, message->topic, err);
}

static bool transactor_is_spoiled(const struct transactor *transactor)
{
	return transactor->spoilt_by != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* After an abort the library may throw away a record of the next transaction: that says nothing. */
static bool is_purged(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

static enum publisher_result transactor_wait(
	struct transactor *transactor, int64_t timeout_us, struct err *err)
{
	int64_t until_us = clock_mono_us() + timeout_us, left_us = timeout_us;
	enum publisher_result result;

	while (!transactor->spoilt_by && rd_kafka_outq_len(transactor->rk) > 0 && left_us > 0) {
		int left_ms = (int)(left_us / 1000) + 1;
		(void)rd_kafka_flush(transactor->rk, left_ms < CALL_MS ? left_ms : CALL_MS);
		left_us = until_us - clock_mono_us();
	}
	if (!transactor->spoilt_by && rd_kafka_outq_len(transactor->rk) > 0) {
		spoil(transactor, RD_KAFKA_RESP_ERR__TIMED_OUT, "of the transaction");
	}
	if (!transactor->spoilt_by) {
		return PUBLISHER_ACKED;
	}
	result = answer_explain(transactor->spoilt_by, transactor->spoilt_topic, err);
	return is_purged(transactor->spoilt_by) ? PUBLISHER_ACKED : result;
}

/* ---- committing ---- */

static enum transactor_result send_offsets(struct transactor *transactor,
	const struct source_membership *membership, const struct source_commit *commits,
	size_t count, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = source_commit_list(commits, count);
	rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(transactor->rk, list,
		membership_metadata(membership), (int)(transactor->timeout_us / 2000));

	rd_kafka_topic_partition_list_destroy(list);
	return error ? abort_because(transactor, error, "offsets into a transaction", err)
		     : TRANSACTOR_OK;
}

/* The outcome is unknown when the answer does not come: only the next producer finds it out. */
static enum transactor_result end_open(struct transactor *transactor, struct err *err)
{
	int64_t deadline_us = clock_mono_us() + transactor->timeout_us + END_MARGIN_US;
	rd_kafka_error_t *error = insist(transactor, rd_kafka_commit_transaction, deadline_us);

	if (!error) {
		forget(transactor);
		return TRANSACTOR_OK;
	}
	if (rd_kafka_error_txn_requires_abort(error)) {
		return abort_because(transactor, error, "committing a transaction", err);
	}
	return lose(error, "committing a transaction, whose end is not known", err);
}

static enum transactor_result transactor_commit(struct transactor *transactor,
	const struct source_membership *membership, const struct source_commit *commits,
	size_t count, struct err *err)
{
	enum transactor_result result;

	(void)transactor_wait(transactor, transactor->timeout_us / 2, err);
	if (transactor->spoilt_by) {
		struct err ignored = ERR_INIT;
		result = abort_open(transactor, &ignored);
		if (result != TRANSACTOR_OK) {
			*err = ignored;
		}
		return result == TRANSACTOR_OK ? TRANSACTOR_AGAIN : result;
	}
	FAILPOINT("before_transaction_offsets");
	result = send_offsets(transactor, membership, commits, count, err);
	if (result != TRANSACTOR_OK) {
		return result;
	}
	FAILPOINT("before_transaction_commit");
	result = end_open(transactor, err);
	FAILPOINT("after_transaction_commit");
	return result;
}

/* ---- life ---- */

static void transactor_close(struct transactor *transactor)
{
	if (!transactor) {
		return;
	}
	if (transactor->rk) {
		rd_kafka_purge(transactor->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_flush(transactor->rk, 0);
		rd_kafka_destroy(transactor->rk);
	}
	free(transactor);
}

static int64_t timeout_us(rd_kafka_conf_t *conf)
{
	char text[24] = "";
	size_t size = sizeof(text);

	(void)rd_kafka_conf_get(conf, "transaction.timeout.ms", text, &size);
	return strtol(text, NULL, 10) * 1000;
}

static int transactor_open(
	const struct transactor_options *options, struct transactor **ret, struct err *err)
{
	struct transactor *transactor = NEW(struct transactor);
	rd_kafka_conf_t *conf;
	char text[512];
	int r = kafka_conf_transactor(options, &conf, err);

	if (r < 0) {
		transactor_close(transactor);
		return r;
	}
	transactor->timeout_us = timeout_us(conf);
	rd_kafka_conf_set_opaque(conf, transactor);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	transactor->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!transactor->rk) {
		r = kafka_no_client("kafka producer", text, err);
		rd_kafka_conf_destroy(conf);
		transactor_close(transactor);
		return r;
	}
	*ret = transactor;
	return 0;
}

/* What two properties say together is told only to who makes a client. */
static int transactor_check(const struct transactor_options *options, struct err *err)
{
	struct transactor *transactor;
	int r = transactor_open(options, &transactor, err);

	if (r == 0) {
		transactor_close(transactor);
	}
	return r;
}

const struct transactor_ops kafka_transactor_ops = {
	.check = transactor_check,
	.open = transactor_open,
	.begin = transactor_begin,
	.send = transactor_send,
	.wait = transactor_wait,
	.is_spoiled = transactor_is_spoiled,
	.commit = transactor_commit,
	.abort = transactor_abort,
	.close = transactor_close,
};
