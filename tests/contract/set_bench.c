/*
 * set_bench - a store of its own with the statements of a case, for sets
 */
#include "set_bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What a queued set points to, until the next flush. */
static struct store_value values[SET_ROWS_MAX][SET_COLUMNS_MAX];
static const struct store_value *rows[SET_ROWS_MAX];

struct set_bench *set_bench_open(
	struct bench *bench, const struct store_statement *statements, size_t count)
{
	struct set_bench *set = NEW(struct set_bench);

	assert_true(count <= SET_STATEMENTS_MAX);
	memcpy(set->statements, statements, count * sizeof(*statements));
	set->bench = bench;
	set->options = bench->options;
	set->options.statements = set->statements;
	set->options.statement_count = count;
	set->store = bench_open_store(bench, &set->options);
	set->session = bench_open_session(set->store);
	return set;
}

void set_bench_close(struct set_bench *set)
{
	set->session->ops->session_close(set->session);
	set->store->ops->close(set->store);
	free(set);
}

bool set_bench_can(struct set_bench *set, size_t index)
{
	return set->session->ops->can_set(set->session, index, set->statements[index].param_count);
}

void set_bench_ready(struct set_bench *set)
{
	struct err err = ERR_INIT;

	assert_int_equal(set->session->ops->session_ready(set->session, &err), 0);
}

void set_bench_queue(struct set_bench *set, size_t index, const char *const *texts, size_t count,
	size_t columns, uint32_t tag)
{
	assert_true(count <= SET_ROWS_MAX && columns <= SET_COLUMNS_MAX);
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < columns; k++) {
			values[i][k] = text_of(texts[i * columns + k]);
		}
		rows[i] = values[i];
	}
	set->session->ops->statement_set(set->session, index, rows, count, tag);
}

struct store_flight set_bench_try(
	struct set_bench *set, size_t index, const char *const *texts, size_t count)
{
	struct store_flight flight;

	assert_true(set_bench_can(set, index));
	set->session->ops->begin(set->session);
	set->session->ops->savepoint(set->session, 1);
	set_bench_queue(set, index, texts, count, 1, 7);
	set->session->ops->release(set->session, 1);
	set->session->ops->flush(set->session, &flight);
	return flight;
}

void set_bench_apply(struct set_bench *set, size_t index, const char *const *texts, size_t count)
{
	struct store_flight flight = set_bench_try(set, index, texts, count);

	if (flight.failure) {
		fail_msg("set: %s %s", flight.err.code, flight.err.text);
	}
	commit(set->session);
}
