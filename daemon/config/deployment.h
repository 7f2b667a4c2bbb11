/*
 * deployment - do the times and numbers of a configuration fit each other, and what is around it?
 *
 * Pure. Nothing here keeps onced from running: the supervisor logs it at its start, `oncectl
 * doctor` shows it before. What the configuration contradicts itself in is refused by check.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/finding.h"

/* What the configuration does not say. */
struct deployment {
	bool has_stable_host; /* instance.id = auto makes static members here */
	int64_t files_max; /* descriptors of a process; 0: not known */
};

/* One finding for what does not fit; nothing where all does. */
void deployment_judge(
	const struct config *config, const struct deployment *where, struct findings *findings);

/*
 * Replicas and their workers against the partitions of the consumer's topics: `partitions` is the
 * largest count of one of them.
 */
void deployment_judge_partitions(const struct config *config,
	const struct config_consumer *consumer, unsigned partitions, struct findings *findings);

/* Whether its workers keep their names in the group over a restart. */
bool deployment_is_static(const struct config_consumer *consumer, const struct deployment *where);

/*
 * After so long without a heartbeat the group gives a worker's partitions away. Where the brokers
 * hold it: their default.
 */
int64_t deployment_session_us(const struct config *config, const struct config_consumer *consumer,
	const struct deployment *where);

/*
 * The longest time that a record may fail before it is given up, were it tried without end of its
 * attempts and no hold between; 0: for ever. Sleeps at their full length, calls at theirs. With
 * `retry.topics` their delays, each once: a record goes round in the last one only in an outage.
 */
int64_t deployment_retry_us(const struct config_consumer *consumer);
