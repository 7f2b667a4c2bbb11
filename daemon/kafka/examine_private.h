/*
 * examine_private - what the files of the examiner share
 *
 *	examine.c         life, waiting, who is there
 *	examine_topic.c   topics and what is configured for them
 *	examine_rights.c  what the user may
 */
#pragma once

#include "kafka/conf.h"
#include "kafka/examine.h"
#include "kafka/offer.h"
#include "kafka/trouble.h"

/* The longest wait for one answer. */
enum { ASK_MS = 8000 };
/* More is not sent to find out about a right. */
enum { WRITING_BYTES_MAX = 32 * 1024 * 1024, RECORD_OVERHEAD_BYTES = 64 * 1024 };

struct examiner_client {
	rd_kafka_t *rk;
	struct kafka_witness witness;
	struct kafka_offers offers; /* of the reader, with assignment = consumer */
	struct err trouble; /* the last that was met; text "" none */
	bool needs_person;
	/* of the producer: what became of the record */
	bool is_answered;
	rd_kafka_resp_err_t answer;
};

struct kafka_examiner {
	const char *group_id;
	int64_t deadline_us;
	struct examiner_client reader, writer;
};

/* Milliseconds that a question may take, at most `most_ms`; 0: the time is over. */
int examine_left_ms(const struct kafka_examiner *examiner, int most_ms);
/* -EAGAIN, and the sentence for it. */
int examine_out_of_time(struct err *err);

/*
 * Ask until somebody answers, or a trouble is there that asking again does not end: -EINVAL;
 * -EAGAIN when nobody does. `topic` NULL: all of them.
 */
int examine_metadata(struct kafka_examiner *examiner, struct examiner_client *client,
	rd_kafka_topic_t *topic, const struct rd_kafka_metadata **ret, struct err *err);

/* One resource's configuration, as it was answered; the caller destroys the event. May be NULL. */
rd_kafka_event_t *examine_describe(struct kafka_examiner *examiner, struct examiner_client *client,
	rd_kafka_ResourceType_t type, const char *name);
/* 0 and the resource that was answered about; -EACCES; -EINVAL or -EAGAIN as above. */
int examine_described(const struct examiner_client *client, rd_kafka_event_t *event,
	const rd_kafka_ConfigResource_t **ret, struct err *err);

/* The right is missing. */
bool examine_is_refusal(rd_kafka_resp_err_t code);
