/*
 * postgres - what the files of this directory share
 *
 * Runs in: worker, probe, oncectl. A session, its connection and its queue belong to one thread;
 * only pg_session_interrupt() may be called from another.
 *
 * A flight is a queue of operations. Each is sent as one or more commands in libpq's pipeline mode;
 * a Sync ends every segment of the flight and the answers are read in order up to it:
 *
 *	queue.c   ops  ->  send.c   commands  ->  wire.c   socket  ->  answer.c   outcomes
 *	                   flight.c decides where a segment ends
 *
 * Every segment ends with a Sync because a backend that waits in mid-pipeline does not run
 * idle_in_transaction_session_timeout: a stopped client would hold its claims for ever.
 */
#pragma once

#include <libpq-fe.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "store/implementations.h"
#include "store/query_rows.h"
#include "store/resolve.h"
#include "store/topic_cache.h"

/* Type numbers that never change (pg_type.dat). */
enum pg_type {
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_BYTEA_ARRAY = 1001,
	PG_INT2_ARRAY = 1005,
	PG_INT4_ARRAY = 1007,
	PG_TEXT_ARRAY = 1009,
	PG_INT8_ARRAY = 1016,
	PG_UUID = 2950,
	PG_UUID_ARRAY = 2951,
};

enum { PG_PARAMS_MAX = 10, PG_NAME_MAX = 64 };

/* ---- own.c: the statements of ours ---- */

enum pg_own {
	PG_OWN_BEGIN,
	PG_OWN_SETTINGS,
	PG_OWN_HOLD,
	PG_OWN_CLAIM,
	PG_OWN_FIND,
	PG_OWN_LOCK,
	PG_OWN_LEASE,
	PG_OWN_LEASE_REPLAY,
	PG_OWN_LEASE_DONE,
	PG_OWN_LEASE_DLQ,
	PG_OWN_LEASE_RELEASED,
	PG_OWN_LEASE_RENEWED,
	PG_OWN_LEASE_EXPIRED,
	PG_OWN_DECIDE,
	PG_OWN_FINISH_REPLAY,
	PG_OWN_UNCLAIM,
	PG_OWN_PUT_ATTEMPTS,
	PG_OWN_DELETE_ATTEMPTS,
	PG_OWN_COMMIT,
	PG_OWN_COUNT,
};

struct pg_own_statement {
	const char *name;
	const char *sql; /* NULL: the store's settings_sql */
	int param_count;
	Oid types[PG_PARAMS_MAX];
};

extern const struct pg_own_statement pg_own_statements[PG_OWN_COUNT];

/* The SELECT that sets every timeout for the transaction; free() it. */
char *pg_own_settings_sql(const struct store_options *options);

/* ---- the objects ---- */

struct pg_store {
	struct store base;
	struct store_options options;
	char *settings_sql;
	char *application_name;
	atomic_bool is_unnamed; /* new connections do without names of statements */
	atomic_uint generation; /* of the scope; 0 before the first session found it */
};

/* A statement prepared on this connection under a name. */
struct pg_prepared {
	bool is_there; /* prepared, or its Parse is under way */
	unsigned generation; /* goes up when a plan went stale */
	unsigned since; /* the session's transaction that prepared it */
	unsigned doubted; /* ... in which it goes without its name; see pg_prepared_doubt() */
	unsigned trusted; /* ... in which its types turned out to be as they were */
	uint32_t doubted_by; /* the tag of the operation that failed then */
	const char *label; /* how the name begins; NULL: without one */
	char name[PG_NAME_MAX]; /* "" not made yet */
};

/* What set.c knows of a statement on this connection. */
struct pg_set {
	char *sql; /* over arrays; NULL: it may not be sent for many records */
	unsigned user_generation; /* of the statement whose types `sql` has */
	char *types; /* of its parameters, as Postgres writes an array; NULL not known */
	struct pg_prepared prepared;
};

/* Parameters of one command, binary; the bytes live in the queue's arena. */
struct pg_params {
	int count;
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
};

enum pg_op_kind {
	PG_OP_BEGIN,
	PG_OP_HOLD, /* behind the BEGIN of what claims: see PG_OWN_HOLD */
	PG_OP_CLAIM,
	PG_OP_LEASE,
	PG_OP_END_LEASES,
	PG_OP_SAVEPOINT,
	PG_OP_RELEASE,
	PG_OP_STATEMENT,
	PG_OP_QUERY,
	PG_OP_SET,
	PG_OP_DECIDE,
	PG_OP_FINISH_REPLAY,
	PG_OP_UNCLAIM,
	PG_OP_PUT_ATTEMPTS,
	PG_OP_DELETE_ATTEMPTS,
	PG_OP_COMMIT,
	PG_OP_ROLLBACK,
	PG_OP_ROLLBACK_TO,
	PG_OP_ASK, /* a query of our own, outside the port's operations */
	PG_OP_PREPARE, /* the Parse and Describe of a user's statement alone */
	PG_OP_KINDS,
};

/* A query with text parameters; `result` is the caller's to PQclear. */
struct pg_ask {
	const char *sql;
	int param_count;
	const char *params[PG_PARAMS_MAX];
	PGresult *result;
};

struct pg_op {
	enum pg_op_kind kind;
	uint32_t tag;
	union {
		struct {
			struct store_claim *claims;
			size_t count;
			const struct store_lease *lease; /* LEASE, END_LEASES */
			enum store_lease_end end; /* END_LEASES */
			bool has_expired; /* CLAIM: a lease whose time ran out is in the way */
		} claim; /* CLAIM, LEASE, END_LEASES */
		struct {
			const struct store_claim *claims;
			size_t count;
		} unclaim;
		struct {
			size_t index;
			const struct store_value *values; /* in the queue's arena */
			size_t count;
			struct store_rows *rows; /* QUERY: the caller's */
		} statement; /* STATEMENT, QUERY */
		struct {
			size_t index, count;
			const struct store_value *const *rows; /* the caller's */
		} set;
		struct store_claim decide; /* `decision` is what to keep; FINISH_REPLAY, too */
		struct store_attempts attempts;
		struct store_position position;
		struct pg_ask *ask;
	};
};

struct pg_queue {
	struct pg_op *ops;
	size_t count, capacity;
	struct arena arena;
};

/* What was sent and waits for its answer. */
enum pg_part {
	PG_PART_MAIN, /* the operation itself: its answer is judged */
	PG_PART_SUPPORT, /* belongs to the operation; only its success matters */
	PG_PART_PREPARE,
	PG_PART_TYPES, /* which its parameters would have, were it prepared now */
	PG_PART_FIND, /* the second look of a claim */
	PG_PART_REPLAY, /* the rows that a lease's replays took over */
};

enum { PG_ANSWERED_TOGETHER = 8 }; /* commands; then the server is asked for what it has */

struct pg_sent {
	size_t op; /* index into the queue */
	enum pg_part part;
	struct pg_prepared *prepared;
};

struct pg_session {
	struct store_session base;
	struct pg_store *store;
	PGconn *conn; /* NULL while not connected; nonblocking, in pipeline mode */
	int wake_fd; /* eventfd: session_interrupt */
	struct resolver resolver;
	unsigned turned; /* connects in a row that ended without an answer */
	int scope_id; /* of the generation in use; -1 until session_ready knows it */
	int base_id; /* of the scope's own row */
	/*
	 * The transaction is open but must not go on: a check of ours failed, or a value could not
	 * be sent.
	 */
	bool is_spoiled;
	bool should_reconnect; /* the server refuses to write: look for another when ready */
	bool is_unnamed; /* this connection does without names of statements */
	unsigned transactions; /* begun so far */
	/* a statement with a rows range ran since: the savepoint must stay for a ROLLBACK TO */
	bool has_checked_since_savepoint;
	unsigned name_count; /* names given to statements so far */
	struct pg_prepared own[PG_OWN_COUNT];
	struct pg_prepared *user; /* one for each statement of the options */
	struct pg_set *sets; /* likewise */
	int64_t sets_looked_us; /* 0: never on this connection */
	struct topic_cache topics;
	struct arena decisions; /* of the claims since the last begin */
	struct query_rows rows; /* of the last query */
	struct pg_queue queue;
	struct pg_sent *sent;
	size_t sent_count, sent_capacity;
};

static inline struct pg_session *pg_session(struct store_session *session)
{
	return (struct pg_session *)session;
}

/* A flight under way. */
struct pg_run {
	struct pg_session *session;
	struct pg_queue *queue;
	struct store_flight *flight;
	/* An operation that could not be sent; counts only when all before it went well. */
	struct store_flight local;
	bool has_local;
	bool has_unverified; /* rows not counted yet: COMMIT must wait for the answers */
	bool has_sent_commit;
	bool must_disconnect; /* the connection is in a state that libpq cannot leave */
};

/* ---- failure.c ---- */

/* Class of an error answer. The text is the primary message without quoted data. */
enum store_failure pg_failure_of_result(const PGresult *result, struct err *err);

/* The answer says that a prepared statement is gone or no longer fits its tables. */
bool pg_result_is_stale_plan(const PGresult *result);

/* STORE_OK for a SQLSTATE that is not listed. */
enum store_failure pg_failure_of_sqlstate(const char *sqlstate);

/* First line of libpq's own message, after "CONTEXT: ". Returns `failure`. */
enum store_failure pg_failure_of_connection(
	const PGconn *conn, enum store_failure failure, const char *context, struct err *err);

/* Record the failure of an operation unless an earlier one is recorded. */
void pg_run_fail(struct pg_run *run, size_t op, enum store_failure failure, const struct err *err);

/* ---- wire.c ---- */

enum pg_wait { PG_WAIT_READY, PG_WAIT_INTERRUPTED, PG_WAIT_TIMEOUT };

/* Wait for a descriptor, or for the socket; deadline_us < 0: for ever. */
enum pg_wait pg_wait_fd(struct pg_session *session, int fd, short events, int64_t deadline_us);
enum pg_wait pg_wait_socket(struct pg_session *session, short events, int64_t deadline_us);

/* Was session_interrupt called? Each interrupt ends one thing: a wait, or a session_ready. */
bool pg_take_interrupt(struct pg_session *session);

/*
 * The next result, NULL at the end of a command. False: the connection is lost, or silent for
 * longer than the server's own timeouts allow; `err` says why.
 */
bool pg_next_result(struct pg_session *session, PGresult **ret, struct err *err);

/* Close the connection and forget what was known about it. */
void pg_disconnect(struct pg_session *session);

/* ---- binary.c ---- */

void pg_params_int2(struct pg_params *params, struct arena *arena, int value);
void pg_params_int4(struct pg_params *params, struct arena *arena, int32_t value);
void pg_params_int8(struct pg_params *params, struct arena *arena, int64_t value);
void pg_params_bytes(struct pg_params *params, struct slice bytes); /* borrowed; null is NULL */

/* A one-dimensional array that is filled element by element. */
struct pg_array {
	char *data;
	size_t len, size;
};
struct pg_array pg_array_new(struct arena *arena, Oid element, size_t count, size_t payload_bytes);
void pg_array_add_int2(struct pg_array *array, int value);
void pg_array_add_int4(struct pg_array *array, int32_t value);
void pg_array_add_int8(struct pg_array *array, int64_t value);
void pg_array_add_bytes(struct pg_array *array, struct slice bytes);
void pg_params_array(struct pg_params *params, const struct pg_array *array);

int pg_get_int2(const PGresult *result, int row, int column);
int32_t pg_get_int4(const PGresult *result, int row, int column);
int64_t pg_get_int8(const PGresult *result, int row, int column);

/* ---- send.c ---- */

/*
 * Send one operation. False: it could not be sent; the run holds a local or a connection failure.
 */
bool pg_send_op(struct pg_run *run, size_t index);
bool pg_send_own(struct pg_run *run, size_t op, enum pg_part part, enum pg_own own,
	const struct pg_params *params);
enum store_op pg_op_of_kind(enum pg_op_kind kind);

void pg_push_sent(
	struct pg_session *session, size_t op, enum pg_part part, struct pg_prepared *prepared);
bool pg_fail_connection(struct pg_run *run, size_t op); /* false */

/* ---- prepare.c ---- */

/* Every statement travels with its text. */
bool pg_is_unnamed(const struct pg_session *session);
/* The server says that a name is not there, or is there already: the next connection is without. */
void pg_names_failed(struct pg_session *session);
/* Under which name this is prepared, or is to be; "" without names. */
const char *pg_prepared_name(
	struct pg_session *session, struct pg_prepared *prepared, const char *sql);
/* Its plan is stale: prepare it anew, under another name. */
void pg_prepared_outdated(struct pg_prepared *prepared);
/*
 * The operation with this tag failed by it. True: perhaps since it was prepared too long ago. In
 * this transaction it goes without its name from now on, until a look shows that its types are
 * those it was prepared with.
 */
bool pg_prepared_doubt(
	const struct pg_session *session, struct pg_prepared *prepared, uint32_t tag);
/* It succeeded: if the operation failed before, under the name, then the name is outdated. */
void pg_prepared_succeeded(
	const struct pg_session *session, struct pg_prepared *prepared, uint32_t tag);
/* The answer to pg_send_look(): are the types of its parameters those of the name? */
void pg_prepared_looked_at(
	const struct pg_session *session, struct pg_prepared *prepared, bool is_same);
/* Parse without a name, and ask for the types of its parameters. */
bool pg_send_look(struct pg_run *run, size_t op, struct pg_prepared *prepared, const char *sql,
	enum pg_part part);
/* Parse, unless that was done. */
bool pg_send_prepare(struct pg_run *run, size_t op, struct pg_prepared *prepared, const char *sql,
	int type_count, const Oid *types);

/* One execution of a statement, which is prepared before if needed. */
struct pg_command {
	struct pg_prepared *prepared;
	const char *sql;
	const Oid *types; /* `count` of them; NULL: the server finds out */
	int count;
	const char *const *values;
	const int *lengths, *formats; /* NULL: all text */
	int result_format;
	enum pg_part part;
};
bool pg_send_execute(struct pg_run *run, size_t op, const struct pg_command *command);

/* Execute a user's statement, preparing it if need be. */
bool pg_send_user(struct pg_run *run, size_t index);

/* ---- query.c ---- */

bool pg_query_send(struct pg_run *run, size_t index);
/* Rows come one by one: libpq must not gather more of them than may be. Before the answer. */
void pg_query_expect(struct pg_run *run, size_t index);
void pg_query_take_rows(struct pg_session *session, const PGresult *result);
void pg_query_judge(struct pg_run *run, size_t index, PGresult *result); /* the last result */

/* ---- set.c ---- */

void pg_sets_open(struct pg_session *session);
void pg_sets_forget(struct pg_session *session); /* the connection is gone */
/* Look which statements may be sent for many records; seldom, and not inside a transaction. */
void pg_sets_learn(struct pg_session *session);
/* The answer to a Describe of statement `index`. True: the types are those known before. */
bool pg_set_described(struct pg_session *session, size_t index, const PGresult *result);
bool pg_can_set(struct store_session *session, size_t index, size_t value_count);
bool pg_set_send(struct pg_run *run, size_t index);

/* ---- answer.c ---- */

/* Are the rows of a statement as many as it may affect? */
void pg_judge_rows(struct pg_run *run, size_t index, PGresult *result);
/* Read the answers to everything sent, up to the Sync. */
void pg_read_answers(struct pg_run *run);

/* ---- claim.c ---- */

bool pg_claim_send(struct pg_run *run, size_t index); /* those whose verdict is unknown */
void pg_claim_inserted(struct pg_op *op, const PGresult *result);
void pg_claim_found(struct pg_run *run, size_t index, const PGresult *result);
/* After the answers of a claim: look at those that were not inserted. */
void pg_claim_resolve(struct pg_run *run, size_t index);
/* Of the claims of an operation whose verdict is unknown. */
enum pg_claims { PG_CLAIMS_ALL, PG_CLAIMS_REPLAYS };
size_t pg_claims_unknown(const struct pg_op *op, enum pg_claims which);
void pg_claim_params_keys(
	struct pg_run *run, size_t index, enum pg_claims which, struct pg_params *params);
/* Their whole rows: the first 8 parameters of CLAIM and LEASE. */
void pg_claim_params_rows(
	struct pg_run *run, size_t index, enum pg_claims which, struct pg_params *params);
/* The claim of the key in this row, whose column 0 it is. NULL: not one of the operation's. */
struct store_claim *pg_claim_of_row(struct pg_op *op, const PGresult *result, int row);

/* ---- lease.c ---- */

bool pg_lease_send(struct pg_run *run, size_t index);
bool pg_end_leases_send(struct pg_run *run, size_t index);
void pg_lease_replayed(struct pg_op *op, const PGresult *result);
void pg_lease_judge(struct pg_run *run, size_t index, PGresult *result);
void pg_end_leases_judge(struct pg_run *run, size_t index, PGresult *result);
/* Delete those in the way of a claim whose time ran out. */
bool pg_lease_send_expired(struct pg_run *run, size_t index);

/* ---- topics.c ---- */

/* Learn the numbers of all topics of the queue. False: `flight` of the run says why not. */
bool pg_topics_resolve(struct pg_run *run);
/* The same for one topic outside a flight; -1: `failure` and `err` are set. */
int pg_topic_id(struct pg_session *session, struct slice topic, enum store_failure *failure,
	struct err *err);

/* ---- flight.c ---- */

enum store_failure pg_fly(
	struct pg_session *session, struct pg_queue *queue, struct store_flight *flight);
void pg_run_segment(struct pg_run *run); /* send the Sync, read the answers */

bool pg_is_in_transaction(const struct pg_session *session);

/* One query in a transaction of its own (or in the one that is open). */
enum store_failure pg_ask(struct pg_session *session, struct pg_ask *ask, struct err *err);

/* ---- queue.c ---- */

struct pg_op *pg_queue_push(struct pg_queue *queue, enum pg_op_kind kind, uint32_t tag);
void pg_queue_clear(struct pg_queue *queue);
void pg_queue_fini(struct pg_queue *queue);

struct pg_op *pg_queue_statement(struct pg_session *session, enum pg_op_kind kind, size_t index,
	const struct store_value *values, size_t count, uint32_t tag);

/* ---- connect.c, schema.c, records.c ---- */

/* Connect in plain blocking mode. Result as session_ready's. */
int pg_connect(struct pg_session *session, struct err *err);
int pg_session_open(struct store *store, struct store_session **ret, struct err *err);
void pg_session_close(struct store_session *session);
void pg_session_interrupt(struct store_session *session);
int pg_session_ready(struct store_session *session, struct err *err);
int pg_session_check(struct store_session *session, size_t index, struct err *err);

/* Is the schema ours and the scope bound to our group? As session_ready. */
int pg_schema_check(struct pg_session *session, struct err *err);
int pg_store_migrate(struct store *store, unsigned *ret_applied, struct err *err);
int pg_store_look_schema(struct store *store, struct store_schema *ret, struct err *err);
enum store_failure pg_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err);
enum store_failure pg_get_seen(struct store_session *session, struct slice topic, int32_t partition,
	struct store_partition_seen *ret, struct err *err);
enum store_failure pg_put_seen(struct store_session *session, struct slice topic, int32_t partition,
	int64_t committed, struct err *err);
enum store_failure pg_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err);
enum store_failure pg_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err);

/* ---- row.c, sweep.c ---- */

enum store_failure pg_peek(
	struct store_session *session, const uint8_t *key, struct store_row *ret, struct err *err);
enum store_failure pg_forget(struct store_session *session, const uint8_t *key,
	enum store_forgotten *ret, struct err *err);
enum store_failure pg_sweep(
	struct store_session *session, struct store_sweep *sweep, struct err *err);
