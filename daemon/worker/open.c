/*
 * open - a worker's parts, opened in order
 *
 * Runs in: worker, main thread, once. What was opened is closed by worker.c in the mirror order,
 * also after a failure half-way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/build_id.h"
#include "worker/worker_private.h"

enum { ASK_MS = 2000 };

static int receive_start(struct worker *worker, struct err *err)
{
	struct proto_frame frame;
	int64_t deadline_us = clock_mono_us() + 5 * 1000000;
	struct timespec nap = { 0, 1000000 };
	int r;

	/* what is condemned or paused is told first, so that no lane is faster than that */
	while (((r = proto_receive(worker->channel_fd, &frame)) == -EAGAIN &&
		       clock_mono_us() < deadline_us) ||
		(r == 0 && (frame.type == PROTO_CONDEMN || frame.type == PROTO_PAUSE))) {
		if (r == 0 && frame.type == PROTO_PAUSE) {
			pausing_told(worker, &frame.pause);
		} else if (r == 0) {
			quarantine_condemn(worker, &frame.condemn);
		} else {
			nanosleep(&nap, NULL);
		}
	}
	if (r < 0 || frame.type != PROTO_START || frame.start.version != PROTO_VERSION) {
		return err_set(err, -EPROTO,
			"the supervisor did not say hello: start workers by onced -c FILE");
	}
	worker->start = frame.start;
	return 0;
}

static int open_sink(struct worker *worker, struct err *err)
{
	static struct sink_listener listener = { .on_result = dead_letter_answered };
	struct sink_options options = { .config = worker->wiring->config,
		.consumer = worker->consumer,
		.client_id = worker->start.client_id,
		.listener = &listener };

	listener.context = worker;
	return worker->wiring->sink->open(&options, &worker->sink, err);
}

/* How many partitions will be ours at once, if the broker says; shares the prefetch budget. */
static unsigned expected_partitions(struct worker *worker)
{
	const struct config_consumer *consumer = worker->consumer;
	unsigned total = 0;
	const char *topic;

	if (consumer->groups) {
		return (unsigned)(consumer->groups[worker->start.slot].count *
			(consumer->topics.count + consumer->tiers.count));
	}
	for (size_t i = 0; (topic = config_consumer_topic(consumer, i)); i++) {
		page_set(&worker->page->heartbeat_us, clock_mono_us());
		int count =
			worker->wiring->sink->partition_count(worker->sink, topic, ASK_MS, NULL);
		total += count > 0 ? (unsigned)count : 0;
	}
	return (total + consumer->workers - 1) / consumer->workers;
}

static int open_source(struct worker *worker, struct err *err)
{
	struct source_listener listener = { worker, worker_on_event };
	struct source_options options = { .config = worker->wiring->config,
		.consumer = worker->consumer,
		.instance_id = worker->start.instance_id,
		.client_id = worker->start.client_id,
		.slot = worker->start.slot,
		.expected_partitions = expected_partitions(worker),
		.listener = &listener };

	return worker->wiring->source->open(&options, &worker->source, err);
}

struct store_options worker_store_options(const struct worker *worker)
{
	const struct config *config = worker->wiring->config;
	const struct config_consumer *consumer = worker->consumer;

	return (struct store_options){ .url = config_store_of(config, consumer),
		.user = config->store_user,
		.password = config->store_password,
		.sentinel_user = config->store_sentinel_user,
		.sentinel_password = config->store_sentinel_password,
		.scope = consumer->dedup_scope,
		.consumer = consumer->name,
		.group_id = consumer->group_id,
		.cluster_id = worker->cluster_id,
		.statement_timeout_us = config->store_statement_timeout_us
			? config->store_statement_timeout_us
			: worker->roster.handlers[0].config->timeout_us,
		.lock_timeout_us = config->store_lock_timeout_us,
		.idle_timeout_us = config->store_idle_timeout_us,
		.reconnect_max_us = config->store_reconnect_max_us,
		.prepare = (enum store_prepare)config->store_prepare,
		.retention_us = consumer->dedup_retention_us,
		.statements = worker->roster.statements,
		.statement_count = worker->roster.statement_count };
}

/* The consumer's rate is shared out evenly; a key is of one worker. */
static void limit_pace(struct worker *worker)
{
	const struct config_consumer *consumer = worker->consumer;
	struct pace all = pace_of(
		consumer->rate.count, consumer->rate.window_us * (int64_t)consumer->workers);
	struct pace each = pace_of(consumer->rate_key.count, consumer->rate_key.window_us);

	sched_limit(worker->sched, &all, &each);
	worker->is_paced = pace_is_limited(&all) || pace_is_limited(&each);
}

static int open_store(struct worker *worker, struct err *err)
{
	struct store_options options = worker_store_options(worker);

	return worker->wiring->store->open(&options, &worker->store, err);
}

void worker_init_locks(struct worker *worker)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->work_ready, &monotonic);
	pthread_cond_init(&worker->lanes_end, &monotonic);
	pthread_cond_init(&worker->returned, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void worker_init_core(struct worker *worker)
{
	static const enum sched_order orders[] = {
		[ORDERING_PARTITION] = SCHED_ORDER_PARTITION,
		[ORDERING_KEY] = SCHED_ORDER_KEY,
		[ORDERING_NONE] = SCHED_ORDER_NONE,
	};
	const struct config_consumer *consumer = worker->consumer;
	struct sched_limits limits = { .batch_max = consumer->batch_max,
		.in_flight_max = consumer->in_flight_max,
		.in_flight_bytes = (uint64_t)consumer->in_flight_bytes };

	worker->sched = sched_new(orders[consumer->ordering], &limits);
	limit_pace(worker);
	worker->sharers = 1;
	worker->dead_letters_tail = &worker->dead_letters;
	worker->dead_letters_due_us = worker->ripe_us = INT64_MAX;
	worker->partitions = xcalloc(PAGE_PARTITIONS_MAX, sizeof(struct partition *));
	rate_init(&worker->breaker, consumer->dlq_breaker.count, consumer->dlq_breaker.window_us);
	atomic_store(&worker->dlq_partitions, -1);
	for (size_t i = 0; i < TIERS_MAX; i++) {
		atomic_store(&worker->tier_partitions[i], -1);
	}
	for (size_t i = 0; i < consumer->tiers.count; i++) {
		worker->tier_clock.longest_us = consumer->tiers.items[i].delay_us;
	}
}

/* Without a number of its own: what waits elsewhere is cheap, a transaction is not. */
enum { LANES = 2, RUNNERS = 16 };

static bool is_elsewhere(const struct worker *worker, const struct config_handler *config)
{
	struct onced_handler ops;
	struct err ignored; /* it comes again when the handler is opened */

	return worker->wiring->find_handler(config, &ops, &ignored) == 0 &&
		ops.effect == ONCED_EFFECT_ELSEWHERE;
}

/*
 * Lanes for transactions, runners for effects elsewhere. A store that one writer at a time may use
 * gains nothing from more lanes.
 */
static void count_lanes(struct worker *worker)
{
	const struct config_consumer *consumer = worker->consumer;
	unsigned wanted = consumer->lanes, elsewhere = 0, inside = 0, *count;

	if (consumer->handler) {
		count = is_elsewhere(worker, consumer->handler) ? &elsewhere : &inside;
		(*count)++;
	}
	for (size_t i = 0; i < consumer->route_count; i++) {
		count = is_elsewhere(worker, consumer->routes[i].handler) ? &elsewhere : &inside;
		(*count)++;
	}
	worker->batch_max = consumer->batch_max;
	if (inside || !elsewhere) {
		worker->lane_count = worker->wiring->store->is_single_writer ? 1
			: wanted                                             ? wanted
									     : LANES;
	} else if (consumer->is_transactional) {
		worker->lane_count = 1; /* a producer has one transaction at a time */
		return;
	} else if (!worker->is_deduplicated) {
		/* nothing to claim or to mark: lanes do it themselves */
		worker->lane_count = wanted ? wanted : RUNNERS;
		worker->batch_max = 1;
		return;
	}
	if (elsewhere) {
		unsigned room = PAGE_LANES_MAX - worker->lane_count;
		worker->runner_count = wanted ? wanted : RUNNERS;
		worker->runner_count = worker->runner_count < room ? worker->runner_count : room;
	}
}

static bool wants_ids(const struct worker *worker)
{
	return worker->is_deduplicated || worker->consumer->event_missing == EVENT_MISSING_DLQ;
}

/* Should it crash, somebody wants to know which build of it that was. */
static void name_build(struct worker *worker, const struct roster_handler *handler)
{
	char *build_id = worker->page->handlers[handler->page_index].build_id;
	const struct onced_handler *ops = handler->ops;
	uintptr_t code = ops->handle ? (uintptr_t)ops->handle : (uintptr_t)ops->handle_batch;

	build_id[0] = '\0';
	if (config_handler_is_in_process(handler->config)) {
		build_id_of((const void *)code, build_id, PAGE_BUILD_ID_MAX);
	}
}

/* What no handler will see is settled all the same: that shall not be a surprise. */
static void name_skips(const struct config_consumer *consumer)
{
	if (consumer->filter.count) {
		log_info("records that do not meet its filter are not for the handler: skipped",
			LOG_STR("consumer", consumer->name),
			LOG_INT("conditions", consumer->filter.count));
	}
}

/* Order is given up there, and what is missing will hold records. */
static void name_tiers(struct worker *worker)
{
	const struct config_tiers *tiers = &worker->consumer->tiers;

	for (size_t i = 0; i < tiers->count; i++) {
		const char *topic = tiers->items[i].topic;

		page_set(&worker->page->heartbeat_us, clock_mono_us());
		log_notice("records that fail wait in a retry topic, and are overtaken there: "
			   "order is not kept",
			LOG_STR("consumer", worker->consumer->name), LOG_STR("topic", topic),
			LOG_SECONDS("delay", (double)tiers->items[i].delay_us / 1e6));
		if (worker->wiring->sink->partition_count(worker->sink, topic, ASK_MS, NULL) ==
			-ENOENT) {
			log_error("a retry topic does not exist: records that are to wait in it "
				  "are held",
				LOG_ID(RETRY_TOPIC_MISSING), LOG_STR("topic", topic),
				LOG_STR("remedy",
					"create it, with as many partitions as the "
					"consumer's topic"));
		}
	}
}

/* The page outlives this process, and counts of a handler go on under its name. */
static void name_handlers(struct worker *worker)
{
	for (size_t i = 0; i < worker->roster.handler_count; i++) {
		struct roster_handler *handler = &worker->roster.handlers[i];
		int index = page_handler_index(worker->page, handler->config->name);
		handler->page_index = index < 0 ? PAGE_HANDLERS_MAX - 1 : (unsigned)index;
		name_build(worker, handler);
	}
}

/*
 * Positions are compared with the cluster's id in them: without it a decision made before could
 * look like another record's. While the brokers are away there is nothing to do but wait, and to
 * listen.
 */
static void wait_for_cluster(struct worker *worker)
{
	struct err told = ERR_INIT, err = ERR_INIT;

	while (!worker->is_draining) {
		worker_listen(worker);
		worker->wiring->sink->cluster_id(
			worker->sink, worker->cluster_id, sizeof(worker->cluster_id), ASK_MS, &err);
		if (worker->cluster_id[0]) {
			break;
		}
		if (!err.text[0]) {
			err_set(&err, 0, "no broker answers yet");
		}
		worker->page->broker_is_down = 1;
		page_text_set(&worker->page->broker_text, "%s", err.text);
		if (!told.text[0] || strcmp(err.code, told.code) != 0) {
			log_warning("waiting for Kafka", LOG_ID(KAFKA_SILENT),
				LOG_STR("code", err.code), LOG_STR("error", err.text));
			told = err;
		}
		log_flush();
	}
	worker->page->broker_is_down = 0;
	snprintf(worker->page->cluster_id, PAGE_CLUSTER_MAX, "%s", worker->cluster_id);
}

int worker_open(struct worker *worker, struct err *err)
{
	const struct worker_wiring *wiring = worker->wiring;
	int r = receive_start(worker, err);

	if (r < 0) {
		return r;
	}
	count_lanes(worker);
	r = roster_open(&worker->roster, worker->consumer,
		worker->lane_count + worker->runner_count, wiring->store, wants_ids(worker),
		wiring->find_handler, err);
	if (r < 0) {
		worker->exit_status = err_is_shortage(r) ? WORKER_EXIT_FAILURE : WORKER_EXIT_CONFIG;
		return r;
	}
	name_handlers(worker);
	name_skips(worker->consumer);
	r = worker->consumer->is_transactional
		? transacting_open(worker, err)
		: publishing_open(&worker->roster.publishing, wiring->publisher, wiring->config,
			  worker->consumer, worker->start.client_id, err);
	r = r < 0 ? r : open_sink(worker, err);
	if (r == 0) {
		wait_for_cluster(worker);
	}
	if (r == 0 && worker->is_draining) {
		return 0; /* nothing has begun */
	}
	if (r == 0) {
		name_tiers(worker);
	}
	if (r == 0 && worker->is_in_process) {
		r = crash_watch(worker->page, err);
	}
	r = r < 0 ? r : open_store(worker, err);
	r = r < 0 ? r : open_source(worker, err);
	r = r < 0 ? r : clerk_start(worker, err);
	if (r == 0) {
		pausing_tell_clerk(worker);
		pausing_tick(worker);
	}
	r = r < 0 ? r : lanes_start(worker, err);
	r = r < 0 ? r : ledger_start(worker, err);
	r = r < 0 ? r : sweeper_start(worker, err);
	if (r == -EINVAL) {
		worker->exit_status = WORKER_EXIT_CONFIG;
	}
	return r;
}
