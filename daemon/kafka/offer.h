/*
 * offer - does a broker offer the group protocol of assignment = consumer?
 *
 * The library has no call that says it, and of its own doubt it writes a line for debugging only,
 * and waits. So it is had write down what each broker offers, once for each connection, and that is
 * read. Whether the feature group.version is on is not among it: the group's coordinator says so
 * when it is asked to let a member in.
 */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"

enum kafka_offer { KAFKA_OFFER_UNSAID, KAFKA_OFFER_NO, KAFKA_OFFER_YES };

/* Pure: one line of the library's log. */
enum kafka_offer kafka_offer_of_line(const char *text);

/* What one client learns; any thread of the library writes. */
struct kafka_offers {
	bool is_heard; /* kafka_offers_listen() was called */
	bool is_quiet; /* nobody else wants lines for debugging: they are no log lines */
	atomic_bool is_missing; /* a broker that counts does not offer it */
};

/* Have a client that `conf` is for write it down. */
int kafka_offers_listen(struct kafka_offers *offers, rd_kafka_conf_t *conf, struct err *err);

/*
 * A line of its log; `is_coordinators_only`: other brokers do not count. True: it was written for
 * us alone.
 */
bool kafka_offers_note(
	struct kafka_offers *offers, int level, const char *text, bool is_coordinators_only);

/* What kafka_explain() makes a sentence of when it is missing. */
#define KAFKA_OFFER_MISSING_CODE RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE
#define KAFKA_OFFER_MISSING_TEXT "ConsumerGroupHeartbeat is not offered"
