/*
 * shutdown - the drain ladder
 *
 *	PROTO_DRAIN → at drain.timeout SIGTERM → 3 s later SIGKILL
 *
 * Runs in: supervisor. Never weaker and never stronger than this: a second SIGTERM is the same
 * drain.
 */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/notify.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

/*
 * What a worker has after its deadline to leave its group and close: as long as its library usually
 * takes.
 */
enum { GRACE_US = 3000000 };

static bool has_children(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->probe_count; i++) {
		if (probe_is_running(&supervisor->probes[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < supervisor->tree.consumer_total; i++) {
		const struct consumer *consumer = supervisor->tree.consumers[i];

		for (size_t j = 0; j < consumer->slot_total; j++) {
			if (slot_is_running(consumer->slots[j])) {
				return true;
			}
		}
	}
	return probe_is_running(&supervisor->migration) || reload_has_children(supervisor);
}

void shutdown_check(struct supervisor *supervisor)
{
	if (supervisor->phase >= PHASE_DRAINING && !has_children(supervisor)) {
		loop_stop(supervisor->loop, supervisor->exit_code);
	}
}

static void terminate(struct supervisor *supervisor, struct slot *slot)
{
	if (slot_is_running(slot)) {
		slot_terminate(slot);
	}
}

static void end(struct supervisor *supervisor, struct slot *slot)
{
	slot_kill(slot, EXIT_KILLED);
}

static void on_deadline(void *context)
{
	struct supervisor *supervisor = context;

	if (supervisor->phase == PHASE_DRAINING) {
		log_warning("the drain takes longer than drain.timeout", LOG_ID(DRAIN_LATE));
		supervisor->phase = PHASE_KILLING;
		supervisor_each_slot(supervisor, terminate);
		loop_timer_set(supervisor->drain_timer, clock_mono_us() + GRACE_US);
		return;
	}
	supervisor_each_slot(supervisor, end);
}

static void drain(struct supervisor *supervisor, struct slot *slot)
{
	loop_timer_stop(slot->timer);
	if (slot_is_running(slot)) {
		slot_drain(slot, clock_mono_us() + supervisor->config->drain_timeout_us, false);
	} else {
		slot->state = SLOT_STOPPED;
	}
}

void shutdown_begin(struct supervisor *supervisor, int exit_code)
{
	if (supervisor->exit_code < exit_code) {
		supervisor->exit_code = exit_code;
	}
	if (supervisor->phase >= PHASE_DRAINING) {
		return;
	}
	supervisor->phase = PHASE_DRAINING;
	supervisor->tree.is_draining = true;
	notify_stopping(supervisor->config->drain_timeout_us + 2 * (int64_t)GRACE_US);
	loop_timer_stop(supervisor->startup_timer);

	/* Probes and migrations hold nothing: a migration is one transaction. */
	for (size_t i = 0; i < supervisor->probe_count; i++) {
		probe_kill(&supervisor->probes[i]);
	}
	probe_kill(&supervisor->migration);
	reload_cancel(supervisor);
	supervisor_each_slot(supervisor, drain);
	if (loop_add_timer(supervisor->loop, on_deadline, supervisor, &supervisor->drain_timer) ==
		0) {
		loop_timer_set(supervisor->drain_timer,
			clock_mono_us() + supervisor->config->drain_timeout_us);
	} else {
		supervisor_each_slot(supervisor, terminate);
	}
	shutdown_check(supervisor);
}
