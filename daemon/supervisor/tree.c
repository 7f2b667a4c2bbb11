/*
 * tree - the supervisor's tables: consumers and their slots
 *
 * Runs in: supervisor.
 */
#include "supervisor/tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "os/loop.h"
#include "os/page.h"

#include "supervisor/poison.h"

/* Static members, see the worker's defaults for [kafka]. */
enum { SESSION_TIMEOUT_MS = 45000 };

/*
 * Waits between starts after more than restart.intensity: 1 s is nothing to a broker, 60 s still
 * bearable.
 */
enum { THROTTLE_US = 1000000, THROTTLE_MAX_US = 60000000 };

const char *const slot_state_names[SLOT_STATES] = {
	[SLOT_STOPPED] = "stopped",
	[SLOT_STARTING] = "starting",
	[SLOT_READY] = "ready",
	[SLOT_DRAINING] = "draining",
	[SLOT_WAITING] = "waiting",
	[SLOT_FENCED] = "fenced",
};

const char *const exit_cause_names[EXIT_CAUSES] = {
	[EXIT_DRAINED] = "drained",
	[EXIT_STUCK] = "stuck",
	[EXIT_FAILED] = "failed",
	[EXIT_CRASHED] = "crashed",
	[EXIT_FENCED] = "fenced",
	[EXIT_CONFIG] = "config",
	[EXIT_HUNG] = "hung",
	[EXIT_KILLED] = "killed",
	[EXIT_PROTOCOL] = "protocol",
	[EXIT_OVERRAN] = "timeout",
	[EXIT_RECYCLED] = "recycled",
};

int64_t tree_session_timeout_us(const struct config *config)
{
	const char *text = config_pairs_get(&config->kafka, "session.timeout.ms");
	long ms = text ? strtol(text, NULL, 10) : 0;

	return (int64_t)(ms > 0 ? ms : SESSION_TIMEOUT_MS) * 1000;
}

static void slot_init(struct slot *slot, struct consumer *consumer, unsigned number,
	const struct restart_policy *policy)
{
	slot->consumer = consumer;
	slot->number = number;
	slot->state = SLOT_STOPPED;
	slot->child = CHILD_INIT;
	slot->page_fd = -1;
	restart_init(&slot->restart, policy);
}

static void slot_fini(struct slot *slot)
{
	loop_source_free(slot->timer);
	child_fini(&slot->child);
	restart_fini(&slot->restart);
	page_unmap(slot->page);
	if (slot->page_fd >= 0) {
		close(slot->page_fd);
	}
}

static void consumer_init(struct consumer *consumer, const struct config_consumer *config,
	const struct restart_policy *policy)
{
	consumer->config = config;
	consumer->slot_count = config->workers;
	quarantine_init(&consumer->quarantine, config->quarantine_after);
	consumer->slots = xcalloc(config->workers, sizeof(*consumer->slots));
	for (unsigned i = 0; i < config->workers; i++) {
		slot_init(&consumer->slots[i], consumer, i, policy);
	}
}

void tree_init(struct tree *tree, const struct config *config, const char *version)
{
	struct restart_policy policy = {
		.intensity = config->restart_intensity.count,
		.window_us = config->restart_intensity.window_us,
		.throttle_us = THROTTLE_US,
		.throttle_max_us = THROTTLE_MAX_US,
		.fenced_us = tree_session_timeout_us(config),
	};

	*tree = (struct tree){
		.version = version,
		.pid = getpid(),
		.started_ms = clock_wall_ms(),
		.consumer_count = config->consumer_count,
		.consumers = xcalloc(config->consumer_count, sizeof(*tree->consumers)),
	};
	for (size_t i = 0; i < config->consumer_count; i++) {
		consumer_init(&tree->consumers[i], &config->consumers[i], &policy);
	}
}

void tree_fini(struct tree *tree)
{
	for (size_t i = 0; i < tree->consumer_count; i++) {
		for (size_t j = 0; j < tree->consumers[i].slot_count; j++) {
			slot_fini(&tree->consumers[i].slots[j]);
		}
		pauses_fini(&tree->consumers[i].pauses);
		free(tree->consumers[i].slots);
	}
	free(tree->consumers);
	*tree = (struct tree){ 0 };
}
