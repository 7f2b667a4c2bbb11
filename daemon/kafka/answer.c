#include "kafka/answer.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "kafka/conf.h"

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

enum publisher_result answer_result(rd_kafka_resp_err_t code)
{
	return meaning_of(code).result;
}

enum publisher_result answer_explain(rd_kafka_resp_err_t code, const char *topic, struct err *err)
{
	const struct meaning meaning = meaning_of(code);

	err_set(err, 0, "topic %s: %s%s%s", topic, rd_kafka_err2str(code),
		meaning.remedy ? "; " : "", meaning.remedy ? meaning.remedy : "");
	write_word(&meaning, err->code, sizeof(err->code));
	return meaning.result;
}
