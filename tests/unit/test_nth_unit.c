/*
 * test_nth_unit - a unit of work on SQLite, whichever call fails: each event takes effect once
 *
 * Behind each run the same records are delivered again to a worker that nothing happens to, as
 * after a crash, and the tables are counted.
 */
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "each_failure.h"
#include "handlers/builtins.h"
#include "store/stores.h"
#include "worker/unit.h"

/* New, the same once more, of another type (filtered by no route), poison. */
static const char *const values[] = {
	"{\"event_id\":\"a\",\"payload\":{\"n\":1}}",
	"{\"event_id\":\"a\",\"payload\":{\"n\":1}}",
	"{\"event_id\":\"b\",\"payload\":{\"n\":2,\"note\":\"a\\u0062c\"}}",
	"{\"event_id\":\"poison\",\"payload\":{\"n\":null}}",
	"no JSON",
};
enum { RECORDS = sizeof(values) / sizeof(values[0]) };

static char directory[] = "/tmp/onced-nth-unit-XXXXXX";
static char url[64];

/* ---- what the worker has: once a run ---- */

static struct config_pair params[] = { { .name = (char *)(uintptr_t) "statement",
	.value = (char *)(uintptr_t) "INSERT INTO effects VALUES (:event_id, :payload.n)" } };
static struct config_handler handler = { .name = (char *)(uintptr_t) "write",
	.type = (char *)(uintptr_t) "sql",
	.params = { params, 1 } };
static struct config_retry retry = { .attempts = 1, .factor = 1 };
static struct config_id_source id = { ID_SOURCE_JSON, (char *)(uintptr_t) "event_id" };
static struct config_id_source topic = { ID_SOURCE_TOPIC, (char *)(uintptr_t) "" };
static const struct config_consumer consumer = { .name = (char *)(uintptr_t) "orders",
	.handler = &handler,
	.retry = &retry,
	.event_id = { &id, 1 },
	.event_source = { &topic, 1 },
	.event_digest = EVENT_DIGEST_VALUE };

struct bench {
	const struct store_ops *ops;
	struct store *store;
	struct store_session *session;
	struct roster roster;
	struct unit unit;
	struct record *records[RECORDS];
	bool has_roster, has_unit;
};

static int find_handler(
	const struct config_handler *config, struct onced_handler *ret, struct err *err)
{
	*ret = *builtin_handler_find(config->type);
	return 0;
}

static const struct unit_place *place_of(void *context, uint32_t slot)
{
	static const struct unit_place place = { "orders", 0, 0 };

	return &place;
}

static void release(struct source *source, void *handle)
{
}

static int headers(void *handle, struct source_header *ret, size_t max)
{
	return 0;
}

static const struct source_ops source_ops = { .release = release, .headers = headers };

static int begin(struct bench *bench, struct err *err)
{
	struct store_options options = { .url = url,
		.scope = "orders",
		.consumer = "orders",
		.group_id = "orders",
		.statement_timeout_us = 10000000,
		.lock_timeout_us = 5000000 };
	struct unit_options unit_options = { .roster = &bench->roster,
		.batch_max = RECORDS,
		.scope = "orders",
		.is_deduplicated = true,
		.has_dlq = true,
		.event_missing = EVENT_MISSING_DLQ,
		.place_of = place_of };
	unsigned applied;
	int r;

	*bench = (struct bench){ .ops = stores_find(url) };
	r = roster_open(&bench->roster, &consumer, 1, bench->ops, true, find_handler, err);
	if (r < 0) {
		return r;
	}
	bench->has_roster = true;
	options.statements = bench->roster.statements;
	options.statement_count = bench->roster.statement_count;
	r = bench->ops->open(&options, &bench->store, err);
	r = r < 0 ? r : bench->ops->migrate(bench->store, &applied, err);
	r = r < 0 ? r : bench->ops->session_open(bench->store, &bench->session, err);
	r = r < 0 ? r : bench->ops->session_ready(bench->session, err);
	if (r != 0) {
		return r < 0 ? r : -EAGAIN;
	}
	unit_options.store = bench->ops;
	unit_init(&bench->unit, &unit_options, bench->session);
	bench->has_unit = true;
	return 0;
}

static void finish(struct bench *bench)
{
	for (unsigned i = 0; i < RECORDS; i++) {
		record_free(bench->records[i]);
	}
	if (bench->has_unit) {
		unit_fini(&bench->unit);
	}
	if (bench->session) {
		bench->ops->session_close(bench->session);
	}
	if (bench->store) {
		bench->ops->close(bench->store);
	}
	if (bench->has_roster) {
		roster_close(&bench->roster);
	}
}

/* A strand each. */
static void poll_records(struct bench *bench)
{
	static char strands[RECORDS];

	for (unsigned i = 0; i < RECORDS; i++) {
		struct source_record polled = { .offset = i,
			.timestamp_ms = 1767323045678,
			.value = slice_from_str(values[i]) };

		bench->records[i] = record_new(&source_ops, NULL, &polled, i);
		bench->records[i]->item.strand = (struct sched_strand *)&strands[i];
	}
}

/* ---- one unit of work ---- */

static int work(void *context, struct buffer *said, struct err *err)
{
	struct bench bench;
	int r = begin(&bench, err);

	if (r == 0) {
		poll_records(&bench);
		unit_run(&bench.unit, bench.records, RECORDS);
		for (unsigned i = 0; i < RECORDS; i++) {
			const struct unit_work *one = &bench.unit.works[i];

			buffer_printf(said, "%d %s\n", (int)one->end, one->code);
			if (one->end == UNIT_HELD || one->end == UNIT_AGAIN) {
				r = err_set(err, -EAGAIN, "%s", one->text ? one->text : "again");
			}
		}
	}
	finish(&bench);
	return r;
}

/* ---- what there is behind it ---- */

static long count(sqlite3 *database, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	long number = -1;

	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW) {
		number = (long)sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return number;
}

static void make_tables(void *context)
{
	sqlite3 *database = NULL;
	int r = sqlite3_open(url + strlen("sqlite:"), &database);

	r = r ? r
	      : sqlite3_exec(database,
			"PRAGMA journal_mode = WAL;"
			"CREATE TABLE IF NOT EXISTS effects (id TEXT, n INT NOT NULL);"
			"DELETE FROM effects",
			NULL, NULL, NULL);
	if (r == 0 &&
		count(database,
			"SELECT count(*) FROM sqlite_master WHERE name = "
			"'onced_processed_events'") == 1) {
		r = sqlite3_exec(database,
			"DELETE FROM onced_processed_events;"
			"DELETE FROM onced_delivery_attempts",
			NULL, NULL, NULL);
	}
	sqlite3_close(database);
	if (r) {
		abort();
	}
}

static int deliver_again(void *context, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer said = BUFFER_INIT;
	sqlite3 *database = NULL;
	long effects, events;
	int r = work(NULL, &said, err);

	if (r < 0) {
		return r;
	}
	if (sqlite3_open(url + strlen("sqlite:"), &database) != SQLITE_OK) {
		return err_set(err, -EIO, "%s", sqlite3_errmsg(database));
	}
	effects = count(database, "SELECT count(*) FROM effects");
	events = count(database, "SELECT count(DISTINCT id || n) FROM effects");
	sqlite3_close(database);
	return effects == 2 && events == 2
		? 0
		: err_set(err, -1, "%ld effects of %ld events, not 2", effects, events);
}

static void each_event_takes_effect_once(void **state)
{
	const struct each_failure unit = {
		.name = "unit of work", .prepare = make_tables, .run = work, .check = deliver_again
	};
	struct each_failure_runs runs = each_failure(&unit);

	assert_true(runs.aborted > 30 && runs.refused > 10);
}

/* ---- the schema ---- */

static void remove_tables(void *context)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[80];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", url + strlen("sqlite:"), ends[i]);
		(void)unlink(path);
	}
}

static int migrate(void *context, struct buffer *said, struct err *err)
{
	const struct store_options options = {
		.url = url, .scope = "orders", .consumer = "orders", .group_id = "orders"
	};
	const struct store_ops *ops = stores_find(url);
	struct store *store = NULL;
	unsigned applied = 0;
	int r = ops->open(&options, &store, err);

	r = r < 0 ? r : ops->migrate(store, &applied, err);
	if (store) {
		ops->close(store);
	}
	buffer_printf(said, "%u", applied);
	return r;
}

static int migrate_again(void *context, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer said = BUFFER_INIT;

	return migrate(NULL, &said, err);
}

static void a_migration_that_was_stopped_goes_on(void **state)
{
	const struct each_failure schema = { .name = "migration",
		.prepare = remove_tables,
		.run = migrate,
		.check = migrate_again };
	struct each_failure_runs runs = each_failure(&schema);

	assert_true(runs.failures > 3 && runs.unharmed < runs.failures);
}

static int set_up(void **state)
{
	if (!mkdtemp(directory)) {
		return -1;
	}
	snprintf(url, sizeof(url), "sqlite:%s/store", directory);
	return 0;
}

static int tear_down(void **state)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_migration_that_was_stopped_goes_on),
		cmocka_unit_test(each_event_takes_effect_once),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
