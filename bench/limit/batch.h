/*
 * batch - one transaction of the bare loop on the wire
 *
 * BEGIN and the claim of all ids leave together; when the verdicts are there, the effects of the
 * new ones and COMMIT leave together. Two waits a batch.
 */
#pragma once

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* Connect, prepare, enter pipeline mode. Ends the program when that fails. */
PGconn *batch_connect(const char *database);

/*
 * Claim and apply up to BATCH_MAX messages, each with a statement of its own, or `as_set` with one
 * for all. Committed when it returns; they stay the caller's.
 */
void batch_run(PGconn *conn, rd_kafka_message_t **messages, unsigned count, bool as_set);
