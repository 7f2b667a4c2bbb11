/*
 * answer - what the answer to a produced record means for the record
 *
 * Pure, any thread.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "core/publisher.h"

/* `code` is not NO_ERROR. */
enum publisher_result answer_result(rd_kafka_resp_err_t code);

/* The same, with a word and a sentence that names the topic and says what to do. */
enum publisher_result answer_explain(
	rd_kafka_resp_err_t code, const char *topic, struct err *err);
