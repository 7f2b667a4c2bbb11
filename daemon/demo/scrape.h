/*
 * scrape - what onced tells over its control socket: GET /metrics, GET /v1/status
 *
 * Runs in: the demonstration's main process, one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct scrape_counters {
	int64_t consumed, done, duplicate, skipped, dead_lettered, abandoned, in_flight;
	int64_t retries, dead_letters, worker_exits;
};

enum { SCRAPE_WORKERS_MAX = 8 };

struct scrape_worker {
	pid_t pid; /* 0: none runs */
	unsigned slot, assigned;
	bool is_joined;
};

struct scrape_workers {
	struct scrape_worker items[SCRAPE_WORKERS_MAX];
	size_t count;
};

/* Over all partitions. -errno when onced does not answer. */
int scrape_counters(const char *socket_path, struct scrape_counters *ret, struct err *err);

/* Of the first consumer. -errno when onced does not answer. */
int scrape_workers(const char *socket_path, struct scrape_workers *ret, struct err *err);

/* For tests: the sum of the samples of `name` whose labels contain `label` (may be ""). */
int64_t scrape_sum(const char *text, const char *name, const char *label);
