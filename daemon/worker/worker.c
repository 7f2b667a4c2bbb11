/*
 * worker - life of one worker process: start, loop, drain
 *
 * Runs in: worker, main thread.
 */
#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/generation.h"
#include "worker/hand.h"
#include "worker/worker_private.h"

enum { POLL_MAX = 2000, POLL_MS = 200, POLL_DRAIN_MS = 20 };

/* How long leaving the group and closing clients may take before the process just ends. */
enum { CLOSE_SECONDS = 4 };
/* At the drain's deadline the supervisor's patience ends 3 s later. */
enum { LATE_CLOSE_SECONDS = 1, LATE_COMMIT_MS = 1000 };
/* Without a supervisor nobody watches: leave soon. */
#define ORPHAN_DRAIN_US ((int64_t)5 * 1000 * 1000)
#define LOG_INTERVAL_US ((int64_t)10 * 1000 * 1000)

void worker_fail(struct worker *worker, int exit_status, const struct err *err)
{
	if (!worker->is_stopping) {
		worker->is_stopping = true;
		worker->exit_status = exit_status;
		worker->fatal = *err;
	}
}

void worker_pause(struct worker *worker, bool is_paused, const char *text)
{
	worker->is_paused = is_paused;
	worker->page->is_paused = is_paused;
	page_text_set(&worker->page->pause_text, "%s", is_paused ? text : "");
	pthread_mutex_lock(&worker->lock);
	sched_pause_all(worker->sched, is_paused || worker->is_draining);
	lanes_wake(worker, true);
	pthread_mutex_unlock(&worker->lock);
	if (is_paused) {
		log_notice("consumer paused", LOG_ID(CONSUMER_PAUSED), LOG_STR("paused", text));
	} else {
		rate_reset(&worker->breaker); /* what tripped it is over: it counts anew */
		log_notice("consumer resumed", LOG_ID(CONSUMER_RESUMED));
	}
}

/* ---- what the source tells ---- */

static void on_error(struct worker *worker, const struct source_event *event)
{
	uint64_t held_back;

	/* "all brokers are down" says less than why */
	if (event->needs_person || (event->is_broker_down && !worker->page->broker_is_down)) {
		worker->page->broker_is_down = 1;
		page_text_set(&worker->page->broker_text, "%s", event->err.text);
	}
	page_add(&worker->page->fetch_errors, 1);
	if (event->needs_person) {
		/* some are told but once, so none waits behind another; the log counts repeats */
		log_warning("Kafka refuses what this consumer needs", LOG_ID(KAFKA_REPORTS),
			LOG_STR("code", event->err.code), LOG_STR("error", event->err.text));
		return;
	}
	if (log_every(&worker->broker_limit, clock_mono_us(), LOG_INTERVAL_US, &held_back)) {
		log_warning("Kafka reports", LOG_ID(KAFKA_REPORTS),
			LOG_STR("code", event->err.code), LOG_STR("error", event->err.text),
			LOG_INT("held_back", (int64_t)held_back));
	}
}

void worker_on_event(void *context, const struct source_event *event)
{
	struct worker *worker = context;

	switch (event->kind) {
	case SOURCE_ASSIGNED:
		partitions_assigned(worker, event);
		break;
	case SOURCE_REVOKED:
		partitions_revoked(worker, event);
		break;
	case SOURCE_COMMITTED:
		commit_answered(worker, event);
		break;
	case SOURCE_RANGE:
		partition_range(worker, event);
		break;
	case SOURCE_ERROR:
		on_error(worker, event);
		break;
	case SOURCE_FENCED:
		worker_fail(worker, WORKER_EXIT_FENCED, &event->err);
		break;
	case SOURCE_FATAL:
		worker_fail(worker, WORKER_EXIT_FAILURE, &event->err);
		break;
	}
}

/* ---- what the supervisor tells ---- */

static void begin_drain(struct worker *worker, int64_t deadline_us, const char *why)
{
	if (worker->is_draining) {
		return;
	}
	log_info("draining", LOG_STR("why", why));
	worker->is_draining = true;
	worker->drain_deadline_us = deadline_us;
	pthread_mutex_lock(&worker->lock);
	sched_pause_all(worker->sched, true);
	pthread_mutex_unlock(&worker->lock);
}

static void on_drain_frame(struct worker *worker, const struct proto_drain *told)
{
	worker->is_leaving |= told->is_leaving != 0;
	begin_drain(worker, told->deadline_us, "asked");
}

static void serve_channel(struct worker *worker)
{
	struct proto_frame frame;
	int r;

	while ((r = proto_receive(worker->channel_fd, &frame)) == 0) {
		if (frame.type == PROTO_DRAIN) {
			on_drain_frame(worker, &frame.drain);
		} else if (frame.type == PROTO_LOG_STATUS) {
			show_status_line(worker);
		} else if (frame.type == PROTO_CONDEMN) {
			quarantine_condemn(worker, &frame.condemn);
		} else if (frame.type == PROTO_PAUSE) {
			pausing_told(worker, &frame.pause);
		} else if (frame.type == PROTO_ORDER) {
			orders_take(worker, &frame.order);
		} else if (frame.type == PROTO_LOG_LEVEL &&
			log_levels_are_valid(&frame.log_levels)) {
			log_set_levels(&frame.log_levels);
		}
	}
	if (r != -EAGAIN) {
		begin_drain(worker, clock_mono_us() + ORPHAN_DRAIN_US, "the supervisor is gone");
	}
}

/* A service manager may signal the whole group: the same drain. */
static void serve_signals(struct worker *worker)
{
	static const struct timespec now = { 0, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigtimedwait(&set, NULL, &now) > 0) {
		begin_drain(worker, clock_mono_us() + worker->wiring->config->drain_timeout_us,
			"signal");
	}
}

void worker_listen(struct worker *worker)
{
	page_set(&worker->page->heartbeat_us, clock_mono_us());
	serve_channel(worker);
	serve_signals(worker);
}

void worker_send(struct worker *worker, const struct proto_frame *frame)
{
	int r = proto_send(worker->channel_fd, frame);

	if (r < 0 && r != -EPIPE) {
		log_warning("the supervisor does not listen", LOG_STR("error", strerror(-r)));
	}
}

static void tell(struct worker *worker, enum proto_type type)
{
	struct proto_frame frame = { .type = type };

	worker_send(worker, &frame);
}

static void tell_when_ready(struct worker *worker)
{
	if (worker->is_joined && !worker->page->joined) {
		worker->page->joined = 1;
		tell(worker, PROTO_READY);
	}
}

/* ---- the loop ---- */

static bool is_open(void *context, uint32_t slot)
{
	const struct worker *worker = context;

	return slot < worker->partition_count && worker->partitions[slot]->is_open;
}

static int poll_timeout_ms(struct worker *worker, int64_t now_us)
{
	int64_t due_us, most_ms = worker->is_draining ? POLL_DRAIN_MS : POLL_MS;

	pthread_mutex_lock(&worker->lock);
	due_us = sched_next_due_us(worker->sched);
	pthread_mutex_unlock(&worker->lock);
	if (worker->dead_letters && worker->dead_letters_due_us < due_us) {
		due_us = worker->dead_letters_due_us;
	}
	due_us = worker->ripe_us < due_us ? worker->ripe_us : due_us;
	if (due_us - now_us < most_ms * 1000) {
		return due_us <= now_us ? 0 : (int)((due_us - now_us) / 1000 + 1);
	}
	return (int)most_ms;
}

static void wake_lanes(struct worker *worker, int64_t now_us)
{
	pthread_mutex_lock(&worker->lock);
	if (sched_tick(worker->sched, now_us)) {
		lanes_wake(worker, true);
	}
	pthread_mutex_unlock(&worker->lock);
}

/* Drained: no lane holds anything, every dead letter is acknowledged; or time is up. */
static bool is_drained(struct worker *worker, int64_t now_us)
{
	struct sched_stats stats;

	if (!worker->is_draining) {
		return false;
	}
	if (now_us >= worker->drain_deadline_us) {
		log_warning("drain deadline reached: what is in hand comes again",
			LOG_ID(DRAIN_DEADLINE));
		return true;
	}
	pthread_mutex_lock(&worker->lock);
	sched_get_stats(worker->sched, &stats);
	bool is_idle = stats.given_out == 0 && !worker->new_dead_letters;
	pthread_mutex_unlock(&worker->lock);
	return is_idle && (worker->dead_letter_count == 0 || worker->page->dlq_is_down);
}

static void turn(struct worker *worker, struct source_record *records)
{
	const struct worker_wiring *wiring = worker->wiring;
	int64_t now_us = clock_mono_us();
	bool waits_for_lanes;
	unsigned count;

	worker_listen(worker);
	wake_lanes(worker, now_us);
	waits_for_lanes = dispatch_open(worker, now_us);
	atomic_store_explicit(
		&worker->wants_wake, waits_for_lanes || worker->is_draining, memory_order_release);
	count = wiring->source->poll(worker->source, records, POLL_MAX,
		poll_timeout_ms(worker, now_us), is_open, worker);
	if (count) {
		worker->page->broker_is_down = 0;
		dispatch_records(worker, records, count);
	}
	wiring->sink->poll(worker->sink);
	now_us = clock_mono_us();
	dead_letters_tick(worker, now_us);
	clerk_collect(worker);
	partitions_open_tick(worker, now_us);
	orders_tick(worker, now_us);
	commit_tick(worker, now_us);
	show_tick(worker, now_us);
	tell_when_ready(worker);
	generation_tick(worker);
	log_flush();
}

static void serve(struct worker *worker)
{
	struct source_record *records = xcalloc(POLL_MAX, sizeof(*records));

	while (!worker->is_stopping && !is_drained(worker, clock_mono_us())) {
		turn(worker, records);
	}
	free(records);
}

/* ---- the end ---- */

struct last_moment {
	int exit_status;
	time_t seconds;
};

static void *end_anyway(void *argument)
{
	struct last_moment last = *(struct last_moment *)argument;
	struct timespec left = { last.seconds, 0 };

	free(argument);
	nanosleep(&left, NULL);
	/*
	 * destroying a client does not return after a consumed topic was deleted; nothing is lost
	 * by leaving now
	 */
	log_notice("a client library did not close in time, leaving without it");
	log_finish();
	_exit(last.exit_status ? last.exit_status : WORKER_EXIT_STUCK);
}

static bool is_late(const struct worker *worker)
{
	return worker->is_draining && clock_mono_us() >= worker->drain_deadline_us;
}

static void set_close_deadline(struct worker *worker)
{
	struct last_moment *last = NEW(struct last_moment);
	pthread_t thread;

	last->exit_status = worker->exit_status;
	last->seconds = is_late(worker) ? LATE_CLOSE_SECONDS : CLOSE_SECONDS;
	if (pthread_create(&thread, NULL, end_anyway, last) == 0) {
		pthread_detach(thread);
	} else {
		free(last);
	}
}

static void tell_end(struct worker *worker)
{
	struct proto_frame failed = { .type = PROTO_FAILED };

	if (worker->exit_status == WORKER_EXIT_OK) {
		tell(worker, PROTO_DRAINED);
		return;
	}
	failed.failed.exit_status = worker->exit_status;
	memcpy(failed.failed.text, worker->fatal.text, sizeof(failed.failed.text));
	proto_send(worker->channel_fd, &failed);
	log_error("worker gives up", LOG_ID(WORKER_GIVES_UP), LOG_STR("error", worker->fatal.text),
		LOG_STR("code", worker->fatal.code), LOG_INT("status", worker->exit_status));
}

static void finish(struct worker *worker)
{
	const struct worker_wiring *wiring = worker->wiring;

	if (worker->source && worker->exit_status == WORKER_EXIT_OK) {
		commit_now(worker, NULL, 0,
			is_late(worker) ? LATE_COMMIT_MS : partition_commit_ms(worker));
	}
	tell_end(worker);
	set_close_deadline(worker);
	sweeper_stop(worker);
	clerk_stop(worker);
	lanes_stop(worker);
	ledger_stop(worker);
	publishing_close(&worker->roster.publishing);
	if (worker->source && worker->is_leaving) {
		wiring->source->leave(worker->source);
	}
	if (worker->source) {
		/* lanes are gone: revoking commits what they settled last, and buries */
		worker->is_closing = true;
		wiring->source->close(worker->source);
	}
	if (worker->sink) {
		wiring->sink->close(worker->sink, 0); /* answers what is still under way */
	}
	wiring->source->membership_drop(worker->membership);
	dead_letters_fini(worker);
	partitions_fini(worker);
	quarantine_fini(worker);
	skips_fini(worker);
	pauses_fini(&worker->pauses);
	sched_free(worker->sched);
	record_pool_fini(&worker->pool);
	rate_fini(&worker->breaker);
	if (worker->store) {
		wiring->store->close(worker->store);
	}
	roster_close(&worker->roster);
	hand_free(worker->hand);
	log_flush();
}

int worker_run(const struct worker_wiring *wiring, int channel_fd, struct page *page)
{
	struct worker *worker = NEW(struct worker);
	struct err err = ERR_INIT;
	sigset_t all;
	int exit_status;

	/* before the first thread: the libraries' threads inherit the mask */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	worker->wiring = wiring;
	worker->consumer = wiring->consumer;
	worker->channel_fd = channel_fd;
	worker->page = page;
	worker->is_deduplicated = wiring->store->keeps_claims;
	worker->hand =
		wiring->store->keeps_claims && !wiring->store->is_transactional ? hand_new() : NULL;
	worker->is_in_process = config_consumer_is_in_process(wiring->consumer);
	worker_init_locks(worker);
	worker_init_core(worker);
	if (worker_open(worker, &err) < 0) {
		int status = worker->exit_status ? worker->exit_status : WORKER_EXIT_FAILURE;
		worker_fail(worker, status, &err);
	} else {
		serve(worker);
	}
	finish(worker);
	exit_status = worker->exit_status;
	free(worker);
	return exit_status;
}
