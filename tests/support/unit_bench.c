#include "unit_bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "event/event_id.h"
#include "handlers/builtins.h"
#include "unit_script.h"
#include "worker/hand.h"

/* Of the record at offset 0. */
#define FIRST_TIMESTAMP_MS ((int64_t)1767323045678)

static int find_handler(
	const struct config_handler *config, struct onced_handler *ret, struct err *err)
{
	*ret = strcmp(config->type, "script") == 0 ? *unit_script_bench->script
						   : *builtin_handler_find(config->type);
	return 0;
}

/* ---- the source ---- */

/* A polled message: its bytes live until it is released. */
struct message {
	struct unit_bench *bench;
	char *value;
	char *header_name, *header_value;
	bool has_bad_headers;
};

static void message_release(struct source *source, void *handle)
{
	struct message *message = handle;

	message->bench->released++;
	free(message->value);
	free(message->header_name);
	free(message->header_value);
	free(message);
}

static int message_headers(void *handle, struct source_header *headers, size_t max)
{
	const struct message *message = handle;

	if (message->has_bad_headers) {
		return -EBADMSG;
	}
	if (message->header_name && max > 0) {
		headers[0] = (struct source_header){ slice_from_str(message->header_name),
			slice_from_str(message->header_value) };
	}
	return message->header_name != NULL;
}

static const struct source_ops source_ops = { .release = message_release,
	.headers = message_headers };

/* ---- opening ---- */

static const struct unit_place *place_of(void *context, uint32_t slot)
{
	struct unit_bench *bench = context;

	bench->places[slot] = (struct unit_place){ "orders", (int32_t)slot, 0 };
	return &bench->places[slot];
}

static void configure(struct unit_bench *bench, const struct bench_options *options)
{
	static struct config_id_source ids[] = { { ID_SOURCE_HEADER, (char *)"event_id" },
		{ ID_SOURCE_JSON, (char *)"event_id" } };
	static struct config_id_source topic = { ID_SOURCE_TOPIC, (char *)"" };
	static struct config_pair sql_params[] = { { .name = (char *)"statement",
		.value = (char *)"INSERT INTO t VALUES (:event_id, :payload.n?)" } };

	bench->retry =
		(struct config_retry){ .attempts = options->attempts ? options->attempts : 10,
			.delay_us = 1000,
			.delay_max_us = 8000,
			.deadline_us = options->deadline_us,
			.factor = 2,
			.jitter = JITTER_NONE };
	bench->handlers[0] =
		(struct config_handler){ .name = (char *)"main", .type = (char *)"script" };
	bench->handlers[1] =
		(struct config_handler){ .name = (char *)"other", .type = (char *)"script" };
	bench->handlers[2] = (struct config_handler){
		.name = (char *)"sql", .type = (char *)"sql", .params = { sql_params, 1 }
	};
	if (options->reject_on) {
		bench->reject_on.items = NEW(char *);
		bench->reject_on.items[0] = options->reject_on;
		bench->reject_on.count = 1;
		bench->handlers[0].reject_on = bench->reject_on;
	}
	bench->routes[0] = (struct config_route){ (char *)"other", &bench->handlers[1] };
	bench->routes[1] = (struct config_route){ (char *)"sql", &bench->handlers[2] };
	bench->consumer = (struct config_consumer){ .name = (char *)"orders",
		.handler = options->has_no_default_handler ? NULL : &bench->handlers[0],
		.routes = bench->routes,
		.route_count = options->has_no_routes ? 0 : 2,
		.retry = &bench->retry,
		.filter = options->filter,
		.event_id = { ids, 2 },
		.event_source = { &topic, 1 },
		.event_digest = options->has_digests ? EVENT_DIGEST_VALUE : EVENT_DIGEST_OFF };
}

struct unit_bench *bench_open(const struct bench_options *options)
{
	static const struct bench_options defaults;
	struct unit_bench *bench = unit_script_bench = NEW(struct unit_bench);
	const struct store_options store_options = { .url = "fake:" };
	struct unit_options unit_options;
	struct err err = ERR_INIT;

	options = options ? options : &defaults;
	configure(bench, options);
	bench->script = options->has_batches ? &unit_script_batches : &unit_script_handler;
	assert_int_equal(fake_store_ops.open(&store_options, &bench->store, &err), 0);
	fake_store_allow_sets(bench->store, options->has_sets);
	assert_int_equal(fake_store_ops.session_open(bench->store, &bench->session, &err), 0);
	assert_int_equal(fake_store_ops.session_ready(bench->session, &err), 0);
	if (roster_open(&bench->roster, &bench->consumer, 1, &fake_store_ops, true, find_handler,
		    &err) < 0) {
		fail_msg("%s", err.text);
	}
	bench->hand = options->lease_us ? hand_new() : NULL;
	unit_options = (struct unit_options){ .store = &fake_store_ops,
		.roster = &bench->roster,
		.batch_max = BENCH_BATCH_MAX,
		.scope = "orders",
		.is_deduplicated = !options->has_no_dedup,
		.is_leased = options->lease_us > 0,
		.hand = bench->hand,
		.lease = { .owner = "unit", .lease_us = options->lease_us },
		.call_us = options->call_us,
		.idle_us = options->idle_us,
		.has_dlq = !options->has_no_dlq,
		.skips_tombstones = options->skips_tombstones,
		.event_missing = options->event_missing,
		.place_of = place_of,
		.context = bench };
	unit_init(&bench->unit, &unit_options, bench->session);
	return bench;
}

void bench_close(struct unit_bench *bench)
{
	assert_string_equal(fake_store_misuse(bench->store), "");
	bench_clear(bench);
	for (size_t i = 0; i < bench->call_count; i++) {
		free(bench->calls[i].id);
	}
	free(bench->calls);
	buffer_fini(&bench->answers);
	buffer_fini(&bench->batches);
	unit_fini(&bench->unit);
	hand_free(bench->hand);
	roster_close(&bench->roster);
	free(bench->reject_on.items);
	fake_store_ops.session_close(bench->session);
	fake_store_ops.close(bench->store);
	free(bench);
	unit_script_bench = NULL;
}

/* ---- the batch ---- */

static char *value_of(const struct bench_record *wanted)
{
	char *id = wanted->id ? xasprintf("\"event_id\":\"%s\",", wanted->id) : xstrdup("");
	char *what = wanted->what ? xasprintf("\"do\":\"%s\"", wanted->what) : xstrdup("");
	char *value = xasprintf("{%s\"event_type\":\"%s\",\"payload\":{%s}}", id,
		wanted->type ? wanted->type : "", what);

	free(id);
	free(what);
	return value;
}

static struct record *poll_record(
	struct unit_bench *bench, unsigned strand, int64_t offset, struct message *message)
{
	static char strands[BENCH_STRANDS_MAX];
	struct source_record polled = { .handle = message,
		.slot = strand,
		.epoch = 1,
		.offset = offset,
		.timestamp_ms = FIRST_TIMESTAMP_MS + offset,
		.key = SLICE_NULL,
		.value = slice_from_str(message->value) };
	struct record *record = record_new(&source_ops, NULL, &polled, 1);

	/* what the scheduler does when it gives out */
	record->item.strand = (struct sched_strand *)&strands[strand];
	return record;
}

unsigned bench_put(struct unit_bench *bench, const struct bench_record *wanted)
{
	struct message *message = NEW(struct message);
	int64_t offset = wanted->offset ? wanted->offset : bench->next_offset[wanted->strand];

	assert_true(bench->count < BENCH_BATCH_MAX && wanted->strand < BENCH_STRANDS_MAX);
	message->bench = bench;
	message->has_bad_headers = wanted->has_bad_headers;
	if (!wanted->is_null) {
		message->value = wanted->value ? xstrdup(wanted->value) : value_of(wanted);
	}
	if (!slice_is_null(wanted->header.name)) {
		message->header_name = xstrndup(wanted->header.name.data, wanted->header.name.len);
		message->header_value =
			xstrndup(wanted->header.value.data, wanted->header.value.len);
	}
	bench->records[bench->count] = poll_record(bench, wanted->strand, offset, message);
	bench->next_offset[wanted->strand] = offset + 1;
	return bench->count++;
}

unsigned bench_add_doing(
	struct unit_bench *bench, unsigned strand, const char *id, const char *what)
{
	return bench_put(bench, &(struct bench_record){ .strand = strand, .id = id, .what = what });
}

unsigned bench_add(struct unit_bench *bench, unsigned strand, const char *id)
{
	return bench_add_doing(bench, strand, id, NULL);
}

void bench_clear(struct unit_bench *bench)
{
	for (unsigned i = 0; i < bench->count; i++) {
		record_free(bench->records[i]);
	}
	bench->count = 0;
}

static bool has_ended(enum unit_end end)
{
	return end == UNIT_DONE || end == UNIT_DUPLICATE || end == UNIT_SKIPPED || end == UNIT_DEAD;
}

void bench_next(struct unit_bench *bench)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < bench->count; i++) {
		if (has_ended(bench->unit.works[i].end)) {
			record_free(bench->records[i]);
		} else {
			bench->records[kept++] = bench->records[i];
		}
	}
	bench->count = kept;
	assert_int_equal(fake_store_ops.session_ready(bench->session, NULL), 0);
}

void bench_redeliver(struct unit_bench *bench)
{
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < bench->count; i++) {
		struct record *old = bench->records[i];
		struct message *message = old->handle;

		assert_non_null(message);
		old->handle = NULL;
		bench->records[i] = poll_record(bench, old->item.slot, old->item.offset, message);
		record_free(old);
	}
	assert_int_equal(fake_store_ops.session_ready(bench->session, &err), 0);
}

/* ---- running ---- */

void bench_run(struct unit_bench *bench)
{
	unit_run(&bench->unit, bench->records, bench->count);
}

static char letter_of(enum unit_end end)
{
	static const char letters[] = { [UNIT_OPEN] = '?',
		[UNIT_DONE] = 'D',
		[UNIT_DUPLICATE] = 'U',
		[UNIT_SKIPPED] = 'S',
		[UNIT_DEAD] = 'A',
		[UNIT_DEFERRED] = 'E',
		[UNIT_RETRY] = 'R',
		[UNIT_HELD] = 'H',
		[UNIT_AGAIN] = 'G' };

	return letters[end];
}

/* One end, and how often: "D" or "D(249)". */
static const char *next_ends(const char *ends, char *ret_letter, unsigned *ret_times)
{
	int length = 0;

	*ret_letter = *ends++;
	*ret_times = 1;
	if (*ends == '(' && sscanf(ends, "(%u)%n", ret_times, &length) == 1) {
		ends += length;
	}
	return ends;
}

void bench_expect(const struct unit_bench *bench, const char *ends)
{
	unsigned i = 0, times;
	char letter;

	while (*ends) {
		ends = next_ends(ends, &letter, &times);
		for (; times > 0; times--, i++) {
			assert_true(i < bench->count);
			if (letter_of(bench->unit.works[i].end) != letter) {
				fail_msg("record %u ended %c, expected %c", i,
					letter_of(bench->unit.works[i].end), letter);
			}
		}
	}
	assert_int_equal(i, bench->count);
}

void bench_run_expect(struct unit_bench *bench, const char *ends)
{
	bench_run(bench);
	bench_expect(bench, ends);
}

void bench_let_probe(struct unit_bench *bench)
{
	for (size_t i = 0; i < bench->roster.handler_count; i++) {
		bench->roster.handlers[i].outage.verdict.next_probe_us =
			-OUTAGE_RANK_MAX * OUTAGE_GRACE_US;
	}
}

bool bench_is_covered(const struct unit_bench *bench, int64_t failed_us)
{
	for (size_t i = 0; i < bench->roster.handler_count; i++) {
		if (failed_us &&
			outage_covers(&bench->roster.handlers[i].outage.verdict, failed_us)) {
			return true;
		}
	}
	return false;
}

/* ---- the store's side ---- */

void bench_fail(struct unit_bench *bench, const struct fake_fault *fault)
{
	fake_store_fail(bench->store, fault);
}

void bench_fail_statement(
	struct unit_bench *bench, const char *id, enum store_failure failure, const char *code)
{
	bench_fail(bench,
		&(struct fake_fault){ STORE_OP_STATEMENT, id, .failure = failure, .code = code });
}

size_t bench_effects(const struct unit_bench *bench, const char *id)
{
	return fake_store_count_value(bench->store, id);
}

struct store_claim bench_claim(unsigned strand, int64_t offset, const char *id)
{
	struct dedup_key key = event_dedup_key(
		SLICE_LITERAL("orders"), SLICE_LITERAL("orders"), slice_from_str(id));
	struct store_claim claim = { .position = { SLICE_LITERAL("orders"), (int32_t)strand, offset,
					     FIRST_TIMESTAMP_MS + offset },
		.event_id = slice_from_str(id) };

	memcpy(claim.key, key.bytes, sizeof(claim.key));
	return claim;
}

const struct fake_row *bench_row(const struct unit_bench *bench, const char *id)
{
	struct dedup_key key = event_dedup_key(
		SLICE_LITERAL("orders"), SLICE_LITERAL("orders"), slice_from_str(id));

	return fake_rows_find(fake_store_rows(bench->store), key.bytes);
}

size_t bench_rows(const struct unit_bench *bench)
{
	return fake_store_rows(bench->store)->row_count;
}

unsigned bench_stored_attempts(const struct unit_bench *bench, unsigned strand, int64_t offset)
{
	const struct fake_rows *rows = fake_store_rows(bench->store);

	for (size_t i = 0; i < rows->attempt_count; i++) {
		if (rows->attempts[i].position.partition == (int32_t)strand &&
			rows->attempts[i].position.offset == offset) {
			return rows->attempts[i].attempts;
		}
	}
	return 0;
}

long bench_last_answer(const struct unit_bench *bench, const char *id)
{
	char mark[32];
	long answer = -1;

	snprintf(mark, sizeof(mark), " %s:", id);
	for (const char *at = buffer_str(&bench->answers); (at = strstr(at, mark));) {
		at += strlen(mark);
		answer = at[0] == '-' ? -1 : strtol(at, NULL, 10);
	}
	return answer;
}

void bench_restore_attempts(const struct unit_bench *bench, struct record *record)
{
	const struct fake_rows *rows = fake_store_rows(bench->store);

	for (size_t i = 0; i < rows->attempt_count; i++) {
		const struct store_attempts *a = &rows->attempts[i];
		if (a->position.partition == (int32_t)record->item.slot &&
			a->position.offset == record->item.offset) {
			record->attempts = a->attempts;
			record->first_failure_ms = a->first_failure_ms;
			record->last_failure_ms = a->last_failure_ms;
		}
	}
}

unsigned bench_calls(const struct unit_bench *bench, const char *id)
{
	unsigned count = 0;

	for (size_t i = 0; i < bench->call_count; i++) {
		count += strcmp(bench->calls[i].id, id) == 0;
	}
	return count;
}
