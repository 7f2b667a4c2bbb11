/*
 * role_test_handler - `onced test-handler`: a handler over a file of events, without a broker
 *
 * Runs in: a process of its own, one thread. The real unit of work and the configured store do what
 * they do in a worker, one record a batch; the store's part is a rehearsal and taken back at the
 * end. A handler whose effects are made elsewhere really makes them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/shown.h"
#include "core/rehearsal.h"
#include "event_file.h"
#include "handler_find.h"
#include "kafka/kafka.h"
#include "load.h"
#include "roles.h"
#include "store/stores.h"
#include "worker/unit.h"

struct trial {
	const struct config *config;
	struct config_consumer consumer; /* with this handler for everything */
	struct roster roster;
	const struct store_ops *store_ops;
	struct store *store;
	struct store_session *session;
	struct rehearsal rehearsal;
	struct unit unit;
	struct unit_place place; /* of the event under way */
	unsigned counts[UNIT_AGAIN + 1];
	bool is_elsewhere; /* where the handler's effects are */
};

/* ---- records ---- */

static void release_line(struct source *source, void *handle)
{
	/* the file keeps its line */
}

static int headers_of_line(void *handle, struct source_header *headers, size_t max)
{
	const struct event_line *line = handle;

	for (size_t i = 0; i < line->header_count && i < max; i++) {
		headers[i] = line->headers[i];
	}
	return (int)line->header_count;
}

static const struct source_ops line_ops = { .release = release_line, .headers = headers_of_line };

static const struct unit_place *place_of(void *context, uint32_t slot)
{
	return &((struct trial *)context)->place;
}

/* What is not said is what a test would hardly say. */
static struct record *record_of(struct trial *trial, struct event_line *line)
{
	struct source_record polled = { .handle = line,
		.offset = line->offset >= 0 ? line->offset : (int64_t)line->number - 1,
		.timestamp_ms = line->timestamp_ms >= 0 ? line->timestamp_ms : clock_wall_ms(),
		.key = line->key,
		.value = line->value };

	trial->place.topic = line->topic ? line->topic : trial->consumer.topics.items[0];
	trial->place.partition = line->partition;
	return record_new(&line_ops, NULL, &polled, record_key_hash(line->key));
}

/* ---- what is printed ---- */

static const struct {
	const char *word;
	bool is_good;
} ends[] = {
	[UNIT_DONE] = { "done", true },
	[UNIT_DUPLICATE] = { "duplicate", true },
	[UNIT_SKIPPED] = { "skip", true },
	[UNIT_DEAD] = { "reject", false },
	[UNIT_DEFERRED] = { "retry", false },
	[UNIT_RETRY] = { "retry", false },
	[UNIT_HELD] = { "unavailable", false },
	[UNIT_AGAIN] = { "store failed", false },
};

/* What others wrote: it neither begins a line nor says anything to the terminal. */
static void print_foreign(const char *before, struct slice text)
{
	_cleanup_(buffer_fini) struct buffer plain = BUFFER_INIT;

	shown_append(&plain, text);
	printf("%s%s", before, buffer_str(&plain));
}

/* A statement's text on one line. */
static void print_statement(const char *sql)
{
	bool is_blank = true;

	fputs("        ", stdout);
	for (; *sql; sql++) {
		bool is_space = strchr(" \t\r\n", *sql) != NULL;

		if (!is_space) {
			putchar(*sql);
		} else if (!is_blank) {
			putchar(' ');
		}
		is_blank = is_space;
	}
	putchar('\n');
}

static void print_end(const struct trial *trial, const struct unit_work *work, unsigned number)
{
	const char *text = work->text ? work->text : "";

	if (work->end == UNIT_DUPLICATE) {
		text = "an event of this id took effect before; the handler was not called";
	} else if (work->end == UNIT_AGAIN) {
		text = trial->unit.store_err.text;
	}
	printf("line %u: %s", number, ends[work->end].word);
	if (work->end == UNIT_DEAD && work->reason != PAGE_REJECTED) {
		printf(" (%s)", page_reason_names[work->reason]);
	}
	if (work->event.id.data) {
		print_foreign(", event ", work->event.id);
	}
	if (work->code[0]) {
		print_foreign(", ", slice_from_str(work->code));
	}
	print_foreign(text[0] ? ": " : "", slice_from_str(text));
	putchar('\n');
	for (size_t i = 0; work->end == UNIT_DONE && i < trial->rehearsal.statement_count; i++) {
		print_statement(trial->roster.statements[trial->rehearsal.statements[i]].sql);
	}
}

static bool print_sum(const struct trial *trial)
{
	unsigned total = 0;
	bool is_good = true;

	for (size_t i = UNIT_DONE; i <= UNIT_AGAIN; i++) {
		total += trial->counts[i];
		is_good = is_good && (ends[i].is_good || trial->counts[i] == 0);
	}
	printf("%u event%s", total, total == 1 ? "" : "s");
	for (size_t i = UNIT_DONE; i <= UNIT_AGAIN; i++) {
		if (trial->counts[i] > 0) {
			printf(", %u %s", trial->counts[i], ends[i].word);
		}
	}
	printf("%s\n", trial->is_elsewhere ? "" : "; none of their effects was kept");
	return is_good;
}

/* ---- running ---- */

static int run_line(struct trial *trial, struct event_line *line, struct err *err)
{
	struct record *record = record_of(trial, line);
	const struct unit_work *work = &trial->unit.works[0];

	unit_run(&trial->unit, &record, 1);
	trial->counts[work->end]++;
	print_end(trial, work, line->number);
	record_free(record);
	fflush(stdout);
	log_finish();
	return trial->unit.store_failed
		? err_set(err, -EIO, "the store: %s", trial->unit.store_err.text)
		: 0;
}

static int run_file(struct trial *trial, const char *path, struct err *err)
{
	struct event_file file;
	struct event_line line;
	int r = event_file_open(&file, path, err);

	while (r == 0) {
		r = event_file_next(&file, &line, err);
		if (r == 0) {
			r = run_line(trial, &line, err);
		}
	}
	event_file_close(&file);
	return r < 0 ? r : 0;
}

/* ---- opening ---- */

static bool uses(const struct config_consumer *consumer, const char *handler)
{
	for (size_t i = 0; i < consumer->route_count; i++) {
		if (strcmp(consumer->routes[i].handler->name, handler) == 0) {
			return true;
		}
	}
	return consumer->handler && strcmp(consumer->handler->name, handler) == 0;
}

static const struct config_handler *find_section(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->handler_count; i++) {
		if (strcmp(config->handlers[i].name, name) == 0) {
			return &config->handlers[i];
		}
	}
	return NULL;
}

/* The first consumer that uses the handler lends its settings. */
static int choose(struct trial *trial, const char *name, struct err *err)
{
	const struct config_handler *handler = find_section(trial->config, name);

	if (!handler) {
		return err_set(err, -EINVAL, "there is no [handler %s] in the configuration", name);
	}
	for (size_t i = 0; i < trial->config->consumer_count; i++) {
		if (uses(&trial->config->consumers[i], name)) {
			trial->consumer = trial->config->consumers[i];
			trial->consumer.handler = handler;
			trial->consumer.route_count = 0;
			return 0;
		}
	}
	return err_set(
		err, -EINVAL, "no consumer uses [handler %s]: say handler = %s in one", name, name);
}

/* Where effects are made elsewhere the store would only keep books. */
static int choose_store(struct trial *trial, struct err *err)
{
	const struct config *config = trial->config;
	struct onced_handler handler;
	int r = handler_find(trial->consumer.handler, &handler, err);

	if (r < 0) {
		return r;
	}
	trial->consumer.is_transactional = false;
	trial->is_elsewhere = handler.effect == ONCED_EFFECT_ELSEWHERE;
	if (trial->is_elsewhere) {
		printf("the effects of this handler are made elsewhere: they are real\n");
	}
	trial->store_ops = stores_find(
		trial->is_elsewhere ? "none:" : config_store_of(config, &trial->consumer));
	if (trial->store_ops && !trial->store_ops->is_transactional) {
		trial->store_ops = stores_find("none:"); /* nothing of it can be undone */
	}
	if (!trial->store_ops) {
		return err_set(err, -EINVAL, "store: this build has %s", stores_schemes());
	}
	r = roster_open(
		&trial->roster, &trial->consumer, 1, trial->store_ops, true, handler_find, err);
	return r < 0 ? r
		     : publishing_open(&trial->roster.publishing, &kafka_publisher_ops, config,
			       &trial->consumer, "onced-test-handler", err);
}

static int open_store(struct trial *trial, struct err *err)
{
	const struct config *config = trial->config;
	const struct config_consumer *consumer = &trial->consumer;
	struct store_options options = {
		.url = trial->store_ops->is_transactional ? config_store_of(config, consumer)
							  : "none:",
		.user = config->store_user,
		.password = config->store_password,
		.sentinel_user = config->store_sentinel_user,
		.sentinel_password = config->store_sentinel_password,
		.scope = consumer->dedup_scope,
		.consumer = consumer->name,
		.group_id = consumer->group_id,
		.cluster_id = "",
		.statement_timeout_us = config->store_statement_timeout_us
			? config->store_statement_timeout_us
			: consumer->handler->timeout_us,
		.lock_timeout_us = config->store_lock_timeout_us,
		.idle_timeout_us = config->store_idle_timeout_us,
		.reconnect_max_us = config->store_reconnect_max_us,
		.prepare = (enum store_prepare)config->store_prepare,
		.statements = trial->roster.statements,
		.statement_count = trial->roster.statement_count,
	};
	int r = trial->store_ops->open(&options, &trial->store, err);

	r = r < 0 ? r : trial->store_ops->session_open(trial->store, &trial->session, err);
	r = r < 0 ? r : trial->store_ops->session_ready(trial->session, err);
	return r == 0 ? 0 : err_prefix(err, -EIO, "the store is not ready");
}

static void open_unit(struct trial *trial)
{
	rehearsal_init(&trial->rehearsal, trial->session);
	unit_init(&trial->unit,
		&(struct unit_options){ .store = &trial->rehearsal.ops,
			.roster = &trial->roster,
			.batch_max = 1,
			.scope = trial->consumer.dedup_scope,
			.is_deduplicated = trial->store_ops->is_transactional,
			.has_dlq = true,
			.skips_tombstones = trial->consumer.tombstone == TOMBSTONE_SKIP,
			.event_missing = trial->consumer.event_missing,
			.place_of = place_of,
			.context = trial },
		&trial->rehearsal.base);
}

static void trial_fini(struct trial *trial)
{
	if (trial->unit.works) {
		unit_fini(&trial->unit);
		rehearsal_fini(&trial->rehearsal);
	}
	if (trial->store) {
		trial->store_ops->session_close(trial->session);
		trial->store_ops->close(trial->store);
	}
	if (trial->roster.handlers) {
		publishing_close(&trial->roster.publishing);
		roster_close(&trial->roster);
	}
}

static int refuse(const struct err *err, int status)
{
	fflush(stdout);
	log_finish();
	fprintf(stderr, "onced: %s\n", err->text);
	return status;
}

int role_test_handler(const struct args *args)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(trial_fini) struct trial trial = { 0 };
	struct err err = ERR_INIT;
	int r = load_config(args->config_path, &config);

	if (r > 0) {
		return r;
	}
	log_init(STDERR_FILENO, config->log_format, config->log_level, "test-handler", NULL, -1);
	trial.config = config;
	if (choose(&trial, args->handler, &err) < 0 || choose_store(&trial, &err) < 0) {
		return refuse(&err, EXIT_STATUS_CONFIG);
	}
	if (open_store(&trial, &err) < 0) {
		return refuse(&err, EXIT_STATUS_FAILURE);
	}
	open_unit(&trial);
	if (run_file(&trial, args->events_path, &err) < 0) {
		return refuse(&err, EXIT_STATUS_FAILURE);
	}
	return print_sum(&trial) ? EXIT_STATUS_OK : EXIT_STATUS_FAILURE;
}
