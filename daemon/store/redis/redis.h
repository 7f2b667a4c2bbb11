/*
 * redis - what the files of this directory share
 *
 * Runs in: worker, probe, oncectl. A session is a connection of its own and belongs to one thread;
 * only red_session_interrupt() may be called from another.
 *
 *	url.c      redis://, redis+unix://, redis+sentinel://, and the TLS of rediss
 *	tls.c      a stream of OpenSSL over a connection
 *	link.c     bytes out, replies in, by a deadline
 *	answer.c   how many parts an answer may have
 *	connect.c  from a URL to the master
 *	greet.c    who answers, and may it be used?
 *	rights.c   may we do there what we shall want to?
 *	session.c  life of a session
 *	script.c   Lua that decides about many keys at once
 *	queue.c    operations until the flush
 *	lease.c    leases, their ends, and what answers mean
 *	records.c  attempts, partitions seen, pauses
 *	row.c      one key's row, for a person
 *	failure.c  what an error means for the unit of work
 *
 * A row is one string under `onced:id:` and the key in hex:
 *
 *	R n tag owner until stamp               leased
 *	P n tag owner until stamp position why  the same by a replay, with what the dead letter said
 *	D n tag                                 done
 *	X n tag position why                    dead letter
 *
 * The owner is 16 bytes, the end of the lease 13 digits, milliseconds by Redis's clock. The stamp,
 * 8 bytes, tells a lease from a later one of the same owner: a release that was on its way when its
 * connection was given up must not end that.
 *
 * n is a byte, how long the tag is that follows: 0, or 24 for the digest of the event and a digest
 * of its position. Positions are 8 bytes, of store_position_digest(). All rows expire with the
 * retention, a lease by `until`: that a lease ran out is to be seen by whoever comes next.
 */
#pragma once

#include <hiredis/hiredis.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "store/implementations.h"
#include "store/resolve.h"

/* ---- url.c ---- */

enum { RED_ENDPOINTS_MAX = 8 };

struct red_endpoint {
	char *host;
	int port;
};

struct red_url {
	char *user, *password; /* NULL: none */
	char *path; /* of a UNIX socket; NULL: TCP */
	char *master; /* of Sentinels; NULL: the endpoint is the server */
	struct red_endpoint endpoints[RED_ENDPOINTS_MAX];
	size_t endpoint_count;
	int db;
	bool is_tls;
	char *tls_ca, *tls_cert, *tls_key; /* files */
};

/* -EINVAL with err: never with the user's text, which may hold a password. */
int red_url_parse(const char *text, struct red_url *ret, struct err *err);
void red_url_fini(struct red_url *url);

/* ---- tls.c ---- */

struct red_tls;

/* -EINVAL: a file is no good. NULL where the URL wants none. */
int red_tls_new(const struct red_url *url, struct red_tls **ret, struct err *err);
void red_tls_free(struct red_tls *tls);

/* One connection's. Its descriptor is borrowed, and does not block. */
struct red_stream;

struct red_stream *red_stream_open(struct red_tls *tls, int fd, const char *host, struct err *err);
void red_stream_close(struct red_stream *stream); /* accepts NULL */
/*
 * A step of the handshake. 0: it is over, or `ret_wants` says what to poll for; 1 with err; -EINVAL
 * with err: the certificate will not do.
 */
int red_stream_shake(
	struct red_stream *stream, const char *host, short *ret_wants, struct err *err);
/* How many bytes; 0: not now; -1 with err: the connection is no good any more. */
ssize_t red_stream_write(struct red_stream *stream, struct slice bytes, struct err *err);
ssize_t red_stream_read(struct red_stream *stream, char *to, size_t size, struct err *err);
/* Bytes have come that no poll tells: read again. */
bool red_stream_has_more(const struct red_stream *stream);
/* What to poll for before the last write or read can go on. */
short red_stream_wants(const struct red_stream *stream);

/* ---- the store ---- */

enum red_script {
	RED_SCRIPT_LEASE,
	RED_SCRIPT_DONE,
	RED_SCRIPT_END,
	RED_SCRIPT_PAUSE,
	RED_SCRIPT_FORGET,
	RED_SCRIPTS
};

enum { RED_SHA_SIZE = 41, RED_ID_SIZE = 48, RED_NOTICES_MAX = 4 };

struct red_store {
	struct store base;
	struct store_options options;
	struct red_url url;
	struct red_tls *tls;
	int64_t keep_ms; /* of rows */

	pthread_mutex_t lock; /* what all sessions know together */
	char marker
		[RED_ID_SIZE]; /* kept in Redis: when it changes, Redis was emptied. "": unknown */
	char server[RED_ID_SIZE]; /* run_id of the server that answered last */
	char replica_id[RED_ID_SIZE]; /* its replication id */
	long long evicted; /* keys, when last looked at */
	bool is_policy_told, is_stranger_told;
	int64_t evicted_told_us; /* monotonic */
	struct store_notice notices[RED_NOTICES_MAX];
	unsigned notice_count;
};

enum red_kind { RED_LEASE, RED_END, RED_RECORD };

/* One command on its way; a few of them may be one operation. */
struct red_op {
	enum red_kind kind;
	enum store_op op;
	size_t offset, len; /* its bytes in the queue */
	struct store_claim *claims;
	size_t count;
};

struct red_queue {
	struct buffer bytes;
	struct red_op *ops;
	size_t count, capacity;
	size_t begun_count, begun_len; /* at the last begin: what a rollback goes back to */
	bool is_refused; /* it holds an operation that only a transaction could do */
};

struct red_session {
	struct store_session base;
	struct red_store *store;
	redisContext *context; /* NULL: not connected */
	struct red_stream *stream; /* over it; NULL: no TLS */
	int interrupt_fd;
	char sha[RED_SCRIPTS][RED_SHA_SIZE]; /* "": never connected */
	struct red_queue queue;
	bool has_keepttl; /* Redis 6 or newer */
	struct arena decisions; /* of the claims since the last begin */
	int64_t looked_us; /* for evictions; monotonic */
	size_t sentinel; /* who is asked first */
	struct resolver resolver;
};

static inline struct red_session *red_session(struct store_session *session)
{
	return (struct red_session *)session;
}

/* Another notice for the store's sessions; any thread. */
void red_notice(struct red_store *store, bool is_loss, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- failure.c ---- */

/* The class of an error reply; `ret_is_operators`: waiting does not help. err->code is its word. */
enum store_failure red_failure_of_reply(
	const redisReply *reply, const char *doing, bool *ret_is_operators, struct err *err);
bool red_reply_is(const redisReply *reply, const char *word);

/* ---- link.c ---- */

enum red_waited { RED_WAITED, RED_WAITED_TOO_LONG, RED_INTERRUPTED };
/* For the descriptor, the deadline, or whoever interrupts the session. */
enum red_waited red_wait(
	struct red_session *session, int fd, short events, int64_t deadline_us);

/* Wait until the host, by one of its addresses, is connected. 0, or 1 with err. */
int red_link_open(struct red_session *session, const struct red_endpoint *endpoint,
	const char *path, int64_t deadline_us, struct err *err);
/* TLS over what is connected, for a server of that name. 0; 1, -EINVAL with err: it is closed. */
int red_link_start_tls(
	struct red_session *session, const char *host, int64_t deadline_us, struct err *err);
void red_link_close(struct red_session *session);
/*
 * Send and read one reply for each of `count` commands; the caller frees them. STORE_LOST: the
 * connection is closed, so that no late reply is taken for another's.
 */
enum store_failure red_link_exchange(struct red_session *session, struct slice bytes,
	redisReply **replies, size_t count, int64_t deadline_us, struct err *err);
void red_replies_free(redisReply **replies, size_t count);

/* ---- answer.c ---- */

/* Many times what the largest batch is answered with. */
#define RED_ANSWER_PARTS (1 << 20)

/* From now on it refuses answers with more parts. 0, -ENOMEM. */
int red_answer_bound(redisReader *reader);
/* What is wrong with what it read, when something is; the reader's, or constant. */
const char *red_answer_error(const redisReader *reader);

/* ---- command.c: bytes of commands ---- */

void red_command(struct buffer *out, size_t parts);
void red_part(struct buffer *out, struct slice part);
/* A part whose `len` bytes the caller appends between the two. */
void red_part_begin(struct buffer *out, size_t len);
void red_part_end(struct buffer *out);
void red_part_str(struct buffer *out, const char *part);
void red_part_int(struct buffer *out, int64_t part);
/* AUTH; no user, or an empty one: by the password alone. */
void red_login(struct buffer *out, const char *user, const char *password);
/* A whole command of words; NULL ends. */
void red_words(struct buffer *out, ...) __attribute__((sentinel));

/* ---- connect.c ---- */

/* 0: connected to where a master should be. 1, -EINVAL as session_ready. */
int red_connect(struct red_session *session, int64_t now_us, int64_t deadline_us, struct err *err);
/*
 * Exchange; an error reply of any that `doing` names is a result, too. 0, 1, -EINVAL as
 * session_ready; the caller frees the replies of 0.
 */
int red_ask(struct red_session *session, struct buffer *out, const char *const *doing,
	redisReply **replies, size_t count, int64_t deadline_us, struct err *err);

/* ---- greet.c, rights.c ---- */

int red_greet(struct red_session *session, int64_t deadline_us, struct err *err);
int red_check_rights(struct red_session *session, int64_t deadline_us, struct err *err);
/* Sometimes: has the server thrown keys away? */
void red_look_for_evictions(struct red_session *session, int64_t deadline_us);

/* ---- script.c ---- */

extern const char *const red_scripts[RED_SCRIPTS];
/* SCRIPT LOAD of all. STORE_OK or as an exchange. */
int red_load_scripts(struct red_session *session, int64_t deadline_us, struct err *err);
/* The words before the keys. */
void red_script_command(const struct red_session *session, struct buffer *out,
	enum red_script script, size_t keys, size_t arguments);

/* ---- session.c ---- */

int red_session_open(struct store *store, struct store_session **ret, struct err *err);
void red_session_close(struct store_session *session);
int red_session_ready(struct store_session *session, struct err *err);
void red_session_interrupt(struct store_session *session);
bool red_take_notice(struct store_session *session, struct store_notice *ret);
int64_t red_deadline_us(const struct red_session *session);

/* ---- queue.c ---- */

/* A command begins at the end of the queue's bytes; red_op_end() closes it. */
struct red_op *red_op_begin(struct red_session *session, enum red_kind kind, enum store_op op);
void red_op_end(struct red_session *session);
void red_op_mark(struct store_session *session);
void red_op_commit(struct store_session *session);
void red_op_rollback(struct store_session *session);
enum store_failure red_op_flush(struct store_session *session, struct store_flight *flight);
/* What a transaction would be needed for. */
void red_op_refuse(struct red_session *session);

/* ---- lease.c ---- */

void red_op_lease(struct store_session *session, const struct store_lease *lease,
	struct store_claim *claims, size_t count);
void red_op_end_leases(struct store_session *session, const struct store_lease *lease,
	enum store_lease_end end, struct store_claim *claims, size_t count);
/* False, and nothing is judged: no script of ours answers like that. */
bool red_judge(struct red_session *session, const struct red_op *op, const redisReply *reply);

/* The key of a row. */
void red_part_key(struct buffer *out, const uint8_t *key);

/* A row in its parts; all slices borrow its bytes. */
struct red_row {
	char kind;
	int64_t until_ms; /* of a lease */
	struct slice tag, position, why; /* of the dead letter, where there is one */
};

/* False: onced did not write this. */
bool red_row_read(struct slice bytes, struct red_row *ret);

/* ---- row.c ---- */

enum store_failure red_peek(
	struct store_session *session, const uint8_t *key, struct store_row *ret, struct err *err);
enum store_failure red_forget(struct store_session *session, const uint8_t *key,
	enum store_forgotten *ret, struct err *err);

/* ---- records.c ---- */

/* One command, one reply; STORE_OK with a reply of no error, which the caller frees. */
enum store_failure red_ask_one(struct red_session *session, const struct buffer *out,
	const char *doing, redisReply **ret, struct err *err);
/* Of TIME, an array of seconds and microseconds; 0: it is none. */
int64_t red_read_time_ms(const redisReply *reply);

void red_op_put_attempts(struct store_session *session, const struct store_attempts *attempts);
void red_op_delete_attempts(struct store_session *session, const struct store_position *position);
enum store_failure red_load_attempts(struct store_session *session, struct slice topic,
	int32_t partition, int64_t from, struct store_attempts **ret, size_t *ret_count,
	struct err *err);
enum store_failure red_get_seen(struct store_session *session, struct slice topic,
	int32_t partition, struct store_partition_seen *ret, struct err *err);
enum store_failure red_put_seen(struct store_session *session, struct slice topic,
	int32_t partition, int64_t committed, struct err *err);
enum store_failure red_load_pauses(
	struct store_session *session, struct pauses *pauses, int64_t *ret_now_ms, struct err *err);
enum store_failure red_put_pause(
	struct store_session *session, const struct pause *pause, struct err *err);
