/*
 * offer - does a broker offer the group protocol of assignment = consumer?
 *
 * The lines are those of librdkafka 2.12 to 2.16. Should a later one write others, nothing is
 * heard, and a worker says no more than that it has not joined.
 */
#include "kafka/offer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVEL_DEBUG = 7 };

/* Kafka 3.9 has a preview, version 0, which no such library speaks. */
enum { VERSION_MIN = 1 };

enum kafka_offer kafka_offer_of_line(const char *text)
{
	static const char request[] = "ConsumerGroupHeartbeat (", versions[] = ") Versions ";
	const char *at = strstr(text, request), *range = at ? strstr(at, versions) : NULL;
	const char *most = range ? strstr(range, "..") : NULL;

	if (at && strstr(at, ") NOT supported by broker")) {
		return KAFKA_OFFER_NO;
	}
	if (!most) {
		return KAFKA_OFFER_UNSAID;
	}
	return strtol(most + 2, NULL, 10) < VERSION_MIN ? KAFKA_OFFER_NO : KAFKA_OFFER_YES;
}

int kafka_offers_listen(struct kafka_offers *offers, rd_kafka_conf_t *conf, struct err *err)
{
	char own[512] = "", all[sizeof(own) + 16], text[256];
	size_t size = sizeof(own);

	if (rd_kafka_conf_get(conf, "debug", own, &size) != RD_KAFKA_CONF_OK) {
		own[0] = '\0';
	}
	offers->is_heard = true;
	offers->is_quiet = own[0] == '\0';
	snprintf(all, sizeof(all), "%s%sfeature", own, own[0] ? "," : "");
	return rd_kafka_conf_set(conf, "debug", all, text, sizeof(text)) == RD_KAFKA_CONF_OK
		? 0
		: err_set(err, -EINVAL, "%s", text);
}

bool kafka_offers_note(
	struct kafka_offers *offers, int level, const char *text, bool is_coordinators_only)
{
	if (!offers->is_heard) {
		return false;
	}
	if (kafka_offer_of_line(text) == KAFKA_OFFER_NO &&
		(!is_coordinators_only || strstr(text, "GroupCoordinator"))) {
		atomic_store(&offers->is_missing, true);
	}
	return offers->is_quiet && level >= LEVEL_DEBUG;
}
