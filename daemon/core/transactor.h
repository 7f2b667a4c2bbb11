/*
 * transactor - the port for records and offsets that are one Kafka transaction
 *
 * Implemented by kafka/transactor.c. One thread (the worker's only lane) calls everything between
 * open() and close(). Every call has a deadline. Readers with isolation.level = read_committed see
 * all records of a transaction once it is committed, and none of one that is not; the group's
 * offsets move with them.
 */
#pragma once

#include "core/publisher.h"
#include "core/source.h"

struct transactor;

struct transactor_options {
	struct publisher_options publisher;
	/* of one living producer at a time: the next one with it ends what this one has open */
	const char *transactional_id;
};

enum transactor_result {
	TRANSACTOR_OK,
	/* nothing of it will be seen, and the offsets did not move: its records come again */
	TRANSACTOR_AGAIN,
	/*
	 * the producer can do no more: another with its id is at work, its time ran out, a right
	 * is missing, or nobody knows how the transaction ended. The process is to end: what the
	 * next one finds committed is true.
	 */
	TRANSACTOR_LOST,
};

struct transactor_ops {
	/* Are the values of [kafka] and [kafka producer] such that open() would take them? */
	int (*check)(const struct transactor_options *options, struct err *err);
	/* Needs no broker. -EINVAL: a value is refused. */
	int (*open)(const struct transactor_options *options, struct transactor **ret,
		struct err *err);
	/*
	 * Begin a transaction; none is open. The first call ends what an earlier producer of this
	 * id had open, and keeps that one out from then on.
	 */
	enum transactor_result (*begin)(struct transactor *transactor, struct err *err);
	/*
	 * A record into the transaction; the message is copied, its tag means nothing. ACKED: it is
	 * on its way. Anything else: it is not in it, and the transaction is as it was.
	 */
	enum publisher_result (*send)(
		struct transactor *transactor, const struct sink_message *message, struct err *err);
	/*
	 * Wait until all that was sent is acknowledged. What was refused is the record's own fault
	 * only where it was the only one. Unless ACKED the transaction is spoiled; it may be
	 * spoiled all the same, for no fault of anybody's.
	 */
	enum publisher_result (*wait)(
		struct transactor *transactor, int64_t timeout_us, struct err *err);
	/* A record was not acknowledged: it can only be aborted. */
	bool (*is_spoiled)(const struct transactor *transactor);
	/*
	 * Offsets (of at least one partition) into it, as the member that `membership` says, and
	 * end it. Unless OK it is aborted, or lost.
	 */
	enum transactor_result (*commit)(struct transactor *transactor,
		const struct source_membership *membership, const struct source_commit *commits,
		size_t count, struct err *err);
	enum transactor_result (*abort)(struct transactor *transactor, struct err *err);
	/* What is open is left to its timeout, or to the next producer. Accepts NULL. */
	void (*close)(struct transactor *transactor);
};
