/*
 * store - the port behind which dedup rows, attempts and seen partitions live
 *
 * Implemented by store/postgres, store/sqlite, store/redis, store/memory, store/none and the tests'
 * fake. One `struct store` per process, one `struct store_session` per thread (a connection). No
 * function here decides anything about records: the unit of work (worker/unit.c) does, against any
 * store.
 *
 * A session queues operations; store_flush() sends what is queued and waits. The first operation
 * that fails ends the flight: the later ones did not happen, as in a pipeline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/examination.h"
#include "core/generation.h"
#include "core/pause.h"
#include "core/retention.h"
#include "core/schema.h"

enum {
	STORE_KEY_SIZE = 16,
	STORE_DIGEST_SIZE = 16,
	STORE_OWNER_SIZE = 16,
	STORE_DECISION_MAX = 1024,
	STORE_TOPIC_MAX = 256,
	STORE_DIGEST_TEXT_MAX = 129,
};

/* What a query may answer; more is its record's failure. */
enum {
	STORE_QUERY_ROWS_MAX = 10000,
	/* of all values, each with STORE_QUERY_VALUE_BYTES beside its own */
	STORE_QUERY_BYTES_MAX = 4 * 1024 * 1024,
	STORE_QUERY_VALUE_BYTES = 16,
};

struct store;
struct store_session;

/*
 * What every row says about where the record stood. Positions are compared whole: a recreated topic
 * reuses offsets.
 */
struct store_position {
	struct slice topic;
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;
};

enum store_outcome {
	STORE_OUTCOME_DONE = 0,
	STORE_OUTCOME_DLQ = 1,
	STORE_OUTCOME_RUNNING = 2, /* leased: the effect is being made elsewhere */
};

enum claim_verdict {
	CLAIM_UNKNOWN, /* not asked yet */
	CLAIM_NEW, /* inserted by this transaction as `done` */
	CLAIM_DUPLICATE, /* there already, ended: done, or dlq at another position */
	/* there already as dlq, for this very position: the dead letter must be produced again */
	CLAIM_SETTLED_DLQ,
	CLAIM_BUSY, /* a lease of another owner; see busy_us */
	/* lease() only: the row was leased before, by an owner whose time ran out or by this one */
	CLAIM_TAKEN_OVER,
	/* there already, for another event: its digest is another. The row stays as it is */
	CLAIM_COLLISION,
	/*
	 * of a replay: the row says dlq, and is this transaction's (claim) or this owner's (lease).
	 * It goes on saying dlq unless finish_replay() or end_leases() ends it otherwise
	 */
	CLAIM_REPLAYED,
};

struct store_claim {
	uint8_t key[STORE_KEY_SIZE];
	struct store_position position;
	struct slice event_id; /* for people; null for a row keyed by position */
	/*
	 * Of what the event says, to tell it from another with the same id. The first byte names
	 * what was digested: only digests of the same kind are compared. A row without one matches
	 * anything.
	 */
	bool has_digest;
	uint8_t digest[STORE_DIGEST_SIZE];
	/* sent again out of the dead letters: may take over a row that says dlq, of any digest */
	bool is_replay;

	/* set by the flush that follows store_claim() */
	enum claim_verdict verdict;
	bool is_dead_elsewhere; /* DUPLICATE: of a dead letter at another position */
	/*
	 * SETTLED_DLQ: what decide_dlq() kept, null where it kept nothing. The session's until its
	 * next begin(). end_leases() reads it.
	 */
	struct slice decision;
	int64_t busy_us; /* BUSY: until the lease ends, unless it is renewed */
	/*
	 * Which lease of its owner this is; end_leases() releases no other. 0: any of his, and
	 * where no release can come late
	 */
	uint64_t stamp;

	/* set by the flush that follows end_leases() */
	bool is_mine;
	/*
	 * is_mine, but the store had no row of it any more: flushed, evicted, failed over. A mark
	 * or renewal was written anew, and another owner may have had the event meanwhile.
	 */
	bool was_forgotten;
};

/* What the operator should hear about a store that works, once. */
struct store_notice {
	bool is_loss; /* what was marked before may have been forgotten: its events may repeat */
	char text[512];
};

/*
 * A lease says who works on an event whose effect no transaction of the store covers, and until
 * when, by the store's clock. The owner is a random token; whoever knows it is the owner.
 */
struct store_lease {
	uint8_t owner[STORE_OWNER_SIZE];
	int64_t lease_us;
};

/* What becomes of a lease. */
enum store_lease_end {
	STORE_LEASE_DONE, /* the effect is made */
	STORE_LEASE_DLQ, /* dead-lettered, for the reason in `decision` */
	STORE_LEASE_RELEASED, /* nothing was made: the row goes */
	STORE_LEASE_RENEWED, /* it begins anew */
};

/* What went wrong, as far as the store can tell; the unit of work decides whose fault it is. */
enum store_failure {
	STORE_OK = 0,
	/*
	 * connection gone; after a COMMIT was sent the outcome is unknown. The session reconnects
	 * by store_session_ready()
	 */
	STORE_LOST,
	/* it refuses work now: shutting down, read-only, SQLITE_BUSY, out of disk or resources */
	STORE_UNAVAILABLE,
	STORE_CONFLICT, /* deadlock, serialization failure, lock timeout: redo smaller */
	STORE_TIMEOUT, /* statement timeout or cancel */
	/* the statement itself was refused; see `code` (SQLSTATE or SQLITE_xxx name) */
	STORE_STATEMENT,
	STORE_FORBIDDEN, /* the same, for want of a right: an operator's affair */
	/*
	 * a statement affected a number of rows outside its range, or a query answered more than
	 * it may: code STORE_CODE_TOO_LARGE
	 */
	STORE_ROWS,
	STORE_ROLLED_BACK, /* COMMIT was answered by ROLLBACK */
};

#define STORE_CODE_TOO_LARGE "result-too-large"

enum store_op {
	STORE_OP_NONE,
	STORE_OP_BEGIN,
	STORE_OP_CLAIM,
	STORE_OP_SAVEPOINT,
	STORE_OP_RELEASE,
	STORE_OP_STATEMENT,
	STORE_OP_QUERY, /* a statement whose rows are wanted */
	STORE_OP_SET, /* a statement for many records: the tag says nothing about whose fault */
	STORE_OP_DECIDE, /* decide, finish_replay, unclaim, attempts */
	STORE_OP_LEASE, /* end_leases; lease() itself is a CLAIM */
	STORE_OP_COMMIT,
	STORE_OP_ROLLBACK,
};

/* Answer of a flush. */
struct store_flight {
	enum store_failure failure;
	/* the operation that failed; COMMIT when the connection was lost after COMMIT was sent */
	enum store_op op;
	/* the tag it was queued with (STATEMENT, QUERY: record; SET, SAVEPOINT, RELEASE: group) */
	uint32_t tag;
	/* a transaction is still open (aborted until ROLLBACK or ROLLBACK TO) */
	bool in_transaction;
	bool is_outdated; /* STATEMENT: queued again behind ROLLBACK TO, it goes as if new */
	struct err err; /* code = SQLSTATE or name; text without data of the row */
};

enum store_value_kind {
	STORE_VALUE_NULL,
	STORE_VALUE_TEXT,
	STORE_VALUE_NUMBER,
	STORE_VALUE_BOOL,
	STORE_VALUE_JSON
};
struct store_value {
	enum store_value_kind kind;
	struct slice text;
};

/* A statement of the effects, known before sessions open. `sql` uses $1, $2 ... */
struct store_statement {
	const char *sql;
	unsigned param_count;
	long rows_min, rows_max; /* rows_max < 0: any */
};

/* The answer to a query, row by row. A null value is NULL; behind every other is a zero byte. */
struct store_rows {
	size_t row_count, column_count;
	const struct slice *values;
};

/* Attempts already made on a record, kept across restarts. */
struct store_attempts {
	struct store_position position;
	unsigned attempts;
	int64_t first_failure_ms, last_failure_ms; /* wall clock */
};

/* What the store remembers of a partition. */
struct store_partition_seen {
	bool is_seen;
	int64_t committed; /* last committed offset written here, -1 none */
};

/* One key's row as it stands, for people. */
struct store_row {
	bool is_there;
	enum store_outcome outcome;
	/* where the record stood; "" and -1 where the store does not keep it */
	char topic[STORE_TOPIC_MAX];
	int32_t partition;
	int64_t offset, timestamp_ms;
	int64_t at_ms; /* when it ended, or was leased, by the store's clock; -1 not known */
	int64_t left_us; /* RUNNING: until its lease ends; below 0: it is over */
	char digest[STORE_DIGEST_TEXT_MAX]; /* hexadecimal, "" none */
	char decision[STORE_DECISION_MAX + 1]; /* DLQ: in its decider's words, "" none */
};

enum store_forgotten { STORE_FORGOTTEN, STORE_NOTHING_TO_FORGET, STORE_STILL_RUNNING };

/* One step of sweep(). */
struct store_sweep {
	uint8_t owner[STORE_OWNER_SIZE]; /* a random token: who asks */
	unsigned rows; /* about so many are looked at */
	/* set by sweep() */
	uint64_t deleted;
	bool is_pass_over; /* with this step everything has been looked at once */
	int64_t wait_us; /* nothing to do for so long, or another is at it; 0: go on */
};

/* May statements be prepared under names? A pooler in transaction mode loses them. */
enum store_prepare { STORE_PREPARE_AUTO, STORE_PREPARE_YES, STORE_PREPARE_NO };

struct store_options {
	const char *url, *user, *password;
	const char *sentinel_user, *sentinel_password; /* of Redis's Sentinels; NULL: none */
	const char *scope; /* dedup scope of the consumer */
	const char *consumer, *group_id, *cluster_id;
	int64_t statement_timeout_us, lock_timeout_us, idle_timeout_us, reconnect_max_us;
	enum store_prepare prepare;
	/* migrate() only: the table of processed events in so many; 0: as it is */
	unsigned partitions;
	bool asks_each_server; /* it is asked once: of several each has its own time */
	int64_t retention_us; /* how long the row of an ended event is kept; 0: for ever */
	const struct store_statement *statements; /* borrowed for the store's life */
	size_t statement_count;
};

struct store_ops {
	const char *scheme; /* "postgresql" */
	bool is_transactional; /* effects join the dedup transaction */
	/*
	 * Events are remembered. One that is not transactional knows leases only: claim,
	 * decide_dlq, unclaim, savepoints, statements and queries fail the flight, begin and commit
	 * are marks in the queue, and a flight that failed may have happened in part: `op` is
	 * COMMIT then.
	 */
	bool keeps_claims;
	bool is_single_writer; /* one lane writes at a time: more sessions gain nothing */

	/* No network. -EINVAL with err for a bad URL. */
	int (*open)(const struct store_options *options, struct store **ret, struct err *err);
	void (*close)(struct store *store);

	/*
	 * Bring the schema to this program's version, under a lock against concurrent starts. 0, or
	 * negative with err (newer schema, no rights, not reachable). `ret_applied` counts
	 * migrations.
	 */
	int (*migrate)(struct store *store, unsigned *ret_applied, struct err *err);
	/*
	 * What migrate() would find; changes nothing. NULL: the store has no schema. 0, or negative
	 * with err: not reachable, no rights.
	 */
	int (*look_schema)(struct store *store, struct store_schema *ret, struct err *err);

	/*
	 * What a doctor asks of a store whose schema is ours; changes nothing. NULL: there is
	 * nothing to ask. 0, or negative with err.
	 */
	int (*examine)(struct store *store, struct store_examination *ret, struct err *err);

	/*
	 * Which generation of the scope is in use. NULL: the store knows none. 0, or negative with
	 * err.
	 */
	int (*look_generation)(struct store *store, struct store_generation *ret, struct err *err);
	/*
	 * Begin the generation `next`, whose number is one above that in use, and run `sql` (many
	 * statements, NULL none) in the same transaction. Waits for every open transaction of an
	 * earlier one; none of those can begin another. The group's attempts are forgotten. 0; 1:
	 * this very rebuild began it before, and nothing was done; negative with err: nothing was
	 * done, unless the connection broke (look_generation tells).
	 */
	int (*begin_generation)(struct store *store, const struct store_generation *next,
		const char *sql, struct err *err);

	/* No network yet: the session connects by session_ready(). */
	int (*session_open)(struct store *store, struct store_session **ret, struct err *err);
	/* accepts NULL; an open transaction is rolled back */
	void (*session_close)(struct store_session *session);

	/*
	 * Connect or reconnect if needed, check schema version and that the scope belongs to this
	 * group. 0 when usable. 1: not now (err says why; try again later). -EINVAL: an operator
	 * must act (wrong password, missing schema, newer schema, scope bound to another group);
	 * also worth trying again. Blocks at most about the connect timeout (5 s).
	 */
	int (*session_ready)(struct store_session *session, struct err *err);

	/*
	 * Prepare statement `index` for its syntax and names. 0, 1 (not reachable) or -EINVAL with
	 * err.code.
	 */
	int (*session_check)(struct store_session *session, size_t index, struct err *err);

	/*
	 * Make a blocked flush of this session return STORE_LOST soon, a blocked session_ready 1.
	 * Any thread. With neither under way it ends the next of them. Each call ends one thing.
	 */
	void (*session_interrupt)(struct store_session *session);

	/* The next thing to hear; false: none. NULL: never any. */
	bool (*take_notice)(struct store_session *session, struct store_notice *ret);

	/* ---- queued until flush; order is kept ---- */
	void (*begin)(struct store_session *session);
	/*
	 * Claims are sorted by key and without repeated keys; the array is written by the flush. A
	 * lease whose time ran out is no obstacle, but to another event (COLLISION). What the rows
	 * say is judged by claim_judge() of core/claim.h.
	 */
	void (*claim)(struct store_session *session, struct store_claim *claims, size_t count);
	/*
	 * The same, as leases that outlive the transaction. One that this owner has is his again:
	 * only the caller knows whether he still works on it. A replay's lease keeps what the row
	 * says of the dead letter until it ends: released or run out, it is one as before.
	 */
	void (*lease)(struct store_session *session, const struct store_lease *lease,
		struct store_claim *claims, size_t count);
	/*
	 * End or renew those that are still the owner's; `is_mine` tells of each. Sorted as for
	 * claim; `lease` and claims are borrowed until the flush.
	 */
	void (*end_leases)(struct store_session *session, const struct store_lease *lease,
		enum store_lease_end end, struct store_claim *claims, size_t count);
	void (*savepoint)(struct store_session *session, uint32_t group);
	void (*release)(struct store_session *session, uint32_t group);
	void (*statement)(struct store_session *session, size_t index,
		const struct store_value *values, size_t count,
		uint32_t tag); /* values' bytes must live until the flush returns */
	/*
	 * The same for its rows: the flush fills `ret`, whose values are the session's until its
	 * next query or begin. Text as the database writes it; of bytea and BLOB the bytes.
	 */
	void (*query)(struct store_session *session, size_t index, const struct store_value *values,
		size_t count, uint32_t tag, struct store_rows *ret);
	/*
	 * May statement `index`, with so many values, be sent for many records in one, with the
	 * same result as for one after the other? Only what the session knows by now; NULL: never.
	 */
	bool (*can_set)(struct store_session *session, size_t index, size_t value_count);
	/*
	 * The statement once for `count` records, rows[i] the values of the i-th, in their order.
	 * `rows` and what it points to must live until the flush returns.
	 */
	void (*statement_set)(struct store_session *session, size_t index,
		const struct store_value *const *rows, size_t count, uint32_t tag);
	/*
	 * Set the outcome of rows this transaction claimed or found as dlq; with no row under that
	 * key, insert one. `decision` says why, in the caller's own words of at most
	 * STORE_DECISION_MAX bytes (null: nothing to say); its bytes live until the flush, and the
	 * first one of a row stays, but for a replay's.
	 */
	void (*decide_dlq)(struct store_session *session, const struct store_claim *claim,
		struct slice decision);
	/*
	 * The event of a REPLAYED claim took effect: its row says done, with this position and
	 * digest. decide_dlq() for such a claim replaces position, digest and decision likewise.
	 */
	void (*finish_replay)(struct store_session *session, const struct store_claim *claim);
	/* Delete the rows that this transaction inserted: those whose verdict is CLAIM_NEW. */
	void (*unclaim)(
		struct store_session *session, const struct store_claim *claims, size_t count);
	void (*put_attempts)(struct store_session *session, const struct store_attempts *attempts);
	void (*delete_attempts)(
		struct store_session *session, const struct store_position *position);
	void (*commit)(struct store_session *session);
	void (*rollback)(struct store_session *session); /* also outside a transaction: nothing */
	/* keeps the savepoint; then release it */
	void (*rollback_to)(struct store_session *session, uint32_t group);

	/*
	 * Send and wait for all answers. Returns flight->failure. After a failure with
	 * in_transaction nothing runs before a rollback or rollback_to; commit then answers
	 * STORE_ROLLED_BACK. The savepoint of a group whose statements have a rows range is still
	 * there after its release, so that rollback_to finds it.
	 */
	enum store_failure (*flush)(struct store_session *session, struct store_flight *flight);

	/* ---- synchronous, outside a transaction; STORE_OK, LOST, UNAVAILABLE ... ---- */

	/*
	 * All attempts of a partition at or above `from`. The caller frees `*ret` (topics in it are
	 * those of `topic`).
	 */
	enum store_failure (*load_attempts)(struct store_session *session, struct slice topic,
		int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
		struct err *err);
	enum store_failure (*get_seen)(struct store_session *session, struct slice topic,
		int32_t partition, struct store_partition_seen *ret, struct err *err);
	enum store_failure (*put_seen)(struct store_session *session, struct slice topic,
		int32_t partition, int64_t committed, struct err *err);
	/*
	 * Take the last word about each scope of the consumer into `pauses`. `ret_now_ms`: the
	 * store's clock, by which they end, 0 where it has none of its own.
	 */
	enum store_failure (*load_pauses)(struct store_session *session, struct pauses *pauses,
		int64_t *ret_now_ms, struct err *err);
	/* Unless a newer word is there. */
	enum store_failure (*put_pause)(
		struct store_session *session, const struct pause *pause, struct err *err);

	/*
	 * What is known of one key, and forgetting it: only a row that ended. NULL: the store keeps
	 * nothing that could be looked at.
	 */
	enum store_failure (*peek)(struct store_session *session, const uint8_t *key,
		struct store_row *ret, struct err *err);
	enum store_failure (*forget)(struct store_session *session, const uint8_t *key,
		enum store_forgotten *ret, struct err *err);

	/*
	 * Delete a few rows that ended before the retention of the options and lie below what their
	 * group committed: no redelivery can ask for them. One owner at a time sweeps a scope, and
	 * the next goes on where he stopped; a step may end at any moment and nothing is lost.
	 * Claims never wait for a step that waits. NULL: the store forgets by itself.
	 */
	enum store_failure (*sweep)(
		struct store_session *session, struct store_sweep *sweep, struct err *err);
};

/* Every implementation's objects begin with these, so that callers need only the ops. */
struct store {
	const struct store_ops *ops;
};
struct store_session {
	const struct store_ops *ops;
	unsigned generation; /* of the scope, known after session_ready(); 0: there are none */
};

const char *store_failure_name(enum store_failure failure);

/* Null where there is none; borrows the claim. */
static inline struct slice store_claim_digest(const struct store_claim *claim)
{
	return claim->has_digest ? slice_from(claim->digest, STORE_DIGEST_SIZE) : SLICE_NULL;
}

/* Nothing is known of these claims yet: what every store does before it asks. */
static inline void store_claims_forget(struct store_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		claims[i].verdict = CLAIM_UNKNOWN;
		claims[i].is_dead_elsewhere = false;
		claims[i].decision = SLICE_NULL;
	}
}
