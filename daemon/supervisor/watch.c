/*
 * watch - once a second: is everybody alive, and what is to be told
 *
 * Runs in: supervisor. A worker's main loop writes its heartbeat at least once a second; one whose
 * heartbeat stands still is killed, whatever it waits for, because its partitions wait with it.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/reserve.h"
#include "core/restart.h"
#include "os/notify.h"
#include "os/page.h"
#include "os/procfs.h"
#include "supervisor/coroner.h"
#include "supervisor/halt.h"
#include "supervisor/state.h"
#include "supervisor/summary.h"

#include "supervisor/poison.h"

enum { TICK_US = 1000000, OOM_AGE_US = 5000000 };

/*
 * 60 s: longer than a session timeout (45 s static), so that a worker stopped for a while by a
 * debugger or a frozen disk may come back and find out by itself. With SQLite 15 s: it may hold the
 * file's only write lock.
 */
enum { HEARTBEAT_LIMIT_US = 60000000, HEARTBEAT_LIMIT_SQLITE_US = 15000000 };

/*
 * A tick that comes this late says that we were stopped ourselves (a frozen cgroup): nobody is
 * judged by it.
 */
enum { TICK_LATE_US = 5000000 };

static int64_t heartbeat_limit_us(const struct supervisor *supervisor, const struct slot *slot)
{
	if (supervisor->options->heartbeat_limit_us > 0) {
		return supervisor->options->heartbeat_limit_us;
	}
	return strncmp(config_store_of(slot->given_of, slot->given), "sqlite:", 7) == 0
		? HEARTBEAT_LIMIT_SQLITE_US
		: HEARTBEAT_LIMIT_US;
}

/*
 * Judged by when the value last changed on our clock: what a worker writes there proves nothing
 * else.
 */
static void check_heartbeat(struct supervisor *supervisor, struct slot *slot, bool is_late)
{
	int64_t now_us = clock_mono_us(), limit_us = heartbeat_limit_us(supervisor, slot);
	int64_t heartbeat_us = page_get(&slot->page->heartbeat_us);

	if (heartbeat_us != slot->heartbeat_us || is_late) {
		slot->heartbeat_us = heartbeat_us;
		slot->heartbeat_seen_us = now_us;
	}
	slot->silent_us = now_us - slot->heartbeat_seen_us;
	slot->is_silent = slot->silent_us >= limit_us / 2;
	if (slot->silent_us >= limit_us) {
		slot_kill(slot, EXIT_HUNG);
	}
}

static void check_slot(
	struct supervisor *supervisor, struct slot *slot, bool is_late, int64_t since_us)
{
	int64_t window_us = slot->restart.policy.window_us;

	slot->silent_us = 0;
	slot->is_silent = false;
	if (!slot_is_running(slot)) {
		return;
	}
	check_heartbeat(supervisor, slot, is_late);
	overrun_check(slot, clock_mono_us(), since_us);
	if (slot->state == SLOT_READY && clock_mono_us() - slot->ready_us >= window_us) {
		restart_reset(&slot->restart);
	}
}

static void check_slots(struct supervisor *supervisor, bool is_late, int64_t since_us)
{
	for (size_t i = 0; i < supervisor->tree.consumer_total; i++) {
		struct consumer *consumer = supervisor->tree.consumers[i];

		for (size_t j = 0; j < consumer->slot_total; j++) {
			check_slot(supervisor, consumer->slots[j], is_late, since_us);
		}
		halt_tick(consumer);
		coroner_sweep(consumer, supervisor->config, clock_wall_ms());
	}
}

static void log_consumer(const struct consumer *consumer)
{
	struct summary summary;

	summary_of_consumer(consumer, clock_wall_ms(), &summary);
	log_info("status", LOG_STR("consumer", consumer->config->name),
		LOG_STR("state", summary.state), LOG_INT("workers_ready", summary.ready),
		LOG_INT("workers", (int64_t)consumer->slot_count),
		LOG_INT("partitions", summary.assigned),
		LOG_INT("consumed", (int64_t)summary.consumed),
		LOG_INT("done", (int64_t)summary.settled[PAGE_DONE]),
		LOG_INT("duplicates", (int64_t)summary.settled[PAGE_DUPLICATE]),
		LOG_INT("skipped", (int64_t)summary.settled[PAGE_SKIPPED]),
		LOG_INT("dead_lettered", (int64_t)summary.settled[PAGE_DEAD_LETTERED]),
		LOG_INT("deferred", (int64_t)summary.settled[PAGE_DEFERRED]),
		LOG_INT("retries", (int64_t)summary.retries),
		LOG_INT("abandoned", (int64_t)summary.abandoned),
		LOG_INT("in_flight", summary.in_flight), LOG_INT("parked", summary.parked),
		LOG_INT("held", summary.held), LOG_INT("lag", summary.lag),
		LOG_STR("reason", summary.reason[0] ? summary.reason : NULL));
}

static void take_history(struct supervisor *supervisor, int64_t now_us)
{
	for (size_t i = 0; i < supervisor->tree.consumer_count; i++) {
		struct consumer *consumer = supervisor->tree.consumers[i];
		struct summary summary;
		uint64_t settled = 0;

		if (!history_is_due(&consumer->history, now_us)) {
			continue;
		}
		summary_of_consumer(consumer, clock_wall_ms(), &summary);
		for (int result = 0; result < PAGE_RESULTS; result++) {
			settled += summary.settled[result];
		}
		history_take(&consumer->history, now_us, settled, summary.lag);
	}
}

static void log_slot_status(struct supervisor *supervisor, struct slot *slot)
{
	slot_log_status(slot);
}

static void log_status_lines(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->tree.consumer_count; i++) {
		log_consumer(supervisor->tree.consumers[i]);
	}
}

void watch_log_status(struct supervisor *supervisor)
{
	log_status_lines(supervisor);
	supervisor_each_slot(supervisor, log_slot_status);
}

/* systemctl status shows this line. */
static void tell_manager(const struct supervisor *supervisor)
{
	char line[SUMMARY_LINE_MAX];

	summary_line(&supervisor->tree, clock_wall_ms(), line);
	notify_status(line);
}

/* What the kernel killed longer ago than a victim takes to end explains no death to come. */
static void age_oom_kills(struct supervisor *supervisor, int64_t now_us)
{
	if (now_us >= supervisor->oom_aged_us) {
		supervisor->oom_aged_us = now_us + OOM_AGE_US;
		supervisor->oom_kills[0] = supervisor->oom_kills[1];
		supervisor->oom_kills[1] = procfs_oom_kills();
	}
}

/* What was set aside for a shortage is set aside again as soon as that is over. */
static void check_memory(struct supervisor *supervisor)
{
	bool was_short = supervisor->is_memory_short, is_spent = reserve_is_spent();

	supervisor->is_memory_short = reserve_fill() < 0;
	if (is_spent && !was_short) {
		log_warning("memory ran short; the supervisor went on with what it keeps for that",
			LOG_ID(MEMORY_SHORT),
			LOG_STR("reserve", supervisor->is_memory_short ? "in use" : "kept again"));
	} else if (was_short && !supervisor->is_memory_short) {
		log_notice("there is memory again");
	}
}

static void on_tick(void *context)
{
	struct supervisor *supervisor = context;
	int64_t now_us = clock_mono_us(), interval_us = supervisor->config->status_interval_us;

	check_slots(supervisor, now_us - supervisor->last_tick_us > TICK_LATE_US,
		now_us - supervisor->last_tick_us);
	age_oom_kills(supervisor, now_us);
	check_memory(supervisor);
	recycle_check(supervisor, now_us);
	levels_tick(supervisor, now_us);
	reload_check(supervisor);
	startup_tell_ready(supervisor);
	supervisor->last_tick_us = now_us;
	take_history(supervisor, now_us);
	if (supervisor->phase >= PHASE_RUNNING && interval_us > 0 &&
		now_us >= supervisor->next_status_us) {
		supervisor->next_status_us = now_us + interval_us;
		log_status_lines(supervisor);
		tell_manager(supervisor);
	}
	log_flush();
	loop_timer_set(supervisor->tick_timer, now_us + TICK_US);
}

int watch_begin(struct supervisor *supervisor)
{
	int r = loop_add_timer(supervisor->loop, on_tick, supervisor, &supervisor->tick_timer);

	if (r < 0) {
		return r;
	}
	supervisor->last_tick_us = clock_mono_us();
	supervisor->oom_kills[0] = supervisor->oom_kills[1] = procfs_oom_kills();
	supervisor->oom_aged_us = supervisor->last_tick_us + OOM_AGE_US;
	supervisor->next_status_us =
		supervisor->last_tick_us + supervisor->config->status_interval_us;
	loop_timer_set(supervisor->tick_timer, supervisor->last_tick_us + TICK_US);
	return 0;
}
