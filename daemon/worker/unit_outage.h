/*
 * unit_outage - the verdict of core/outage.h between the lanes of a worker
 *
 * Runs in: worker, lanes, runners and the ledger. Each handler of the roster has one. What every
 * record would pay for is two atomics: nothing is locked while records succeed and nothing is held.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/outage.h"
#include "os/page.h"
#include "worker/decision.h"

struct handler_outage {
	_Atomic bool is_holding; /* its records are held but for probes */
	_Atomic uint64_t successes; /* records that the handler was done with */
	pthread_mutex_t lock; /* guards what follows */
	struct outage verdict;
	/* the words of the latest failure that counted */
	char code[DECISION_CODE_MAX];
	char text[PAGE_TEXT_MAX];
};

void handler_outage_init(struct handler_outage *outage, int64_t retry_delay_max_us);
void handler_outage_fini(struct handler_outage *outage);

static inline bool handler_outage_is_holding(const struct handler_outage *outage)
{
	return atomic_load_explicit(&outage->is_holding, memory_order_relaxed);
}
