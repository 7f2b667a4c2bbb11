/*
 * skip - single records that an operator has skipped
 *
 * Runs in: worker, main thread. A record in its queue is marked, and its strand is due at once: the
 * unit of work claims it like any other and settles it without calling the handler, so that with a
 * store a redelivery finds its row. A record that waits as a dead letter is settled in its place.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "worker/worker_private.h"

/* Records point to them: none is forgotten while the worker lives. */
enum { SKIPS_MAX = 4096 };

struct skip {
	struct skip *next;
	struct source_partition at;
	int64_t offset;
	char text[sizeof(((struct proto_order *)0)->who) +
		sizeof(((struct proto_order *)0)->reason) + 24];
};

const char *skip_text(const struct skip *skip)
{
	return skip->text;
}

static struct skip *find_skip(
	const struct worker *worker, const struct partition *p, int64_t offset)
{
	struct skip *skip = worker->skips;

	while (skip &&
		(skip->at.slot != p->id.slot || skip->at.epoch != p->id.epoch ||
			skip->offset != offset)) {
		skip = skip->next;
	}
	return skip;
}

/* One for each record of an epoch; NULL when there are too many. */
static const struct skip *get_skip(
	struct worker *worker, const struct partition *p, const struct proto_order *order)
{
	struct skip *skip = find_skip(worker, p, order->offset);

	if (skip || worker->skip_count == SKIPS_MAX) {
		return skip;
	}
	skip = NEW(struct skip);
	skip->at = p->id;
	skip->offset = order->offset;
	snprintf(skip->text, sizeof(skip->text), "skipped by %s: %s", order->who, order->reason);
	skip->next = worker->skips;
	worker->skips = skip;
	worker->skip_count++;
	return skip;
}

static int not_here(const struct partition *p, int64_t offset, struct err *err)
{
	if (!p->tracker) {
		return err_set(err, -ENOENT, "the partition is not being read now");
	}
	if (offset >= tracker_next(p->tracker)) {
		return err_set(err, -ENOENT,
			"offset %" PRId64 " is not read yet, the next to be read is %" PRId64,
			offset, tracker_next(p->tracker));
	}
	return err_set(err, -ENOENT,
		"there is no record at offset %" PRId64
		" that is not settled; the first unsettled one is at %" PRId64,
		offset, tracker_committable(p->tracker));
}

/* Under the lock: mark it where it waits. One that a lane has is marked when it comes back. */
static void mark(struct worker *worker, struct partition *p, const struct skip *skip)
{
	struct record *record =
		(struct record *)sched_find(worker->sched, p->id.slot, skip->offset);

	if (record && record->skip != skip) {
		record->skip = skip;
		(void)sched_retry(worker->sched, p->id.slot);
		lanes_wake(worker, true);
	}
}

int skip_try(struct worker *worker, struct partition *p, const struct proto_order *order,
	struct err *err)
{
	const struct skip *skip = find_skip(worker, p, order->offset);
	bool is_unsettled;

	pthread_mutex_lock(&worker->lock);
	is_unsettled = p->tracker && tracker_has_unsettled(p->tracker, order->offset);
	pthread_mutex_unlock(&worker->lock);
	if (!is_unsettled) {
		return skip && p->tracker ? 0 : not_here(p, order->offset, err);
	}
	skip = get_skip(worker, p, order);
	if (!skip) {
		return err_set(err, -EOVERFLOW,
			"this worker has skipped %d records; set the offset instead", SKIPS_MAX);
	}
	if (dead_letter_skip(worker, p, order->offset)) {
		log_warning("record skipped on an operator's word", LOG_ID(RECORD_SKIPPED),
			LOG_STR("topic", p->id.topic), LOG_INT("partition", p->id.partition),
			LOG_INT("offset", order->offset), LOG_STR("why", skip->text));
		return 0;
	}
	pthread_mutex_lock(&worker->lock);
	mark(worker, p, skip);
	pthread_mutex_unlock(&worker->lock);
	return 1;
}

void skips_fini(struct worker *worker)
{
	while (worker->skips) {
		struct skip *next = worker->skips->next;

		free(worker->skips);
		worker->skips = next;
	}
}
