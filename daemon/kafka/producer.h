/*
 * producer - an idempotent producer whose deliveries can be waited for
 *
 * Runs in: worker; producer_deliver() on any thread. Owns a client of librdkafka and a thread that
 * serves its answers. A client that failed for good (its producer id was fenced or refused) is
 * replaced by a new one: what it had in hand is answered as not delivered.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "core/publisher.h"

struct producer;

/*
 * `is_single`: each record is a request of its own, so that what is said of the request is said of
 * the record. -EINVAL with the library's sentence.
 */
int producer_open(const struct publisher_options *options, bool is_single, struct producer **ret,
	struct err *err);
/* Accepts NULL. Waits up to a second for what is under way. */
void producer_close(struct producer *producer);

/*
 * Send a copy and wait until monotonic `deadline_us`. RD_KAFKA_RESP_ERR__TIMED_OUT: no answer by
 * then. `ret_is_answer`: the broker, or the client on its behalf, said so of a record that was on
 * its way; else the client refused it at once.
 */
rd_kafka_resp_err_t producer_deliver(struct producer *producer, size_t topic,
	const struct sink_message *message, int64_t deadline_us, bool *ret_is_answer);
