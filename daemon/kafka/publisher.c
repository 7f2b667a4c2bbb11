/*
 * publisher - records out for handlers, acknowledged one by one
 *
 * Runs in: worker; publish() on any thread. A request carries what several threads send, and the
 * broker refuses it as a whole: a record is blamed only when it was refused in a request of its
 * own. For that there is a second producer, which most never need.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kafka/conf.h"
#include "kafka/kafka.h"
#include "kafka/producer.h"

struct publisher {
	struct publisher_options options;
	struct producer *shared;
	pthread_mutex_t lock; /* guards what follows */
	struct producer *single; /* NULL: not needed yet */
};

/*
 * What an answer means; `word` is the code by which retry.on and the like know it, the library's
 * own name where it is NULL. Unlisted: our client's own word is about the way there, a broker's is
 * not.
 */
static const struct meaning {
	rd_kafka_resp_err_t code;
	enum publisher_result result;
	const char *word;
	const char *remedy; /* NULL: the library's words say all */
} meanings[] = {
	{ RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, PUBLISHER_REFUSED, "too-large",
		"see max.message.bytes of the topic, and message.max.bytes in [kafka producer]" },
	{ RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, PUBLISHER_REFUSED, "too-large",
		"see segment.bytes of the topic" },
	{ RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, PUBLISHER_REFUSED, "too-large", NULL },
	{ RD_KAFKA_RESP_ERR_INVALID_RECORD, PUBLISHER_REFUSED, "invalid-record",
		"a compacted topic, for one, takes no record without a key" },
	{ RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, PUBLISHER_REFUSED, "invalid-timestamp",
		"the topic does not take so old or so new a timestamp" },
	/* it was in a request with one of those */
	{ KAFKA_RESP_ERR_INVALID_DIFFERENT_RECORD, PUBLISHER_REFUSED, "invalid-record", NULL },
	{ RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, PUBLISHER_UNAVAILABLE, "no-topic",
		"create the topic" },
	{ RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, PUBLISHER_UNAVAILABLE, "no-topic", "create the topic" },
	{ RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, PUBLISHER_UNAVAILABLE, "no-partition",
		"the topic has fewer partitions than the one the record comes from" },
	{ RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, PUBLISHER_UNAVAILABLE, "no-topic", NULL },
	{ RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, PUBLISHER_UNAVAILABLE, "no-right",
		"the user of [kafka] needs the right Write on the topic" },
	{ RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, PUBLISHER_UNAVAILABLE, "no-right",
		"the user of [kafka] needs the right Write on the topic" },
	{ RD_KAFKA_RESP_ERR__TIMED_OUT, PUBLISHER_UNAVAILABLE, "timeout",
		"no acknowledgement within the handler's timeout" },
	{ RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, PUBLISHER_UNAVAILABLE, "timeout",
		"no acknowledgement within the handler's timeout" },
	{ RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, PUBLISHER_UNAVAILABLE, "timeout", NULL },
	{ RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, PUBLISHER_UNAVAILABLE, NULL, NULL },
	{ RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, PUBLISHER_UNAVAILABLE, NULL, NULL },
	{ RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, PUBLISHER_UNAVAILABLE, NULL, NULL },
	{ RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, PUBLISHER_UNAVAILABLE, NULL, NULL },
	{ RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, PUBLISHER_UNAVAILABLE, NULL, NULL },
	/* the producer's number was not known or not the next one; it takes another */
	{ RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, PUBLISHER_UNAVAILABLE, NULL, NULL },
	{ RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, PUBLISHER_UNAVAILABLE, NULL, NULL },
	{ RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, PUBLISHER_UNAVAILABLE, NULL, NULL },
};

static struct meaning meaning_of(rd_kafka_resp_err_t code)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].code == code) {
			return meanings[i];
		}
	}
	return (struct meaning){ code, code < 0 ? PUBLISHER_UNAVAILABLE : PUBLISHER_FAILED, NULL,
		NULL };
}

/* "_QUEUE_FULL" is "queue-full". */
static void write_word(const struct meaning *meaning, char *ret, size_t size)
{
	const char *name = rd_kafka_err2name(meaning->code);

	snprintf(ret, size, "%s", meaning->word ? meaning->word : name + strspn(name, "_"));
	for (char *p = ret; *p; p++) {
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
	}
}

static enum publisher_result explain(
	const struct publisher *publisher, size_t topic, rd_kafka_resp_err_t code, struct err *err)
{
	const struct meaning meaning = meaning_of(code);

	err_set(err, 0, "topic %s: %s%s%s", publisher->options.topics[topic].name,
		rd_kafka_err2str(code), meaning.remedy ? "; " : "",
		meaning.remedy ? meaning.remedy : "");
	write_word(&meaning, err->code, sizeof(err->code));
	return meaning.result;
}

/* ---- publishing ---- */

static struct producer *single_of(struct publisher *publisher, struct err *err)
{
	struct producer *single;

	pthread_mutex_lock(&publisher->lock);
	if (!publisher->single) {
		(void)producer_open(&publisher->options, true, &publisher->single, err);
	}
	single = publisher->single;
	pthread_mutex_unlock(&publisher->lock);
	return single;
}

static enum publisher_result publish(struct publisher *publisher, size_t topic,
	const struct sink_message *message, struct err *err)
{
	int64_t timeout_us = publisher->options.topics[topic].timeout_ms * 1000;
	struct producer *single;
	bool is_answer;
	rd_kafka_resp_err_t code = producer_deliver(
		publisher->shared, topic, message, clock_mono_us() + timeout_us, &is_answer);

	if (code && is_answer && meaning_of(code).result == PUBLISHER_REFUSED) {
		single = single_of(publisher, err);
		if (!single) {
			return PUBLISHER_UNAVAILABLE;
		}
		/* what it has when nobody waits could come behind what the other writes next */
		code = producer_deliver(
			single, topic, message, clock_mono_us() + timeout_us, &is_answer);
	}
	return code ? explain(publisher, topic, code, err) : PUBLISHER_ACKED;
}

/* ---- life ---- */

static void publisher_close(struct publisher *publisher)
{
	if (!publisher) {
		return;
	}
	producer_close(publisher->single);
	producer_close(publisher->shared);
	pthread_mutex_destroy(&publisher->lock);
	free(publisher);
}

static int publisher_open(
	const struct publisher_options *options, struct publisher **ret, struct err *err)
{
	struct publisher *publisher = NEW(struct publisher);
	int r;

	publisher->options = *options;
	pthread_mutex_init(&publisher->lock, NULL);
	r = producer_open(options, false, &publisher->shared, err);
	if (r < 0) {
		publisher_close(publisher);
		return r;
	}
	*ret = publisher;
	return 0;
}

/* What two properties say together is told only to who makes a client. */
static int publisher_check(const struct publisher_options *options, struct err *err)
{
	struct publisher *publisher;
	int r = publisher_open(options, &publisher, err);

	if (r == 0) {
		publisher_close(publisher);
	}
	return r;
}

const struct publisher_ops kafka_publisher_ops = {
	.check = publisher_check,
	.open = publisher_open,
	.publish = publish,
	.close = publisher_close,
};
