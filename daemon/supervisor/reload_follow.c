/*
 * reload_follow - the way of the workers after a reload
 *
 * Runs in: supervisor.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "supervisor/halt.h"
#include "supervisor/state.h"

#include "supervisor/poison.h"

static bool is_settled(const struct slot *slot)
{
	if (slot->is_retired) {
		return !slot_is_running(slot);
	}
	return (slot->state == SLOT_READY && slot->given == slot->consumer->config) ||
		(!slot_is_running(slot) && halt_is_released(slot->consumer));
}

static bool is_used(const struct supervisor *supervisor, const struct config *config)
{
	const struct tree *tree = &supervisor->tree;

	for (size_t i = 0; i < tree->consumer_total; i++) {
		const struct consumer *consumer = tree->consumers[i];

		if (consumer->config_of == config) {
			return true;
		}
		for (size_t j = 0; j < consumer->slot_total; j++) {
			if (consumer->slots[j]->given_of == config) {
				return true;
			}
		}
	}
	return supervisor->config == config;
}

/* Passwords of the past are not kept for longer than a worker has them. */
static void sweep(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;
	size_t kept = 0;

	for (size_t i = 0; i < reload->config_count; i++) {
		if (is_used(supervisor, reload->configs[i])) {
			reload->configs[kept++] = reload->configs[i];
		} else {
			config_free(reload->configs[i]);
		}
	}
	reload->config_count = kept;
}

static unsigned count_unsettled(struct supervisor *supervisor)
{
	const struct tree *tree = &supervisor->tree;
	unsigned count = 0;

	for (size_t i = 0; i < tree->consumer_total; i++) {
		for (size_t j = 0; j < tree->consumers[i]->slot_total; j++) {
			struct slot *slot = tree->consumers[i]->slots[j];

			slot->is_reloading = slot->is_reloading && !is_settled(slot);
			count += slot->is_reloading;
		}
	}
	return count;
}

void reload_check(struct supervisor *supervisor)
{
	struct reload *reload = &supervisor->reload;

	if (supervisor->phase != PHASE_RUNNING) {
		return;
	}
	if (reload->state == RELOAD_APPLYING && count_unsettled(supervisor) == 0) {
		reload->state = RELOAD_DONE;
		reload->ended_us = clock_mono_us();
		log_notice("all workers run with the reloaded configuration",
			LOG_SECONDS(
				"seconds", (double)(reload->ended_us - reload->started_us) / 1e6));
	}
	sweep(supervisor); /* also what a later, refused one found on its way */
}

static bool is_any_of(const struct consumer *consumer)
{
	for (size_t i = 0; i < consumer->slot_total; i++) {
		if (slot_is_running(consumer->slots[i])) {
			return true;
		}
	}
	return false;
}

void reload_slot_ended(struct supervisor *supervisor, struct slot *slot)
{
	struct consumer *consumer = slot->consumer;

	if (consumer->is_replacing && !is_any_of(consumer)) {
		consumer->is_replacing = false;
		for (size_t i = 0; i < consumer->slot_count; i++) {
			/* by its timer: a start never happens inside the callback of an end */
			consumer->slots[i]->state = SLOT_WAITING;
			loop_timer_set(consumer->slots[i]->timer, clock_mono_us());
		}
	}
	reload_check(supervisor);
}
