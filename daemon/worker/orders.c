/*
 * orders - what operators ask of a worker, by way of the supervisor
 *
 * Runs in: worker, main thread. An order is answered once. One that cannot be done yet is tried
 * again at every turn of the loop; with the worker's end it goes unanswered, which the supervisor
 * sees.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker/worker_private.h"

/* A commit that is not accepted is tried again after this. */
#define DRAINED_AGAIN_US ((int64_t)500 * 1000)

enum { ASK_LOG_MS = 2000 };

/* What an order came to; WAITING: not yet. */
enum { WAITING = 2 };

static void answer(struct worker *worker, const struct proto_order *order, int result,
	int64_t number, const char *text)
{
	struct proto_frame frame = { .type = PROTO_ANSWER,
		.answer = { .id = order->id, .result = result, .number = number } };

	snprintf(frame.answer.text, sizeof(frame.answer.text), "%s", text);
	worker_send(worker, &frame);
}

static struct partition *find_partition(struct worker *worker, const struct proto_order *order)
{
	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];

		if (p->state != PARTITION_NONE && p->id.partition == order->partition &&
			strcmp(p->id.topic, order->topic) == 0) {
			return p;
		}
	}
	return NULL;
}

/* Records that lanes have, and dead letters that are not acknowledged. */
static int64_t in_hand(struct worker *worker)
{
	struct sched_stats stats;
	int64_t count;

	pthread_mutex_lock(&worker->lock);
	sched_get_stats(worker->sched, &stats);
	count = (int64_t)stats.given_out + (worker->new_dead_letters != NULL);
	pthread_mutex_unlock(&worker->lock);
	return count + worker->dead_letter_count;
}

static int report(struct worker *worker, const struct proto_order *order, int64_t *ret_number,
	struct err *err)
{
	pausing_tick(worker);
	*ret_number = in_hand(worker);
	return 0;
}

static int drain(struct worker *worker, const struct proto_order *order, int64_t *ret_number,
	struct err *err)
{
	int64_t now_us = clock_mono_us();
	bool is_done;

	pausing_tick(worker);
	if (!worker->is_paused) {
		return err_set(err, -ECANCELED, "it was resumed before it was drained");
	}
	*ret_number = in_hand(worker);
	if (*ret_number > 0 || now_us < worker->next_drained_us) {
		return WAITING;
	}
	if (worker->source) {
		commit_now(worker, NULL, 0, partition_commit_ms(worker));
	}
	pthread_mutex_lock(&worker->lock);
	is_done = commits_are_done(worker);
	pthread_mutex_unlock(&worker->lock);
	worker->next_drained_us = is_done ? 0 : clock_mono_us() + DRAINED_AGAIN_US;
	return is_done ? 0 : WAITING;
}

static bool is_in_scope(const struct partition *p, const struct proto_order *order)
{
	return p->state != PARTITION_NONE &&
		(order->topic[0] == '\0' || strcmp(p->id.topic, order->topic) == 0) &&
		(order->partition < 0 || order->partition == p->id.partition);
}

static int64_t retry_partition(struct worker *worker, struct partition *p)
{
	int64_t woken;

	p->next_open_us = 0; /* also one whose offset is lost is looked at again */
	pthread_mutex_lock(&worker->lock);
	woken = sched_retry(worker->sched, p->id.slot);
	if (woken) {
		lanes_wake(worker, true);
	}
	pthread_mutex_unlock(&worker->lock);
	return woken + dead_letters_of(worker, p, true);
}

static int retry(struct worker *worker, const struct proto_order *order, int64_t *ret_number,
	struct err *err)
{
	bool has_any = false;

	for (uint32_t i = 0; i < worker->partition_count; i++) {
		struct partition *p = worker->partitions[i];

		if (is_in_scope(p, order)) {
			has_any = true;
			*ret_number += retry_partition(worker, p);
		}
	}
	return has_any || order->topic[0] == '\0' ? 0 : PROTO_NOT_MINE;
}

static int skip(struct worker *worker, const struct proto_order *order, int64_t *ret_number,
	struct err *err)
{
	struct partition *p = find_partition(worker, order);
	int r = p ? skip_try(worker, p, order, err) : PROTO_NOT_MINE;

	*ret_number = p && r == 0;
	return p && r > 0 ? WAITING : r;
}

/* ---- offsets ---- */

static int find_offset(struct worker *worker, const struct partition *p,
	const struct proto_order *order, int64_t *ret, struct err *err)
{
	/* for each its own question: begin, end, and what is wanted */
	int64_t wanted[] = { SOURCE_OFFSET_EARLIEST, SOURCE_OFFSET_LATEST,
		order->is_time ? order->offset : SOURCE_OFFSET_LATEST };
	int64_t found[3];

	for (size_t i = 0; i < 3; i++) {
		struct source_offset asked = {
			.topic = p->id.topic, .partition = p->id.partition, .offset = wanted[i]
		};
		int r = worker->wiring->sink->log_offsets(worker->sink, &asked, 1, ASK_LOG_MS, err);

		if (r < 0) {
			return r;
		}
		if (asked.result < 0 && i < 2) {
			return err_set(
				err, -EAGAIN, "where its log begins and ends is not known now");
		}
		/* nothing is that new: its end */
		found[i] = asked.result < 0 ? found[1] : asked.offset;
	}
	*ret = order->is_time                          ? found[2]
		: order->offset == PROTO_SEEK_EARLIEST ? found[0]
		: order->offset == PROTO_SEEK_LATEST   ? found[1]
						       : order->offset;
	if (*ret < found[0] || *ret > found[1]) {
		return err_set(err, -ERANGE,
			"offset %" PRId64 " is outside the log, which goes from %" PRId64
			" to %" PRId64,
			*ret, found[0], found[1]);
	}
	return 0;
}

static bool is_in_hand(struct worker *worker, struct partition *p)
{
	bool is_given_out;

	pthread_mutex_lock(&worker->lock);
	is_given_out = sched_epoch_given_out(worker->sched, p->id.slot, p->id.epoch) > 0 ||
		worker->new_dead_letters;
	pthread_mutex_unlock(&worker->lock);
	return is_given_out || dead_letters_of(worker, p, false) > 0;
}

static int seek(struct worker *worker, const struct proto_order *order, int64_t *ret_number,
	struct err *err)
{
	struct partition *p = find_partition(worker, order);
	int r;

	pausing_tick(worker);
	if (!p) {
		return PROTO_NOT_MINE;
	}
	if (!worker->is_paused && !p->is_paused) {
		return err_set(err, -EBUSY, "it is not paused any more");
	}
	if (p->state == PARTITION_OPENING || is_in_hand(worker, p)) {
		return WAITING;
	}
	r = find_offset(worker, p, order, ret_number, err);
	if (r < 0) {
		return r;
	}
	log_notice("offset set on an operator's word", LOG_ID(OFFSET_SET),
		LOG_STR("topic", p->id.topic), LOG_INT("partition", p->id.partition),
		LOG_INT("from", p->committed), LOG_INT("offset", *ret_number),
		LOG_STR("who", order->who), LOG_STR("reason", order->reason));
	return partition_seek(worker, p, *ret_number, err);
}

/* ---- the list ---- */

static int (*const kinds[PROTO_ORDER_KINDS])(struct worker *worker, const struct proto_order *order,
	int64_t *ret_number, struct err *err) = {
	[PROTO_ORDER_REPORT] = report,
	[PROTO_ORDER_DRAIN] = drain,
	[PROTO_ORDER_RETRY] = retry,
	[PROTO_ORDER_SKIP] = skip,
	[PROTO_ORDER_SEEK] = seek,
};

/* Was it answered? */
static bool obey(struct worker *worker, const struct proto_order *order)
{
	struct err err = ERR_INIT;
	int64_t number = 0;
	int r = kinds[order->kind](worker, order, &number, &err);

	if (r == WAITING) {
		return false;
	}
	answer(worker, order, r, number, err.text);
	return true;
}

void orders_take(struct worker *worker, const struct proto_order *order)
{
	if (order->kind >= PROTO_ORDER_KINDS || !kinds[order->kind]) {
		answer(worker, order, -ENOSYS, 0, "this worker does not know that");
	} else if (worker->order_count == ORDERS_MAX) {
		answer(worker, order, -EBUSY, 0, "too many orders wait in this worker");
	} else {
		worker->orders[worker->order_count++] = *order;
	}
}

void orders_tick(struct worker *worker, int64_t now_us)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < worker->order_count; i++) {
		struct proto_order order = worker->orders[i];

		if (!obey(worker, &order)) {
			worker->orders[kept++] = order;
		}
	}
	worker->order_count = kept;
}
