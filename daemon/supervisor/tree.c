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

/*
 * Where brokers assign, who comes second under an instance id is refused, and the first stays: to
 * ask again does no harm, and the brokers' session timeout is not known here.
 */
enum { REFUSED_US = 3000000 };

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
	[EXIT_STALE] = "stale",
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

struct restart_policy tree_restart_policy(
	const struct config *config, const struct config_consumer *consumer)
{
	bool is_only_refused = config_consumer_is_assigned_by_brokers(consumer);

	return (struct restart_policy){
		.intensity = config->restart_intensity.count,
		.window_us = config->restart_intensity.window_us,
		.throttle_us = THROTTLE_US,
		.throttle_max_us = THROTTLE_MAX_US,
		.fenced_us = is_only_refused ? REFUSED_US : tree_session_timeout_us(config),
	};
}

static struct slot *slot_new(
	struct consumer *consumer, unsigned number, const struct restart_policy *policy)
{
	struct slot *slot = NEW(struct slot);

	slot->consumer = consumer;
	slot->number = number;
	slot->state = SLOT_STOPPED;
	slot->child = CHILD_INIT;
	slot->page_fd = -1;
	restart_init(&slot->restart, policy);
	return slot;
}

static void slot_free(struct slot *slot)
{
	loop_source_free(slot->timer);
	child_fini(&slot->child);
	restart_fini(&slot->restart);
	page_unmap(slot->page);
	if (slot->page_fd >= 0) {
		close(slot->page_fd);
	}
	free(slot);
}

struct consumer *consumer_new(const struct config *config_of, const struct config_consumer *config)
{
	struct consumer *consumer = NEW(struct consumer);

	consumer->config = config;
	consumer->config_of = config_of;
	quarantine_init(&consumer->quarantine, config->quarantine_after);
	return consumer;
}

void consumer_resize(struct consumer *consumer, size_t count, const struct restart_policy *policy)
{
	if (count > consumer->slot_total) {
		consumer->slots = xrealloc(consumer->slots, count * sizeof(*consumer->slots));
	}
	while (consumer->slot_total < count) {
		consumer->slots[consumer->slot_total] =
			slot_new(consumer, (unsigned)consumer->slot_total, policy);
		consumer->slot_total++;
	}
	consumer->slot_count = count;
	for (size_t i = 0; i < consumer->slot_total; i++) {
		consumer->slots[i]->is_retired = i >= count;
	}
}

void consumer_free(struct consumer *consumer)
{
	for (size_t i = 0; i < consumer->slot_total; i++) {
		slot_free(consumer->slots[i]);
	}
	pauses_fini(&consumer->pauses);
	free(consumer->slots);
	free(consumer);
}

void tree_init(struct tree *tree, const struct config *config, const char *version)
{
	*tree = (struct tree){
		.version = version,
		.pid = getpid(),
		.started_ms = clock_wall_ms(),
		.consumer_count = config->consumer_count,
		.consumer_total = config->consumer_count,
		.consumers = xcalloc(config->consumer_count, sizeof(*tree->consumers)),
	};
	for (size_t i = 0; i < config->consumer_count; i++) {
		struct restart_policy policy = tree_restart_policy(config, &config->consumers[i]);

		tree->consumers[i] = consumer_new(config, &config->consumers[i]);
		consumer_resize(tree->consumers[i], config->consumers[i].workers, &policy);
	}
}

void tree_fini(struct tree *tree)
{
	for (size_t i = 0; i < tree->consumer_total; i++) {
		consumer_free(tree->consumers[i]);
	}
	free(tree->consumers);
	*tree = (struct tree){ 0 };
}
