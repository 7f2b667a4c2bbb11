#include "kafka/producer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "kafka/conf.h"
#include "kafka/message.h"
#include "kafka/starved.h"

/* How long answers are waited for before the thread looks at anything else. */
enum { POLL_MS = 100 };
/* What is under way at the end may still be answered. */
enum { CLOSE_MS = 1000 };
/* Answers of what was purged come at once. */
enum { PURGED_MS = 200 };
/* A client that fails for good again and again is not made anew more often. */
#define RENEW_US ((int64_t)1000 * 1000)
#define LOG_INTERVAL_US ((int64_t)10 * 1000 * 1000)

/* The library gives a message up a little before nobody waits for its answer any more. */
enum { EARLY_MS = 1000 };

enum delivery_state { DELIVERY_WAITING, DELIVERY_ANSWERED, DELIVERY_ABANDONED };

/* A message under way: of who waits for it; of its answer when he stopped waiting. */
struct delivery {
	pthread_cond_t answered;
	enum delivery_state state;
	rd_kafka_resp_err_t code;
};

struct producer {
	struct publisher_options options;
	bool is_single;
	pthread_t thread;
	atomic_bool is_closing;
	atomic_int fatal_code; /* why the last client failed for good; 0: none did */
	struct log_limit late_limit, renew_limit;

	pthread_mutex_t lock; /* guards the states of deliveries */

	/* held for reading while something is handed to the client, for writing to replace it */
	pthread_rwlock_t client_lock;
	rd_kafka_t *rk; /* NULL: none could be made; changed by the thread only */
	rd_kafka_topic_t **topics; /* as in options */
};

/* ---- answers, on the thread ---- */

static void delivery_free(struct delivery *delivery)
{
	pthread_cond_destroy(&delivery->answered);
	free(delivery);
}

static void tell_late(struct producer *producer, const rd_kafka_message_t *message)
{
	uint64_t held_back;

	if (!message->err &&
		log_every(&producer->late_limit, clock_mono_us(), LOG_INTERVAL_US, &held_back)) {
		log_notice("an acknowledgement came after the handler's timeout: the record was "
			   "written, and will be again",
			LOG_STR("topic", rd_kafka_topic_name(message->rkt)),
			LOG_INT("partition", message->partition),
			LOG_INT("offset", message->offset),
			LOG_INT("held_back", (int64_t)held_back));
	}
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct producer *producer = opaque;
	struct delivery *delivery = message->_private;
	bool is_late;

	pthread_mutex_lock(&producer->lock);
	is_late = delivery->state == DELIVERY_ABANDONED;
	if (!is_late) {
		delivery->code = message->err;
		delivery->state = DELIVERY_ANSWERED;
		pthread_cond_signal(&delivery->answered);
	}
	pthread_mutex_unlock(&producer->lock);
	if (is_late) {
		tell_late(producer, message);
		delivery_free(delivery);
	}
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	kafka_end_if_starved(code, reason);
	log_debug("producer reports", LOG_STR("code", rd_kafka_err2name(code)),
		LOG_STR("text", reason));
}

/* ---- the client ---- */

static int64_t delivery_ms(const struct publisher_topic *topic)
{
	int64_t early_ms = topic->timeout_ms / 2;

	return topic->timeout_ms - (early_ms < EARLY_MS ? early_ms : EARLY_MS);
}

/* The longest timeout of those who write to this topic: the library knows it once. */
static int64_t longest_delivery_ms(const struct publisher_options *options, const char *name)
{
	int64_t longest_ms = 0;

	for (size_t i = 0; i < options->topic_count; i++) {
		int64_t ms = delivery_ms(&options->topics[i]);
		if (strcmp(options->topics[i].name, name) == 0 && ms > longest_ms) {
			longest_ms = ms;
		}
	}
	return longest_ms;
}

static rd_kafka_topic_t *open_topic(
	rd_kafka_t *rk, const struct publisher_options *options, const char *name, struct err *err)
{
	rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(rk);
	char number[24], text[256];
	rd_kafka_topic_t *topic;

	snprintf(number, sizeof(number), "%lld", (long long)longest_delivery_ms(options, name));
	if (rd_kafka_topic_conf_set(conf, "message.timeout.ms", number, text, sizeof(text)) !=
		RD_KAFKA_CONF_OK) {
		rd_kafka_topic_conf_destroy(conf);
		err_set(err, -EINVAL, "message.timeout.ms of topic %s: %s", name, text);
		return NULL;
	}
	topic = rd_kafka_topic_new(rk, name, conf);
	if (!topic) {
		rd_kafka_topic_conf_destroy(conf);
		err_set(err, -EINVAL,
			"topic %s: %s; the handler's timeout (message.timeout.ms is %s here) must "
			"be longer than linger.ms",
			name, rd_kafka_err2str(rd_kafka_last_error()), number);
	}
	return topic;
}

static void close_topics(struct producer *producer, rd_kafka_topic_t **topics)
{
	for (size_t i = 0; i < producer->options.topic_count; i++) {
		if (topics[i]) {
			rd_kafka_topic_destroy(topics[i]);
		}
	}
	free(topics);
}

/* Everything in hand is answered, so that nobody waits for a client that is gone. */
static void close_client(
	struct producer *producer, rd_kafka_t *rk, rd_kafka_topic_t **topics, int timeout_ms)
{
	rd_kafka_flush(rk, timeout_ms);
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(rk, PURGED_MS);
	close_topics(producer, topics);
	rd_kafka_destroy(rk);
}

static int open_client(struct producer *producer, rd_kafka_t **ret, rd_kafka_topic_t ***ret_topics,
	struct err *err)
{
	const struct publisher_options *options = &producer->options;
	rd_kafka_topic_t **topics;
	rd_kafka_conf_t *conf;
	rd_kafka_t *rk;
	char text[512];
	int r = kafka_conf_publisher(options, producer->is_single, &conf, err);

	if (r < 0) {
		return r;
	}
	rd_kafka_conf_set_opaque(conf, producer);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!rk) {
		r = kafka_no_client("kafka producer", text, err);
		rd_kafka_conf_destroy(conf);
		return r;
	}
	topics = xcalloc(options->topic_count + 1, sizeof(*topics));
	for (size_t i = 0; i < options->topic_count; i++) {
		topics[i] = open_topic(rk, options, options->topics[i].name, err);
		if (!topics[i]) {
			close_client(producer, rk, topics, 0);
			return -EINVAL;
		}
	}
	*ret = rk;
	*ret_topics = topics;
	return 0;
}

/* ---- the thread ---- */

static void tell_renewal(struct producer *producer)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__FATAL;
	uint64_t held_back;
	char text[512] = "";

	if (producer->rk) {
		code = rd_kafka_fatal_error(producer->rk, text, sizeof(text));
		atomic_store(&producer->fatal_code, code);
	}
	if (log_every(&producer->renew_limit, clock_mono_us(), LOG_INTERVAL_US, &held_back)) {
		log_error("the producer of published records failed for good, a new one takes its "
			  "place",
			LOG_ID(PRODUCER_REPLACED), LOG_STR("code", rd_kafka_err2name(code)),
			LOG_STR("error", text), LOG_INT("held_back", (int64_t)held_back));
	}
}

static void nap(int64_t us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

/*
 * Nobody hands anything to the old client any more before its answers are settled: what was handed
 * over is answered, and the records are sent again by the new one.
 */
static void renew(struct producer *producer)
{
	rd_kafka_t *old = producer->rk, *new = NULL;
	rd_kafka_topic_t **old_topics = producer->topics, **new_topics = NULL;
	struct err err = ERR_INIT;

	tell_renewal(producer);
	pthread_rwlock_wrlock(&producer->client_lock);
	producer->rk = NULL;
	producer->topics = NULL;
	pthread_rwlock_unlock(&producer->client_lock);
	if (old) {
		close_client(producer, old, old_topics, 0);
	}
	nap(RENEW_US);
	if (open_client(producer, &new, &new_topics, &err) < 0) {
		log_error("no new producer can be made", LOG_STR("error", err.text));
		return;
	}
	pthread_rwlock_wrlock(&producer->client_lock);
	producer->rk = new;
	producer->topics = new_topics;
	pthread_rwlock_unlock(&producer->client_lock);
}

static bool has_failed(const struct producer *producer)
{
	return !producer->rk || rd_kafka_fatal_error(producer->rk, NULL, 0);
}

static void *producer_main(void *argument)
{
	struct producer *producer = argument;

	while (!atomic_load(&producer->is_closing)) {
		if (has_failed(producer)) {
			renew(producer);
		} else {
			rd_kafka_poll(producer->rk, POLL_MS);
		}
	}
	return NULL;
}

/* ---- life ---- */

static void producer_free(struct producer *producer)
{
	pthread_rwlock_destroy(&producer->client_lock);
	pthread_mutex_destroy(&producer->lock);
	free(producer);
}

int producer_open(const struct publisher_options *options, bool is_single, struct producer **ret,
	struct err *err)
{
	struct producer *producer = NEW(struct producer);
	int r;

	producer->options = *options;
	producer->is_single = is_single;
	pthread_mutex_init(&producer->lock, NULL);
	pthread_rwlock_init(&producer->client_lock, NULL);
	r = open_client(producer, &producer->rk, &producer->topics, err);
	if (r < 0) {
		producer_free(producer);
		return r;
	}
	r = pthread_create(&producer->thread, NULL, producer_main, producer);
	if (r != 0) {
		close_client(producer, producer->rk, producer->topics, 0);
		producer_free(producer);
		return err_set(err, -r, "no thread for the producer: %s", strerror(r));
	}
	pthread_setname_np(producer->thread, "producer");
	*ret = producer;
	return 0;
}

void producer_close(struct producer *producer)
{
	if (!producer) {
		return;
	}
	atomic_store(&producer->is_closing, true);
	pthread_join(producer->thread, NULL);
	if (producer->rk) {
		close_client(producer, producer->rk, producer->topics, CLOSE_MS);
	}
	producer_free(producer);
}

/* ---- delivering, on any thread ---- */

static struct delivery *delivery_new(void)
{
	struct delivery *delivery = NEW(struct delivery);
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&delivery->answered, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return delivery;
}

static rd_kafka_resp_err_t hand_over(struct producer *producer, size_t topic,
	const struct sink_message *message, struct delivery *delivery)
{
	rd_kafka_headers_t *headers = message_headers(message);
	int32_t partition = message->partition < 0 ? RD_KAFKA_PARTITION_UA : message->partition;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__FATAL;

	pthread_rwlock_rdlock(&producer->client_lock);
	if (producer->rk) {
		code = rd_kafka_producev(producer->rk, RD_KAFKA_V_RKT(producer->topics[topic]),
			RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(message->key.data, message->key.len),
			RD_KAFKA_V_VALUE((void *)message->value.data, message->value.len),
			RD_KAFKA_V_TIMESTAMP(message->timestamp_ms > 0 ? message->timestamp_ms : 0),
			RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(delivery), RD_KAFKA_V_END);
	}
	pthread_rwlock_unlock(&producer->client_lock);
	if (code) {
		rd_kafka_headers_destroy(headers); /* the library took them only on success */
	}
	return code;
}

/* Whoever comes last of the two, the waiting thread and the answer, frees the delivery. */
static rd_kafka_resp_err_t wait_for_answer(
	struct producer *producer, struct delivery *delivery, int64_t deadline_us)
{
	const struct timespec deadline = { deadline_us / 1000000, deadline_us % 1000000 * 1000 };
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	int r = 0;

	pthread_mutex_lock(&producer->lock);
	while (delivery->state == DELIVERY_WAITING && r == 0) {
		r = pthread_cond_timedwait(&delivery->answered, &producer->lock, &deadline);
	}
	if (delivery->state == DELIVERY_WAITING) {
		delivery->state = DELIVERY_ABANDONED;
		delivery = NULL;
	} else {
		code = delivery->code;
	}
	pthread_mutex_unlock(&producer->lock);
	if (delivery) {
		delivery_free(delivery);
	}
	return code;
}

/* A client that is being replaced says no more than that. */
static rd_kafka_resp_err_t cause_of(struct producer *producer, rd_kafka_resp_err_t code)
{
	int fatal_code = atomic_load(&producer->fatal_code);

	if (fatal_code &&
		(code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
			code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)) {
		return (rd_kafka_resp_err_t)fatal_code;
	}
	return code;
}

rd_kafka_resp_err_t producer_deliver(struct producer *producer, size_t topic,
	const struct sink_message *message, int64_t deadline_us, bool *ret_is_answer)
{
	struct delivery *delivery = delivery_new();
	rd_kafka_resp_err_t code = hand_over(producer, topic, message, delivery);

	*ret_is_answer = code == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (code) {
		delivery_free(delivery);
		return cause_of(producer, code);
	}
	return cause_of(producer, wait_for_answer(producer, delivery, deadline_us));
}
