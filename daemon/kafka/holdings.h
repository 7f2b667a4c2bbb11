/*
 * holdings - which partitions the members of a group have
 *
 * Runs in: worker, the clerk's thread; waits for the answer.
 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "core/sink.h"

/* As group_holdings() of core/sink.h. */
int kafka_ask_holdings(rd_kafka_t *rk, const char *group, int timeout_ms,
	struct sink_holdings *ret, struct err *err);

/*
 * Append what a member was assigned, in the words of the consumer protocol. -EPROTO: it is none,
 * and nothing is appended.
 */
int kafka_read_assignment(const void *bytes, size_t len, struct sink_holdings *holdings);
