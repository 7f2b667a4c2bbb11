/*
 * unit_script - the handler of unit_bench: it does what the event says
 */
#include "unit_script.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

struct unit_bench *unit_script_bench;

struct script_state {
	int what, statement;
};

static int script_open(struct onced_setup *setup, void **ret_state)
{
	struct script_state *state = NEW(struct script_state);

	*ret_state = state;
	state->what = onced_need_path(setup, "payload.do");
	state->statement = onced_need_statement(setup, "effect", 1, 0, -1);
	return 0;
}

static void note_call(const struct onced_event *event)
{
	struct onced_bytes id = onced_event_id(event);

	ARRAY_GROW(unit_script_bench->calls, unit_script_bench->call_count,
		unit_script_bench->call_capacity);
	unit_script_bench->calls[unit_script_bench->call_count++] =
		(struct bench_call){ id.data ? xstrndup(id.data, id.len) : xstrdup(""),
			onced_event_attempt(event), false };
}

/* What a careless handler may write: a time without bounds, and texts without an end. */
static void say_without_bounds(struct onced_outcome *outcome, int64_t retry_after_ms)
{
	outcome->result = ONCED_RETRY;
	outcome->retry_after_ms = retry_after_ms;
	memset(outcome->code, 'c', sizeof(outcome->code));
	memset(outcome->reason, 'r', sizeof(outcome->reason));
}

/* False: to return at once. */
static bool ask(const struct onced_event *event, const struct script_state *state)
{
	const struct onced_rows *rows = onced_tx_query(event, state->statement, NULL, 0);
	struct onced_bytes id = onced_event_id(event);
	struct onced_bytes seen = { "-", 1 };

	if (rows) {
		assert_int_equal(onced_rows_count(rows), 1);
		assert_int_equal(onced_rows_columns(rows), 2);
		assert_null(onced_rows_value(rows, 0, 1).data);
		seen = onced_rows_value(rows, 0, 0);
	}
	unit_script_bench->calls[unit_script_bench->call_count - 1].has_asked = true;
	buffer_printf(&unit_script_bench->answers, " %.*s:%.*s", (int)id.len, id.data,
		(int)seen.len, seen.data);
	return rows;
}

static void compute(int64_t us)
{
	int64_t until_us = clock_mono_us() + us;

	while (clock_mono_us() < until_us) {
		;
	}
}

static void script_handle(
	void *opaque, const struct onced_event *event, struct onced_outcome *outcome)
{
	static const struct {
		const char *what;
		enum onced_result result;
		unsigned last_attempt;
	} results[] = { { "skip", ONCED_SKIP, UINT32_MAX }, { "retry", ONCED_RETRY, UINT32_MAX },
		{ "retry-once", ONCED_RETRY, 1 }, { "reject", ONCED_REJECT, UINT32_MAX },
		{ "unavailable", ONCED_UNAVAILABLE, UINT32_MAX } };
	const struct script_state *state = opaque;
	struct onced_value values[] = { { ONCED_VALUE_TEXT, onced_event_id(event) },
		{ ONCED_VALUE_TEXT, onced_event_id(event) } };
	struct onced_bytes what;
	struct slice word;
	bool is_asking, is_first;

	note_call(event);
	is_first = bench_calls(unit_script_bench,
			   unit_script_bench->calls[unit_script_bench->call_count - 1].id) == 1;
	onced_event_path(event, state->what, &what);
	word = slice_from(what.data, what.len);
	is_asking = word.len >= 3 && strncmp(word.data, "ask", 3) == 0;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (slice_equal_str(word, results[i].what) &&
			onced_event_attempt(event) <= results[i].last_attempt) {
			onced_outcome_set(
				outcome, results[i].result, "T1", "told to %s", results[i].what);
			return;
		}
	}
	if (slice_equal_str(word, "slow")) {
		compute(BENCH_SLOW_US);
	}
	if (slice_equal_str(word, "retry-never") || slice_equal_str(word, "retry-before")) {
		say_without_bounds(outcome,
			slice_equal_str(word, "retry-never") ? INT64_MAX / 1000 : INT64_MIN);
		return;
	}
	if (is_first && slice_equal_str(word, "retry-first")) {
		onced_outcome_set(outcome, ONCED_RETRY, "T1", "told to retry at first");
		return;
	}
	if (is_asking && !ask(event, state)) {
		return;
	}
	onced_tx_send(event, state->statement, values, slice_equal_str(word, "more") ? 2 : 1);
	if (slice_equal_str(word, "twice")) {
		onced_tx_send(event, state->statement, values, 1);
	}
	if (slice_equal_str(word, "ask-again") && !ask(event, state)) {
		return;
	}
	if (slice_equal_str(word, "ask-reject")) {
		(void)ask(event, state); /* what was sent before is there already */
		onced_outcome_set(outcome, ONCED_REJECT, "T2", "told to reject");
	}
}

const struct onced_handler unit_script_handler = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "script",
	.open = script_open,
	.handle = script_handle,
	.close = free,
};

static void script_handle_batch(void *state, const struct onced_event *const *events,
	struct onced_outcome *outcomes, size_t count)
{
	struct buffer *batches = &unit_script_bench->batches;

	for (size_t i = 0; i < count; i++) {
		struct onced_bytes id = onced_event_id(events[i]);

		buffer_printf(batches, "%s%.*s", i ? " " : " [", (int)id.len, id.data);
		script_handle(state, events[i], &outcomes[i]);
	}
	buffer_append_char(batches, ']');
}

const struct onced_handler unit_script_batches = {
	.abi = ONCED_HANDLER_ABI,
	.size = sizeof(struct onced_handler),
	.name = "script",
	.open = script_open,
	.close = free,
	.handle_batch = script_handle_batch,
};
