#include "worker/runner.h"

#include <stdio.h>

#include "base/log.h"
#include "worker/ledger.h"
#include "worker/worker_private.h"

static void *runner_main(void *argument)
{
	struct runner *runner = argument;
	struct worker *worker = runner->worker;
	struct page_lane *page_lane = &worker->page->lanes[runner->lane];
	struct crash_stack stack = { .base = NULL };
	struct errand *errand = NULL;

	if (worker->is_in_process && crash_enter_lane(runner->lane, &stack) < 0) {
		log_warning("a lane has no signal stack: its crashes will name no record");
	}
	while ((errand = ledger_exchange(worker, errand, page_lane))) {
		atomic_store_explicit(&page_lane->batch, 1, memory_order_relaxed);
		errand_run(errand, runner->lane, page_lane);
		atomic_store_explicit(&page_lane->batch, 0, memory_order_relaxed);
	}
	crash_leave_lane(&stack);
	return NULL;
}

int runner_start(struct runner *runner, struct worker *worker, unsigned lane)
{
	char name[16];
	int r;

	*runner = (struct runner){ .worker = worker, .lane = lane };
	r = -pthread_create(&runner->thread, NULL, runner_main, runner);
	if (r == 0) {
		snprintf(name, sizeof(name), "lane %u", lane);
		pthread_setname_np(runner->thread, name);
	}
	return r;
}

void runner_join(struct runner *runner)
{
	pthread_join(runner->thread, NULL);
}
