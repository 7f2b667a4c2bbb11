/*
 * pausing - what is paused, as a worker obeys it
 *
 * Runs in: worker, main thread. Words come from the supervisor, before the start and later, from
 * the store, by way of the clerk, and from the worker's own breaker; each goes where it is not
 * known yet. A paused partition stays assigned, its records stay queued, and what is in hand ends
 * as it would. Pauses end by the store's clock, so that all hosts agree.
 */
#include <stdio.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "worker/worker_private.h"

static void tell_supervisor(struct worker *worker, const struct pause *pause)
{
	struct proto_frame frame = { .type = PROTO_PAUSE, .pause = *pause };

	worker_send(worker, &frame);
}

/* A released consumer has no workers, and the store is not to stop other hosts' workers. */
static void tell_store(struct worker *worker, const struct pause *pause)
{
	if (!pause->is_released) {
		clerk_tell_pause(worker, pause);
	}
}

void pausing_told(struct worker *worker, const struct pause *pause)
{
	if (pause_is_valid(pause) && pauses_put(&worker->pauses, pause)) {
		tell_store(worker, pause);
	}
}

void pausing_found(struct worker *worker, const struct pause *pause)
{
	if (pause->since_ms > clock_wall_ms() + PAUSE_AHEAD_MS) {
		return; /* nothing newer could ever end it */
	}
	if (pauses_put(&worker->pauses, pause)) {
		tell_supervisor(worker, pause);
	}
}

void pausing_begin(struct worker *worker, const char *who, const char *reason)
{
	struct pause pause = { .partition = -1,
		.is_paused = 1,
		.since_ms = pauses_stamp(&worker->pauses, clock_wall_ms()) };

	snprintf(pause.who, sizeof(pause.who), "%s", who);
	snprintf(pause.reason, sizeof(pause.reason), "%s", reason);
	(void)pauses_put(&worker->pauses, &pause);
	tell_supervisor(worker, &pause);
	tell_store(worker, &pause);
	pausing_tick(worker);
}

void pausing_tell_clerk(struct worker *worker)
{
	for (size_t i = 0; i < worker->pauses.count; i++) {
		tell_store(worker, &worker->pauses.items[i]);
	}
}

static void obey_whole(struct worker *worker, const struct pause *pause)
{
	int64_t since_ms = pause ? pause->since_ms : 0;
	char sentence[PAUSE_SENTENCE_MAX] = "";

	if (since_ms == worker->paused_since_ms) {
		return;
	}
	worker->paused_since_ms = since_ms;
	if (pause) {
		pause_sentence(pause, sentence);
	}
	worker_pause(worker, pause != NULL, sentence);
}

static void obey_part(struct worker *worker, struct partition *p, const struct pause *pause)
{
	char sentence[PAUSE_SENTENCE_MAX];

	if (p->is_paused == (pause != NULL)) {
		return;
	}
	p->is_paused = pause != NULL;
	pthread_mutex_lock(&worker->lock);
	sched_pause_slot(worker->sched, p->id.slot, p->is_paused);
	lanes_wake(worker, true);
	pthread_mutex_unlock(&worker->lock);
	if (pause) {
		pause_sentence(pause, sentence);
	}
	log_notice(pause ? "partition paused" : "partition resumed", LOG_STR("topic", p->id.topic),
		LOG_INT("partition", p->id.partition), LOG_STR("paused", pause ? sentence : NULL));
}

void pausing_tick(struct worker *worker)
{
	int64_t now_ms = clock_wall_ms() + worker->store_ahead_ms;
	bool has_parts = pauses_has_parts(&worker->pauses, now_ms);

	obey_whole(worker, pauses_find(&worker->pauses, "", -1, now_ms));
	if (!has_parts && !worker->has_paused_parts) {
		return;
	}
	worker->has_paused_parts = has_parts;
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];

		obey_part(worker, p,
			pauses_find(&worker->pauses, p->id.topic, p->id.partition, now_ms));
	}
}
