/*
 * fake_store_private - what the files of the fake store share
 */
#pragma once

#include "base/buffer.h"
#include "fake_store.h"

enum {
	FAKE_SESSIONS_MAX = 8,
	FAKE_SAVEPOINTS_MAX = 128,
	FAKE_CODE_MAX = 32,
	FAKE_MISUSE_MAX = 100,
	FAKE_STATEMENTS_MAX = 16
};

struct fake_session;

/* What is remembered of a partition. */
struct fake_seen {
	struct slice topic;
	int32_t partition;
	int64_t committed;
};

struct fake_store {
	struct store base;
	struct fake_rows rows;
	struct fake_fault *faults;
	size_t fault_count, fault_capacity;
	bool is_down, allows_sets;
	size_t set_values[FAKE_STATEMENTS_MAX]; /* of a row, as asked first; 0: not asked */
	int64_t now_us;
	struct buffer journal;
	char misuse[FAKE_MISUSE_MAX];
	struct fake_session *sessions[FAKE_SESSIONS_MAX];
	struct fake_seen *seen;
	size_t seen_count, seen_capacity;
	struct pauses pauses;
};

/* A queued operation; what it points to lives until flush. */
struct fake_op {
	enum store_op op;
	int (*run)(struct fake_session *session, const struct fake_op *op); /* a store_failure */
	const char *word; /* in the journal */
	uint32_t number; /* tag, group or count; in the journal too */
	bool has_number;
	struct store_claim *claims; /* CLAIM, LEASE */
	const struct store_lease *lease;
	enum store_lease_end end;
	const struct store_claim *decided; /* DECIDE */
	struct slice decision; /* DECIDE */
	size_t count;
	struct store_value *values; /* STATEMENT, QUERY; owned */
	struct store_rows *answer; /* QUERY: the caller's */
	const struct store_value *const *rows; /* SET: `count` of them */
	size_t statement;
	const struct store_attempts *attempts;
	const struct store_position *position;
};

struct fake_savepoint {
	uint32_t group;
	size_t length; /* of the transaction */
};

struct fake_session {
	struct store_session base;
	struct fake_store *store;
	bool is_connected, is_interrupted;
	bool in_transaction, is_aborted;
	struct fake_transaction transaction;
	struct fake_savepoint savepoints[FAKE_SAVEPOINTS_MAX];
	size_t savepoint_count;
	struct fake_op *ops;
	size_t op_count, op_capacity;
	char code[FAKE_CODE_MAX]; /* of the failure under way */
	bool is_outdated; /* likewise */
	char counted[24]; /* what the last query answered */
	struct slice answered[2];
};

static inline struct fake_session *fake_session(struct store_session *session)
{
	return (struct fake_session *)session;
}

/* Note a breach of the contract, once. */
void fake_misuse(struct fake_session *session, const char *what);
/* Set the code of a failure; returns the failure. */
int fake_refuse(struct fake_session *session, enum store_failure failure, const char *code);
/* The open transaction is gone, with its changes. */
void fake_end_transaction(struct fake_session *session);

enum store_failure fake_flush(struct store_session *session, struct store_flight *flight);

/* fake_store_lease.c */
void fake_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count);
void fake_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count);

/* The ops of fake_store_queue.c. */
struct fake_op *fake_queue(struct store_session *session, enum store_op op,
	int (*run)(struct fake_session *, const struct fake_op *), const char *word);
void fake_number(struct fake_op *op, uint32_t number);
bool fake_is_held_by_other(
	const struct fake_session *session, const uint8_t key[STORE_KEY_SIZE]);
/* What the row that is there says about a claim. */
void fake_judge_row(const struct fake_session *session, const struct fake_row *row,
	struct store_claim *claim);
/* A row as the claim would have it. */
struct fake_row fake_row_of(const struct store_claim *claim, enum store_outcome outcome);
void fake_check_sorted(struct fake_session *session, const struct fake_op *op);
void fake_begin(struct store_session *session);
void fake_claim(struct store_session *session, struct store_claim *claims, size_t count);
void fake_savepoint(struct store_session *session, uint32_t group);
void fake_release(struct store_session *session, uint32_t group);
void fake_statement(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag);
void fake_query(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag, struct store_rows *ret);
bool fake_can_set(struct store_session *session, size_t index, size_t value_count);
void fake_statement_set(struct store_session *session, size_t index,
	const struct store_value *const *rows, size_t count, uint32_t tag);
/* Of each row of a set. */
size_t fake_set_values(const struct fake_session *session, const struct fake_op *op);
void fake_decide_dlq(struct store_session *session, const struct store_claim *claim,
	struct slice decision);
void fake_finish_replay(struct store_session *session, const struct store_claim *claim);
void fake_unclaim(struct store_session *session, const struct store_claim *claims, size_t count);
void fake_put_attempts(struct store_session *session, const struct store_attempts *attempts);
void fake_delete_attempts(struct store_session *session, const struct store_position *position);
void fake_commit(struct store_session *session);
void fake_rollback(struct store_session *session);
void fake_rollback_to(struct store_session *session, uint32_t group);
