/*
 * clerk_room - say at start when there are more workers than partitions
 *
 * Runs in: worker, the clerk's thread; in one worker of a consumer. Nothing changes but the log.
 */
#include "base/clock.h"
#include "base/log.h"
#include "config/deployment.h"
#include "worker/clerk_private.h"

/* Short: the end of the worker waits for it. */
enum { ROOM_TIMEOUT_MS = 1500 };

#define ROOM_AGAIN_US ((int64_t)30 * 1000 * 1000)

/* -1: not now. */
static int largest_count(const struct clerk *clerk)
{
	const struct worker *worker = clerk->worker;
	const struct config_strings *topics = &worker->consumer->topics;
	int largest = 0;

	for (size_t i = 0; i < topics->count; i++) {
		int count = clerk->is_stopping ? -1
					       : worker->wiring->sink->partition_count(worker->sink,
							 topics->items[i], ROOM_TIMEOUT_MS, NULL);

		if (count < 0) {
			return -1;
		}
		largest = count > largest ? count : largest;
	}
	return largest;
}

void clerk_count_room(struct clerk *clerk, int64_t now_us)
{
	const struct worker *worker = clerk->worker;
	_cleanup_(findings_fini) struct findings findings = FINDINGS_INIT;
	int partitions;

	if (worker->start.slot != 0 || clerk->is_room_told || now_us < clerk->room_due_us) {
		return;
	}
	partitions = largest_count(clerk);
	if (partitions < 0) {
		clerk->room_due_us = clock_mono_us() + ROOM_AGAIN_US;
		return;
	}
	clerk->is_room_told = true;
	deployment_judge_partitions(
		worker->wiring->config, worker->consumer, (unsigned)partitions, &findings);
	for (size_t i = 0; i < findings.count; i++) {
		log_warning("more workers than partitions", LOG_STR("what", findings.items[i].text),
			LOG_STR("change", findings.items[i].remedy));
	}
}
