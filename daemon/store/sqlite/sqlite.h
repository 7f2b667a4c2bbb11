/*
 * sqlite - what the files of this directory share
 *
 * Runs in: worker, probe, oncectl. A session is a connection of its own and belongs to one thread;
 * only lite_session_interrupt() may be called from another.
 *
 * Operations run when they are queued. The first that fails is kept for the flush; those queued
 * after it are ignored, as a pipeline would skip them. A transaction that an operation failed in
 * must be rolled back, at least to a savepoint: SQLite itself would let it go on.
 */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/arena.h"
#include "store/implementations.h"
#include "store/query_rows.h"
#include "store/topic_cache.h"

struct lite_store {
	struct store base;
	struct store_options options;
	const char *path; /* inside options.url */
	/* of the scope, when the first session found it; 0 before that */
	atomic_uint generation;
};

enum lite_own {
	LITE_OWN_BEGIN,
	LITE_OWN_COMMIT,
	LITE_OWN_ROLLBACK,
	LITE_OWN_CLAIM,
	LITE_OWN_FIND,
	LITE_OWN_LEASE,
	LITE_OWN_TAKE_OVER,
	LITE_OWN_LEASE_REPLAY,
	LITE_OWN_LEASE_DONE,
	LITE_OWN_LEASE_DLQ,
	LITE_OWN_LEASE_RELEASED,
	LITE_OWN_LEASE_BACK,
	LITE_OWN_LEASE_RENEWED,
	LITE_OWN_LEASE_EXPIRED,
	LITE_OWN_DECIDE,
	LITE_OWN_FINISH_REPLAY,
	LITE_OWN_UNCLAIM,
	LITE_OWN_PUT_ATTEMPTS,
	LITE_OWN_DELETE_ATTEMPTS,
	LITE_OWN_LOAD_ATTEMPTS,
	LITE_OWN_GET_SEEN,
	LITE_OWN_PUT_SEEN,
	LITE_OWN_LOAD_PAUSES,
	LITE_OWN_PUT_PAUSE,
	LITE_OWN_FIND_TOPIC,
	LITE_OWN_ADD_TOPIC,
	LITE_OWN_FIND_SCOPE,
	LITE_OWN_ADD_SCOPE,
	LITE_OWN_GENERATION,
	LITE_OWN_PEEK,
	LITE_OWN_FORGET,
	LITE_OWN_TAKE_TURN,
	LITE_OWN_FIND_TURN,
	LITE_OWN_FIND_CHUNK,
	LITE_OWN_SWEEP,
	LITE_OWN_SWEEP_ATTEMPTS,
	LITE_OWN_MOVE_SWEEP,
	LITE_OWN_COUNT,
};

struct lite_session {
	struct store_session base;
	struct lite_store *store;
	sqlite3 *db; /* NULL while not open */
	int scope_id; /* of the generation in use */
	int base_id; /* of the scope's own row */
	atomic_bool is_interrupted;
	int64_t lock_deadline_us, statement_deadline_us; /* of the operation that runs */
	struct store_flight flight; /* of the operations since the last flush */
	bool is_spoiled; /* the open transaction must not go on */
	bool should_reopen; /* the file failed */
	dev_t device; /* of the file that is open */
	ino_t inode;
	sqlite3_stmt *own[LITE_OWN_COUNT];
	sqlite3_stmt **user; /* one for each statement of the options */
	struct topic_cache topics;
	struct arena decisions; /* of the claims since the last begin */
	struct query_rows rows; /* of the last query */
};

static inline struct lite_session *lite_session(struct store_session *session)
{
	return (struct lite_session *)session;
}

/* ---- failure.c ---- */

/* Class of the connection's last error, with code and text. */
enum store_failure lite_failure(struct lite_session *session, int result_code, struct err *err);

/* ---- connect.c ---- */

int lite_session_open(struct store *store, struct store_session **ret, struct err *err);
void lite_session_close(struct store_session *session);
int lite_session_ready(struct store_session *session, struct err *err);
void lite_session_interrupt(struct store_session *session);

/* Open the file with our settings. `flags` as sqlite3_open_v2. Result as session_ready's. */
int lite_connect(struct lite_session *session, int flags, struct err *err);
void lite_disconnect(struct lite_session *session);
void lite_lose(struct lite_session *session); /* after STORE_LOST */

/* Is the file that is open still the one at the store's path? SQLite does not look in WAL mode. */
bool lite_file_is_in_place(const struct lite_session *session);

/* ---- schema.c ---- */

int lite_schema_check(struct lite_session *session, struct err *err);
/* 0 when the tables are this program's version; as session_ready. */
int lite_schema_is_ours(struct lite_session *session, struct err *err);
/* Many statements, for a person who waits: a minute for the file, no end for the work. -EIO. */
int lite_execute(struct lite_session *session, const char *sql, struct err *err);
int lite_store_migrate(struct store *store, unsigned *ret_applied, struct err *err);
int lite_store_look_schema(struct store *store, struct store_schema *ret, struct err *err);

/* ---- scope.c ---- */

/* Learn the scope's numbers and its generation, binding it to our group. As session_ready. */
int lite_scope_bind(struct lite_session *session, struct err *err);
/* Inside BEGIN IMMEDIATE: is the generation still that in use? SQLITE_OK and the answer. */
int lite_generation_is_used(struct lite_session *session, bool *ret_is_so);
int lite_store_look_generation(
	struct store *store, struct store_generation *ret, struct err *err);
int lite_store_begin_generation(struct store *store, const struct store_generation *next,
	const char *sql, struct err *err);

/* ---- own.c ---- */

/* The prepared statement, reset and without values; NULL: the connection's error says why. */
sqlite3_stmt *lite_own(struct lite_session *session, enum lite_own own);

/* Start the clocks of an operation. */
void lite_start(struct lite_session *session);

/* Step a statement that returns no row, and reset it. SQLITE_OK or a result code. */
int lite_run(struct lite_session *session, sqlite3_stmt *stmt);
int lite_run_own(struct lite_session *session, enum lite_own own);

void lite_bind_slice(sqlite3_stmt *stmt, int index, struct slice text); /* borrowed; null is NULL */
void lite_bind_str(sqlite3_stmt *stmt, int index, const char *text);
bool lite_is_in_transaction(const struct lite_session *session);

/* The topic's number, -1 with a result code. Inside a transaction a new one is part of it. */
int lite_topic_id(struct lite_session *session, struct slice topic, int *ret_code);

/* ---- values.c ---- */

/*
 * Bind $1, $2 ... SQLITE_OK or a result code; *ret_problem is set when no code of SQLite says it.
 */
int lite_bind_values(sqlite3_stmt *stmt, const struct store_value *values, size_t count,
	const char **ret_problem);

/* The row that a statement stands at. False: it is more than a query may answer. */
bool lite_take_row(sqlite3_stmt *stmt, struct query_rows *rows);

/* Prepare the user's statement `index` if needed. NULL: failure, `err` says why. */
sqlite3_stmt *lite_prepare_user(
	struct lite_session *session, size_t index, enum store_failure *failure, struct err *err);
int lite_session_check(struct store_session *session, size_t index, struct err *err);

/* ---- queue.c ---- */

void lite_op_begin(struct store_session *session);
void lite_op_savepoint(struct store_session *session, uint32_t group);
void lite_op_release(struct store_session *session, uint32_t group);
void lite_op_statement(struct store_session *session, size_t index,
	const struct store_value *values, size_t count, uint32_t tag);
void lite_op_query(struct store_session *session, size_t index, const struct store_value *values,
	size_t count, uint32_t tag, struct store_rows *ret);
void lite_op_commit(struct store_session *session);
void lite_op_rollback(struct store_session *session);
void lite_op_rollback_to(struct store_session *session, uint32_t group);
enum store_failure lite_op_flush(struct store_session *session, struct store_flight *flight);

/* May this operation run inside the open transaction? Records why not. */
bool lite_may_run(struct lite_session *session, enum store_op op, uint32_t tag);
void lite_fail(struct lite_session *session, enum store_op op, uint32_t tag, int result_code);
void lite_fail_with(struct lite_session *session, enum store_op op, uint32_t tag,
	enum store_failure failure, const char *code, const char *text);

/* ---- claim.c ---- */

void lite_op_claim(struct store_session *session, struct store_claim *claims, size_t count);
void lite_op_decide_dlq(struct store_session *session, const struct store_claim *claim,
	struct slice decision);
void lite_op_finish_replay(struct store_session *session, const struct store_claim *claim);
void lite_op_unclaim(struct store_session *session, const struct store_claim *claims, size_t count);

/* Parameters 1 to 9 of a statement that writes a row. */
void lite_bind_row(struct lite_session *session, sqlite3_stmt *stmt,
	const struct store_claim *claim, int topic);
/* What the row that is there says about a claim. SQLITE_OK or a result code. */
int lite_find_row(struct lite_session *session, struct store_claim *claim);

/* ---- lease.c ---- */

void lite_op_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count);
void lite_op_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count);
/* A lease in the way of a claim whose time ran out goes. */
int lite_lease_expire(struct lite_session *session, const struct store_claim *claim);

/* ---- records.c ---- */

void lite_op_put_attempts(struct store_session *session, const struct store_attempts *attempts);
void lite_op_delete_attempts(struct store_session *session, const struct store_position *position);
enum store_failure lite_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err);
enum store_failure lite_get_seen(struct store_session *session, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err);
enum store_failure lite_put_seen(struct store_session *session, struct slice topic,
	int32_t partition, int64_t committed, struct err *err);
enum store_failure lite_load_pauses(struct store_session *session, struct pauses *pauses,
	int64_t *ret_now_ms, struct err *err);
enum store_failure lite_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err);

/* What such a call says when the file is not open. */
enum store_failure lite_not_open(struct err *err);
/* Class of its result code; after STORE_LOST the session is closed. */
enum store_failure lite_ended(struct lite_session *session, int code, struct err *err);

/* ---- row.c, sweep.c ---- */

enum store_failure lite_peek(struct store_session *session, const uint8_t *key,
	struct store_row *ret, struct err *err);
enum store_failure lite_forget(struct store_session *session, const uint8_t *key,
	enum store_forgotten *ret, struct err *err);
enum store_failure lite_sweep(
	struct store_session *session, struct store_sweep *sweep, struct err *err);
