/*
 * publishing - the topics that a consumer's handlers write to, and the way there
 *
 * Runs in: worker, main thread at start and end; probe. onced_need_topic() fills the table while
 * handlers are opened, onced_publish() is called by runners; where the consumer is transactional by
 * its only lane, which has begun a transaction.
 */
#pragma once

#include <stddef.h>

#include "core/publisher.h"
#include "core/transactor.h"

struct publishing {
	struct publisher_topic *topics; /* one for each name and timeout */
	size_t topic_count, topic_capacity;
	const struct publisher_ops *ops;
	struct publisher *publisher; /* NULL: no topic was asked for, or not opened */
	/* instead of the publisher where the consumer is transactional; NULL where it is not */
	const struct transactor_ops *transactor_ops;
	struct transactor *transactor;
	bool is_alone; /* the batch is of one record: its answer is waited for */
};

/*
 * Open the way to the topics that were asked for, if any were. -EINVAL with the sentence where one
 * is the consumer's own, so that records would go round, or a value of [kafka producer] is refused.
 */
int publishing_open(struct publishing *publishing, const struct publisher_ops *ops,
	const struct config *config, const struct config_consumer *consumer, const char *client_id,
	struct err *err);
/* The same without what it needs a process for that stays. */
int publishing_check(const struct publishing *publishing, const struct publisher_ops *ops,
	const struct config *config, const struct config_consumer *consumer, struct err *err);
/* The same two for a consumer whose records and offsets are one transaction. */
int publishing_open_transactor(struct publishing *publishing, const struct transactor_ops *ops,
	const struct config *config, const struct config_consumer *consumer, const char *client_id,
	const char *transactional_id, struct err *err);
int publishing_check_transactor(const struct publishing *publishing,
	const struct transactor_ops *ops, const struct config *config,
	const struct config_consumer *consumer, struct err *err);
/* Nobody publishes any more. */
void publishing_close(struct publishing *publishing);
/* Forget the topics. */
void publishing_fini(struct publishing *publishing);
