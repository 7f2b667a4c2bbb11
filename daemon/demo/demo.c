#include "demo/demo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "demo/audit.h"
#include "demo/broker.h"
#include "demo/report.h"
#include "demo/scrape.h"
#include "demo/script.h"
#include "demo/stage.h"

enum {
	READY_MS = 20000,
	TICK_MS = 20,
	ORDERS_PER_TICK = 5, /* 250 a second, 8 seconds */
	PROGRESS_MS = 500,
	ACKNOWLEDGE_MS = 5000,
	FINISH_MS = 40000, /* for what is left when the last order was produced */
	READ_BACK_MS = 10000,
	KILL_AT = ORDER_COUNT / 2,
};

struct demo {
	struct stage stage;
	struct kafka_client *client;
	struct order *orders; /* ORDER_COUNT */
	unsigned produced;
	unsigned kills;
	pid_t killed_pid; /* 0 once its successor was announced */
	unsigned killed_slot;
	int64_t started_us, next_progress_us;
	int64_t lag; /* -1: not asked yet */
	struct scrape_counters counters;
};

static double seconds(const struct demo *demo)
{
	return (double)(clock_mono_us() - demo->started_us) / 1e6;
}

/* ---- watching ---- */

static int count_rows(struct demo *demo, long *ret, struct err *err);

static int show_progress(struct demo *demo, struct err *err)
{
	struct scrape_counters *c = &demo->counters;
	long rows;
	int r = scrape_counters(demo->stage.socket_path, c, err);

	r = r < 0 ? r : count_rows(demo, &rows, err);
	r = r < 0 ? r
		  : kafka_client_lag(demo->client, DEMO_TOPIC, DEMO_PARTITIONS, &demo->lag, err);
	if (r < 0) {
		return r;
	}
	printf("%5.1f s  produced %4u  applied %4ld  duplicates %3lld  retried %3lld  "
	       "dead-lettered "
	       "%2lld  lag %lld\n",
		seconds(demo), demo->produced, rows, (long long)c->duplicate, (long long)c->retries,
		(long long)c->dead_letters, (long long)demo->lag);
	return 0;
}

static void take_number(void *arg, char *const *values)
{
	*(long *)arg = strtol(values[0], NULL, 10);
}

static int count_rows(struct demo *demo, long *ret, struct err *err)
{
	*ret = 0;
	return lite_file_run(
		demo->stage.database, "SELECT count(*) FROM orders", take_number, ret, err);
}

/* Say so when the killed worker's successor has partitions again. */
static int watch_successor(struct demo *demo, struct err *err)
{
	struct scrape_workers workers;
	int r;

	if (!demo->killed_pid) {
		return 0;
	}
	r = scrape_workers(demo->stage.socket_path, &workers, err);
	for (size_t i = 0; r == 0 && i < workers.count; i++) {
		const struct scrape_worker *worker = &workers.items[i];

		if (worker->slot == demo->killed_slot && worker->pid &&
			worker->pid != demo->killed_pid && worker->assigned > 0) {
			printf("%5.1f s  worker orders/%u is back as pid %d with %u partitions\n",
				seconds(demo), worker->slot, (int)worker->pid, worker->assigned);
			demo->killed_pid = 0;
		}
	}
	return r;
}

static int progress(struct demo *demo, struct err *err)
{
	int r;

	if (clock_mono_us() < demo->next_progress_us) {
		return 0;
	}
	demo->next_progress_us = clock_mono_us() + (int64_t)PROGRESS_MS * 1000;
	r = watch_successor(demo, err);
	return r < 0 ? r : show_progress(demo, err);
}

/* ---- the acts ---- */

static bool are_ready(const struct scrape_workers *workers)
{
	for (size_t i = 0; i < workers->count; i++) {
		if (!workers->items[i].is_joined || workers->items[i].assigned == 0) {
			return false;
		}
	}
	return true;
}

static int wait_ready(struct demo *demo, struct err *err)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)READY_MS * 1000;
	struct scrape_workers workers;

	while (scrape_workers(demo->stage.socket_path, &workers, err) < 0 || !are_ready(&workers)) {
		int r = stage_pause(&demo->stage, PROGRESS_MS / 5, err);

		if (r < 0) {
			return r;
		}
		if (clock_mono_us() > deadline_us) {
			return err_set(err, -ETIMEDOUT,
				"the workers did not get their partitions in time");
		}
	}
	for (size_t i = 0; i < workers.count; i++) {
		printf("worker orders/%u, pid %d, has %u partitions of topic " DEMO_TOPIC "\n",
			workers.items[i].slot, (int)workers.items[i].pid,
			workers.items[i].assigned);
	}
	return 0;
}

static int kill_worker(struct demo *demo, struct err *err)
{
	struct scrape_workers workers;
	int r = scrape_workers(demo->stage.socket_path, &workers, err);

	for (size_t i = 0; r == 0 && i < workers.count; i++) {
		const struct scrape_worker *worker = &workers.items[i];

		if (worker->pid > 1 && worker->assigned > 0 && kill(worker->pid, SIGKILL) == 0) {
			printf("%5.1f s  kill -9 of worker orders/%u, pid %d, with %u partitions\n",
				seconds(demo), worker->slot, (int)worker->pid, worker->assigned);
			demo->killed_pid = worker->pid;
			demo->killed_slot = worker->slot;
			demo->kills++;
			return 0;
		}
	}
	return r < 0 ? r : err_set(err, -ESRCH, "there is no worker to kill");
}

static int produce_some(struct demo *demo, struct err *err)
{
	for (unsigned i = 0; i < ORDERS_PER_TICK && demo->produced < ORDER_COUNT; i++) {
		struct order *order = &demo->orders[demo->produced];
		int r = kafka_client_produce(demo->client, DEMO_TOPIC,
			slice_from_str(order->customer), slice_from_str(order->value),
			&order->place, err);

		if (r < 0) {
			return r;
		}
		demo->produced++;
	}
	return 0;
}

static int produce_all(struct demo *demo, struct err *err)
{
	int r = 0;

	while (r == 0 && demo->produced < ORDER_COUNT) {
		r = produce_some(demo, err);
		if (r == 0 && demo->produced == KILL_AT) {
			r = kill_worker(demo, err);
		}
		r = r < 0 ? r : progress(demo, err);
		r = r < 0 ? r : stage_pause(&demo->stage, TICK_MS, err);
	}
	return r < 0 ? r : kafka_client_flush(demo->client, ACKNOWLEDGE_MS, err);
}

static int wait_finished(struct demo *demo, struct err *err)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)FINISH_MS * 1000;

	demo->lag = -1;
	while (demo->lag != 0 || demo->counters.in_flight != 0) {
		int r = stage_pause(&demo->stage, TICK_MS, err);

		r = r < 0 ? r : progress(demo, err);
		if (r < 0) {
			return r;
		}
		if (clock_mono_us() > deadline_us) {
			return err_set(err, -ETIMEDOUT, "%lld records were not settled in time",
				(long long)demo->lag);
		}
	}
	return 0;
}

/* ---- what came of it ---- */

static void take_row(void *arg, char *const *values)
{
	audit_add_row(arg, values[0], (unsigned)strtoul(values[1], NULL, 10));
}

static int64_t number_of(struct slice text)
{
	char copy[32];

	if (text.len >= sizeof(copy)) {
		return -1;
	}
	memcpy(copy, text.data ? text.data : "", text.len);
	copy[text.len] = '\0';
	return text.len > 0 ? strtoll(copy, NULL, 10) : -1;
}

static struct slice header(const struct kafka_client_record *record, const char *name)
{
	for (size_t i = 0; i < record->header_count; i++) {
		if (slice_equal_str(record->headers[i].name, name)) {
			return record->headers[i].value;
		}
	}
	return SLICE_NULL;
}

static void take_letter(void *arg, const struct kafka_client_record *record)
{
	const struct audit_letter letter = {
		.origin = { .partition = (int32_t)number_of(header(record, "onced-partition")),
			.offset = number_of(header(record, "onced-offset")) },
		.reason = header(record, "onced-reason"),
		.key = record->key,
		.value = record->value,
	};

	audit_add_letter(arg, &letter);
}

static int collect(struct demo *demo, struct audit *audit, struct err *err)
{
	int r;

	audit_init(audit, demo->orders);
	r = lite_file_run(
		demo->stage.database, "SELECT event_id, attempt FROM orders", take_row, audit, err);
	r = r < 0 ? r
		  : kafka_client_read(demo->client, DEMO_LETTER_TOPIC, DEMO_LETTER_PARTITIONS,
			    READ_BACK_MS, take_letter, audit, err);
	audit_finish(audit);
	return r;
}

/* 0 sums hold, 1 they do not. */
static int conclude(struct demo *demo, struct err *err)
{
	_cleanup_(buffer_fini) struct buffer out = BUFFER_INIT;
	_cleanup_free_ struct audit *audit = NEW(struct audit);
	struct report report = { .audit = audit,
		.counters = &demo->counters,
		.kills = demo->kills,
		.seconds = seconds(demo) };
	int r = collect(demo, audit, err);

	if (r < 0) {
		return r;
	}
	report_write(&report, &out);
	fputs(buffer_str(&out), stdout);
	return audit_holds(audit) && report_counters_hold(&report) ? 0 : 1;
}

static int play(struct demo *demo, struct err *err)
{
	int r;

	printf("Starting an embedded broker (librdkafka's mock cluster), SQLite, and onced with "
	       "two "
	       "workers\n");
	r = stage_open(&demo->stage, err);
	r = r < 0 ? r : kafka_client_open(demo->stage.bootstrap, SCRIPT_GROUP, &demo->client, err);
	r = r < 0 ? r : wait_ready(demo, err);
	demo->started_us = clock_mono_us();
	r = r < 0 ? r : produce_all(demo, err);
	r = r < 0 ? r : wait_finished(demo, err);
	if (r < 0) {
		return r;
	}
	printf("%5.1f s  all settled and committed; draining\n", seconds(demo));
	r = stage_stop_daemon(&demo->stage, err);
	return r < 0 ? r : conclude(demo, err);
}

static const char where_next[] =
	"\nWhere to look next\n"
	"  README.md            fifteen lines of configuration for your own topic and database\n"
	"  oncectl guarantees   what is promised, and what is not\n"
	"  onced --write-sample every key of the configuration, explained\n"
	"  ARCHITECTURE.md      the walk of one record through the code\n";

int demo_run(void)
{
	struct demo demo = { .stage = STAGE_INIT, .started_us = clock_mono_us() };
	struct err err = ERR_INIT;
	int r;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	demo.orders = xcalloc(ORDER_COUNT, sizeof(*demo.orders));
	orders_make(demo.orders);
	r = play(&demo, &err);
	if (r != 0 && r != -EINTR) {
		stage_show_log(&demo.stage);
	}
	kafka_client_close(demo.client);
	stage_close(&demo.stage);
	free(demo.orders);
	if (r < 0) {
		fprintf(stderr, "onced demo: %s\n", err.text);
	} else if (r == 0) {
		fputs(where_next, stdout);
	}
	return r == 0 ? 0 : 1;
}
