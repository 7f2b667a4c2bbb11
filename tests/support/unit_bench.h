/*
 * unit_bench - the real unit of work between a scripted store and a scripted handler
 *
 * One thread, one session, topic "orders", scope "orders". A strand is a partition. Records are
 * JSON; their payload tells the handler what to do:
 *
 *	{"event_id": "a", "event_type": "", "payload": {"do": "reject"}}
 *
 * "do" is retry, retry-once (attempt), retry-first (call), reject, unavailable or skip; absent: one
 * statement whose only value is the event id; "twice": two of them; "more": one with a value too
 * many. "ask" has a query first, "ask-again" one before and one behind its statement, "ask-reject"
 * too, and says reject at the end. The event type "other" goes to a second handler of the same
 * kind, "sql" to the built-in.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "fake_store.h"
#include "worker/unit.h"

enum { BENCH_BATCH_MAX = 1000, BENCH_STRANDS_MAX = 1000, BENCH_CODE_MAX = 32 };
enum { BENCH_SLOW_US = 2000 }; /* "slow" computes so long */

struct bench_options {
	bool has_no_dlq, has_no_default_handler, has_no_dedup, skips_tombstones, has_sets;
	bool has_digests; /* two records with one id and other bytes are two events */
	bool has_no_routes;
	bool has_batches; /* the handler has handle_batch() and nothing else */
	enum config_event_missing event_missing;
	unsigned attempts; /* 0: 10 */
	int64_t deadline_us; /* 0: none */
	int64_t lease_us, call_us; /* effects under leases of "unit"; 0: in transactions */
	int64_t idle_us; /* as in unit_options */
	char *reject_on; /* of the handler, NULL none */
	struct config_filter filter;
};

struct bench_call {
	char *id;
	unsigned attempt;
	bool has_asked;
};

struct unit_bench {
	struct config_consumer consumer;
	const struct onced_handler *script;
	struct config_handler handlers[3];
	struct config_route routes[2];
	struct config_retry retry;
	struct config_strings reject_on;
	struct store *store;
	struct store_session *session;
	struct hand *hand; /* of leases; NULL: none */
	struct roster roster;
	struct unit unit;
	struct record *records[BENCH_BATCH_MAX];
	unsigned count;
	int64_t next_offset[BENCH_STRANDS_MAX];
	struct unit_place places[BENCH_STRANDS_MAX];
	unsigned released; /* messages given back */
	/* what the handlers were called for, in order */
	struct bench_call *calls;
	size_t call_count, call_capacity;
	/* what queries answered, how many effects they saw: " a:0 b:1 c:-", - no answer */
	struct buffer answers;
	struct buffer batches; /* calls of handle_batch(): " [a b] [c]" */
};

struct unit_bench *bench_open(const struct bench_options *options);
/* Also asserts that the port was used as it says. */
void bench_close(struct unit_bench *bench);

/* ---- the batch: records of one strand one after the other ---- */

/* What a record is made of; zero is fine for all but `id`. */
struct bench_record {
	unsigned strand;
	const char *id; /* NULL: no event_id */
	const char *what; /* "do" */
	const char *type; /* event_type */
	const char *value; /* instead of the JSON; with is_null none at all */
	bool is_null;
	struct source_header header; /* name null: none */
	bool has_bad_headers;
	int64_t offset; /* 0: the next of the strand */
};

/* Returns its index. The bench keeps it until bench_clear(). */
unsigned bench_put(struct unit_bench *bench, const struct bench_record *record);
unsigned bench_add(struct unit_bench *bench, unsigned strand, const char *id);
unsigned bench_add_doing(
	struct unit_bench *bench, unsigned strand, const char *id, const char *what);
/* Free the batch; the next one is polled anew. */
void bench_clear(struct unit_bench *bench);
/* What did not end makes the next batch, in its order, as the scheduler would give it out. */
void bench_next(struct unit_bench *bench);
/* Poll the same batch once more, as after a crash: same positions, nothing remembered. */
void bench_redeliver(struct unit_bench *bench);

/* ---- running ---- */

void bench_run(struct unit_bench *bench);
/*
 * A letter for each record: Done, dUplicate, Skipped, deAd, dEferred, Retry, Held, aGain - the
 * capitals. With an end in brackets repeated: "D(249)R" is 250 records.
 */
void bench_expect(const struct unit_bench *bench, const char *ends);
/* Both. */
void bench_run_expect(struct unit_bench *bench, const char *ends);
/* So much time passes for holds because of an outage: any record may be the next probe. */
void bench_let_probe(struct unit_bench *bench);
/* Was a failure then part of an outage? 0: there was none. */
bool bench_is_covered(const struct unit_bench *bench, int64_t failed_us);

/* ---- the store's side ---- */

/* Script a failure; see fake_store.h. */
void bench_fail(struct unit_bench *bench, const struct fake_fault *fault);
/* The statement of this event is refused, always. */
void bench_fail_statement(
	struct unit_bench *bench, const char *id, enum store_failure failure, const char *code);
/* The claim of an event at its position, as the unit of work makes it. `id` is borrowed. */
struct store_claim bench_claim(unsigned strand, int64_t offset, const char *id);
/* How often the effect of an event was committed. */
size_t bench_effects(const struct unit_bench *bench, const char *id);
/* The row of an event's key; NULL when there is none. */
const struct fake_row *bench_row(const struct unit_bench *bench, const char *id);
size_t bench_rows(const struct unit_bench *bench);
/* Attempts kept for a position; 0: none. */
unsigned bench_stored_attempts(const struct unit_bench *bench, unsigned strand, int64_t offset);
/* What the last query of an event saw, -1: nothing, or none was asked. */
long bench_last_answer(const struct unit_bench *bench, const char *id);
/* What the store knows of a record's failures, as when its partition is read again. */
void bench_restore_attempts(const struct unit_bench *bench, struct record *record);
/* How often handlers were called for an event. */
unsigned bench_calls(const struct unit_bench *bench, const char *id);
