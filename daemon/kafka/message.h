/*
 * message - a record of ours as librdkafka takes it
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "core/sink.h"

/* In order, duplicates and nulls as they are. To be destroyed unless the library took them. */
rd_kafka_headers_t *message_headers(const struct sink_message *message);
