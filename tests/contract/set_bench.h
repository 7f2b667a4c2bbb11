/*
 * set_bench - a store of its own with the statements of a case, for sets
 */
#pragma once

#include "bench.h"

enum { SET_STATEMENTS_MAX = 4, SET_ROWS_MAX = 400, SET_COLUMNS_MAX = 8 };

struct set_bench {
	struct bench *bench;
	struct store_statement statements[SET_STATEMENTS_MAX];
	struct store_options options;
	struct store *store;
	struct store_session *session;
};

/* A ready session of a store with these statements; the tables must be there. */
struct set_bench *set_bench_open(
	struct bench *bench, const struct store_statement *statements, size_t count);
void set_bench_close(struct set_bench *set);

/* Is the statement sent for many? */
bool set_bench_can(struct set_bench *set, size_t index);
/* As a lane does before each batch. */
void set_bench_ready(struct set_bench *set);

/* Queue one statement over `count` rows, of `columns` texts each, NULL for null. */
void set_bench_queue(struct set_bench *set, size_t index, const char *const *texts, size_t count,
	size_t columns, uint32_t tag);
/* BEGIN, one set of one column under savepoint 1, flush; the transaction stays open. */
struct store_flight set_bench_try(
	struct set_bench *set, size_t index, const char *const *texts, size_t count);
/* As before, and COMMIT. */
void set_bench_apply(struct set_bench *set, size_t index, const char *const *texts, size_t count);
