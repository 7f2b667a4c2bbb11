/*
 * release - consumers whose workers have left the group
 *
 * Runs in: supervisor. The word that a consumer is released is in state.dir (halt.c), so that it
 * holds over restarts of the supervisor; here its workers are told to leave, and kept away.
 */
#include "base/clock.h"
#include "base/log.h"
#include "supervisor/halt.h"
#include "supervisor/slot.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

static void release(struct supervisor *supervisor, struct slot *slot)
{
	slot->wants_restart = slot->is_recycling = false;
	loop_timer_stop(slot->timer);
	if (!slot_is_running(slot)) {
		slot->state = SLOT_STOPPED;
		return;
	}
	slot->recycle_deadline_us = clock_mono_us() + supervisor->config->drain_timeout_us;
	slot_drain(slot, slot->recycle_deadline_us, true);
}

void supervisor_release(struct supervisor *supervisor, struct consumer *consumer)
{
	log_notice("workers leave their group on an operator's word",
		LOG_STR("consumer", consumer->config->name));
	for (size_t i = 0; i < consumer->slot_count; i++) {
		release(supervisor, consumer->slots[i]);
	}
}

void supervisor_unrelease(struct supervisor *supervisor, struct consumer *consumer)
{
	if (supervisor->phase != PHASE_RUNNING || halt_is_released(consumer)) {
		return;
	}
	for (size_t i = 0; i < consumer->slot_count; i++) {
		struct slot *slot = consumer->slots[i];

		if (slot->state == SLOT_STOPPED && !slot_is_running(slot)) {
			supervisor_start_slot(supervisor, slot);
		}
	}
}
