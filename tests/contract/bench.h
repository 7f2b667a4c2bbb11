/*
 * bench - one store under test, and a side door into it
 *
 * Every case starts with fresh tables of onced and of the user, one store and one ready session.
 * The side door is a plain connection of the database's own library: it sees what was really
 * committed. What lives in memory has none.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/store.h"

struct side;

struct bench {
	bool is_postgres;
	bool is_keyed; /* Redis, memory: no SQL, no transactions */
	bool forgets; /* rows may vanish: a mark without a row is made all the same */
	char url[512]; /* of the database itself */
	char store_url[512]; /* through the pooler, where there is one */
	char directory[64]; /* SQLite's */
	struct store_options options;
	struct store *store;
	struct store_session *session;
	struct side *side; /* SQL */
	struct redis_side *redis;
};

/* The statements every store of the bench knows, by index. */
enum bench_statement {
	INSERT_EFFECT, /* ($1 id, $2 note); the note 'poison' violates a check */
	UPDATE_ONE_EFFECT, /* exactly one row: ($1 id, $2 note) */
	INSERT_CHILD, /* ($1 parent): the foreign key is deferred to COMMIT */
	INSERT_VALUE, /* ($1 numeric, $2 text, $3 truth) */
	MISSING_TABLE,
	RUNS_FOR_EVER,
	CONTROLS_TRANSACTION,
	WRONG_PARAMETERS, /* names $2, has one */
	LOCK_EFFECT, /* ($1 id): updates a row and keeps its lock */
	ECHO_EFFECT, /* ($1 id, $2 note): inserts and returns the note */
	ALL_EFFECTS, /* id and note of each, by id */
	NOTE_OF_EFFECT, /* ($1 id): exactly one row */
	ODD_VALUES, /* ($1 text): it, a null, an empty text, the bytes 00 ff, no bytes, a number */
	MANY_ROWS, /* ($1 count) */
	LONG_TEXT, /* ($1 length) */
	FAILS_LATE, /* at its third row */
	BENCH_STATEMENT_COUNT,
};

struct bench *bench_new(bool is_postgres);
int bench_open_sqlite(void **state);
int bench_open_postgres(void **state); /* ONCED_TEST_POSTGRES */
int bench_open_pgbouncer(void **state); /* and ONCED_TEST_PGBOUNCER: the store goes through it */
int bench_open_pgbouncer_session(void **state); /* and ONCED_TEST_PGBOUNCER_SESSION */
int bench_open_partitioned(void **state); /* the table of processed events has partitions */
int bench_open_redis(void **state);
int bench_open_memory(void **state);
int bench_close(void **state);
int bench_setup(void **state);
int bench_teardown(void **state);

/* Another store with other options, and a session of it that is ready. The caller closes both. */
struct store *bench_open_store(const struct bench *bench, const struct store_options *options);
struct store_session *bench_open_session(struct store *store);

/* ---- rows, as they really are ---- */

enum bench_row { ROW_ANY, ROW_RUNNING, ROW_DONE, ROW_DEAD };
enum { BENCH_UNSEEN = -1 };

/* BENCH_UNSEEN where there is no side door. */
long bench_count_rows(struct bench *bench, enum bench_row kind);

/* ---- side door of Redis: bench_keyed.c ---- */

/* A command in words, NULL ends. Fails the test when refused; integers are returned, else 0. */
long redis_side(struct bench *bench, const char *word, ...) __attribute__((sentinel));
long redis_side_count_rows(struct bench *bench, enum bench_row kind);
void redis_side_close(struct redis_side *side);

/* ---- side door of SQL ---- */

struct side *side_open(const struct bench *bench);
void side_close(struct side *side);
void side_run(struct side *side, const char *sql); /* fails the test when refused */
long side_number(struct side *side, const char *sql);
/* Ask until the answer is `expected`; fails the test after 10 s. */
void side_wait(struct side *side, const char *sql, long expected);

/* ---- shorthands ---- */

/*
 * A claim whose key is the id's first bytes, at offset `offset` of partition 0 of topic "orders".
 */
struct store_claim claim_of(const char *id, int64_t offset);
struct store_value text_of(const char *text); /* NULL gives SQL NULL */
struct store_value number_of(const char *text);

void queue_effect(struct store_session *session, const char *id, const char *note, uint32_t tag);
void queue_update(struct store_session *session, const char *id, const char *note, uint32_t tag);

/* Flush and expect this. */
struct store_flight flush_expect(struct store_session *session, enum store_failure expected);
/* BEGIN and claim, expecting success. */
void begin_claim(struct store_session *session, struct store_claim *claims, size_t count);
void commit(struct store_session *session);
void rollback(struct store_session *session);
/* One claim in a transaction of its own, committed. */
enum claim_verdict claim_alone(struct store_session *session, struct store_claim claim);
void expect_effects(struct bench *bench, long expected);
