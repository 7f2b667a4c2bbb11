/*
 * publisher - records out for handlers, acknowledged one by one
 *
 * Runs in: worker; publish() on any thread. A request carries what several threads send, and the
 * broker refuses it as a whole: a record is blamed only when it was refused in a request of its
 * own. For that there is a second producer, which most never need.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "kafka/answer.h"
#include "kafka/conf.h"
#include "kafka/kafka.h"
#include "kafka/producer.h"

struct publisher {
	struct publisher_options options;
	struct producer *shared;
	pthread_mutex_t lock; /* guards what follows */
	struct producer *single; /* NULL: not needed yet */
};

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

	if (code && is_answer && answer_result(code) == PUBLISHER_REFUSED) {
		single = single_of(publisher, err);
		if (!single) {
			return PUBLISHER_UNAVAILABLE;
		}
		/* what it has when nobody waits could come behind what the other writes next */
		code = producer_deliver(
			single, topic, message, clock_mono_us() + timeout_us, &is_answer);
	}
	return code ? answer_explain(code, publisher->options.topics[topic].name, err)
		    : PUBLISHER_ACKED;
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
